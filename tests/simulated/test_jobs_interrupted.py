"""What timers run and what ends an undo, killed or failing at each call that changes a file.

The hosts are those of the matrix of faults.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from teleport_bootstrap import errors
from tests.simulated import kill_figures, kill_sweep, restoring
from tests.simulated.agent import CHECKOUT, Ended, needs_strace
from tests.simulated.faults import commands, state
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

pytestmark = needs_strace

NAMES = (
    "fetch-secrets",
    "publish-tokens",
    "signal",
    "first-admin",
    "certificate obtain",
    "certificate renew",
    "certificate install",
    "restore --discard-undo",
    "collect-logs",
    "init",
)

DONE = {
    "restore --discard-undo": "no restore has replaced anything",
    "collect-logs": "already exists",
    "first-admin": "has a user alice already",
    # No Teleport runs there: that is what it signals.
    "signal": "signaled failure",
}


@dataclass
class Job:
    """A command that is prepared, what it left undisturbed, and how to end the leases of killed runs."""

    name: str
    prepared: kill_sweep.Prepared
    before: state.State
    after: state.State
    expire: Callable[[], object]

    def found(self, root: Path | None = None) -> state.State:
        return _found(root or self.prepared.agent.root)

    def was_done(self, ended: Ended) -> bool:
        """Whether a run refused because the one before it had done the work."""
        return self.name in DONE and DONE[self.name] in ended.errors

    def mixed(self, found: state.State) -> list[str]:
        """Return the files that are neither what they were before nor what they are after; they change one by one."""
        return [
            name
            for name in {*found, *self.before, *self.after}
            if not state._HIDDEN.search(name)
            # What certbot has made is changed once more, before it is shared.
            and not name.startswith("etc/letsencrypt/")
            and found.get(name) not in (self.before.get(name), self.after.get(name))
        ]


def _found(root: Path) -> state.State:
    return state.of_host(root, ("etc/letsencrypt/",))


@pytest.fixture(params=NAMES)
def job(request: pytest.FixtureRequest, tmp_path: Path, imds: emulator.Server, aws: Aws) -> Job:
    command = commands.BY_NAME[request.param]
    if command.imds:
        imds.service.update(restoring.NEW)
    agent = command.prepare(commands.Place(tmp_path, imds, aws))
    agent.environ["PYTHONHASHSEED"] = "0"
    # The copy of a host belongs to root, and another account could not run the stand-ins in a private directory.
    if command.name == "publish-tokens":
        for name in ("passwd", "group"):
            agent.path(f"/etc/{name}").unlink()
    if os.geteuid() == 0 and agent.path("/var/lib/teleport").exists():
        os.chown(agent.path("/var/lib/teleport"), 0, 0)
    content, instead = state.content_of_aws(aws), dict(aws.instead)
    before = _found(agent.root)

    def again() -> None:
        state.load_aws(aws, content)
        aws.instead.update(instead)

    def expire() -> None:
        dynamodb = aws.client("dynamodb")
        for table, (_, _, items) in state.content_of_aws(aws)["tables"].items():
            for item in items:
                dynamodb.delete_item(TableName=table, Key={"Lock": item["Lock"]})

    arguments = ["20" if each == "3" else each for each in commands.argv(command, agent.root)]
    status = errors.UNHEALTHY if command.name == "signal" else errors.OK
    prepared = kill_sweep.Prepared(agent, *arguments, also=again, alone=True, status=status)
    assert len(prepared.points) > 3
    return Job(command.name, prepared, before, _found(agent.root), expire)


def chosen(job: Job) -> list[kill_sweep.Point]:
    """Return all points; for a sample the one in the middle, or of what ends by clearing away, the first of that."""
    points = job.prepared.points
    if kill_sweep.EVERY_CALL:
        return points
    clearing = [point for point in points if point.name in ("unlinkat", "unlink", "rmdir")]
    return clearing[:1] if job.name in DONE and clearing else [points[len(points) // 2]]


def test_killed_or_failing_at_any_call_each_file_is_whole_and_the_next_run_completes_it(job: Job) -> None:
    """Issue 14, kill points of publish-tokens, certificates, fetch-secrets and the end of an undo."""
    killed(job)
    if kill_sweep.EVERY_CALL or job.name == "fetch-secrets":
        failing(job)


def killed(job: Job) -> None:
    for point in chosen(job):
        job.prepared.kill_at(point)
        root = job.prepared.agent.root
        job.prepared.recover()
        # A note of the agent's own is cleared away by its next writer; a key that was staged by any command.
        assert not [each for each in kill_sweep.leftovers(root) if each.startswith("etc/")], point
        assert job.mixed(job.found()) == [], point
        job.expire()
        done = job.prepared.agent.run(*job.prepared.command)
        assert done.status == 0 or job.was_done(done), (str(point), done.errors)
        assert state.leftovers(root) == [], point
        assert state.differing(job.found(), job.after) == [], point


def failing(job: Job) -> None:
    """On a disk that is full or broken."""
    failures = list(job.prepared.failures())
    if not kill_sweep.EVERY_CALL:
        failures = failures[len(failures) // 2 :][:1]
    allowed = commands.BY_NAME[job.name].files | {0}
    for point, trouble in failures:
        place = f"{trouble} at {point}"
        ended = job.prepared.fail_at(point, trouble)
        assert "Traceback" not in ended.errors and "internal error" not in ended.errors, (place, ended.errors)
        assert ended.status in allowed, (place, ended.status, ended.errors)
        job.prepared.recover()
        assert job.mixed(job.found()) == [], place
        job.expire()
        again = job.prepared.agent.run(*job.prepared.command)
        assert again.status == 0 or job.was_done(again), (place, again.errors)
        assert state.leftovers(job.prepared.agent.root) == [], place
        assert state.differing(job.found(), job.after) == [], place


def test_each_command_that_writes_is_swept() -> None:
    """Issue 14, kill points: a new command has to be swept, or to be named with the reason why it writes nothing."""
    known = kill_figures.all_commands()
    assert set(kill_figures.READ_ONLY) <= set(known) and len(known) == len(set(known))
    assert set(kill_figures.SWEPT) == set(kill_figures.writing())
    script = (CHECKOUT / "dev").read_text()
    for name in kill_figures.SWEPT.values():
        assert f"tests/simulated/{name}.py" in script, name
        assert "kill_sweep.Prepared(" in (CHECKOUT / f"tests/simulated/{name}.py").read_text(), name
    assert {name for name, file in kill_figures.SWEPT.items() if file == Path(__file__).stem} == set(NAMES)


def test_the_table_counts_what_was_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kill_figures.DIRECTORY, str(tmp_path))
    for what in (kill_figures.KILLED, kill_figures.KILLED, kill_figures.FAILED):
        kill_figures.note(("restore", "/a", "--yes"), what, "write number 1")
    kill_figures.note(("certificate", "renew", "--wait", "3"), kill_figures.KILLED, "write number 1")
    table = list(kill_figures.rows(kill_figures.counts(tmp_path)))
    assert "| restore | 2 | 1 |" in table and "| restore --undo | 0 | 0 |" in table
    assert "| certificate renew | 1 | 0 |" in table and table[-1] == "| all | 3 | 1 |"
