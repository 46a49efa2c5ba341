"""The packages are the same wherever they are built, and the linters of every release have nothing against them.

`./dev package-matrix` runs this, not `./dev test`: trees with all linters take minutes to build.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests import documents, packages
from tests.boot import trees
from tests.package_matrix import workshops

# What rpmbuild writes of itself into the header, and no macro sets: its version, and what libmagic says of each file.
OF_RPM = {"Rpmversion", "Fileclass", "Classdict", "Filedictclass"}
# What follows from those: sizes and digests of the header.
OF_THE_HEADER = {"Headerimmutable", "Sigsize", "Sigmd5", "Sha1header", "Sha256header", "Sha3_256header", "Longsigsize"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a copy of the checkout, and with packages that this machine has built from it."""
    made = tmp_path_factory.mktemp("shared")
    packages.copy_of_checkout(made / "checkout")
    built = packages.build(made / "checkout", made / "here")
    assert built.status == 0, built.said
    return made


@pytest.mark.parametrize("release", trees.RELEASES)
def test_issue_17_row_7_every_release_builds_the_same_packages(shared: Path, release: str) -> None:
    """With its own Python, dpkg and rpm: the DEB byte for byte, the RPM but for what rpm writes of itself."""
    output = shared / release
    shutil.rmtree(output, ignore_errors=True)
    done = workshops.run(
        release, shared, "python3", "-B", "/mnt/checkout/packaging/build.py", "--output", f"/mnt/{release}"
    )
    assert done.returncode == 0, done.stdout + done.stderr

    (deb,), (here,) = (list(folder.glob("*.deb")) for folder in (output, shared / "here"))
    assert deb.name == here.name
    assert deb.read_bytes() == here.read_bytes(), "the DEB"

    (rpm,), (here,) = (list(folder.glob("*.rpm")) for folder in (output, shared / "here"))
    assert rpm.name == here.name
    ours, theirs = _header(here), _header(rpm)
    different = {tag for tag in ours.keys() | theirs.keys() if ours.get(tag) != theirs.get(tag)}
    assert different <= OF_RPM | OF_THE_HEADER, "all files, compressed as they are, are in the digest of the payload"
    assert ours["Payloaddigest"] == theirs["Payloaddigest"]
    assert "Rpmformat" not in theirs or theirs["Rpmformat"] == ["4"], "Amazon Linux's rpm installs format 4 only"


def _header(rpm: Path) -> dict[str, list[str]]:
    """Return the tags of an RPM and their values, as rpm of this machine reads them."""
    query = ["rpm", "-qp", "--nosignature", "--qf", "[%{*:xml}\n]", str(rpm)]
    said = subprocess.run(query, check=True, capture_output=True, text=True, env=packages.PLAIN).stdout
    document = ElementTree.fromstring(said)
    return {tag.attrib["name"]: [value.text or "" for value in tag] for tag in document.iter("rpmTag")}


@pytest.mark.parametrize("release", sorted(workshops.LINTED))
def test_issue_17_row_4_lintian_has_nothing_to_say(shared: Path, release: str) -> None:
    (deb,) = (shared / "here").glob("*.deb")
    levels = ["--display-info", "--pedantic", "--fail-on=error,warning,info,pedantic"]
    if release == "bookworm":
        # A remark of this release alone: newer ones call an override of it alien, and do not know this option of it.
        levels += ["--suppress-tags", "package-supports-alternative-init-but-no-init.d-script"]
    done = workshops.run(release, shared, "lintian", "--allow-root", *levels, f"/mnt/here/{deb.name}")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("release", sorted(workshops.LINTED))
def test_issue_17_row_4_rpmlint_has_nothing_to_say(shared: Path, release: str) -> None:
    (rpm,) = (shared / "here").glob("*.rpm")
    rules = "/mnt/checkout/packaging/rpm/rpmlint.toml"
    done = workshops.run(release, shared, "rpmlint", "--strict", "-c", rules, f"/mnt/here/{rpm.name}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 errors, 0 warnings" in done.stdout


# Programs where Teleport's packages put them, in mounts that vanish with the test; then $1 is told what to run.
_WITH_TCTL = r"""
set -eu
mount -t tmpfs tmpfs /usr/local/bin
mount -t tmpfs tmpfs /opt
mkdir -p /opt/teleport/system/bin
printf '#!/bin/sh\necho "tctl $*"\n' >/usr/local/bin/tctl
printf '#!/bin/sh\necho "tsh $*"\n' >/opt/teleport/system/bin/tsh
chmod 755 /usr/local/bin/tctl /opt/teleport/system/bin/tsh
mount -t tmpfs -o mode=750 tmpfs /etc/sudoers.d
if [ "$2" = with ]; then
    dpkg-deb --fsys-tarfile /mnt/here/*.deb | tar -x -C /tmp ./etc/sudoers.d
    cp -p /tmp/etc/sudoers.d/10-teleport-bootstrap /etc/sudoers.d/
fi
# As an operator's shell has it.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
eval "$1"
"""


def _typed(release: str, shared: Path, command: str, *, drop_in: bool) -> subprocess.CompletedProcess[str]:
    given = "with" if drop_in else "without"
    return workshops.run(release, shared, "sh", "-c", _WITH_TCTL, "sh", command, given)


SUDOS = [
    *((release, "sudo") for release in trees.RELEASES),
    *((release, "sudo-rs") for release in sorted(workshops.SUDO_RS)),
]


@pytest.mark.parametrize(("release", "program"), SUDOS)
def test_issue_17_row_6_the_package_lets_sudo_find_teleport(shared: Path, release: str, program: str) -> None:
    done = _typed(release, shared, f"{program} tctl users ls && {program} tsh status", drop_in=True)
    assert (done.returncode, done.stdout) == (0, "tctl users ls\ntsh status\n"), done.stderr


@pytest.mark.parametrize(("release", "program"), SUDOS)
def test_issue_17_row_6_the_full_path_works_without_the_package(shared: Path, release: str, program: str) -> None:
    command = "sudo /usr/local/bin/tctl"
    assert f"The full path works everywhere: `{command}`" in documents.text("docs/troubleshooting.md")
    done = _typed(release, shared, f"{program} {command.partition(' ')[2]} users add teleport-admin", drop_in=False)
    assert (done.returncode, done.stdout) == (0, "tctl users add teleport-admin\n"), done.stderr
    if release == "testing":
        assert _typed(release, shared, f"{program} tctl users ls", drop_in=False).returncode != 0, "as docs/ say"
