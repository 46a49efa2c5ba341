"""Which commit is packaged, its time, and its files."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

# `git archive` writes the commit and its time into this file.
EXPORTED = "packaging/commit.txt"


class Unknown(Exception):
    """The commit of the checkout cannot be determined."""


@dataclass(frozen=True)
class Commit:
    """A commit: its hash, empty if unknown, and its time in seconds since 1970."""

    name: str
    time: int
    changed: bool

    @property
    def description(self) -> str:
        """Return the changelog entry that names the source of the package."""
        if not self.name:
            return "Built from a source tree without history."
        return f"Built from commit {self.name}{', with uncommitted changes' if self.changed else ''}."


def current(checkout: Path) -> Commit:
    """Return the commit that is checked out, or exported, at `checkout`.

    Without a git checkout or archive, the time is SOURCE_DATE_EPOCH; raises Unknown if that is not set.
    """
    if (checkout / ".git").exists():
        name, time = _git(checkout, "log", "-1", "--format=%H %ct").split()
        return Commit(name, int(time), bool(_git(checkout, "status", "--porcelain").strip()))
    exported = re.fullmatch(r"([0-9a-f]{40,}) ([0-9]+)\s*", (checkout / EXPORTED).read_text(encoding="utf-8"))
    if exported:
        return Commit(exported[1], int(exported[2]), changed=False)
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not epoch.isdigit():
        raise Unknown(f"{checkout} has no history and so no commit time: set SOURCE_DATE_EPOCH to seconds since 1970")
    return Commit("", int(epoch), changed=False)


def files(checkout: Path) -> list[str]:
    """Return the sorted paths below `checkout` of the project's files, without those that git ignores."""
    if (checkout / ".git").exists():
        listed = _git(checkout, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        return sorted(path for path in set(listed) if path and (checkout / path).is_file())
    found = (str(path.relative_to(checkout)) for path in checkout.rglob("*") if path.is_file())
    return sorted(path for path in found if "__pycache__" not in path)


def _git(checkout: Path, *arguments: str) -> str:
    with tempfile.TemporaryDirectory() as home:
        # git refuses another user's checkout, as root finds it under sudo; code of the checkout runs anyway.
        Path(home, ".gitconfig").write_text(f'[safe]\n\tdirectory = "{checkout}"\n', encoding="utf-8")
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "LC_ALL": "C.UTF-8"}
        try:
            done = subprocess.run(
                ["git", "-C", str(checkout), *arguments], env=environment, capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            raise Unknown("git is not installed, so the commit is unknown") from None
    if done.returncode != 0:
        raise Unknown(f"git cannot name the commit of {checkout}: {done.stderr.strip()}")
    return done.stdout
