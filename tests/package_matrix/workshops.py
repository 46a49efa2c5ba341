"""Trees of releases in which packages are built and checked: those that boot tests start from, with build tools added.

Each is built once, beside the others (see tests/boot/trees.py), then only read: work happens in a mount of its own.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

from tests.boot import trees

# What builds packages and runs the unit tests everywhere; linters, and sudo-rs, where the release has them.
TOOLS = ("git", "python3-venv", "rpm")
LINTERS = ("lintian", "rpmlint")
LINTED = {"bookworm", "trixie", "testing"}
SUDO_RS = {"trixie", "testing"}
_SHTAB = "usr/lib/python3/dist-packages/shtab"

# Mounts of this run alone; `mnt` is the one directory that the work shares with the caller.
_ENTER = """
set -eu
tree=$1 shared=$2
shift 2
mount --bind "$shared" "$tree/mnt"
mount -t tmpfs tmpfs "$tree/tmp"
mount -t proc proc "$tree/proc"
exec chroot "$tree" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C.UTF-8 "$@"
"""


# The same, where anything may be written and is gone afterwards, with terminals.
_ENTER_WRITABLE = """
set -eu
lower=$1 shared=$2 tree=$2/writable/root
shift 2
mkdir "$shared/writable"
mount -t tmpfs tmpfs "$shared/writable"
mkdir "$shared/writable/upper" "$shared/writable/work" "$tree"
mount -t overlay -o "lowerdir=$lower,upperdir=$shared/writable/upper,workdir=$shared/writable/work" overlay "$tree"
mkdir -p "$tree/dev/pts" "$tree/dev/shm"
mount -t devpts -o newinstance,mode=0620,ptmxmode=0666 devpts "$tree/dev/pts"
mount -t tmpfs tmpfs "$tree/dev/shm"
mount -t sysfs sysfs "$tree/sys"
exec sh -c "$ENTER" sh "$tree" "$shared" "$@"
"""


def workshop(release: str, also: tuple[str, ...] = ()) -> Path:
    """Return the root directory of the tree for `release`, built now if no earlier run has built it.

    The packages of `also` are added to those of the workshop, in a tree of their own.
    """
    tools = _tools(release)

    def add_tools(root: Path) -> None:
        _install(root, tools)
        found = importlib.util.find_spec("shtab")
        assert found is not None and found.origin is not None
        shutil.copytree(Path(found.origin).parent, root / _SHTAB, ignore=shutil.ignore_patterns("__pycache__"))

    plain = trees.derived(trees.tree(release), f"workshop-{release}", "\n".join(tools), add_tools)
    if not also:
        return plain
    return trees.derived(plain, f"simulated-{release}", "\n".join(also), lambda root: _install(root, also))


def _install(root: Path, packages: tuple[str, ...]) -> None:
    apt = [*trees.apt_get(root), "-o", "Acquire::Check-Valid-Until=false"]
    trees.run([*apt, "update"])
    trees.run([*apt, "--no-install-recommends", "install", *packages])
    trees.run([*apt, "clean"])


def _tools(release: str) -> tuple[str, ...]:
    linters = LINTERS if release in LINTED else ()
    return (*TOOLS, *linters, *(("sudo-rs",) if release in SUDO_RS else ()))


def run(release: str, shared: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run `command` in the tree of `release`, without a network, where `shared` is /mnt."""
    return subprocess.run(
        entering(release, shared, *command),
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )


def entering(release: str, shared: Path, *command: str, network: bool = False, also: tuple[str, ...] = ()) -> list[str]:
    """Return the command that runs `command` so; with the packages of `also`, in a copy that it may change."""
    spaces = ["--mount", *(() if network else ("--net",))]
    script = ("env", f"ENTER={_ENTER}", "sh", "-c", _ENTER_WRITABLE) if also else ("sh", "-c", _ENTER)
    return ["unshare", *spaces, *script, "sh", str(workshop(release, also)), str(shared), *command]
