"""Builds the RPM for Amazon Linux 2023: `rpmbuild` over a tree, with a generated spec.

It is built on Debian, whose rpm lacks the macros for systemd and Python, so everything is written out.
"""

from __future__ import annotations

import time
from pathlib import Path

import content
import isolation
from commit import Commit

RELEASE = "1"

# As Amazon Linux 2023 names them.
REQUIRES = (
    "python3 >= 3.9",
    "python3-jinja2 >= 2.11",
    "python3-pyyaml >= 5.3",
    "python3-requests >= 2.25",
    "findutils",
    "openssl",
    "procps-ng",
    "shadow-utils",
    "sudo",
    "systemd >= 247",
)
# Installed if available. Without the first, S3 cannot be used: it is not boto3, whose package conflicts with an old
# awscli on some images. Without the second, log lines reach the journal as plain text; without the third, backups are
# larger, and those that were compressed with it cannot be read.
RECOMMENDS = ("python3-botocore >= 1.20", "python3-systemd", "zstd")
SUGGESTS = ("certbot", "cloud-init", "python3-certbot-dns-route53")

# Amazon Linux's Python. Its bytecode is compiled when the package is installed, and the package owns it.
BYTECODE = "cpython-39"

# Switches off what rpmbuild does by default: it depends on the machine, and there is nothing to compile or strip.
DEFINES = {
    # rpm 6 writes format 6 by default, which Amazon Linux's rpm 4.16 does not install.
    "_rpmformat": "4",
    # Otherwise with the vendor of the rpm that builds it.
    "_target_platform": "noarch-linux",
    "_buildhost": "localhost",
    "_binary_payload": "w9.gzdio",
    "_build_id_links": "none",
    "__os_install_post": "%{nil}",
    "debug_package": "%{nil}",
    "use_source_date_epoch_as_buildtime": "1",
    "clamp_mtime_to_source_date_epoch": "1",
    "source_date_epoch_from_changelog": "0",
}

_KINDS = {
    # An edited version is kept as .rpmsave and replaced.
    f"{content.UNITS_OF_THE_MACHINE}/{content.OUTRANKING}": "%config ",
    "/etc/": "%config(noreplace) ",
    "/usr/share/doc/": "%doc ",
    "/usr/share/man/": "%doc ",
    "/usr/share/licenses/": "%license ",
}

# Directories of every system. The package owns all others above its files, some together with other packages.
_OTHERS = frozenset(
    (
        *("/", "/etc", "/etc/sudoers.d", "/etc/systemd", "/etc/systemd/system", "/usr", "/usr/bin", "/usr/lib"),
        *("/usr/lib/systemd", "/usr/lib/systemd/system", "/usr/lib/systemd/system-preset", "/usr/lib/sysusers.d"),
        *("/usr/lib/tmpfiles.d", "/usr/share", "/usr/share/doc", "/usr/share/man", "/usr/share/man/man5"),
        *("/usr/share/man/man8", "/var", "/var/lib"),
    )
)


def build(source: content.Source, commit: Commit, scratch: Path) -> Path:
    """Build the package in `scratch` and return where it is; raises Missing, CalledProcessError."""
    found = [
        *content.entries(source, content.AMAZON_LINUX),
        content.Entry(f"/usr/share/licenses/{content.NAME}/LICENSE", 0o644, source.read("LICENSE")),
    ]
    tree = scratch / "tree"
    content.stage(tree, content.with_parents(found), commit.time)
    spec = scratch / f"{content.NAME}.spec"
    spec.write_text(_spec(source, commit, found), encoding="utf-8")
    defines = {**DEFINES, "_topdir": str(scratch), "_rpmdir": str(scratch / "built"), "tree": str(tree)}
    command = ["rpmbuild", "-bb", "--quiet", "--target", "noarch"]
    for name, value in defines.items():
        command += ["--define", f"{name} {value}"]
    isolation.run([*command, str(spec)], time=commit.time, home=scratch)
    return scratch / "built" / "noarch" / f"{content.NAME}-{source.version}-{RELEASE}.noarch.rpm"


def _spec(source: content.Source, commit: Commit, found: list[content.Entry]) -> str:
    date = time.strftime("%a %b %d %Y", time.gmtime(commit.time))
    lines = [
        f"Name: {content.NAME}",
        f"Version: {source.version}",
        f"Release: {RELEASE}",
        f"Summary: {content.SUMMARY[0].upper()}{content.SUMMARY[1:]}",
        "License: Apache-2.0 AND MPL-2.0",
        "BuildArch: noarch",
        "AutoReqProv: no",
        *(f"Requires: {name}" for name in REQUIRES),
        *(f"Requires({when}): systemd, python3, findutils, shadow-utils" for when in ("post", "preun", "postun")),
        *(f"Recommends: {name}" for name in RECOMMENDS),
        *(f"Suggests: {name}" for name in SUGGESTS),
        "",
        "%description",
        content.DESCRIPTION,
        "",
        "%install",
        'cp -a "%{tree}/." "%{buildroot}/"',
    ]
    for name in ("post", "preun", "postun"):
        text = content.script(source, f"packaging/rpm/{name}.sh").decode()
        lines += ["", f"%{name}", text.replace("%", "%%").rstrip()]
    lines += ["", "%files", *_files(found), "", "%changelog"]
    lines += [f"* {date} {content.MAINTAINER} - {source.version}-{RELEASE}", f"- {commit.description}"]
    return "\n".join(lines) + "\n"


def _files(found: list[content.Entry]) -> list[str]:
    """Return the lines of %files: all files, our directories, and bytecode that is compiled later."""
    parents = {str(parent) for entry in found for parent in Path(entry.path).parents}
    lines = [f'%dir %attr(0755,root,root) "{directory}"' for directory in sorted(parents - _OTHERS)]
    for entry in found:
        attributes = f"%attr({entry.mode:04o},root,root)"
        if entry.content is None:
            lines.append(f'%dir {attributes} "{entry.path}"')
            continue
        kind = next((kind for start, kind in _KINDS.items() if entry.path.startswith(start)), "")
        lines.append(f'{kind}{attributes} "{entry.path}"')
    modules = [Path(entry.path) for entry in found if entry.path.endswith(".py")]
    for folder in sorted({module.parent for module in modules}):
        lines.append(f'%ghost %dir %attr(0755,root,root) "{folder}/__pycache__"')
    for module in modules:
        lines.append(f'%ghost %attr(0644,root,root) "{module.parent}/__pycache__/{module.stem}.{BYTECODE}.pyc"')
    return lines
