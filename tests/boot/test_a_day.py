"""A new operator's day, by the documents alone: every block of every page that an instance can run, in their order.

The user-data of the guide boots a machine with AWS on its network, and the pages are typed on it as they stand, from
the first `status` to a restore on a new host. What a page shows is compared with what is printed. docs/upgrading.md has
tests of its own (tests/boot/test_upgrade.py); the end of the day takes some of its blocks.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests import documents, inline_commands
from tests.boot import applied, instance, network, observe, runbook
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.simulated.restoring import NEW
from tests.stand_in import install_tctl

GUIDE = "docs/guide.md"
UPGRADING = "docs/upgrading.md"
BUCKET = "acme-backups"
RESTORE = "teleport-restore.service"
CONF = "/etc/teleport.d/conf"

# What a block of the guide has to say, by what it types; a block without an error is not enough for these.
SAYS = {
    "teleport-bootstrap status\n": "healthy",
    "first-admin": "https://teleport.acmeinc.com/web/invite/",
    "reconfigure --dry-run": "teleport.acmeinc.com:8443",
    "history": "generation",
    "render --explain": "10-log.yaml",
    "backup list": "/var/backups/teleport",
    "status --format json": "healthy",
    "collect-logs": "What this bundle holds",
}

_sockets = itertools.count(1)


@pytest.fixture(scope="module")
def aws() -> Iterator[network.Network]:
    with network.new() as made:
        made.ask("s3", "create_bucket", Bucket=BUCKET)
        yield made


def image(new_machine: NewMachine, aws: network.Network, **switches: Any) -> Machine:
    """A machine of an image, on a network with AWS in it."""
    machine = new_machine("bookworm", *aws.options(next(_sockets)))
    instance.install_agent(machine)
    instance.install_stand_in(machine, where=applied.BAD, **switches)
    install_tctl(machine.path("/usr/local/bin"), python="/usr/bin/python3")
    # Where AWS is; on an instance, AWS's own names say that.
    where = f"AWS_ENDPOINT_URL_S3={aws.aws_url}"
    machine.write("/etc/systemd/system.conf.d/aws.conf", f"[Manager]\nDefaultEnvironment={where}\n")
    machine.write("/etc/sudoers.d/aws", 'Defaults env_keep += "AWS_ENDPOINT_URL_S3"\n', mode=0o440)
    machine.write("/etc/hosts", f"127.0.0.1 localhost {machine.name} ip-10-0-0-12 ip-10-0-9-99\n")
    return machine


def uuid(machine: Machine) -> str:
    return machine.read("/var/lib/teleport/host_uuid")


class Day:
    """A machine, and which blocks have been typed on it so far."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.typed: dict[str, str] = {}

    def page(self, page: str) -> str:
        """Type all unnamed blocks of a page; return what they say."""
        return "".join(self.block(block) for block in documents.blocks(page, "run", ""))

    def shown(self, page: str, name: str) -> None:
        """Type the commands of a block that shows what they print, and compare it."""
        block = documents.block(page, "shown", name)
        runbook.compare(self.machine, block)
        self.typed[block.place] = ""

    def block(self, block: documents.Block, **how: Any) -> str:
        began = time.monotonic()
        self.typed[block.place] = runbook.run(self.machine, block, **how)
        print(f"{time.monotonic() - began:5.1f} s  {block.place}")
        return self.typed[block.place]


@pytest.mark.timeout(900)  # eight changes wait for ten seconds of health, each on a machine that other tests use too
def test_issue_15_row_12_a_new_operators_day_by_the_documents_alone(
    new_machine: NewMachine, aws: network.Network
) -> None:
    machine = image(new_machine, aws)
    instance.be_instance(machine, user_data=documents.block(GUIDE, "user-data", "instance").text)
    machine.boot()
    observe.wait_until_ready(machine, applied.ACM)
    day = Day(machine)

    day.shown("README.md", "status")
    _set_up_and_change(day)
    _look(day)
    _edit(day)
    archive = _back_up(day)
    _unpack(day, archive)
    _seal(day)
    observe.assert_clean_boot(machine)
    _move(day, new_machine, aws)

    assert _not_typed(day) == []


def _not_typed(day: Day) -> list[str]:
    """The blocks that are this test's, and that it has not taken."""
    ours = [
        block
        for page in documents.pages()
        for block in documents.every_block(page)
        if block.word != "elsewhere" and documents.test_of(block) == "boot/test_a_day.py"
    ]
    return [block.place for block in ours if block.place not in day.typed]


def _set_up_and_change(day: Day) -> None:
    """The guide, from the first look to the support bundle."""
    machine = day.machine
    day.page(GUIDE)
    for typed, expected in SAYS.items():
        places = {block.place for block in documents.blocks(GUIDE, "run") if typed in block.text}
        assert places, f"no block types {typed}"
        outputs = [day.typed[place] for place in places]
        assert any(expected in output for output in outputs), f"{typed}: {outputs}"
    assert machine.is_enabled("teleport-backup.timer")
    assert "severity: DEBUG" in machine.read("/etc/teleport.yaml")
    assert oct(machine.path("/root/case-1234.tar.gz").stat().st_mode)[-3:] == "600"


