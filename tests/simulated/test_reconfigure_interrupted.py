"""reconfigure and rollback, killed or failing at each call that changes a file: the old state or the new, complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.simulated import kill_sweep
from tests.simulated.agent import GUIDE, TOKEN, Agent, needs_strace, shows_no_secret
from tests.simulated_ec2 import imds as emulator

# Other roles: files to add, to change and to remove, among them a token, a drop-in and two markers.
NODE = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
AGENT = (
    f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN={TOKEN}\n"
    "TELEPORT_AGENT_SSH_ENABLED=true\n"
)

RECONFIGURE = ("reconfigure", "--yes", "--wait", "20")
ROLLBACK = ("rollback", "--yes", "--wait", "20")
GENERATE = ("generate", "--wait", "20")


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    """A node with a token and a pin in place, whose conf now says agent."""
    root = tmp_path / "root"
    root.mkdir()
    # The same imports in the same order each time, so that a call is found again by its number.
    agent = Agent(root, imds=imds.url, environ={"PYTHONHASHSEED": "0"})
    agent.conf(NODE).chmod(0o600)
    agent.write("/var/lib/teleport/token", "old-token\n", 0o600).parent.chmod(0o700)
    agent.write("/var/lib/teleport/ca-pin-hash", "sha256:" + "0" * 64 + "\n")
    done = agent.give_up_soon()
    assert done.status == 0, done.errors
    agent.conf(AGENT).chmod(0o600)
    return agent


def prepare(agent: Agent, command: tuple[str, ...]) -> kill_sweep.Prepared:
    if command == ROLLBACK:
        # Back to what needs nothing from SSM.
        for text in (GUIDE, AGENT):
            agent.conf(text).chmod(0o600)
            done = agent.run(*RECONFIGURE)
            assert done.status == 0, done.errors
    prepared = kill_sweep.Prepared(agent, *command)
    assert len(prepared.points) > 25
    return prepared


@needs_strace
@pytest.mark.parametrize("command", [RECONFIGURE, ROLLBACK], ids=["reconfigure", "rollback"])
def test_killed_at_any_call_leaves_the_old_or_the_new_state_and_the_next_command_recovers(
    agent: Agent, command: tuple[str, ...]
) -> None:
    prepared = prepare(agent, command)
    follows: dict[str, tuple[tuple[str, ...], kill_sweep.State, kill_sweep.State]] = {}
    for follower in (GENERATE, RECONFIGURE):
        prepared.reset()
        from_old = prepared.outcome_of(follower)
        prepared.reset()
        follows[follower[0]] = (follower, from_old, prepared.outcome_of(command, follower))
    seen = set()
    for number, point in enumerate(kill_sweep.sample(prepared.points)):
        prepared.kill_at(point)
        recovered, over = prepared.recover()
        on_trial = kill_sweep.confirmed(recovered)
        assert on_trial in (prepared.before, prepared.after), point
        assert over == [], point
        seen.add("old" if on_trial == prepared.before else "new")
        # In a sample, one of the two after each.
        for follower, *expected in (
            list(follows.values())
            if kill_sweep.EVERY_CALL
            else [follows[GENERATE[0] if number % 2 else RECONFIGURE[0]]]
        ):
            prepared.reset(prepared.killed)
            done = agent.run(*follower)
            assert done.status == 0, (follower, str(point), done.errors)
            shows_no_secret(done)
            assert kill_sweep.confirmed(kill_sweep.state(agent.root)) in expected, (follower, str(point))
            assert kill_sweep.leftovers(agent.root) == [], (follower, str(point))
    assert seen == {"old", "new"}


@needs_strace
def test_killed_while_it_recovers_from_a_kill_it_still_is_the_old_state(agent: Agent) -> None:
    prepared = prepare(agent, RECONFIGURE)
    swaps = [point for point in prepared.points if point.name == "renameat" and '"teleport.yaml"' in point.arguments]
    prepared.kill_at(swaps[-1])
    again = prepared.recovering(*ROLLBACK, "99")
    kinds = ("renameat", "unlinkat", "fsync")
    points = [point for point in again.points if point.name in kinds]
    assert len(points) >= 12
    for point in points if kill_sweep.EVERY_CALL else points[:: len(points) // 6]:
        again.kill_at(point)
        assert again.recover() == (prepared.before, []), point


@needs_strace
@pytest.mark.parametrize("command", [RECONFIGURE, ROLLBACK], ids=["reconfigure", "rollback"])
def test_failing_at_any_call_it_says_so_and_nothing_is_lost(agent: Agent, command: tuple[str, ...]) -> None:
    prepared = prepare(agent, command)
    assert {"openat", "write", "fsync", "renameat", "linkat", "unlinkat"} <= set(prepared.kinds())
    for point, trouble in prepared.failures():
        place = f"{trouble} at {point}"
        ended = prepared.fail_at(point, trouble)
        assert "Traceback" not in ended.errors and "internal error" not in ended.errors, place
        shows_no_secret(ended)
        recovered, over = prepared.recover()
        assert over == [], place
        if ended.status == 0:
            assert recovered == prepared.after, place
        else:
            assert ended.status == 6, (place, ended.errors)
            assert str(agent.root) in ended.errors, place
            assert kill_sweep.confirmed(recovered) in (prepared.before, prepared.after), place


@needs_strace
@pytest.mark.parametrize("command", [RECONFIGURE, ROLLBACK], ids=["reconfigure", "rollback"])
def test_the_journal_is_on_the_disk_before_the_first_swap_and_goes_after_the_last_is(
    agent: Agent, command: tuple[str, ...]
) -> None:
    calls = [(point.name, point.arguments) for point in prepare(agent, command).points]

    def at(name: str, pattern: str, *, after: int = -1) -> int:
        found = [
            index
            for index, (called, rest) in enumerate(calls)
            if index > after and called == name and re.search(pattern, rest)
        ]
        assert found, (name, pattern)
        return found[0]

    written = at("renameat", r'"change\.json"\) = 0')
    assert calls[written - 1][0] == "fsync" or calls[written - 2][0] == "fsync"
    durable = at("fsync", r"<[^>]*/var/lib/teleport-bootstrap>", after=written)
    # The journal that says that the change is complete replaces the first.
    gone = at("renameat", r'"change\.json"\) = 0', after=durable)
    swaps = [
        index
        for index, (name, rest) in enumerate(calls)
        if written < index < gone and name in ("renameat", "unlinkat") and "teleport-bootstrap-old" not in rest
    ]
    assert len(swaps) >= 4
    assert durable < min(swaps)
    folders = set()
    for index in swaps:
        folder = re.match(r"\d+<([^>]*)>", calls[index][1])
        assert folder is not None
        folders.add(folder[1])
    assert len(folders) >= 3
    for folder in folders:
        assert max(swaps) < at("fsync", rf"^\d+<{re.escape(folder)}>", after=max(swaps)) < gone, folder
    # The previous files are kept until then.
    assert not [index for index, (_, rest) in enumerate(calls[:gone]) if index > written and "-old" in rest]
    at("fsync", r"<[^>]*/var/lib/teleport-bootstrap>", after=gone)
    # Before all that, every new file is on the disk, and so is the generation to roll back to.
    assert command == ROLLBACK or at("fsync", r"manifest\.json>") < written
    staged = [
        index
        for index, (name, rest) in enumerate(calls[:gone])
        if name == "write" and "-new" in rest and ".change.json." not in rest
    ]
    assert max(staged) < written
