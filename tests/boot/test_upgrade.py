"""docs/upgrading.md as it is written: an old instance, a backup in S3, and a new instance of the next Teleport."""

from __future__ import annotations

import itertools
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import pytest
import yaml

from tests import documents
from tests.boot import instance, observe, runbook, trees
from tests.boot import network as networks
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.simulated.restoring import NEW

UNIT = "teleport.service"
RESTORE = "teleport-restore.service"
BUCKET = "acme-backups"
PREFIX = "s3://acme-backups/teleport/auth-1/"
BLOCKS = {block.name: block for block in documents.blocks("docs/upgrading.md", "run")}
OLD_CONF = (
    'TELEPORT_DOMAIN_NAME="teleport.acmeinc.com"\nTELEPORT_CLUSTER_NAME="acme"\n'
    'TELEPORT_AUTH_SERVER_LB="teleport-nlb.acmeinc.com"\n'
)

# The oldest systemd and the usual one; `./dev boot-matrix` takes all of them.
RELEASES = trees.RELEASES if trees.EVERY_RELEASE else ("bullseye", "bookworm")

_sockets = itertools.count(1)


@pytest.fixture(scope="module")
def network() -> Iterator[networks.Network]:
    """A network with an S3 in it."""
    with networks.new() as made:
        made.ask("s3", "create_bucket", Bucket=BUCKET)
        yield made


def image(
    new_machine: NewMachine, network: networks.Network, *, version: str, release: str = "bookworm", **switches: Any
) -> Machine:
    """A machine of an image with the agent and a Teleport of `version`."""
    machine = new_machine(release, *network.options(next(_sockets)))
    instance.install_agent(machine)
    instance.install_stand_in(machine, version=version, **switches)
    # Where S3 is; on an instance, AWS's own names say that.
    machine.write(
        "/etc/systemd/system.conf.d/s3.conf", f"[Manager]\nDefaultEnvironment=AWS_ENDPOINT_URL_S3={network.aws_url}\n"
    )
    machine.write("/etc/sudoers.d/s3", 'Defaults env_keep += "AWS_ENDPOINT_URL_S3"\n', mode=0o440)
    machine.write("/etc/hosts", f"127.0.0.1 localhost {machine.name}\n")
    return machine


def be_another_instance(machine: Machine, user_data: Optional[str] = None) -> None:
    instance.be_instance(machine, user_data)
    machine.write("/opt/imds.json", json.dumps({**NEW, "user-data": user_data}))