def _look(day: Day) -> None:
    """The pages for looking: where each value comes from, and what the journal has."""
    assert "10-log.yaml" in day.page("docs/overrides.md")
    assert "teleport-backup.timer" in day.page("docs/troubleshooting.md")
    day.page("docs/errors.md")
    for command, status in inline_commands.LOOKS.items():
        runbook.typed(day.machine, f"sudo {command}", "the prose", status=status)


def _edit(day: Day) -> None:
    """With the question on a terminal: a good edit, an invalid one, and one that Teleport does not survive."""
    machine = day.machine
    (block,) = documents.blocks("docs/reconfiguring.md", "run", "")
    applied.add(machine, applied.LABEL.format("good"))
    assert "good" in day.block(block, answer="yes\n")
    assert "mood: good" in machine.read("/etc/teleport.yaml")

    before = applied.state(machine)
    good = machine.read(CONF)
    machine.write(CONF, good.replace('HOSTNAME="teleport', 'HOSTNAME="elsewhere'), mode=0o600)
    assert f"{CONF}:3:1: " in runbook.typed(machine, "sudo teleport-bootstrap validate", block.place, status=2)
    assert f"{CONF}:3:1: " in runbook.run(machine, block, answer="yes\n", status=2)
    machine.write(CONF, good.replace('HOSTNAME="', 'HOSTNAME="exit-now.'), mode=0o600)
    said = runbook.run(machine, block, answer="yes\n", status=13, seconds=200)
    assert "restored" in said, said
    assert applied.state(machine) == before
    applied.assert_well(machine, applied.ACM)
    assert "conf" in runbook.typed(machine, "sudo teleport-bootstrap status", block.place, status=15)
    machine.write(CONF, good, mode=0o600)
    runbook.run(machine, block, answer="yes\n", seconds=200)
    runbook.typed(machine, "sudo teleport-bootstrap status", block.place)
    said = day.block(documents.block("docs/reconfiguring.md", "run", "history"))
    assert "reconfigure by " in said and "rolled back, exit status 13" in said and '"TELEPORT_BOOTSTRAP_WHO"' in said


def _back_up(day: Day) -> str:
    """To the disk, and each day to S3; return the archive on the disk."""
    machine = day.machine
    day.page("docs/backup.md")
    *_, newest = sorted(machine.path("/var/backups/teleport").glob("*.tar.zst"))
    assert newest.with_name(f"{newest.name}.verified").exists()

    page = "docs/backup-stores.md"
    day.page(page)
    day.shown(page, "list")
    name = documents.block(page, "shown", "name")
    documents.assert_shown(name.text, newest.name, name.place)
    day.typed[name.place] = newest.name
    machine.write("/etc/default/teleport-bootstrap", "")
    return f"/var/backups/teleport/{newest.name}"


def _unpack(day: Day, archive: str) -> None:
    """With tar alone, and the check of the format's page."""
    machine = day.machine
    machine.run("mkdir", "/srv/look")
    block = documents.block("docs/backup.md", "run", "tar")
    said = day.block(block, text=block.text.replace("ARCHIVE", archive))
    assert "teleport-backup/header.json" in said and '"cluster"' in said
    assert machine.read("/srv/look/etc/teleport.yaml") == machine.read("/etc/teleport.yaml")
    machine.run("cp", archive, "/root/teleport.tar.zst")
    assert "differs" not in day.page("docs/backup-format.md")
    machine.run("sh", "-c", "echo x >>/root/out/etc/teleport.yaml")
    check = documents.blocks("docs/backup-format.md", "run")[-1]
    assert "differs: 'etc/teleport.yaml'" in runbook.run(machine, check)


def _seal(day: Day) -> None:
    """This host is an instance, and `seal` says so."""
    said = day.block(documents.block("docs/image-building.md", "run", "seal"), status=18)
    assert "host_uuid" in said and CONF in said


def _move(day: Day, new_machine: NewMachine, aws: network.Network) -> None:
    """A backup, the end of the old host, and a new one of a newer image that restores it at its first boot."""
    old = day.machine
    steps = {block.name: block for block in documents.blocks(UPGRADING, "run")}
    runbook.run(old, steps["backup"])
    runbook.run(old, steps["stop"], text=steps["stop"].text.replace("teleport.service", applied.ACM))
    host, conf = uuid(old), old.read(CONF)
    old.power_off()

    new = image(new_machine, aws, version="18.0.1")
    instance.be_instance(new, user_data=steps["user-data"].text)
    new.write("/opt/imds.json", json.dumps({**NEW, "user-data": steps["user-data"].text}))
    new.boot()
    new.wait_for(lambda: new.path("/var/lib/teleport-bootstrap/restored.json").exists(), 60, "the restore")
    observe.wait_until_ready(new, applied.ACM)
    new.wait_for(lambda: new.state(RESTORE) in ("inactive", "failed"), 30, "the end of the restore")
    assert "healthy" in runbook.run(new, steps["check"]).lower()
    document = yaml.safe_load(new.read("/etc/teleport.yaml"))
    assert document["teleport"]["advertise_ip"] == "10.0.9.99"
    assert document["ssh_service"]["labels"]["mood"] == "good"
    assert document["teleport"]["log"]["severity"] == "DEBUG"
    assert (uuid(new), new.read(CONF)) == (host, conf)
    observe.assert_clean_boot(new)
    new.power_off()
