"""generate, killed or failing at each call that changes a file: the old state or the new one, and nothing left over.

A sample of the calls by default; TELEPORT_BOOTSTRAP_EVERY_CALL=1 takes them all.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.simulated.agent import GUIDE, TOKEN, Agent, Ended, contents, leftovers, needs_root, needs_strace, tree
from tests.simulated_ec2 import imds as emulator

EVERY_CALL = os.environ.get("TELEPORT_BOOTSTRAP_EVERY_CALL") == "1"
SAMPLE = 15

CALLS = (
    "openat,write,writev,pwrite64,ftruncate,fallocate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,rmdir,"
    "mkdir,mkdirat,link,linkat,symlink,symlinkat,chmod,fchmod,fchmodat,chown,fchown,fchownat,utimensat"
)
BEFORE = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
AFTER = (
    f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN={TOKEN}\n"
    "TELEPORT_AGENT_SSH_ENABLED=true\n"
)

# A call that changes a file, how often its name had come up by then, and whether the file is under the root.
Point = tuple[str, int, str]


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


class Prepared:
    """The state before a run, to be brought back before each, and the state that an undisturbed run leads to."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self._copy = agent.root.with_name("prepared")
        shutil.copytree(agent.root, self._copy, symlinks=True)
        self._trace = agent.root.with_name("trace")
        assert self.run().status == 0
        self.points = self._points()
        self.expected = contents(agent.root)
        assert len(self.points) > 25

    def reset(self) -> None:
        shutil.rmtree(self.agent.root)
        shutil.copytree(self._copy, self.agent.root, symlinks=True)

    def run(self, inject: str = "") -> Ended:
        options = ("-e", f"inject={inject}") if inject else ()
        strace = ("strace", "-f", "-y", "-s", "64", "-o", str(self._trace), "-e", f"trace={CALLS}", *options)
        return self.agent.generate(prefix=strace)

    def _points(self) -> list[Point]:
        """Return the calls of the last run that changed something under the root, each with its number."""
        counts: dict[str, int] = {}
        found = []
        for line in self._trace.read_text(errors="replace").splitlines():
            match = re.match(r"\d+ +(\w+)\((.*)", line)
            if not match:
                continue
            name, rest = match.groups()
            counts[name] = counts.get(name, 0) + 1
            makes = name != "openat" or "O_CREAT" in rest or "O_TRUNC" in rest
            if makes and str(self.agent.root) in rest and "EEXIST" not in rest:
                found.append((name, counts[name], rest))
        return found

    def hit(self) -> str:
        """Return the last call of a run that was killed, with the names of staged files made the same."""
        lines = [line for line in self._trace.read_text(errors="replace").splitlines() if "(" in line]
        return lines[-1]


def sample(points: list[Point]) -> list[Point]:
    if EVERY_CALL or len(points) <= SAMPLE:
        return points
    return [points[index * (len(points) - 1) // (SAMPLE - 1)] for index in range(SAMPLE)]


@needs_strace
def test_killed_at_any_call_the_next_run_finishes_the_work_and_leaves_nothing_over(agent: Agent) -> None:
    prepared = Prepared(agent)
    for name, number, rest in sample(prepared.points):
        prepared.reset()
        place = f"{name} number {number}: {rest}"
        ended = prepared.run(f"{name}:signal=KILL:when={number}")
        assert ended.status == -9, place
        assert str(agent.root) in prepared.hit(), place
        # What is there under its own name is whole: the old content, or the new one.
        for file, (kind, mode, content) in contents(agent.root).items():
            if not file.endswith((".teleport-bootstrap-new", ".teleport-bootstrap-old")):
                before = contents(prepared._copy).get(file)
                assert (kind, mode, content) in (before, prepared.expected.get(file)), f"{file} after {place}"
        done = agent.generate()
        assert done.status == 0, (place, done.errors)
        assert contents(agent.root) == prepared.expected, place
        assert leftovers(agent.root) == [], place


# What each call can meet on a disk that is full, read-only or broken.
TROUBLE = {
    "openat": ("ENOSPC", "EROFS"),
    "write": ("ENOSPC", "EIO"),
    "fsync": ("EIO",),
    "renameat": ("EROFS", "EIO"),
    "rename": ("EIO",),
    "linkat": ("ENOSPC", "EPERM"),
    "fchmod": ("EPERM",),
    "fchown": ("EPERM",),
    "mkdir": ("ENOSPC",),
    "unlinkat": ("EIO",),
    "ftruncate": ("EIO",),
    "pwrite64": ("ENOSPC",),
}


@needs_strace
def test_failing_at_any_call_it_says_so_and_everything_is_as_before(agent: Agent) -> None:
    prepared = Prepared(agent)
    # Also a few that do not change anything by their own, to have every kind in a sample.
    kinds = {name: [point for point in prepared.points if point[0] == name] for name, _, _ in prepared.points}
    assert {"openat", "write", "fsync", "renameat", "linkat", "fchmod", "unlinkat"} <= set(kinds)
    chosen = [point for points in kinds.values() for point in (points if EVERY_CALL else [points[0], points[-1]])]
    for name, number, rest in chosen:
        for trouble in TROUBLE[name] if EVERY_CALL else TROUBLE[name][:1]:
            prepared.reset()
            before = tree(agent.root)
            place = f"{name} number {number} {trouble}: {rest}"
            ended = prepared.run(f"{name}:error={trouble}:when={number}")
            assert "Traceback" not in ended.errors and "unforeseen" not in ended.errors, place
            if ended.status == 0:
                # What failed was not needed: the text in the lock, or taking away what had been replaced.
                assert name in ("ftruncate", "pwrite64", "unlinkat", "fsync"), place
                assert agent.generate().status == 0
                assert contents(agent.root) == prepared.expected, place
            else:
                assert ended.status == 6, (place, ended.errors)
                assert str(agent.root) in ended.errors, place
                assert tree(agent.root) == before, place
            assert leftovers(agent.root) == [], place


@needs_strace
def test_everything_is_on_the_disk_before_teleport_yaml_gets_its_name(agent: Agent) -> None:
    prepared = Prepared(agent)
    calls = [(name, rest) for name, _, rest in prepared.points]
    last = max(index for index, (name, rest) in enumerate(calls) if name == "renameat" and '"teleport.yaml")' in rest)
    others = [index for index, (name, _) in enumerate(calls) if name in ("renameat", "rename") and index != last]
    assert others and max(others) < last
    for index in [*others, last]:
        folder = re.match(r"\d+<([^>]*)>", calls[index][1])
        assert folder is not None
        synced = [
            at
            for at, (name, rest) in enumerate(calls)
            if name == "fsync" and rest.startswith(tuple(f"{number}<{folder[1]}>" for number in range(100)))
        ]
        assert [at for at in synced if at > index and (at < last or index == last)], calls[index]
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
