"""The files that the packages install: the same for both formats, except where the distributions differ.

Modules, templates, units and documents are found by rule, so a new one need not be listed.
"""

from __future__ import annotations

import functools
import os
import re
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import isolation

NAME = "teleport-bootstrap"
SUMMARY = "agent inside a Teleport AMI"
DESCRIPTION = """\
Turns /etc/teleport.d/conf, which EC2 user-data writes, into a running Teleport
on first boot. Afterwards it is the command to change, inspect, back up and
restore that instance."""

MAINTAINER = "teleport-bootstrap maintainers <maintainers@teleport-bootstrap.example>"

# The command adds this directory to its module search path; other programs do not.
LIBRARY = f"/usr/share/{NAME}"
# Of `packaging`: what operators copy and use elsewhere.
FOR_OPERATORS = ("cloudformation", "monitoring", "ssm", "terraform")
UNITS = "/usr/lib/systemd/system"

# Teleport's own packages and its `teleport-update link-package` overwrite a unit of this name in /usr/lib. In /etc it
# takes precedence, and is where Teleport's own AMIs have it.
OUTRANKING = "teleport.service"
UNITS_OF_THE_MACHINE = "/etc/systemd/system"

# Units of Teleport's own updater, which do not run on a host with a role.
UPDATERS_UNITS = ("teleport-update.service", "teleport-update.timer")


class Missing(Exception):
    """The checkout lacks a file that a package has to contain."""


@dataclass(frozen=True)
class Entry:
    """A file to install, or a directory that the package owns (`content` is None)."""

    path: str
    mode: int
    content: bytes | None = None


@dataclass(frozen=True)
class Flavour:
    """How the distributions differ: the directory of zsh completions, and sudo's secure_path."""

    zsh: str
    secure_path: str


# Debian's and Ubuntu's own value, in their order, and the directory of Teleport's package.
DEBIAN = Flavour(
    zsh="/usr/share/zsh/vendor-completions",
    secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin:/opt/teleport/system/bin",
)
# Amazon Linux has no /usr/local in it; its own directories stay first.
AMAZON_LINUX = Flavour(
    zsh="/usr/share/zsh/site-functions",
    secure_path="/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/teleport/system/bin",
)


# RFC 1952: deflate, no flags, no time, best compression, Unix.
_GZIP_HEADER = b"\x1f\x8b\x08\x00" + bytes(4) + b"\x02\x03"


@dataclass(frozen=True)
class Source:
    """The checkout to package, the paths of its files, and the time of its commit in seconds since 1970."""

    checkout: Path
    files: tuple[str, ...]
    time: int

    def read(self, path: str) -> bytes:
        """Return the content of a file; raises Missing if it is not one of the project's."""
        if path not in self.files:
            raise Missing(f"{path}, which the packages have to contain, is missing from the checkout")
        return (self.checkout / path).read_bytes()

    def under(self, folder: str, suffixes: tuple[str, ...] = ("",)) -> list[str]:
        """Return the paths of all files in `folder` and below that end in one of `suffixes`."""
        inside = [path for path in self.files if path.startswith(f"{folder}/") and path.endswith(suffixes)]
        return [path for path in inside if not path.endswith((".orig", ".rej", "~"))]

    @property
    def version(self) -> str:
        """Return the version of the Python package."""
        text = self.read("teleport_bootstrap/__init__.py").decode()
        found = re.search(r'^__version__ = "([0-9][0-9A-Za-z.~+]*)"$', text, re.MULTILINE)
        if found is None:
            raise Missing("teleport_bootstrap/__init__.py does not say __version__")
        return found[1]


def entries(source: Source, flavour: Flavour) -> list[Entry]:
    """Return everything to install, sorted by path; raises Missing."""
    sudoers, updater = source.read("packaging/sudoers"), source.read("packaging/updater.conf")
    # Manual pages and completions are made here, with a package that no instance has.
    built = set(source.under("teleport_bootstrap/manual"))
    found = [
        Entry(f"/usr/bin/{NAME}", 0o755, source.read("packaging/teleport-bootstrap")),
        *(
            Entry(f"{LIBRARY}/{path}", 0o644, source.read(path))
            for path in source.under("teleport_bootstrap")
            if path not in built
        ),
        *_units(source),
        *(
            # rpmlint calls files of the same content duplicates.
            Entry(f"{UNITS}/{unit}.d/50-{NAME}.conf", 0o644, f"# For {unit}.\n".encode() + updater)
            for unit in UPDATERS_UNITS
        ),
        Entry(f"/usr/lib/sysusers.d/{NAME}.conf", 0o644, source.read("packaging/sysusers.conf")),
        Entry(f"/usr/lib/tmpfiles.d/{NAME}.conf", 0o644, source.read("packaging/tmpfiles.conf")),
        Entry(f"/etc/sudoers.d/10-{NAME}", 0o440, sudoers.replace(b"@SECURE_PATH@", flavour.secure_path.encode())),
        *_manuals(source, flavour),
        Entry("/etc/teleport.d", 0o755),
        Entry("/var/lib/teleport-bootstrap", 0o700),
    ]
    return sorted(found, key=lambda entry: entry.path)


