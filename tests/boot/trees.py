"""Debian release trees to boot from: built once by debootstrap, kept outside the checkout, then only read.

`python3 -m tests.boot.trees bookworm` builds one by hand, for an image of a test runner or an impatient person.
"""

from __future__ import annotations

import fcntl
import hashlib
import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Optional

RELEASES = ("bullseye", "bookworm", "trixie")  # systemd 247, 252, 257

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
    wanted = cache / f"{release}-{_recipe(release)}"
    if wanted.is_dir():
        return wanted
    with (cache / f"{release}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wanted.is_dir():  # another process may have built it while this one waited
            _build(release, wanted)
    return wanted


def _recipe(release: str) -> str:
    """A name that depends on everything that decides the content of a tree."""
    text = "\n".join([release, *PACKAGES, inspect.getsource(_settle)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _build(release: str, wanted: Path) -> None:
    unfinished = wanted.with_name(f"unfinished-{release}")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a killed build; this process holds the lock
    base = ["debootstrap", "--variant=minbase", "--include=ca-certificates", release, str(unfinished)]
    mirror = _mirror()
    if mirror is None:
        _run(base)
    else:
        try:
            _run([*base, mirror])
        except RuntimeError:  # the machine's mirror may lack the release; debootstrap has another default
            shutil.rmtree(unfinished)
            _run(base)
    # Not with debootstrap's --include, which does not support virtual packages.
    apt = ["chroot", str(unfinished), "apt-get", "-q", "-y", "-o", "Dpkg::Options::=--force-unsafe-io"]
    _run([*apt, "update"])
    _run([*apt, "--no-install-recommends", "install", *PACKAGES])
    _run([*apt, "clean"])
    _settle(unfinished)
    os.rename(unfinished, wanted)


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command,
        check=False,
        env=_environment(),
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


def _environment() -> dict[str, str]:
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
