"""A sample of the matrix of faults, and that it finds what is wrong; `./dev faults` runs all of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from teleport_bootstrap.cli import main
from tests.simulated.agent import needs_strace
from tests.simulated.faults import bad_agent, cases, commands, files, network, programs
from tests.simulated.faults.cases import FILES, NETWORK, PROGRAMS
from tests.simulated.faults.network import ALWAYS, ONCE, Place
from tests.simulated.faults.runner import Runner
from tests.simulated.faults.world import World

# Of these, one that waits for nothing takes a second.
SAMPLED = ("generate (node)", "fetch-secrets", "backup (directory)")
SAMPLE = {NETWORK: 5, PROGRAMS: 2, FILES: 5}
# These end at a deadline, or send a lot: by hand.
SLOW = ("hangs", "drips", "endless", "1 GiB", "prints endlessly", "complains endlessly", "leaves a", "closes its")

pytestmark = needs_strace


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    directory = tmp_path_factory.mktemp("faults")
    for folder in (directory, *directory.parents):
        # Some programs run as another user.
        if folder.stat().st_uid and folder.owner() != "root":
            break
        if folder.name.startswith("pytest-"):
            folder.chmod(0o755)
    world = World(directory / "world")
    yield Runner(world, directory / "hosts")
    world.close()


def test_each_command_of_the_program_is_tried() -> None:
    assert {each.argv[0] for each in commands.COMMANDS} == set(main.COMMANDS)
    assert len(commands.BY_NAME) == len(commands.COMMANDS)


@pytest.mark.parametrize("name", SAMPLED)
def test_a_sample_of_faults_loses_nothing_and_ends_in_time(runner: Runner, name: str) -> None:
    found = runner.cases(commands.BY_NAME[name])
    kinds = {kind: [each for each in found if each.kind == kind] for kind in SAMPLE}
    chosen = []
    for kind, number in SAMPLE.items():
        fast = [each for each in cases.spread(kinds[kind]) if not each.fault.startswith(SLOW)]
        assert len(fast) > 2 * number, kind
        chosen += fast[:number]
    results = [runner.run(each) for each in chosen]
    assert sum(each.outcome != "not reached" for each in results) > 0.8 * len(results)
    bad = [f"{each.case.name}: {each.problems}\n{each.said}" for each in results if each.problems]
    assert not bad, "\n".join(bad)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        # A configuration for another version of Teleport was written, and the command succeeded.
        ("generate (node)", "newfstatat /usr/local/bin/teleport"),
        # It was called a wrong command line.
        ("validate", "newfstatat /"),
    ],
)
def test_what_cannot_be_looked_at_is_not_taken_for_something_that_is_missing(
    runner: Runner, name: str, call: str
) -> None:
    found = [each for each in runner.cases(commands.BY_NAME[name]) if each.place.what == call]
    (case,) = [each for each in found if each.fault == "EIO"]
    result = runner.run(case)
    assert (result.status, result.problems) == (6, [])


def test_the_previous_unit_is_enabled_again_where_the_new_one_cannot_be(runner: Runner) -> None:
    """A root that is not a running system was left with no unit that starts Teleport at the next boot."""
    found = runner.cases(commands.BY_NAME["reconfigure"])
    (case,) = [each for each in found if " enable teleport" in each.place.what and each.fault == "ends with 1"]
    assert runner.run(case).problems == []


def test_an_incomplete_backup_may_stay_beside_the_next_one(runner: Runner) -> None:
    found = runner.cases(commands.BY_NAME["backup (directory)"])
    place = "openat /etc/letsencrypt archive"
    (case,) = [each for each in found if (each.place.what, each.fault) == (place, "EIO")]
    result = runner.run(case)
    assert (result.status, result.problems) == (19, [])


def test_finds_each_call_of_a_command_by_itself(runner: Runner) -> None:
    found = runner.baseline(commands.BY_NAME["generate (node)"])
    assert {"IMDS PUT api/token", "IMDS GET local-ipv4", "SSM GetParameters"} <= {each.what for each in found.exchanges}
    assert "/usr/local/bin/teleport version" in {each.what for each in found.runs}
    names = {each.place.what for each in found.calls}
    assert "openat /etc/teleport.d/conf" in names or any(each.startswith("openat /etc/teleport.d") for each in names)
    assert {"renameat", "fsync", "write", "read"} <= {each.name for each in found.calls}


@pytest.mark.parametrize("problem", sorted(bad_agent.BAD))
def test_reports_what_a_bad_agent_does(runner: Runner, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that cannot fail is a defect."""
    command = dataclasses.replace(commands.BY_NAME["generate (node)"], program_seconds=1.0, seconds=1.0)
    # The usual time is that of this machine, which may have other work.
    monkeypatch.setattr(runner.baseline(command), "seconds", 0.5)
    monkeypatch.setitem(commands.BY_NAME, command.name, command)
    monkeypatch.setattr(runner.world, "module", "tests.simulated.faults.bad_agent")
    monkeypatch.setattr(runner.world, "more", {"FAULTS_BAD": problem})
    if problem == "stray":
        case = cases.Case(command.name, NETWORK, Place("IMDS GET local-ipv4", 1), "redirected 302", ALWAYS)
    else:
        case = cases.Case(command.name, PROGRAMS, Place("/usr/local/bin/teleport", 1), "missing", ONCE)
    result = runner.run(case)
    kind = problem.partition(",")[0]
    if problem == "nothing":
        # It ends as if a service failed, which is not what a missing program leads to.
        assert [each.partition(":")[0] for each in result.problems] == ["status"], result.problems
        return
    assert any(each.startswith(kind) for each in result.problems), result.problems
    assert result.outcome != "not reached"


def test_every_fault_of_an_exchange_and_of_a_program_is_one_that_happens() -> None:
    assert set(network.faults_of(Place("SSM GetParameters", 1))) < set(network.FAULTS)
    assert {"refused", "hangs", "1 GiB", "redirected 307", "key disabled"} <= set(network.FAULTS)
    assert set(programs.GONE) < set(programs.FAULTS)
    assert {"ENOSPC", "EACCES", "EROFS", "EIO", "EMFILE", "EINTR"} == set(files.TROUBLE["openat"])