def with_parents(found: list[Entry]) -> list[Entry]:
    """Return `found` with all parent directories, sorted."""
    known = {entry.path: entry for entry in found}
    for entry in found:
        for parent in Path(entry.path).parents:
            # sudo requires that only root can write to its directory; distributions make it unreadable for others.
            mode = 0o750 if str(parent) == "/etc/sudoers.d" else 0o755
            known.setdefault(str(parent), Entry(str(parent), mode))
    del known["/"]
    return sorted(known.values(), key=lambda entry: entry.path)


def stage(directory: Path, found: list[Entry], time: int) -> None:
    """Write `found`, directories before their content, below `directory`; all have the modification time `time`."""
    directory.mkdir()
    directory.chmod(0o755)
    for entry in found:
        path = directory / entry.path.lstrip("/")
        if entry.content is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.write_bytes(entry.content)
        path.chmod(entry.mode)
    for entry in reversed(found):  # creating a file changes the time of its directory
        os.utime(directory / entry.path.lstrip("/"), (time, time))
    os.utime(directory, (time, time))


def compressed(text: bytes) -> bytes:
    """Return `text` compressed as by `gzip -9n`, without name and time.

    The header is our own: Python's names the system as 3 (Unix) or 255 (unknown), depending on its version.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(text) + packer.flush()
    return _GZIP_HEADER + packed + struct.pack("<LL", zlib.crc32(text), len(text) & 0xFFFFFFFF)


def script(source: Source, path: str) -> bytes:
    """Return a script that runs when a package is installed or removed; raises Missing.

    packaging/scripts/NAME.sh replaces each line `#INCLUDE NAME#` in it, and names of units replace the marks for them.
    """

    def included(found: re.Match[str]) -> str:
        return source.read(f"packaging/scripts/{found[1]}.sh").decode().replace("# shellcheck shell=sh\n", "")

    text = re.sub(r"^#INCLUDE (\w+)#\n", included, source.read(path).decode(), flags=re.MULTILINE)
    units = {Path(path).name: source.read(path) for path in _unit_files(source)}
    helpers = [name for name, content in units.items() if b" teleport start " not in content]
    for mark, names in {
        "@UNITS@": [name for name, content in units.items() if b"\n[Install]" in content],
        # Timers first, so that none starts its service again while they are stopped.
        "@HELPERS@": sorted(helpers, key=lambda name: not name.endswith(".timer")),
        "@OTHERS@": [name for name in units if name != OUTRANKING],
    }.items():
        text = text.replace(mark, " ".join(names))
    return text.encode()


def _unit_files(source: Source) -> list[str]:
    return [path for path in source.under("systemd") if not path.endswith(".preset")]


def _units(source: Source) -> Iterator[Entry]:
    for path in source.under("systemd"):
        name = Path(path).name
        folder = UNITS_OF_THE_MACHINE if name == OUTRANKING else UNITS
        if name.endswith(".preset"):
            folder = "/usr/lib/systemd/system-preset"
        yield Entry(f"{folder}/{name}", 0o644, source.read(path))


def _manuals(source: Source, flavour: Flavour) -> Iterator[Entry]:
    documents = f"/usr/share/doc/{NAME}"
    for name in ("README.md", "CHANGELOG.md"):
        yield Entry(f"{documents}/{name}", 0o644, source.read(name))
    yield Entry(f"{documents}/examples/conf", 0o644, source.read("packaging/example.conf"))
    yield Entry(f"{documents}/examples/facts.yaml", 0o644, source.read("packaging/example-facts.yaml"))
    # With the same relative paths as in the checkout, so that the links between them work.
    for path in source.under("docs", (".md", ".svg", ".png")):
        yield Entry(f"{documents}/{path}", 0o644, source.read(path))
    for folder in FOR_OPERATORS:
        for path in source.under(f"packaging/{folder}"):
            yield Entry(f"{documents}/{path}", 0o644, source.read(path))
    for text, path in (
        ("man8", f"/usr/share/man/man8/{NAME}.8.gz"),
        ("man5", f"/usr/share/man/man5/{NAME}.conf.5.gz"),
        ("bash", f"/usr/share/bash-completion/completions/{NAME}"),
        ("zsh", f"{flavour.zsh}/_{NAME}"),
        ("fish", f"/usr/share/fish/vendor_completions.d/{NAME}.fish"),
    ):
        written = _generated(source.checkout, text, source.time)
        yield Entry(path, 0o644, compressed(written) if path.endswith(".gz") else written)


@functools.cache
def _generated(checkout: Path, name: str, time: int) -> bytes:
    """Return the text `name` of `teleport_bootstrap.manual` of the checkout, even if another version is installed."""
    program = (
        "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
        "runpy.run_module('teleport_bootstrap.manual', run_name='__main__', alter_sys=True)"
    )
    command = [sys.executable, "-IB", "-c", program, str(checkout), name]
    return isolation.run(command, time=time, home=checkout).encode()
