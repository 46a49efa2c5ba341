"""Stand between a command and the programs that it runs: note each run, and spoil the one that is to be spoiled.

Every program that the command finds is one of ours (shim.py), which becomes the true one unless it is told otherwise.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from tests.simulated.faults.network import ALWAYS, ONCE, Place

SHIM = Path(__file__).with_name("shim.py")

# Those that shim.py knows, and those that need none; of a program, not of one of its runs.
GONE = ("missing", "not executable")
FAULTS = (
    *GONE,
    "ends with 1",
    "ends with 1 silently",
    "prints noise",
    "prints nothing",
    "prints endlessly",
    "complains endlessly",
    "hangs",
    "hangs and is deaf",
    "killed",
    "crashes",
    "closes its output and hangs",
    "does not read",
    "prints bad UTF-8",
    "prints escape sequences",
    "leaves a grandchild",
    "does it and ends with 1",
)


@dataclass(frozen=True)
class Plan:
    """Spoil the run `place` of a program with `fault`; with ALWAYS, every later one of that program too."""

    place: Place
    fault: str
    mode: str


class Programs:
    """The programs of one command in `directory`; `true` names the true ones: by name, or by path in the root."""

    def __init__(self, directory: Path, true: dict[str, str]) -> None:
        self.directory = directory
        self.true = true
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def python(self) -> str:
        return str(self.directory / "python")

    def path(self, path: str) -> str:
        """Return the PATH of a command whose own would be `path`."""
        return f"{self.directory}:{path}"

    def begin(self, root: Path, path: str, plan: Optional[Plan] = None, *, inside: bool = False) -> str:
        """Set the programs up for a run, those of the root in it; return the PATH for it.

        The command runs `inside` where the root is its own root directory.
        """
        self.directory.chmod(0o777)  # some programs run as another user
        for name in ("calls", "left"):
            (self.directory / name).write_text("")
            (self.directory / name).chmod(0o666)
        told = None if plan is None else [plan.place.what, plan.place.number, plan.fault, plan.mode]
        facts = {"true": self.true, "plan": told, "root": "" if inside else str(root)}
        (self.directory / "plan.json").write_text(json.dumps(facts))
        gone = plan.place.what if plan is not None and plan.fault in GONE else ""
        for name in self.true:
            target = root / name.lstrip("/") if name.startswith("/") else self.directory / name
            target.unlink(missing_ok=True)
            if name == gone and plan is not None and plan.fault == "missing":
                continue
            target.write_text(f"#!{sys.executable} -IS\nDIRECTORY = {str(self.directory)!r}\n{SHIM.read_text()}")
            target.chmod(0o644 if name == gone else 0o755)
        if not gone or gone.startswith("/"):
            return self.path(path)
        return f"{self.directory}:{self._without(gone, path)}"

    def _without(self, name: str, path: str) -> str:
        """Return a directory with all programs of `path` but one."""
        made = self.directory.with_name(f"{self.directory.name}-without-{name}")
        if not made.exists():
            made.mkdir()
            for folder in path.split(":"):
                for each in os.listdir(folder) if os.path.isdir(folder) else ():
                    if each != name and not (made / each).is_symlink():
                        (made / each).symlink_to(os.path.join(folder, each))
        return str(made)

    def runs(self) -> list[Place]:
        """Return the runs since `begin`, in their order."""
        counts: dict[str, int] = {}
        found = []
        for line in (self.directory / "calls").read_text().splitlines():
            what = json.loads(line)
            counts[what] = counts.get(what, 0) + 1
            found.append(Place(what, counts[what]))
        return found

    def was_spoiled(self) -> bool:
        return (self.directory / "spoiled").exists()

    def end(self) -> None:
        """End what a spoiled program has left running."""
        for line in (self.directory / "left").read_text().split():
            try:
                os.kill(int(line), signal.SIGKILL)
            except OSError:
                continue
        (self.directory / "spoiled").unlink(missing_ok=True)


def started(trace: str, root: Path, path: str, *, inside: bool = False) -> dict[str, str]:
    """Return the programs that a trace of execve shows to be run, but for the first: names, and the true programs.

    Those of the root are named by their paths there, those of PATH by their names. For `inside` see `begin`: what makes
    the root the root directory comes first.
    """
    found: dict[str, str] = {}
    lines = re.findall(r'^\d+ +execve\("([^"]+)".* = 0$', trace, re.MULTILINE)
    if inside:
        lines = lines[next(index for index, each in enumerate(lines) if os.path.basename(each) == "chroot") + 1 :]
    for each in lines[1:]:
        is_there = inside and each.startswith("/usr/local/")
        program = f"{root}{each}" if is_there else each
        folder, name = os.path.split(program)
        if program.startswith(f"{root}/"):
            found[program[len(str(root)) :]] = ""
        elif folder in path.split(":"):
            found[name] = program
        elif os.path.realpath(program) == os.path.realpath(sys.executable):
            found["python"] = sys.executable
        else:
            raise AssertionError(f"{program} is run by its path, where it cannot be replaced")
    return found


def keep_true(found: dict[str, str], root: Path, directory: Path) -> dict[str, str]:
    """Move the programs of the root out of it, with what is beside them; return where all true programs are."""
    kept = dict(found)
    for name in found:
        if name.startswith("/"):
            folder = directory / os.path.dirname(name).lstrip("/")
            if not folder.exists():
                shutil.copytree(root / os.path.dirname(name).lstrip("/"), folder, symlinks=True)
            kept[name] = str(folder / os.path.basename(name))
    return kept


def cases(runs: list[Place], true: dict[str, str]) -> list[Plan]:
    """Return each fault of each run, and of each program that it is gone."""
    found = [Plan(Place(name, 1), fault, ALWAYS) for name in true if name != "python" for fault in GONE]
    return found + [Plan(place, fault, ONCE) for place in runs for fault in FAULTS if fault not in GONE]
