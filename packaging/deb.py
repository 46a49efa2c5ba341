"""Builds the Debian package: `dpkg-deb` over a tree with control files."""

from __future__ import annotations

import hashlib
import textwrap
import time
from pathlib import Path

import content
import isolation
from commit import Commit

REVISION = "1"
SCRIPTS = ("preinst", "postinst", "prerm", "postrm")

# The lower bounds are what Debian 11 ships.
DEPENDS = (
    "python3 (>= 3.9)",
    "python3-jinja2 (>= 2.11)",
    "python3-requests (>= 2.25)",
    "python3-systemd (>= 234)",
    "python3-yaml (>= 5.3)",
    "openssl",
    "passwd",
    "procps",
    "systemd (>= 247)",
)
# For S3 alone. Without a network, `apt-get install --no-install-recommends` leaves it out.
RECOMMENDS = ("python3-botocore (>= 1.20)",)
# Not recommended: `apt-get install ./package.deb` without a network would stop at what it cannot download.
SUGGESTS = ("certbot", "cloud-init", "python3-certbot-dns-route53", "sudo", "zstd")


def build(source: content.Source, commit: Commit, scratch: Path) -> Path:
    """Build the package in `scratch` and return where it is; raises Missing, CalledProcessError."""
    version = f"{source.version}-{REVISION}"
    found = content.with_parents([*content.entries(source, content.DEBIAN), *_documents(source, commit, version)])
    tree = scratch / "deb"
    content.stage(tree, [*found, *_control(source, found, version)], commit.time)
    package = scratch / f"{content.NAME}_{version}_all.deb"
    # One thread, since xz splits its input by their number.
    command = ["dpkg-deb", "--root-owner-group", "-Zxz", "-z6", "--build", str(tree), str(package)]
    isolation.run(command, time=commit.time, home=scratch, DPKG_DEB_THREADS_MAX="1")
    return package


def _documents(source: content.Source, commit: Commit, version: str) -> list[content.Entry]:
    documents, name = f"/usr/share/doc/{content.NAME}", content.NAME
    changelog = content.compressed(_changelog(commit, version).encode())
    overrides, rtupdate = (source.read(f"packaging/deb/{each}") for each in ("lintian-overrides", "rtupdate"))
    return [
        content.Entry(f"{documents}/copyright", 0o644, source.read("packaging/deb/copyright")),
        content.Entry(f"{documents}/changelog.Debian.gz", 0o644, changelog),
        content.Entry(f"/usr/share/lintian/overrides/{name}", 0o644, overrides),
        content.Entry(f"/usr/share/python3/runtime.d/{name}.rtupdate", 0o755, rtupdate),
    ]


def _changelog(commit: Commit, version: str) -> str:
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(commit.time))
    description = textwrap.fill(commit.description, 78, initial_indent="  * ", subsequent_indent="    ")
    return (
        f"{content.NAME} ({version}) unstable; urgency=medium\n\n"
        f"{description}\n  * What is new is in CHANGELOG.md.\n\n"
        f" -- {content.MAINTAINER}  {date}\n"
    )


def _control(source: content.Source, found: list[content.Entry], version: str) -> list[content.Entry]:
    files = [entry for entry in found if entry.content is not None]
    # In units of 1024 bytes, each file rounded up and each directory counted as one, as by dpkg-gencontrol.
    size = sum(-(-len(entry.content or b"") // 1024) if entry.content is not None else 1 for entry in found)
    description = "".join(f"\n {line}" for line in content.DESCRIPTION.splitlines())
    control = (
        f"Package: {content.NAME}\n"
        f"Version: {version}\n"
        "Architecture: all\n"
        f"Maintainer: {content.MAINTAINER}\n"
        f"Installed-Size: {size}\n"
        f"Depends: {', '.join(DEPENDS)}\n"
        f"Recommends: {', '.join(RECOMMENDS)}\n"
        f"Suggests: {', '.join(SUGGESTS)}\n"
        "Section: admin\n"
        "Priority: optional\n"
        f"Description: {content.SUMMARY}{description}\n"
    )
    # dpkg requires MD5; it detects damage, not attacks.
    sums = "".join(
        f"{hashlib.md5(entry.content or b'').hexdigest()}  {entry.path.lstrip('/')}\n"  # noqa: S324
        for entry in files
        if entry.path not in _configuration(files)
    )
    conffiles = "".join(f"{path}\n" for path in _configuration(files))
    return [
        content.Entry("/DEBIAN", 0o755),
        content.Entry("/DEBIAN/control", 0o644, control.encode()),
        content.Entry("/DEBIAN/conffiles", 0o644, conffiles.encode()),
        content.Entry("/DEBIAN/md5sums", 0o644, sums.encode()),
        *(content.Entry(f"/DEBIAN/{name}", 0o755, content.script(source, f"packaging/deb/{name}")) for name in SCRIPTS),
    ]


def _configuration(files: list[content.Entry]) -> list[str]:
    """Return the files whose manual edits dpkg keeps; not the unit: see `content.OUTRANKING` and deb/preinst."""
    unit = f"{content.UNITS_OF_THE_MACHINE}/{content.OUTRANKING}"
    return [entry.path for entry in files if entry.path.startswith("/etc/") and entry.path != unit]
