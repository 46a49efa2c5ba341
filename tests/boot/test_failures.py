"""An instance that cannot be configured says why on its console, and recovers automatically if the cause goes away."""

from __future__ import annotations

import re
import sys
import time

import pytest

from tests.boot import instance, observe, trees
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine


def _image(new_machine: NewMachine, conf: str) -> Machine:
    """A machine with a conf, and without cloud-init, which would fail at the same things first."""
    machine = new_machine()
    instance.without_cloud_init(machine)
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    machine.write("/etc/teleport.d/conf", conf)
    return machine


def _assert_nothing_was_written(machine: Machine) -> None:
    assert not machine.path("/etc/teleport.yaml").exists()
    assert observe.markers(machine) == []
    assert observe.starts(machine) == []


def test_a_command_in_the_conf_is_refused_on_the_console_and_not_run(new_machine: NewMachine) -> None:
    """Fault 13 of the shell scripts. Not in /tmp, where the unit has a directory of its own that would hide it."""
    conf = instance.PLAIN_CONF + 'TELEPORT_EXTERNAL_HOSTNAME="$(touch /etc/ran /var/lib/ran)"\n'
    machine = _image(new_machine, conf)
    instance.be_instance(machine)

    machine.boot()
    machine.wait_for(lambda: machine.state(instance.GENERATE) == "failed", 30, "the refusal")

    assert re.search(r"/etc/teleport\.d/conf:3:\d+", machine.console())
    assert not machine.path("/etc/ran").exists()
    assert not machine.path("/var/lib/ran").exists()
    _assert_nothing_was_written(machine)
    facts = machine.show(instance.GENERATE, "ExecMainStatus", "NRestarts", "SubState")
    assert facts == {"ExecMainStatus": "2", "NRestarts": "0", "SubState": "failed"}, "only a person can mend this"


def test_a_missing_conf_is_reported_on_the_console(new_machine: NewMachine) -> None:
    machine = _image(new_machine, "")
    machine.path("/etc/teleport.d/conf").unlink()
    instance.be_instance(machine)

    machine.boot()
    machine.wait_for(lambda: machine.state(instance.GENERATE) == "failed", 30, "the refusal")

    assert "there is no /etc/teleport.d/conf" in machine.console()
    _assert_nothing_was_written(machine)


def test_waits_for_metadata_that_is_20_seconds_late(new_machine: NewMachine) -> None:
    machine = _image(new_machine, instance.PLAIN_CONF)
    instance.be_instance(machine, late_by=20)

    started = time.monotonic()
    machine.boot()
    observe.wait_until_ready(machine, "teleport.service", seconds=60)

    assert time.monotonic() - started > 20, "the emulator was not late: the test is void"
    observe.assert_generated(machine)
    assert machine.show(instance.GENERATE, "NRestarts")["NRestarts"] == "0", "one attempt has the patience for this"


