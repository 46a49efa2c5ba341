"""generate, killed or failing at each call that changes a file: the old state or the new one, and nothing left over."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.simulated import kill_sweep
from tests.simulated.agent import GUIDE, TOKEN, Agent, needs_root, needs_strace
from tests.simulated_ec2 import imds as emulator

BEFORE = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
AFTER = (
    f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN={TOKEN}\n"
    "TELEPORT_AGENT_SSH_ENABLED=true\n"
)


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    """A host that was a node, with a token in place, and whose conf now says agent: files to add, change and remove."""
    root = tmp_path / "root"
    root.mkdir()
    # The same imports in the same order each time, so that a call is found again by its number.
    agent = Agent(root, imds=imds.url, environ={"PYTHONHASHSEED": "0"})
    agent.conf(BEFORE).chmod(0o600)
    agent.write("/var/lib/teleport/token", "old-token\n", 0o600).parent.chmod(0o700)
    agent.write("/var/lib/teleport/ca-pin-hash", "sha256:" + "0" * 64 + "\n")
    done = agent.give_up_soon()
    assert done.status == 0, done.errors
    agent.teleport_yaml.unlink()
    agent.conf(AFTER).chmod(0o600)
    return agent


def prepare(agent: Agent) -> kill_sweep.Prepared:
    prepared = kill_sweep.Prepared(agent, "generate", "--wait", "20")
    assert len(prepared.points) > 25
    return prepared


@needs_strace
def test_killed_at_any_call_leaves_the_old_or_the_new_state_and_the_next_run_completes_it(agent: Agent) -> None:
    prepared = prepare(agent)
    for point in kill_sweep.sample(prepared.points):
        prepared.kill_at(point)
        # Each file under its own name is complete: the old content or the new one.
        for file, found in kill_sweep.state(agent.root).items():
            ours = (".teleport-bootstrap-new", ".teleport-bootstrap-old", "change.json")
            if not file.endswith(ours) and "/generations/" not in file:
                assert found in (prepared.before.get(file), prepared.after.get(file)), f"{file} after {point}"
        recovered, over = prepared.recover()
        assert recovered in (prepared.before, prepared.after) and over == [], point
        # An ordinary run of the command does the same.
        prepared.reset(prepared.killed)
        done = agent.generate()
        assert done.status == 0, (str(point), done.errors)
        assert kill_sweep.state(agent.root) == prepared.after, point
        assert kill_sweep.leftovers(agent.root) == [], point


@needs_strace
def test_failing_at_any_call_it_says_so_and_everything_is_as_before(agent: Agent) -> None:
    prepared = prepare(agent)
    assert {"openat", "write", "fsync", "renameat", "linkat", "fchmod", "unlinkat"} <= set(prepared.kinds())
    for point, trouble in prepared.failures():
        place = f"{trouble} at {point}"
        ended = prepared.fail_at(point, trouble)
        assert "Traceback" not in ended.errors and "internal error" not in ended.errors, place
        if ended.status == 0:
            # What failed was not needed: the text in the lock, taking away what had been replaced, or the record of it.
            is_record = "/teleport-bootstrap/events" in point.arguments
            assert is_record or point.name in ("ftruncate", "pwrite64", "unlinkat", "fsync", "rename"), place
            assert agent.generate().status == 0
            assert (kill_sweep.state(agent.root), kill_sweep.leftovers(agent.root)) == (prepared.after, []), place
        else:
            assert ended.status == 6, (place, ended.errors)
            assert str(agent.root) in ended.errors, place
            assert prepared.recover() == (prepared.before, []), place


@needs_strace
def test_everything_is_on_the_disk_before_teleport_yaml_gets_its_name(agent: Agent) -> None:
    prepared = prepare(agent)
    calls = [(point.name, point.arguments) for point in prepared.points]
    last = max(index for index, (name, rest) in enumerate(calls) if name == "renameat" and '"teleport.yaml")' in rest)
    others = [
        index
        for index, (name, rest) in enumerate(calls)
        # The journal is replaced again after that, to record that the change is complete; so is what was done.
        if name == "renameat" and index != last and '"change.json"' not in rest and '"events.json"' not in rest
    ]
    assert others and max(others) < last
    for index in [*others, last]:
        folder = re.match(r"\d+<([^>]*)>", calls[index][1])
        assert folder is not None
        synced = [
            at
            for at, (name, rest) in enumerate(calls)
            if name == "fsync" and rest.startswith(tuple(f"{number}<{folder[1]}>" for number in range(100)))
        ]
        assert [at for at in synced if at > index], calls[index]
    for index, (name, rest) in enumerate(calls):
        if name == "write":
            path = re.search(r"<([^>]*)>", rest)
            assert path is not None
            following = calls[index + 1]
            assert following[0] == "fsync" and path[1] in following[1]


# ---------------------------------------------------------------- a disk that is really full, or read-only

SCRIPT = """
set -eu
root=$1 prepared=$2 out=$3
shift 3
{mount}
see() {{ find "$root" ! -name lock -type f -printf '%P %y %m %s %T@ %i %l\\n' | sort; }}
see >"$out/before"
cd /
if "$@" >"$out/output" 2>"$out/errors"; then echo 0; else echo $?; fi
see >"$out/after"
"""
COPY = 'cp -a "$prepared/." "$root"; '
FULL = 'mount -t tmpfs -o size=64k,mode=755 scratch "$root"; ' + COPY + 'cat /dev/zero >"$root/filler" 2>/dev/null || :'
NO_INODES = (
    'mount -t tmpfs -o nr_inodes=16,mode=755 scratch "$root"; '
    + COPY
    + 'i=0; while : >"$root/filler$i"; do i=$((i+1)); done 2>/dev/null'
)
READ_ONLY = COPY + 'mount --bind "$root/etc" "$root/etc"; mount -o remount,bind,ro "$root/etc"'


@needs_root
@pytest.mark.parametrize(
    ("mount", "words"),
    [(FULL, "No space left on device"), (NO_INODES, "No space left on device"), (READ_ONLY, "Read-only file system")],
    ids=["no space", "no inodes", "read-only /etc"],
)
def test_a_disk_that_takes_no_more(tmp_path: Path, imds: emulator.Server, mount: str, words: str) -> None:
    agent = Agent(tmp_path / "root", imds=imds.url)
    agent.conf(GUIDE)
    agent.write("/var/lib/teleport-bootstrap/lock", "", 0o600)
    agent.root.rename(tmp_path / "prepared")
    agent.root.mkdir()
    script = SCRIPT.format(mount=mount)
    places = [str(agent.root), str(tmp_path / "prepared"), str(tmp_path)]
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", script, "bash", *places, *agent.command("generate", "--wait", "20")],
        env=agent.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    errors = (tmp_path / "errors").read_text()
    assert done.stdout == "6\n", (done.stderr, errors)
    assert words in errors and str(agent.root) in errors and "Traceback" not in errors
    assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()
    assert (tmp_path / "before").read_text() != ""
