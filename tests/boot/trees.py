"""Debian release trees to boot from: built once by debootstrap, kept outside the checkout, then only read.

`python3 -m tests.boot.trees bookworm` builds one by hand, for an image of a test runner or an impatient person.

Testing changes each day. `testing-snapshot` says as of when it is taken, from the archive of snapshots where that can
be reached; elsewhere it is taken from the mirror, as it is there. A file beside each tree of testing says which of the
two it was. To follow testing, write a newer time into `testing-snapshot`.
"""

from __future__ import annotations

import concurrent.futures
import fcntl
import hashlib
import inspect
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Optional

TESTING = "testing"  # systemd 262 in autumn 2026
STABLE = ("bullseye", "bookworm", "trixie")  # systemd 247, 252, 257
DEBIAN = (*STABLE, TESTING)

# Not a release: tests/boot/amazon_linux.py. With the source of its cloud-init, which `./dev amazon-linux` names, tests
# that otherwise run on each release run on it alone.
AMAZON_LINUX = "amazon-linux"
CLOUD_INIT = os.environ.get("TELEPORT_BOOTSTRAP_CLOUD_INIT", "")
RELEASES = (AMAZON_LINUX,) if CLOUD_INIT else DEBIAN

EVERY_RELEASE = bool(os.environ.get("TELEPORT_BOOTSTRAP_EVERY_RELEASE"))
# For tests of which testing takes a part only: `./dev boot-matrix` runs them there too.
SAMPLED = RELEASES if EVERY_RELEASE or CLOUD_INIT else STABLE

# The one switch: whether a test that fails on testing fails the run. Otherwise the failure is a finding, which the run
# shows at its end, and which has time until the next release of this project.
TESTING_IS_REQUIRED = False

PACKAGES = (
    "cloud-init",
    "dbus",
    "iproute2",
    "procps",  # ExecReload= of the Teleport units uses pkill
    "python3",
    "python3-botocore",
    "python3-jinja2",
    "python3-requests",
    "python3-systemd",
    "python3-yaml",
    "sudo",  # `sudo tctl`, as the guide has it
    "systemd",
    "systemd-sysv",
    "zstd",  # backups are compressed with it where it is installed
)


def cache_directory() -> Path:
    """The directory of trees and downloaded packages; TELEPORT_BOOTSTRAP_CACHE overrides it."""
    return Path(os.environ.get("TELEPORT_BOOTSTRAP_CACHE") or "/var/cache/teleport-bootstrap-tests")


