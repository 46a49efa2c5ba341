"""A command under strace, killed or failing at each call that changes a file, and the state it leaves behind.

A sample of the calls by default; TELEPORT_BOOTSTRAP_EVERY_CALL=1, which `./dev kill-sweep` sets, takes them all.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from teleport_bootstrap.change import session
from teleport_bootstrap.paths import Root
from tests.simulated import agent as agents
from tests.simulated import kill_figures
from tests.simulated.agent import Agent, Ended

EVERY_CALL = os.environ.get("TELEPORT_BOOTSTRAP_EVERY_CALL") == "1"
SAMPLE = 15

CALLS = (
    "openat,write,writev,pwrite64,ftruncate,fallocate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,rmdir,"
    "mkdir,mkdirat,link,linkat,symlink,symlinkat,chmod,fchmod,fchmodat,chown,fchown,fchownat,utimensat"
)

# What each call can meet on a disk that is full, read-only or broken.
TROUBLE = {
    "openat": ("ENOSPC", "EROFS"),
    "write": ("ENOSPC", "EIO"),
    "fsync": ("EIO",),
    "renameat": ("EROFS", "EIO"),
    "rename": ("EROFS", "EIO"),
    "linkat": ("ENOSPC", "EPERM"),
    "fchmod": ("EPERM",),
    "fchown": ("EPERM",),
    "mkdir": ("ENOSPC",),
    "unlinkat": ("EIO",),
    "rmdir": ("EIO",),
    "ftruncate": ("EIO",),
    "pwrite64": ("ENOSPC",),
    "mkdirat": ("ENOSPC",),
    "chmod": ("EPERM",),
    "fchmodat": ("EPERM",),
    "chown": ("EPERM",),
    "fchownat": ("EPERM",),
    "utimensat": ("EPERM",),
    "symlinkat": ("ENOSPC",),
}

# What chance and the time put into names.
_CHANCE = re.compile(r"[0-9a-f]{16}|(?<=\.)[0-9a-f]{8}(?=\.)|[0-9]{8}T[0-9]{6}Z(?:-[0-9]+)?|(?<=-bundle\.)[0-9]+")

# What differs between two runs of the same command: the time, and who called.
_VARIES = ("made_at", "made_by")

State = dict[str, tuple[str, int, Optional[bytes]]]


@dataclass(frozen=True)
class Point:
    """A call that changes a file under the root, how often its name had come up by then, and its arguments."""

    name: str
    number: int
    arguments: str

    def __str__(self) -> str:
        return f"{self.name} number {self.number}: {self.arguments}"


def state(root: Path) -> State:
    """Return what a root holds, without what differs from run to run."""
    found = agents.contents(root)
    for name, (kind, mode, content) in found.items():
        if name.endswith("manifest.json") and content:
            try:
                manifest = json.loads(content)
            except ValueError:
                continue
            found[name] = (kind, mode, json.dumps({**manifest, **dict.fromkeys(_VARIES)}).encode())
    return found


def leftovers(root: Path) -> list[str]:
    """Return what only a run that is under way may have there."""
    hidden = [
        os.path.join(folder, name)
        for folder, folders, _ in os.walk(root)
        for name in folders
        if os.path.basename(folder) == "generations" and name.startswith(".")
    ]
    notes = [name for name in agents.tree(root) if name.endswith("change.json")]
    return [*agents.leftovers(root), *hidden, *notes]


class Prepared:
    """A root as it is before a command, to be brought back before each run, and the calls of an undisturbed run."""

    def __init__(
        self,
        agent: Agent,
        *command: str,
        status: int = 0,
        name: str = "prepared",
        also: Optional[Callable[[], object]] = None,
        alone: bool = False,
    ) -> None:
        """Run the command undisturbed; `also` brings back what is not on the host, before each run.

        With `alone`, only the command itself meets what is injected, and not the programs that it runs.
        """
        self._also = also
        self._alone = alone
        self.agent = agent
        self.command = command
        self.prepared = agent.root.with_name(name)
        self.killed = agent.root.with_name(f"{name}-killed")
        self._trace = agent.root.with_name("trace")
        self._temporary = agent.root.with_name("temporary")
        shutil.copytree(agent.root, self.prepared, symlinks=True)
        self.before = state(agent.root)
        # Whether a module's bytecode is there decides how many files the interpreter opens: ours alone, and complete.
        agent.environ.update(
            PYTHONHASHSEED="0",
            PYTHONPYCACHEPREFIX=str(agent.root.with_name("bytecode")),
            PYTHONDONTWRITEBYTECODE="",
            # A run removes from there what killed ones left, which are calls too: in /tmp, those of other tests.
            TMPDIR=str(self._temporary),
        )
        for _ in range(2):
            self.reset()
            done = self.run()
        assert done.status == status, done.errors
        self.points = self._points()
        self.after = state(agent.root)

    def reset(self, source: Optional[Path] = None) -> None:
        """Make the root what it was before the command, or what `source` is."""
        shutil.rmtree(self.agent.root)
        shutil.copytree(source or self.prepared, self.agent.root, symlinks=True)
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir()
        if self._also is not None:
            self._also()

    def run(self, inject: str = "") -> Ended:
        options = ("-e", f"inject={inject}") if inject else ()
        strace = (
            "strace",
            *(() if self._alone and inject else ("-f",)),
            "-y",
            "-s",
            "64",
            "-o",
            str(self._trace),
            "-e",
            f"trace={CALLS}",
            *options,
        )
        return self.agent.run(*self.command, prefix=strace)

    def kill_at(self, point: Point) -> None:
        """Run the command, killed as it enters `point`, and keep a copy of what is left in `killed`."""
        ended = self._hit(point, "signal=KILL", lambda lines: _same_call(_calls_of_first(lines)[-1], point))
        assert ended.status == -9, (str(point), ended.errors)
        wait_for_children(self.agent.root)
        kill_figures.note(self.command, kill_figures.KILLED, str(point))
        shutil.rmtree(self.killed, ignore_errors=True)
        shutil.copytree(self.agent.root, self.killed, symlinks=True)

    def fail_at(self, point: Point, trouble: str) -> Ended:
        """Run the command, with `point` failing as `trouble` says, such as ENOSPC."""
        kill_figures.note(self.command, kill_figures.FAILED, f"{trouble} {point}")
        return self._hit(
            point,
            f"error={trouble}",
            lambda lines: any("INJECTED" in each and _same_call(each, point) for each in lines),
        )

    def _hit(self, point: Point, what: str, was_hit: Callable[[list[str]], bool]) -> Ended:
        """Run the command with `what` injected at `point`; another call that had its number this time is a failure."""
        self.reset()
        ended = self.run(f"{point.name}:{what}:when={point.number}")
        assert was_hit(self._lines(alone=self._alone)), f"the run did not have {point}: {ended.errors}"
        return ended

    def outcome_of(self, *commands: tuple[str, ...]) -> State:
        """Return the state that `commands` lead to from where the root is now."""
        for command in commands:
            done = self.agent.run(*command)
            assert done.status == 0, (command, done.errors)
        return state(self.agent.root)

    def recovering(self, *command: str) -> Prepared:
        """Return the sweep of `command`, which has nothing to do but to recover from the last kill and to fail."""
        self.reset(self.killed)
        return Prepared(self.agent, *command, status=2, name="recovering")

    def recover(self) -> tuple[State, list[str]]:
        """Do what each command does first, and nothing else; return what is there then, and what is left over."""
        with session.begin(Root(str(self.agent.root)), "test", deadline_seconds=10):
            pass
        return state(self.agent.root), leftovers(self.agent.root)

    def kinds(self) -> dict[str, list[Point]]:
        """Return the calls by their name."""
        found: dict[str, list[Point]] = {}
        for point in self.points:
            found.setdefault(point.name, []).append(point)
        return found

    def failures(self) -> Iterator[tuple[Point, str]]:
        """Yield each call with each trouble it can meet; in a sample, the first and last of each name with one."""
        for name, points in self.kinds().items():
            chosen = points if EVERY_CALL else list(dict.fromkeys((points[0], points[-1])))
            for point in chosen:
                troubles = TROUBLE.get(name, ("EIO",))
                for trouble in troubles if EVERY_CALL else troubles[:1]:
                    yield point, trouble

    def _lines(self, *, alone: bool = False) -> list[str]:
        lines = self._trace.read_text(errors="replace").splitlines()
        # Of one process, strace does not say which it is.
        return [f"1 {line}" for line in lines] if alone else lines

    def _points(self) -> list[Point]:
        counts: dict[str, int] = {}
        found = []
        # Not those of the command's children: strace counts the calls of each process separately.
        for line in _calls_of_first(self._lines()):
            match = re.match(r"\d+ +(\w+)\((.*)", line)
            if not match:
                continue
            name, rest = match.groups()
            counts[name] = counts.get(name, 0) + 1
            makes = name != "openat" or "O_CREAT" in rest or "O_TRUNC" in rest
            # The working directory is the root, and says nothing of where a file is.
            named = re.sub(r"AT_FDCWD<[^>]*>", "AT_FDCWD", rest)
            if makes and str(self.agent.root) in named and "EEXIST" not in rest:
                found.append(Point(name, counts[name], rest))
        return found


def wait_for_children(root: Path, seconds: float = 30) -> None:
    """Wait until no process works in `root`: what a killed command has started ends by itself."""
    end = time.monotonic() + seconds
    while found := _working_in(root):
        assert time.monotonic() < end, f"these are left: {found}"
        time.sleep(0.02)


def _working_in(root: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            folder = os.readlink(process / "cwd")
            state_letter = (process / "stat").read_text().rpartition(")")[2].split()[0]
            if (folder == str(root) or folder.startswith(f"{root}/")) and state_letter != "Z":
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def _calls_of_first(lines: list[str]) -> list[str]:
    """Return the lines of a trace that are calls of the command itself, which comes first."""
    first = lines[0].partition(" ")[0]
    return [line for line in lines if line.startswith(f"{first} ") and "(" in line]


def _same_call(line: str, point: Point) -> bool:
    """Whether a line of a trace is the call of `point`, whatever chance has put into its names."""
    call = re.match(r"\d+ +(\w+)\((.*)", line)
    return call is not None and call[1] == point.name and _named(call[1], call[2]) == _named(call[1], point.arguments)


def _named(name: str, arguments: str) -> list[str]:
    """Return the files that a call is about: its descriptors' and, unless that is what it writes, the names in it."""
    # Where another thread makes a call meanwhile, the line ends in <unfinished ...>, which is the name of no file.
    given = arguments.partition(" <unfinished")[0].partition(" = ")[0]
    # What is written may look like anything.
    kinds = r"^\d+<[^>]*>" if "write" in name else r'"[^"]*"|<[^>]*>'
    return [_CHANCE.sub("*", each) for each in re.findall(kinds, given)]


def sample(points: list[Point]) -> list[Point]:
    """Return points from the first to the last, evenly spread; all of them in a complete sweep."""
    if EVERY_CALL or len(points) <= SAMPLE:
        return points
    return [points[index * (len(points) - 1) // (SAMPLE - 1)] for index in range(SAMPLE)]


def confirmed(found: State) -> State:
    """Return a state without the note that Teleport was not seen healthy with it yet, which changes nothing else."""
    name = "var/lib/teleport-bootstrap/current.json"
    if name not in found:
        return found
    kind, mode, content = found[name]
    noted = json.loads(content or b"{}")
    settled = json.dumps({**noted, "confirmed": True, "previous": None}, indent=1) + "\n"
    return {**found, name: (kind, mode, settled.encode())}
