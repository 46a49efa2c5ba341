"""Which commit is packaged, when it was made, and which files it is made of."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

# In an archive that git has made of a commit, this file holds the commit and its time.
EXPORTED = "packaging/commit.txt"


class Unknown(Exception):
    """The checkout does not say which commit it is."""


@dataclass(frozen=True)
class Commit:
    """A commit: its name, empty where nobody knows it, and when it was made, in seconds since 1970."""

    name: str
    time: int
    changed: bool

    @property
    def told(self) -> str:
        """Return what a changelog says about where a package comes from."""
        if not self.name:
            return "Built from a source tree without history."
        return f"Built from commit {self.name}{', with changes that are in no commit' if self.changed else ''}."


def current(checkout: Path) -> Commit:
    """Return the commit that is checked out, or exported, at `checkout`.

    Without git and outside of its archives, the time is that of SOURCE_DATE_EPOCH. Raises Unknown without that.
    """
    if (checkout / ".git").exists():
        name, time = _git(checkout, "log", "-1", "--format=%H %ct").split()
        return Commit(name, int(time), bool(_git(checkout, "status", "--porcelain").strip()))
    exported = re.fullmatch(r"([0-9a-f]{40,}) ([0-9]+)\s*", (checkout / EXPORTED).read_text(encoding="utf-8"))
    if exported:
        return Commit(exported[1], int(exported[2]), changed=False)
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not given.isdigit():
        raise Unknown(
            f"{checkout} has no history that tells when it was made: set SOURCE_DATE_EPOCH to seconds since 1970"
        )
    return Commit("", int(given), changed=False)


def files(checkout: Path) -> list[str]:
    """Return the paths below `checkout` of all files that belong to the project, sorted; no editor's or build's."""
    if (checkout / ".git").exists():
        listed = _git(checkout, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        return sorted(path for path in set(listed) if path and (checkout / path).is_file())
    found = (str(path.relative_to(checkout)) for path in checkout.rglob("*") if path.is_file())
    return sorted(path for path in found if "__pycache__" not in path)


def _git(checkout: Path, *arguments: str) -> str:
    with tempfile.TemporaryDirectory() as home:
        # git refuses somebody else's checkout, which is what root finds under sudo; we run code out of it anyway.
        Path(home, ".gitconfig").write_text(f'[safe]\n\tdirectory = "{checkout}"\n', encoding="utf-8")
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "LC_ALL": "C.UTF-8"}
        try:
            done = subprocess.run(
                ["git", "-C", str(checkout), *arguments], env=environment, capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            raise Unknown("git is not installed, and only git knows which commit this is") from None
    if done.returncode != 0:
        raise Unknown(f"git does not know which commit {checkout} is: {done.stderr.strip()}")
    return done.stdout
