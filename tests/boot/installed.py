"""Machines on which the agent is installed as a package, and a Teleport that comes as one too."""

from __future__ import annotations

import os
import shutil
import subprocess
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests import packages
from tests.boot.machine import PATH, Machine
from tests.stand_in import install_teleport

NEWER = "99.0.0"

# Databases of package tools, and files that every system generates itself.
BOOKS = (
    "/etc/.pwd.lock",
    "/etc/ld.so.cache",
    "/etc/sudoers.d",
    "/opt/",
    "/root/",
    "/run/",
    "/tmp/",
    "/var/cache/",
    "/var/lib/apt/",
    "/var/lib/dpkg/",
    "/var/lib/rpm/",
    "/var/log/",
    "/var/tmp/",
)
ACCOUNTS = tuple(f"/etc/{name}{old}" for name in ("passwd", "group", "shadow", "gshadow") for old in ("", "-"))

# Files of the agent and of Teleport that a removal keeps.
DATA = ("/etc/teleport.yaml", "/etc/teleport.d", "/var/lib/teleport", "/var/backups/teleport")


@dataclass(frozen=True)
class Built:
    """The packages of this checkout, and those of a later version."""

    deb: Path
    rpm: Path
    newer_deb: Path
    newer_rpm: Path


def build(scratch: Path) -> Built:
    """Build the packages that a test installs."""
    checkout = packages.copy_of_checkout(scratch / "checkout")
    now = packages.build(checkout, scratch / "now")
    assert now.status == 0, now.said
    version = next(
        line for line in (checkout / "teleport_bootstrap/__init__.py").read_text().splitlines() if "__version__" in line
    )
    packages.change(
        checkout, "teleport_bootstrap/__init__.py", lambda text: text.replace(version, f'__version__ = "{NEWER}"')
    )
    # A newer version may have another unit.
    packages.change(
        checkout,
        "systemd/teleport.service",
        lambda text: text.replace("\nRestartSec=5\n", "\nRestartSec=6\n"),
    )
    later = packages.build(checkout, scratch / "later")
    assert later.status == 0, later.said
    assert now.deb and now.rpm and later.deb and later.rpm
    return Built(now.deb, now.rpm, later.deb, later.rpm)


def bring(machine: Machine, package: Path) -> str:
    """Copy a package onto the machine, and return its path there."""
    shutil.copy(package, machine.path(f"/opt/{package.name}"))
    machine.path(f"/opt/{package.name}").chmod(0o644)
    return f"/opt/{package.name}"


def install_offline(machine: Machine, package: Path) -> str:
    """Install a DEB into a machine that is not booted, as an image builder does in a chroot, and without a network."""
    return _without_network(
        ["chroot", str(machine.root), "apt-get", "-q", "-y", "install", bring(machine, package)], machine
    )


def typed_offline(machine: Machine, text: str) -> str:
    """Run commands of a page in a machine that is not booted, without a network, up to the first failure."""
    return _without_network(["chroot", str(machine.root), "sh", "-euc", text], machine)


# The host's /usr in a booted machine, since a Debian tree has no rpm.
HOST = "/opt/host"
WITH_RPM = ("--private-network", f"--bind-ro=/usr:{HOST}")


def rpm(machine: Machine, *arguments: str) -> str:
    """Run the host's rpm on the root of a machine that is not booted, and return its output.

    Without regard for dependencies: a Debian tree knows no package by the name that it has on Amazon Linux.
    """
    return _without_network(["rpm", "--root", str(machine.root), "--dbpath", _DATABASE, *arguments], machine)


def rpm_inside(machine: Machine, *arguments: str) -> str:
    """Run the host's rpm with its own libraries in a booted machine made with WITH_RPM."""
    libraries = subprocess.run(["ldd", "/usr/bin/rpm"], check=True, capture_output=True, text=True).stdout
    found = [os.path.realpath(word) for word in libraries.split() if word.startswith("/")]
    loader = next(path for path in found if "/ld-linux" in path)
    directories = ":".join(sorted({_on_machine(os.path.dirname(path)) for path in found}))
    return machine.run(
        "env",
        f"RPM_CONFIGDIR={HOST}/lib/rpm",
        _on_machine(loader),
        "--library-path",
        directories,
        _on_machine("/usr/bin/rpm"),
        "--dbpath",
        _DATABASE,
        *arguments,
        seconds=120,
    )


_DATABASE = "/var/lib/rpm"


def _on_machine(path: str) -> str:
    assert path.startswith("/usr/"), f"{path} is not where a machine could see it"
    return HOST + path.removeprefix("/usr")