def people_come(machine: Machine) -> None:
    """Create a user of the cluster, as Teleport stores one."""
    path = machine.path("/var/lib/teleport/backend/sqlite.db")
    path.parent.mkdir(mode=0o700, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.execute(
        "CREATE TABLE kv (key TEXT NOT NULL PRIMARY KEY, modified INTEGER, expires DATETIME, value BLOB)"
    )
    connection.execute("INSERT INTO kv VALUES ('/web/users/alice/params', 0, NULL, x'61')")
    connection.commit()
    connection.close()


def users(machine: Machine) -> list[str]:
    connection = sqlite3.connect(f"file:{machine.path('/var/lib/teleport/backend/sqlite.db')}?immutable=1", uri=True)
    try:
        return [key for (key,) in connection.execute("SELECT key FROM kv WHERE key LIKE '/web/users/%'")]
    finally:
        connection.close()


def uuid(machine: Machine) -> str:
    return machine.read("/var/lib/teleport/host_uuid")


def assert_is_the_old_one_on_this_instance(machine: Machine, host: str) -> None:
    observe.wait_until_ready(machine, UNIT)
    document = yaml.safe_load(machine.read("/etc/teleport.yaml"))
    assert document["teleport"]["advertise_ip"] == "10.0.9.99"
    assert document["teleport"]["nodename"] == "ip-10-0-9-99-ec2-internal"
    assert document["auth_service"]["cluster_name"] == "acme"
    assert uuid(machine) == host
    assert users(machine) == ["/web/users/alice/params"]
    assert machine.read("/etc/teleport.d/conf") == OLD_CONF


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the copy of the old guide's three paths is on its way."""
    return tmp_path_factory.mktemp("copied") / "teleport.tar.gz"


@pytest.fixture(scope="module")
def old_uuid(new_shared_machine: NewMachine, network: networks.Network, copied: Path) -> str:
    """The identity of an instance with Teleport 17 that was used, backed up, and switched off."""
    old = image(new_shared_machine, network, version="17.5.1")
    instance.without_cloud_init(old)
    instance.be_instance(old)
    old.write("/etc/teleport.d/conf", OLD_CONF)
    old.boot()
    observe.wait_until_ready(old, UNIT)
    people_come(old)

    said = runbook.run(old, BLOCKS["backup"])
    assert PREFIX in said
    runbook.run(old, BLOCKS["copy-out"])
    shutil.copy(old.path("/root/teleport.tar.gz"), copied)
    runbook.run(old, BLOCKS["stop"])
    found = uuid(old)
    old.power_off()
    return found


@pytest.mark.parametrize("release", RELEASES)
def test_a_new_instance_restores_at_its_first_boot_and_only_then(
    new_machine: NewMachine, network: networks.Network, old_uuid: str, release: str
) -> None:
    new = image(new_machine, network, version="18.0.1", release=release)
    if release == "bullseye":
        # Its cloud-init looks for udev where there is a network card, and these trees have none.
        instance.without_cloud_init(new)
        be_another_instance(new)
        new.chroot("bash", "-c", BLOCKS["user-data"].text)
    else:
        be_another_instance(new, BLOCKS["user-data"].text)

    new.boot()
    new.wait_for(lambda: new.path("/var/lib/teleport-bootstrap/restored.json").exists(), 60, "the restore")

    assert_is_the_old_one_on_this_instance(new, old_uuid)
    new.wait_for(lambda: new.state(RESTORE) in ("inactive", "failed"), 30, "the end of the restore")
    assert new.state(RESTORE) == "inactive", new.journal("-u", RESTORE)
    observe.assert_generated(new)
    observe.assert_clean_boot(new)
    assert len(observe.starts(new)) == 1, "no blank Teleport before it"
    assert "healthy" in runbook.run(new, BLOCKS["check"])
    assert json.loads(new.read("/var/lib/teleport-bootstrap/restored.json"))["asked"] == PREFIX
    if release == "bookworm":
        # User-data of this kind runs once; some have it run at every boot.
        new.write("/etc/teleport.d/conf", f"TELEPORT_RESTORE_FROM={PREFIX}\n")
        before = new.read("/etc/teleport.yaml")
        new.reboot()
        assert_is_the_old_one_on_this_instance(new, old_uuid)
        assert new.read("/etc/teleport.yaml") == before
        assert new.show(RESTORE, "ExecMainStartTimestampMonotonic")["ExecMainStartTimestampMonotonic"] == "0"
    new.power_off()


def test_restores_manually_on_a_booted_instance_and_undoes_it(
    new_machine: NewMachine, network: networks.Network, old_uuid: str
) -> None:
    """With a volume of its own at /var/lib/teleport, which cannot be renamed."""
    new = image(new_machine, network, version="18.0.1")
    instance.without_cloud_init(new)
    be_another_instance(new)
    new.write("/etc/teleport.d/conf", OLD_CONF)
    new.path("/var/lib/teleport").mkdir(exist_ok=True)
    new.write("/etc/fstab", "tmpfs /var/lib/teleport tmpfs mode=0700 0 0\n")
    new.boot()
    observe.wait_until_ready(new, UNIT)
    identity = ("cat", "/var/lib/teleport/host_uuid")
    blank = new.run(*identity)
    assert new.run("mountpoint", "/var/lib/teleport")

    told = runbook.run(new, BLOCKS["look"])
    assert "nothing was changed" in told and "Teleport 17.5.1 in the archive, 18.0.1 here" in told
    assert new.run(*identity) == blank
    told = runbook.run(new, BLOCKS["restore"])
    assert "two hosts with one identity (host_uuid) must not run at once" in told
    observe.wait_until_ready(new, UNIT)
    assert new.run(*identity) == old_uuid
    assert "healthy" in runbook.run(new, BLOCKS["check"])

    runbook.run(new, BLOCKS["undo"])
    observe.wait_until_ready(new, UNIT)
    assert new.run(*identity) == blank
    runbook.run(new, BLOCKS["undo"])
    assert new.run(*identity) == old_uuid
    runbook.run(new, BLOCKS["forget"])
    names = new.run("ls", "-A", "/var/lib/teleport").split()
    assert [name for name in names if "restore" in name] == []
    new.power_off()


def test_an_unhealthy_restored_teleport_is_not_left_running(
    new_machine: NewMachine, network: networks.Network, old_uuid: str
) -> None:
    new = image(new_machine, network, version="18.0.1", start="exit", say="bad configuration")
    instance.without_cloud_init(new)
    be_another_instance(new)
    conf = f"TELEPORT_RESTORE_FROM={PREFIX}\n"
    new.write("/etc/teleport.d/conf", conf)
    new.boot()
    new.wait_for(lambda: new.state(RESTORE) == "failed", 120, "the end of the attempt")

    assert new.show(RESTORE, "ExecMainStatus")["ExecMainStatus"] == "13", new.journal("-u", RESTORE)
    assert "Teleport did not become healthy with what was restored" in new.console()
    assert not new.path("/var/lib/teleport/host_uuid").exists()
    assert not new.path("/etc/teleport.yaml").exists()
    assert new.read("/etc/teleport.d/conf") == conf
    assert new.state(UNIT) in ("inactive", "failed")
    status = new.try_run("teleport-bootstrap", "status")
    assert status.returncode == 9 and "(failed)" in status.stdout, status.stdout

    # A person mends it, and it goes on from there.
    instance.install_stand_in(new, version="18.0.1")
    new.run_as_unit("teleport-bootstrap", "restore", "--yes", seconds=120)
    assert_is_the_old_one_on_this_instance(new, old_uuid)
    new.power_off()


def test_the_steps_of_the_old_guide_still_work(
    new_machine: NewMachine, network: networks.Network, old_uuid: str, copied: Path
) -> None:
    new = image(new_machine, network, version="18.0.1")
    instance.without_cloud_init(new)
    be_another_instance(new)
    new.write("/etc/teleport.d/conf", OLD_CONF)
    new.boot()
    observe.wait_until_ready(new, UNIT)
    shutil.copy(copied, new.path("/root/teleport.tar.gz"))

    runbook.run(new, BLOCKS["copy-in"])

    observe.wait_until_ready(new, UNIT)
    assert uuid(new) == old_uuid and users(new) == ["/web/users/alice/params"]
    assert yaml.safe_load(new.read("/etc/teleport.yaml"))["teleport"]["advertise_ip"] == "10.0.0.12"
    new.reboot()
    observe.wait_until_ready(new, UNIT)
    assert uuid(new) == old_uuid
    new.power_off()
