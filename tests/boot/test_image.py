"""An image is baked by the scripts of the Packer template on a booted machine, sealed, and becomes an instance."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from pathlib import Path
from typing import Optional

import pytest

from tests import packages
from tests.boot import applied, installed, instance, observe, trees
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.stand_in import install_teleport

SCRIPTS = instance.CHECKOUT / "packaging" / "packer" / "scripts"

# A machine in a test has no network, and its tree no curl: this one takes the archive from a file.
CURL = """\
#!/bin/sh
while [ $# -gt 1 ]; do
    [ "$1" = --output ] && to=$2
    shift
done
exec cp "${1#https://example.org}" "$to"
"""


def archive(folder: Path) -> Path:
    """Teleport's own archive, with the stand-in in it."""
    tree = folder / "teleport"
    program = install_teleport(tree, python="/usr/bin/python3", version="17.5.1")
    (tree / "tctl").write_text("#!/bin/sh\n")
    (tree / "tctl").chmod(0o755)
    packed = folder / "teleport.tar.gz"
    with tarfile.open(packed, "w:gz") as file:
        file.add(tree, arcname="teleport")
    assert program.exists()
    return packed


def script(machine: Machine, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
    machine.write("/root/script", (SCRIPTS / name).read_text(encoding="utf-8"))
    given = [f"{key}={value}" for key, value in variables.items()]
    return machine.try_run("env", *given, "sh", "/root/script", seconds=180)


@pytest.mark.parametrize("release", trees.RELEASES)
def test_issue_17_row_10_clones_share_an_id_only_where_seal_refuses_the_image(
    new_machine: NewMachine, release: str
) -> None:
    """What seal says of /var/lib/dbus/machine-id is what systemd makes of it, for each kind of /etc/machine-id."""
    for own in ("uninitialized\n", ""):
        assert _id_of_clone(new_machine(release), own, file=PLANTED) == (18, PLANTED)
    # systemd follows no link here.
    for other in ({}, {"link": PLANTED}):
        status, identity = _id_of_clone(new_machine(release), "uninitialized\n", **other)
        assert status == 0 and len(identity) == 32 and identity != PLANTED


PLANTED = "5e" * 16


def _id_of_clone(
    machine: Machine, own: str, *, file: Optional[str] = None, link: Optional[str] = None
) -> tuple[int, str]:
    """Return how seal ends on an image with these IDs, and the ID of an instance of it."""
    instance.without_cloud_init(machine)
    instance.install_agent(machine)
    machine.write("/etc/machine-id", own)
    dbus = machine.path("/var/lib/dbus/machine-id")
    dbus.unlink(missing_ok=True)
    if file:
        machine.write("/var/lib/dbus/machine-id", f"{file}\n")
    if link:
        machine.write("/var/lib/dbus/another", f"{link}\n")
        dbus.symlink_to("another")
    command = ["chroot", str(machine.root), "teleport-bootstrap", "seal"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0 or "/var/lib/dbus/machine-id" in done.stderr, done.stderr
    machine.start()
    return done.returncode, machine.run("cat", "/etc/machine-id").strip()


def test_the_scripts_of_the_template_build_an_image_that_becomes_an_instance(
    new_machine: NewMachine, tmp_path: Path
) -> None:
    machine = new_machine()
    built = packages.build(packages.copy_of_checkout(tmp_path / "checkout"), tmp_path / "built")
    assert built.deb is not None, built.said
    packed = archive(tmp_path)
    machine.path("/opt/teleport.tar.gz").write_bytes(packed.read_bytes())
    machine.write("/usr/local/bin/curl", CURL, mode=0o755)
    # What a machine that builds has, and an image should not.
    instance.be_instance(machine, user_data="#!/bin/sh\ntouch /var/lib/was-the-builder\n")
    machine.write("/etc/ssh/ssh_host_ed25519_key", "PRIVATE", mode=0o600)
    machine.write("/root/.ssh/authorized_keys", "ssh-ed25519 AAAA packer\n", mode=0o600)
    machine.write("/root/.bash_history", "aws configure\n")
    machine.boot()
    assert machine.path("/var/lib/was-the-builder").exists()

    given = {
        "TELEPORT_VERSION": "17.5.1",
        "TELEPORT_EDITION": "community",
        "TELEPORT_FIPS": "false",
        "TELEPORT_URL": "https://example.org/opt/teleport.tar.gz",
        "TELEPORT_SHA256": hashlib.sha256(packed.read_bytes()).hexdigest(),
    }
    for wrong, why in (
        ({"TELEPORT_SHA256": "0" * 64}, "does not match teleport_sha256"),
        ({"TELEPORT_FIPS": "true"}, "the community edition has no FIPS build"),
        ({"TELEPORT_URL": "https://example.org/opt/absent.tar.gz"}, "absent"),
    ):
        refused = script(machine, "install-teleport.sh", **{**given, **wrong})
        assert refused.returncode != 0 and why in refused.stderr
        assert not machine.path("/usr/local/bin/teleport").exists()
    done = script(machine, "install-teleport.sh", **given)
    assert done.returncode == 0, done.stderr
    instance.install_stand_in(machine)  # the same, with its switches beside it

    package = installed.bring(machine, built.deb)
    machine.write("/usr/local/sbin/apt-get", '#!/bin/sh\n[ "$2" = update ] || exec /usr/bin/apt-get "$@"\n', mode=0o755)
    done = script(machine, "install-agent.sh", PACKAGE=package)
    assert done.returncode == 0, done.stderr
    assert not machine.path(package).exists()
    machine.path("/usr/local/sbin/apt-get").unlink()

    assert machine.try_run("teleport-bootstrap", "seal").returncode == 18, "nothing was cleaned yet"
    machine.write("/etc/teleport.d/conf", instance.PLAIN_CONF)
    refused = script(machine, "clean-and-seal.sh")
    assert refused.returncode == 18, refused.stderr
    assert "/etc/teleport.d/conf" in refused.stderr and "ssh_host" not in refused.stderr
    machine.path("/etc/teleport.d/conf").unlink()

    sealed = script(machine, "clean-and-seal.sh")
    assert sealed.returncode == 0, sealed.stderr
    machine.power_off()
    assert machine.read("/etc/machine-id") in ("", "uninitialized\n")

    machine.path("/var/lib/was-the-builder").unlink()
    instance.be_instance(machine, user_data=instance.GUIDE_USER_DATA)
    machine.boot()
    observe.wait_until_ready(machine, applied.ACM)
    observe.assert_generated(machine)
    assert not machine.path("/var/lib/was-the-builder").exists()