def _without_network(command: list[str], machine: Machine) -> str:
    done = subprocess.run(
        ["unshare", "--net", *command],
        env={"PATH": PATH, "DEBIAN_FRONTEND": "noninteractive", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} on {machine.name}: {done.returncode}\n{done.stdout}"
    return done.stdout


# ---- Teleport's own packages


def teleport_deb(scratch: Path, version: str, *, links: bool) -> Path:
    """Build a package as Teleport's own: with a teleport.service of its own, /var/lib/teleport, and the programs.

    With `links`, as the newer ones: everything is in /opt/teleport/system, and its script copies the unit to
    /lib/systemd/system over whatever is there.
    """
    tree = _teleport_tree(scratch / f"teleport-deb-{version}", links=links)
    control = tree / "DEBIAN"
    control.mkdir()
    (control / "control").write_text(
        f"Package: teleport\nVersion: {version}\nArchitecture: all\nMaintainer: Teleport <teleport@example.org>\n"
        "Description: a stand-in\n"
    )
    if links:
        (control / "postinst").write_text(f"#!/bin/sh\nset -e\n{_LINK}")
        (control / "postinst").chmod(0o755)
        (control / "prerm").write_text(f"#!/bin/sh\nset -e\n{_UNLINK}")
        (control / "prerm").chmod(0o755)
    package = scratch / f"teleport_{version}_all.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, package], check=True, capture_output=True
    )
    return package


def teleport_rpm(scratch: Path, version: str) -> Path:
    """Build the same as an RPM, with its unit in the package."""
    tree = _teleport_tree(scratch / f"teleport-rpm-{version}", links=False)
    files = [f"/{path.relative_to(tree)}" for path in tree.rglob("*") if path.is_file()]
    spec = scratch / "teleport.spec"
    spec.write_text(
        textwrap.dedent(
            f"""\
            Name: teleport
            Version: {version}
            Release: 1
            Summary: A stand-in
            License: none
            BuildArch: noarch
            AutoReqProv: no
            %description
            A stand-in.
            %install
            cp -a {tree}/. %{{buildroot}}/
            %files
            %defattr(-,root,root,-)
            %dir %attr(0700,root,root) /var/lib/teleport
            """
        )
        + "\n".join(files)
        + "\n"
    )
    defines = {"_topdir": str(scratch / "topdir"), "_rpmdir": str(scratch), "__os_install_post": "%{nil}"}
    command = ["rpmbuild", "-bb", "--quiet", "--target", "noarch"]
    for name, value in defines.items():
        command += ["--define", f"{name} {value}"]
    subprocess.run([*command, spec], check=True, capture_output=True)
    return scratch / "noarch" / f"teleport-{version}-1.noarch.rpm"


THEIR_UNIT = """\
[Unit]
Description=Teleport Service, of Teleport's own package

[Service]
ExecStart=/usr/local/bin/teleport start --config /etc/teleport.yaml --pid-file=/run/teleport.pid

[Install]
WantedBy=multi-user.target
"""

_LINK = """\
mkdir -p /usr/local/bin
for program in teleport tctl; do
    ln -sf /opt/teleport/system/bin/$program /usr/local/bin/$program
done
cp --remove-destination /opt/teleport/system/lib/systemd/system/teleport.service /lib/systemd/system/teleport.service
"""
_UNLINK = """\
rm -f /usr/local/bin/teleport /usr/local/bin/tctl
cmp -s /opt/teleport/system/lib/systemd/system/teleport.service /lib/systemd/system/teleport.service \\
    && rm /lib/systemd/system/teleport.service
"""


def _teleport_tree(tree: Path, *, links: bool) -> Path:
    programs = tree / ("opt/teleport/system/bin" if links else "usr/local/bin")
    install_teleport(programs, python="/usr/bin/python3")
    tctl = programs / "tctl"
    tctl.write_text('#!/bin/sh\necho "tctl as $(id -un): $*"\n')
    tctl.chmod(0o755)
    unit = tree / ("opt/teleport/system/lib/systemd/system" if links else "usr/lib/systemd/system") / "teleport.service"
    unit.parent.mkdir(parents=True)
    unit.write_text(THEIR_UNIT)
    (tree / "var/lib/teleport").mkdir(parents=True)
    (tree / "var/lib/teleport").chmod(0o700)
    return tree


# ---- the owners of files


def files(machine: Machine) -> set[str]:
    """Return all files, links and directories of a machine's disk but for books and accounts, by their paths there."""
    found = set()
    for folder, folders, names in os.walk(machine.root):
        inside = f"/{os.path.relpath(folder, machine.root)}/".replace("/./", "/")
        folders[:] = [name for name in folders if not _left_out(f"{inside}{name}/") and inside + name not in _MOUNTED]
        found |= {f"{inside}{name}" for name in [*folders, *names] if not _left_out(f"{inside}{name}")}
    return found


_MOUNTED = ("/proc", "/sys", "/dev")


def _left_out(path: str) -> bool:
    return path.startswith(BOOKS) or path in ACCOUNTS


def not_data(paths: Iterable[str]) -> set[str]:
    """Return what of `paths` is neither the agent's nor Teleport's data."""
    return {path for path in paths if not f"{path}/".startswith(DATA)}


def is_bytecode_of(path: str, owned: set[str]) -> bool:
    """Whether `path` is what Python made of a module in `owned` when that was installed, or the directory for that."""
    directory, _, name = path.rpartition("/")
    if name == "__pycache__":
        return directory in owned
    module = f"{directory.removesuffix('/__pycache__')}/{name.split('.')[0]}.py"
    return directory.endswith("/__pycache__") and name.endswith(".pyc") and module in owned