def tree(release: str) -> Path:
    """Return the root directory of a tree of `release`, built now if no earlier run has built it.

    Raises RuntimeError with the end of debootstrap's output when it cannot be built.
    """
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    wanted = _place(release)
    if wanted.is_dir():
        return wanted
    with (cache / f"{release}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wanted.is_dir():  # another process may have built it while this one waited
            _build(release, wanted)
    return wanted


def derived(base: Path, name: str, recipe: str, change: Callable[[Path], None]) -> Path:
    """Return the root directory of a copy of the tree `base` that `change` has changed, made now if there is none.

    `recipe` is all that decides what `change` does.
    """
    digest = hashlib.sha256(f"{base.name}\n{recipe}".encode()).hexdigest()[:12]
    wanted = base.with_name(f"{name}-{digest}")
    with wanted.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wanted.is_dir():
            unfinished = wanted.with_name(f"unfinished-{wanted.name}")
            shutil.rmtree(unfinished, ignore_errors=True)  # of a killed build; this process holds the lock
            run(["cp", "--archive", str(base), str(unfinished)])
            change(unfinished)
            unfinished.rename(wanted)
    return wanted


def apt_get(root: Path) -> list[str]:
    """The start of a command that runs apt-get in a tree."""
    return ["chroot", str(root), "apt-get", "-q", "-y", "-o", "Dpkg::Options::=--force-unsafe-io"]


def prepare() -> None:
    """Build all trees that are missing, two at a time, since each build waits for the network half of the time."""
    with concurrent.futures.ThreadPoolExecutor(2) as builders:
        print(*builders.map(_prepared, DEBIAN), sep="\n")


def _prepared(release: str) -> str:
    try:
        return f"{tree(release)}{_in_brackets(origin(release))}"
    except RuntimeError as error:
        if release != TESTING or TESTING_IS_REQUIRED:
            raise
        return f"no tree of {release}, its tests will say so: {error}"


def origin(release: str) -> str:
    """Where the tree of testing is from, and as of when; empty for other releases, and without a tree."""
    beside = _origin_file(_place(release))
    return beside.read_text(encoding="utf-8").strip() if beside.is_file() else ""


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def _place(release: str) -> Path:
    return cache_directory() / f"{release}-{_recipe(release)}"


def _origin_file(wanted: Path) -> Path:
    return wanted.with_name(f"{wanted.name}.origin")


def _recipe(release: str) -> str:
    """A name that depends on everything that decides the content of a tree."""
    text = "\n".join([release, *PACKAGES, inspect.getsource(_settle)])
    if release == TESTING:
        text += f"\n{_stamp()}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _build(release: str, wanted: Path) -> None:
    unfinished = wanted.with_name(f"unfinished-{release}")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a killed build; this process holds the lock
    base = ["debootstrap", "--variant=minbase", "--include=ca-certificates", release, str(unfinished)]
    snapshot = _snapshot() if release == TESTING else None
    mirror = snapshot or _mirror()
    if mirror is None:
        run(base)
    else:
        try:
            run([*base, mirror])
        except RuntimeError:  # the machine's mirror may lack the release; debootstrap has another default
            shutil.rmtree(unfinished)
            run(base)
    # Not with debootstrap's --include, which does not support virtual packages.
    apt = apt_get(unfinished)
    if release == TESTING:
        # Its lists are valid for a week, and a snapshot, or a mirror that is renewed seldom, is older.
        apt += ["-o", "Acquire::Check-Valid-Until=false"]
    run([*apt, "update"])
    run([*apt, "--no-install-recommends", "install", *PACKAGES])
    run([*apt, "clean"])
    if release == TESTING:
        kind = "the snapshot" if snapshot else "the mirror, not frozen: no archive of snapshots can be reached"
        _origin_file(wanted).write_text(f"{kind}, as of {_date_of_lists(unfinished)}\n", encoding="utf-8")
    _settle(unfinished)
    os.rename(unfinished, wanted)


_SNAPSHOTS = "http://snapshot.debian.org/archive/debian"


def _stamp() -> str:
    return Path(__file__).with_name("testing-snapshot").read_text(encoding="ascii").strip()


def _snapshot() -> Optional[str]:
    """The address of testing as of the time in `testing-snapshot`; None where it cannot be reached."""
    address = f"{_SNAPSHOTS}/{_stamp()}"
    proxy = environment().get("http_proxy")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy} if proxy else {}))
    try:
        with opener.open(f"{address}/dists/{TESTING}/InRelease", timeout=15) as answer:
            answer.read(1)
    except OSError:
        return None
    return address


def _date_of_lists(root: Path) -> str:
    """The date of the package lists that apt has in a tree."""
    for lists in (root / "var/lib/apt/lists").glob("*Release"):
        for line in lists.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("Date: "):
                return line.removeprefix("Date: ")
    return "an unknown date"


def run(command: list[str]) -> None:
    """Run a command that builds a tree; raise RuntimeError with the end of its output if it fails."""
    done = subprocess.run(
        command,
        check=False,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout.decode(errors='replace')[-3000:]}")


def _settle(root: Path) -> None:
    """Turn a fresh tree into an image before its first boot."""
    (root / "etc/machine-id").write_text("")
    (root / "etc/hostname").write_text("image\n")


def _mirror() -> Optional[str]:
    """The package mirror of this machine, if it is a Debian machine with one."""
    try:
        answer = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(LABEL) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    for line in answer.splitlines():
        label, _, rest = line.partition(" ")
        component, _, address = rest.partition(" ")
        if (label, component) == ("Debian", "main"):
            return address
    return None


def environment() -> dict[str, str]:
    """The environment with apt's proxy, if any, which debootstrap does not read itself."""
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive", LC_ALL="C.UTF-8")
    if "http_proxy" not in environment:
        try:
            answer = subprocess.run(
                ["apt-config", "shell", "PROXY", "Acquire::http::Proxy"], capture_output=True, text=True, check=True
            ).stdout
        except (OSError, subprocess.CalledProcessError):
            return environment
        _, _, proxy = answer.strip().partition("=")
        if proxy.strip("'") not in ("", "DIRECT"):
            environment["http_proxy"] = proxy.strip("'")
    return environment


if __name__ == "__main__":
    for name in sys.argv[1:] or ["bookworm"]:
        print(tree(name))
