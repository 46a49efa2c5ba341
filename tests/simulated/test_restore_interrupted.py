"""restore and its undo, killed or failing at each call that changes a file: the old data or the new, complete."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from teleport_bootstrap.change import directory_swap, journal, transaction
from teleport_bootstrap.paths import Root
from teleport_bootstrap.state.previous_state import UNDO
from tests.simulated import kill_sweep, restoring
from tests.simulated.agent import Agent, needs_strace, tree
from tests.simulated_ec2 import imds as emulator

AGAIN = "restore again"
SAMPLE = 8
RENAMES = 6

# What differs between two runs of the same restore: when it was made.
_STAMP = re.compile(r"\d{8}T\d{6}Z(?:-\d+)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")


@pytest.fixture(scope="module", params=["restore", "restore --undo"])
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[kill_sweep.Prepared]:
    """A host about to be restored, or one on which that is about to be undone; each run begins with it as it is."""
    imds, new_imds = emulator.Server(), emulator.Server(restoring.NEW)
    for server in (imds, new_imds):
        server.start()
    yield _prepared(tmp_path_factory.mktemp("prepared"), imds, new_imds, request.param)
    for server in (imds, new_imds):
        server.stop()


def _prepared(tmp_path: Path, imds: emulator.Server, new_imds: emulator.Server, what: str) -> kill_sweep.Prepared:
    old = restoring.host(tmp_path / "old", imds)
    old.conf(restoring.ALL_IN_ONE).chmod(0o600)
    assert old.generate().status == 0
    restoring.used(old)
    old.write("/etc/letsencrypt/archive/d/cert1.pem", "CERT")
    old.write("/etc/default/teleport", "TELEPORT_X=1\n")
    archive = restoring.backup(old, tmp_path / "backups")
    new = restoring.host(tmp_path / "new", new_imds)
    new.environ["PYTHONHASHSEED"] = "0"
    new.conf(restoring.ALL_IN_ONE.replace("443", "8443")).chmod(0o600)
    assert new.generate().status == 0
    restoring.first_boot(new)
    command = ("restore", str(archive), "--yes", "--wait", "20")
    if what != "restore":
        assert new.run(*command).status == 0
    if what == "restore --undo":
        command = ("restore", "--undo", "--yes", "--wait", "20")
    elif what == AGAIN:
        command = (*command, "--force")
    return kill_sweep.Prepared(new, *command)


def plain(found: kill_sweep.State) -> kill_sweep.State:
    """Return a state without times, and without the note that Teleport was not seen healthy with it yet."""
    result = {}
    for name, (kind, mode, content) in kill_sweep.confirmed(found).items():
        said = content
        if name.endswith(".json") and content:
            said = _TIME.sub("TIME", _STAMP.sub("STAMP", content.decode())).encode()
        result[_STAMP.sub("STAMP", name)] = (kind, mode, said)
    return result


def differing(one: kill_sweep.State, other: kill_sweep.State) -> list[str]:
    """Return what two states do not have in common."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def leftovers(root: Path) -> list[str]:
    """Return what only a run that is under way may have there."""
    found = [
        os.path.join(folder, name)
        for folder, folders, files in os.walk(root)
        for name in (*folders, *files)
        if ".restoring-" in name
    ]
    return [*found, *kill_sweep.leftovers(root)]