def test_an_instance_recovers_when_its_parameters_arrive_late(new_machine: NewMachine) -> None:
    """While SSM is down, a line is on the console and nothing is written; afterwards the instance recovers."""
    machine = _image(new_machine, instance.PLAIN_CONF + "EC2_REGION=us-east-1\nTELEPORT_LICENSE_PATH=yes\n")
    instance.install_stand_in(machine, edition="enterprise")
    instance.be_instance(machine)
    # Its patience, and the half minute between two attempts, shortened: that attempts follow is what is shown here.
    machine.write(
        f"/etc/systemd/system/{instance.GENERATE}.d/test.conf",
        "[Service]\n"
        "Environment=AWS_ENDPOINT_URL_SSM=http://127.0.0.1:4566\n"
        "ExecStart=\nExecStart=/usr/bin/teleport-bootstrap generate --wait 4\n"
        "RestartSec=1\n",
    )

    machine.boot()
    machine.wait_for(lambda: _restarts(machine) >= 2, 60, "a third attempt")
    assert re.search(r"teleport-bootstrap: .*(SSM|ssm|parameter)", machine.console())
    _assert_nothing_was_written(machine)

    server = machine.start_inside(sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", "4566")
    try:
        parameter = "/teleport/teleport.acmeinc.com/license"
        machine.wait_for(lambda: _put_parameter(machine, parameter, "the license"), 30, "moto's server")
        observe.wait_until_ready(machine, "teleport.service", seconds=60)
    finally:
        server.kill()
        server.wait()

    observe.assert_generated(machine)
    assert machine.read("/var/lib/teleport/license.pem").strip() == "the license"
    assert "the license" not in machine.console() + machine.journal()


@pytest.mark.parametrize("release", trees.SAMPLED)
def test_a_generator_that_keeps_failing_does_not_delay_the_boot(new_machine: NewMachine, release: str) -> None:
    """Neither a Teleport that is configured already, nor the person who restarts the generator."""
    machine = new_machine(release)
    instance.without_cloud_init(machine)
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    machine.write("/etc/teleport.yaml", "version: v3\nproxy_service: {enabled: 'no'}\n", mode=0o600)
    machine.write("/etc/teleport.d/role.all", "all\n")
    machine.chroot("systemctl", "enable", "teleport.service")
    failing = "[Service]\nExecStart=\nExecStart=/bin/sh -c 'sleep 1; exit 4'\n"
    machine.write(f"/etc/systemd/system/{instance.GENERATE}.d/test.conf", failing)

    machine.boot()
    observe.wait_until_ready(machine, "teleport.service", seconds=15)
    waiting = {"ActiveState": "activating", "SubState": "auto-restart"}
    assert machine.show(instance.GENERATE, "ActiveState", "SubState") == waiting

    asked = time.monotonic()
    done = machine.try_run("systemctl", "restart", instance.GENERATE)
    assert done.returncode != 0
    assert time.monotonic() - asked < 10
    machine.run("systemctl", "restart", "teleport.service", seconds=10)
    assert machine.show(instance.GENERATE, "ActiveState", "SubState") == waiting, "it retries nevertheless"


def _restarts(machine: Machine) -> int:
    return int(machine.show(instance.GENERATE, "NRestarts")["NRestarts"])


def _put_parameter(machine: Machine, name: str, value: str) -> bool:
    """Put a SecureString, with the machine's own botocore, through the door that the agent will use."""
    program = (
        "import sys, botocore.session\n"
        "client = botocore.session.get_session().create_client('ssm', region_name='us-east-1', "
        "endpoint_url='http://127.0.0.1:4566', aws_access_key_id='a', aws_secret_access_key='b')\n"
        "client.put_parameter(Name=sys.argv[1], Value=sys.argv[2], Type='SecureString', Overwrite=True)\n"
    )
    return machine.try_run("python3", "-c", program, name, value).returncode == 0


def _wait_for_failure(machine: Machine) -> None:
    machine.wait_for(lambda: machine.state(instance.GENERATE) == "failed", 30, "the refusal")


def _commands_in(text: str) -> list[str]:
    """Return the commands that a message names, in its order."""
    return re.findall(r"`([^`]+)`", text)


@pytest.mark.parametrize("conf", [None, "TELEPORT_ROLE=oops\n"], ids=["missing", "invalid"])
def test_issue_15_row_11_the_command_that_a_failed_first_boot_names_goes_on_from_there(
    new_machine: NewMachine, conf: str | None
) -> None:
    machine = _image(new_machine, conf or "")
    if conf is None:
        machine.path("/etc/teleport.d/conf").unlink()
    instance.be_instance(machine)
    machine.boot()
    _wait_for_failure(machine)

    # The same on the console and in status, and validate ends with it.
    (said,) = (line for line in machine.console().splitlines() if "systemctl restart" in line)
    status = machine.try_run("teleport-bootstrap", "status")
    assert status.returncode == 9
    if conf is None:
        assert "there is no /etc/teleport.d/conf" in status.stdout.splitlines()[0]
    machine.write("/etc/teleport.d/conf", instance.PLAIN_CONF)
    checked = machine.run("teleport-bootstrap", "validate").splitlines()[-1]
    # Without a conf, `status` names a restore too, as the other way.
    named = [[each for each in _commands_in(text) if "restore" not in each] for text in (said, status.stdout, checked)]
    commands = {each[-1] for each in named}
    assert commands == {"systemctl restart teleport-generate-config"}

    machine.run(*commands.pop().split())
    observe.wait_until_ready(machine, "teleport.service")
    observe.assert_generated(machine)
    assert machine.try_run("teleport-bootstrap", "status").returncode == 0


@pytest.mark.parametrize("command", ["generate", "reconfigure --yes"])
def test_issue_15_row_11_after_a_failed_first_boot_other_commands_work_too(
    new_machine: NewMachine, command: str
) -> None:
    """What an operator might type instead; the failed service is not held against a host that works."""
    machine = _image(new_machine, "TELEPORT_ROLE=oops\n")
    instance.be_instance(machine)
    machine.boot()
    _wait_for_failure(machine)

    machine.write("/etc/teleport.d/conf", instance.PLAIN_CONF)
    machine.run("teleport-bootstrap", *command.split(), seconds=120)
    observe.wait_until_ready(machine, "teleport.service")
    assert machine.try_run("teleport-bootstrap", "status").returncode == 0
    assert machine.state(instance.GENERATE) == "inactive"
