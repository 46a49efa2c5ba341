"""An all-in-one with Let's Encrypt: its first certificate, a renewal, and a reboot; certbot is a stand-in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import certificates
from tests.boot import instance, observe, trees
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.stand_in import install_certbot

DOMAIN = "teleport.acmeinc.com"
CONF = (
    instance.PLAIN_CONF
    + "USE_LETSENCRYPT=true\nTELEPORT_S3_BUCKET=bucket-1\nTELEPORT_DOMAIN_ADMIN_EMAIL=ops@acmeinc.com\n"
)
UNIT = "teleport.service"
GET, RENEW, CHECK = (f"teleport-{word}-cert.service" for word in ("get", "renew", "check"))
NOTE = "/var/lib/teleport-bootstrap/certificate-not-taken-up"
STAND_IN = "/var/lib/certbot-stand-in"

_PORT = 4567
_S3_UNIT = instance.LOCAL_SERVER_UNIT.format(command="/opt/s3_server.py /opt/s3", port=_PORT)
_SERVED = """
import ssl, sys
print(ssl.get_server_certificate(("127.0.0.1", 443)))
"""


@pytest.fixture(scope="module")
def issued() -> list[certificates.Issued]:
    authority = certificates.Authority()
    return [authority.issue(DOMAIN, begins=60 * number - certificates.DAY) for number in range(3)]


@pytest.fixture(scope="module")
def machine(new_shared_machine: NewMachine, issued: list[certificates.Issued]) -> Iterator[Machine]:
    """On the oldest of the releases: Python 3.9, its libraries, and systemd 247."""
    made = new_shared_machine(trees.RELEASES[0])
    instance.without_cloud_init(made)
    instance.install_agent(made)
    instance.install_stand_in(made)
    made.write("/etc/teleport.d/conf", CONF, mode=0o600)
    instance.be_instance(made)
    shutil.copy(Path(__file__).with_name("s3_server.py"), made.path("/opt/s3_server.py"))
    made.write("/opt/s3/bucket-1/records/recording.tar", "planted recording")
    made.write("/etc/systemd/system/s3.service", _S3_UNIT)
    made.chroot("systemctl", "enable", "s3.service")
    for unit in (GET, RENEW, CHECK):
        made.write(
            f"/etc/systemd/system/{unit}.d/s3.conf",
            f"[Service]\nEnvironment=AWS_ENDPOINT_URL_S3=http://127.0.0.1:{_PORT}\n",
        )
    for number, each in enumerate(issued):
        for kind, text in each.files().items():
            made.write(f"{STAND_IN}/issue-{number}/{kind}.pem", text)
    switch(made)
    # Not itself there: what it writes down would be out of reach from inside its sandbox.
    made.write("/usr/local/bin/certbot", f'#!/bin/sh\nexec {STAND_IN}/certbot "$@"\n', mode=0o755)
    made.write("/etc/ssl/certs/ca-certificates.crt", "".join(certificates.TRUSTED))
    made.boot()
    yield made


def switch(machine: Machine, **switches: object) -> None:
    folders = [f"{STAND_IN}/issue-{number}" for number in range(3)]
    install_certbot(machine.path(STAND_IN), python="/usr/bin/python3", issue=folders, **switches)


def run(machine: Machine, unit: str) -> None:
    """Let a service run once, as its timer does, and wait for its end, which has to be a good one."""
    machine.run("systemctl", "start", unit)
    machine.wait_for(lambda: machine.state(unit) in ("inactive", "failed"), 60, f"the end of {unit}")
    assert machine.state(unit) == "inactive", machine.journal("-u", unit)


def served(machine: Machine) -> str:
    return machine.run("python3", "-c", _SERVED).strip()


def in_charge(machine: Machine) -> int:
    """The Teleport that its pid file names."""
    return int(machine.run("cat", "/run/teleport/teleport.pid"))


# In the order in which they stand: one machine lives through all of them.


def test_teleport_starts_with_its_first_certificate_and_was_never_started_without(
    machine: Machine, issued: list[certificates.Issued]
) -> None:
    """Fault 24: it used to be started again and again until the files were there."""
    observe.assert_generated(machine)
    observe.wait_until_ready(machine, UNIT, seconds=60)
    assert served(machine) == issued[0].cert.strip()
    assert len(observe.starts(machine)) == 1
    assert machine.show(UNIT, "NRestarts") == {"NRestarts": "0"}
    found = machine.run("stat", "-c", "%a %U", "/var/lib/teleport/privkey.pem", "/var/lib/teleport/fullchain.pem")
    assert found.split() == ["600", "root"] * 2
    for unit in (GET, CHECK):
        machine.wait_for(lambda unit=unit: machine.state(unit) == "inactive", 60, f"the end of {unit}")
    observe.assert_clean_boot(machine)
    assert machine.read(f"/opt/s3/bucket-1/live/{DOMAIN}/fullchain.pem") == issued[0].fullchain


def test_teleport_is_reloaded_for_a_renewal_and_for_nothing_else(
    machine: Machine, issued: list[certificates.Issued]
) -> None:
    before = in_charge(machine)
    switch(machine, due=True)
    run(machine, RENEW)
    assert served(machine) == issued[1].cert.strip()
    after = in_charge(machine)
    assert after != before, "a successor has taken over"
    assert len(observe.starts(machine)) == 2 and machine.show(UNIT, "NRestarts") == {"NRestarts": "0"}
    assert not machine.path(NOTE).exists()
    switch(machine)
    for unit in (RENEW, CHECK, GET):
        run(machine, unit)
    assert in_charge(machine) == after, "fault 16: reloaded every hour"


def test_repeats_an_interrupted_reload(machine: Machine) -> None:
    before = in_charge(machine)
    machine.write(NOTE, "not served yet\n", mode=0o600)
    run(machine, CHECK)
    assert in_charge(machine) == before, "it was started after the certificate was written"
    assert not machine.path(NOTE).exists()

    machine.write(NOTE, "not served yet\n", mode=0o600)
    machine.run("touch", "/var/lib/teleport/fullchain.pem")
    run(machine, CHECK)
    assert in_charge(machine) != before
    assert not machine.path(NOTE).exists()


def test_after_a_reboot_the_timers_live_and_teleport_needs_no_bucket(
    machine: Machine, issued: list[certificates.Issued]
) -> None:
    """Fault 14: certificates stopped being renewed at the first reboot."""
    machine.run("systemctl", "disable", "s3.service")
    machine.reboot()
    observe.wait_until_ready(machine, UNIT)
    assert served(machine) == issued[1].cert.strip()
    for unit in (GET, RENEW, CHECK):
        timer = unit.replace(".service", ".timer")
        assert machine.is_enabled(timer) and machine.state(timer) == "active"
        assert machine.show(timer, "NextElapseUSecRealtime")["NextElapseUSecRealtime"] not in ("", "n/a")
    jobs = json.loads(machine.try_run("teleport-bootstrap", "status", "--format", "json").stdout)["jobs"]
    assert {job["name"]: job["outcome"] for job in jobs} == {
        "certificate-obtain": "succeeded",
        "certificate-renew": "succeeded",
        "certificate-install": "succeeded",
    }