def chosen(points: list[kill_sweep.Point]) -> list[kill_sweep.Point]:
    """Of each kind of place some: where it stages, where it swaps, where it writes, and where it clears away."""
    if kill_sweep.EVERY_CALL:
        return points
    renames = [each for each in points if each.name.startswith("rename")]
    spread = [points[index * (len(points) - 1) // (SAMPLE - 1)] for index in range(SAMPLE)]
    middle = [renames[index * (len(renames) - 1) // (RENAMES - 1)] for index in range(RENAMES)]
    return list(dict.fromkeys((*spread, *middle)))


@needs_strace
def test_killed_at_any_call_it_is_the_old_data_or_the_new(prepared: kill_sweep.Prepared) -> None:
    before, after = plain(prepared.before), plain(prepared.after)
    assert before != after
    seen = set()
    for point in chosen(prepared.points):
        prepared.kill_at(point)
        found, _ = prepared.recover()
        state = plain(found)
        # Compared here, since pytest would spend minutes on telling all of it apart.
        is_whole = state in (before, after)
        assert is_whole, f"{point}: {differing(state, before)} or {differing(state, after)}"
        assert leftovers(prepared.agent.root) == [], point
        seen.add("old" if plain(found) == before else "new")
    assert seen == {"old", "new"}


@needs_strace
def test_failing_at_any_call_it_says_so_and_everything_is_as_it_was(prepared: kill_sweep.Prepared) -> None:
    before, after = plain(prepared.before), plain(prepared.after)
    failures = list(prepared.failures())
    if not kill_sweep.EVERY_CALL:
        # The first and the last of each kind take turns: what stages fails here, and what writes and clears away there.
        first = {point.name: (point, trouble) for point, trouble in failures[::-1]}
        last = {point.name: (point, trouble) for point, trouble in failures}
        failures = [(last if number % 2 else first)[name] for number, name in enumerate(sorted(first))]
    assert {point.name for point, _ in failures} >= {"openat", "write", "fsync", "unlinkat"}
    for point, trouble in failures:
        place = f"{trouble} at {point}"
        ended = prepared.fail_at(point, trouble)
        assert "Traceback" not in ended.errors and "internal error" not in ended.errors, (place, ended.errors)
        found, _ = prepared.recover()
        assert leftovers(prepared.agent.root) == [], place
        state = plain(found)
        is_whole = state == after or (state == before and ended.status != 0)
        assert is_whole, f"{place}: {differing(state, before)} or {differing(state, after)}"
        assert ended.status in (0, 6), (place, ended.errors)


@pytest.mark.parametrize("prepared", ["restore"], indirect=True)
def test_undoes_everything_on_sigterm(prepared: kill_sweep.Prepared) -> None:
    """At the last moment before everything counts: when Teleport judges the file that is staged."""
    prepared.reset()
    agent: Agent = prepared.agent
    before = tree(agent.root)
    # Teleport checks the file slowly; it is asked after all files were replaced.
    agent.path("/usr/local/bin/teleport").rename(agent.path("/usr/local/bin/real"))
    agent.write(
        "/usr/local/bin/teleport",
        '#!/bin/sh\ncase "$*" in *teleport-bootstrap-new) echo >>"$0.asked"; sleep 30;; esac\n'
        'exec "$(dirname "$0")/real" "$@"\n',
        0o755,
    )
    running = agent.start(*prepared.command)
    asked = agent.path("/usr/local/bin/teleport.asked")
    end = time.monotonic() + 60
    while not asked.exists() and time.monotonic() < end and running.poll() is None:
        time.sleep(0.05)
    assert asked.exists(), running.communicate()[1].decode()
    assert leftovers(agent.root), "it is in the middle"
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)

    assert running.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM)
    asked.unlink()
    agent.path("/usr/local/bin/teleport").unlink()
    agent.path("/usr/local/bin/real").rename(agent.path("/usr/local/bin/teleport"))
    assert tree(agent.root) == before
    assert leftovers(agent.root) == []


def test_what_a_mount_point_holds_is_exchanged_name_by_name(tmp_path: Path) -> None:
    """See tests/boot for a volume that is mounted there; here, killed anywhere between two names."""
    root = Root(str(tmp_path))
    data = tmp_path / "var/lib/teleport"
    (tmp_path / "var/lib/teleport-bootstrap").mkdir(parents=True)

    def names(top: Path) -> dict[str, str]:
        return {path.name: path.read_text() for path in top.iterdir() if path.is_file()}

    class Killed(BaseException):
        pass

    real = os.rename
    for point in range(1, 12):
        for other in list(data.parent.glob("teleport/*")) + list(data.glob(".*")):
            directory_swap.remove(root, "/" + str(other.relative_to(tmp_path)))
        data.mkdir(exist_ok=True)
        for name in "abc":
            (data / name).write_text("old")
        staged = f"/var/lib/teleport/{directory_swap.INSIDE}restoring-1/entries"
        kept = f"/var/lib/teleport/{directory_swap.INSIDE}before-restore-1/entries"
        change = transaction.Transaction(root)
        change.reserve([directory_swap.container(staged)])
        (tmp_path / staged.lstrip("/")).mkdir(parents=True)
        for name in "bcd":
            (tmp_path / staged.lstrip("/") / name).write_text("new")
        count = [0]

        def rename(*arguments: object, _count: list[int] = count, _point: int = point, **named: object) -> None:
            if "src_dir_fd" in named and named["src_dir_fd"] is not None and len(str(arguments[0])) == 1:
                _count[0] += 1
                if _count[0] == _point:
                    raise Killed
            real(*arguments, **named)  # type: ignore[arg-type]

        os.rename = rename  # type: ignore[assignment]
        try:
            change.swap([directory_swap.Swap("/var/lib/teleport", staged, kept, is_mount=True, had=True)])
            finished = True
        except Killed:
            finished = False
        finally:
            os.rename = real
        if finished:
            assert names(data) == dict.fromkeys("bcd", "new")
        journal.recover(root)
        assert names(data) == dict.fromkeys("abc", "old"), point
        assert [path for path in data.iterdir() if path.name.startswith(directory_swap.INSIDE)] == []
    assert finished
    assert not (tmp_path / "var/lib/teleport-bootstrap/change.json").exists()


@pytest.mark.parametrize("prepared", ["restore"], indirect=True)
def test_distinguishes_states_by_their_content(prepared: kill_sweep.Prepared) -> None:
    """Otherwise the tests above would see nothing."""
    after = plain(prepared.after)
    name = "var/lib/teleport/host_uuid"
    assert after[name] != plain(prepared.before)[name]
    noted = json.loads(prepared.after["var/lib/teleport-bootstrap/current.json"][2] or b"{}")
    assert noted["generation"] == 2


@needs_strace
@pytest.mark.parametrize("prepared", [AGAIN], indirect=True)
def test_what_an_earlier_restore_replaced_is_never_orphaned(prepared: kill_sweep.Prepared) -> None:
    """Issue 14, kill points: between the end of a restore and the removal of what the one before it had replaced."""
    root = Root(str(prepared.agent.root))
    removals = [
        number
        for number, point in enumerate(prepared.points)
        if point.name in ("unlinkat", "rmdir") and "before-restore-" in point.arguments
    ]
    assert len(removals) > 5
    numbers = [removals[0] - 1, removals[len(removals) // 2], removals[-1]]
    points = prepared.points if kill_sweep.EVERY_CALL else [prepared.points[each] for each in numbers]
    for point in points:
        prepared.kill_at(point)
        prepared.recover()
        record = UNDO.read(root)
        assert record is not None and record.outdated == (), point
        needed = {os.path.basename(each.kept) for each in record.moved if each.had}
        found = {each.name for each in prepared.agent.root.rglob("*.before-*") if each.is_dir()}
        assert found == needed, point
        assert leftovers(prepared.agent.root) == [], point
