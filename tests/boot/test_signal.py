"""A stack and an auto scaling group are told whether Teleport is healthy, and no boot waits for that."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from teleport_bootstrap import paths
from tests.boot import instance, observe
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine

UNIT, TIMER = "teleport-signal.service", "teleport-signal.timer"
STACK = "TELEPORT_SIGNAL=cloudformation:teleport/Group\n"
_PORT = 4567
_SERVER = f"""\
[Unit]
DefaultDependencies=no
After=systemd-remount-fs.service imds.service
Before=sysinit.target

[Service]
Type=exec
ExecStart=/usr/bin/python3 /opt/signal_server.py /opt/signals {_PORT}

[Install]
WantedBy=sysinit.target
"""


_COUNTING = """\
#!/bin/sh
grep -q teleport-signal /proc/self/cgroup && echo "$1" >> /var/lib/versions
exec /usr/local/bin/teleport.py "$@"
"""


def _machine(new_machine: NewMachine, conf: str, **switches: Any) -> Machine:
    machine = new_machine()
    instance.without_cloud_init(machine)
    instance.install_agent(machine)
    instance.install_stand_in(machine, **switches)
    instance.be_instance(machine)
    machine.write("/etc/teleport.d/conf", conf)
    shutil.copy(Path(__file__).with_name("signal_server.py"), machine.path("/opt/signal_server.py"))
    machine.write("/opt/signals", "")
    machine.write("/etc/systemd/system/signals.service", _SERVER)
    machine.chroot("systemctl", "enable", "signals.service")
    endpoint = f"[Service]\nEnvironment=AWS_ENDPOINT_URL=http://127.0.0.1:{_PORT}\n"
    machine.write(f"/etc/systemd/system/{UNIT}.d/endpoint.conf", endpoint)
    return machine


def _signals(machine: Machine) -> list[dict[str, str]]:
    lines = machine.read("/opt/signals").splitlines()
    return [{name: values[0] for name, values in parse_qs(line).items()} for line in lines]


def _await_signal(machine: Machine, number: int = 1) -> dict[str, str]:
    machine.wait_for(lambda: len(_signals(machine)) >= number, 60, "the signal")
    assert len(_signals(machine)) == number
    return _signals(machine)[-1]


def _assert_boot_did_not_wait(machine: Machine) -> None:
    """`boot` returns when systemd has no jobs left; then the signal was not sent yet."""
    assert _signals(machine) == [] and machine.jobs() == []
    assert machine.state(UNIT) in ("active", "inactive")


def test_a_healthy_teleport_is_signaled_once_after_the_boot(new_machine: NewMachine) -> None:
    machine = _machine(new_machine, instance.PLAIN_CONF + STACK)
    machine.boot()
    _assert_boot_did_not_wait(machine)
    sent = _await_signal(machine)
    assert (sent["Action"], sent["StackName"], sent["LogicalResourceId"]) == ("SignalResource", "teleport", "Group")
    assert (sent["UniqueId"], sent["Status"]) == ("i-0123456789abcdef0", "SUCCESS")
    machine.wait_for(lambda: machine.state(UNIT) == "inactive", 30, "the end of the service")
    observe.assert_clean_boot(machine)
    assert "signaled success to cloudformation:teleport/Group: teleport.service is healthy" in machine.journal(
        "-u", UNIT
    )
    assert not machine.is_enabled(TIMER)

    machine.reboot()
    machine.wait_for(
        lambda: "Deactivated successfully" in machine.journal("-b", "-u", UNIT), 30, "the end of the service"
    )
    assert len(_signals(machine)) == 1


def test_a_teleport_that_is_never_healthy_ends_in_failure_with_its_reason(new_machine: NewMachine) -> None:
    conf = f"{instance.PLAIN_CONF}TELEPORT_SIGNAL=cloudformation:teleport/Group\nTELEPORT_SIGNAL_SECONDS=4\n"
    machine = _machine(new_machine, conf, start="unready")
    machine.boot()
    _assert_boot_did_not_wait(machine)
    assert _await_signal(machine)["Status"] == "FAILURE"
    machine.wait_for(lambda: machine.state(UNIT) == "failed", 30, "the end of the service")
    reason = "signaled failure to cloudformation:teleport/Group: not healthy within 4 s: teleport.service: Teleport is"
    assert reason in machine.console() and reason in machine.journal("-u", UNIT)
    status = machine.try_run("teleport-bootstrap", "status").stdout
    assert "signal failed" in " ".join(status.split())


def test_a_token_that_never_arrives_ends_in_failure_and_is_named(new_machine: NewMachine) -> None:
    """SSM is out of reach. Meanwhile Teleport is asked once for its version, and once more for the endpoint of AWS."""
    node = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
    machine = _machine(new_machine, f"{node}{STACK}TELEPORT_SIGNAL_SECONDS=5\n")
    machine.chroot("mv", "/usr/local/bin/teleport", "/usr/local/bin/teleport.py")
    machine.write("/usr/local/bin/teleport", _COUNTING, mode=0o755)
    machine.boot()
    assert _await_signal(machine)["Status"] == "FAILURE"
    machine.wait_for(lambda: machine.state(UNIT) == "failed", 30, "the end of the service")
    assert "not healthy within 5 s: teleport-node.service waits for /var/lib/teleport/token" in machine.console()
    assert machine.read("/var/lib/versions") == "version\n" * 2


def test_a_configuration_that_is_tried_again_in_vain_ends_in_failure_with_its_reason(new_machine: NewMachine) -> None:
    machine = _machine(new_machine, f"{instance.PLAIN_CONF}{STACK}TELEPORT_SIGNAL_SECONDS=4\n", version="1.2.3")
    machine.boot()
    assert _await_signal(machine)["Status"] == "FAILURE"
    machine.wait_for(lambda: machine.state(UNIT) == "failed", 30, "the end of the service")
    reason = "not healthy within 4 s: teleport-generate-config.service has failed: .*1[.]2[.]3"
    assert re.search(reason, machine.console())


def test_an_invalid_conf_ends_in_failure_at_once(new_machine: NewMachine) -> None:
    machine = _machine(new_machine, f"{instance.PLAIN_CONF}TELEPORT_EXTERNAL_PORT=high\n{STACK}")
    machine.boot()
    assert _await_signal(machine)["Status"] == "FAILURE"
    machine.wait_for(lambda: "TELEPORT_EXTERNAL_PORT is not a port" in machine.journal("-u", UNIT), 30, "the reason")
    assert "teleport-generate-config.service has failed: /etc/teleport.d/conf: 1 problem" in machine.journal("-u", UNIT)


def test_an_instance_of_a_group_is_signaled_again_when_it_leaves_the_warm_pool(new_machine: NewMachine) -> None:
    """The pool keeps it running, so that no boot tells it; here the timer looks each second."""
    machine = _machine(new_machine, f"{instance.PLAIN_CONF}TELEPORT_SIGNAL=lifecycle:launch\n")
    _be_in_group(machine, "Warmed:Running")
    machine.boot()
    assert machine.is_enabled(TIMER)
    sent = _await_signal(machine)
    assert (sent["Action"], sent["AutoScalingGroupName"]) == ("CompleteLifecycleAction", "proxies")
    assert (sent["LifecycleHookName"], sent["LifecycleActionResult"]) == ("launch", "CONTINUE")
    machine.run("python3", "-c", _CHANGE, json.dumps(_on_its_way_to("InService")))
    assert _await_signal(machine, 2)["LifecycleActionResult"] == "CONTINUE"


def test_a_session_may_end_before_the_group_terminates_the_instance(new_machine: NewMachine) -> None:
    session = "/opt/session"
    machine = _machine(new_machine, f"{instance.PLAIN_CONF}TELEPORT_DRAIN_HOOK=end\n", session=session)
    machine.write(session, "#!/bin/sh\nuntil [ -e /opt/end ]; do sleep 0.1; done\ntouch /opt/ended\n", mode=0o755)
    _be_in_group(machine, "InService")
    machine.boot()
    observe.wait_until_ready(machine, "teleport.service")
    machine.run("systemctl", "kill", "--kill-who=main", "--signal=USR1", "teleport.service")
    # As a refused `reconfigure` leaves it; what runs does not follow it.
    machine.write("/etc/teleport.d/conf", f"{machine.read('/etc/teleport.d/conf')}TELEPORT_EXTERNAL_PORT=high\n")
    machine.run("python3", "-c", _CHANGE, json.dumps(_on_its_way_to("Terminated")))
    machine.wait_for(lambda: machine.state("teleport.service") == "deactivating", 30, "the graceful stop")
    asked = [each["Action"] for each in _signals(machine)]
    assert asked == [
        *("RecordLifecycleActionHeartbeat", "DescribeAutoScalingGroups"),
        *("DeregisterTargets", "DescribeTargetHealth"),
    ]
    machine.write("/opt/end", "")
    machine.wait_for(lambda: _signals(machine)[-1]["Action"] == "CompleteLifecycleAction", 60, "the end")
    assert machine.path("/opt/ended").exists()
    sent = _signals(machine)[-1]
    assert (sent["LifecycleHookName"], sent["LifecycleActionResult"]) == ("end", "CONTINUE")
    assert machine.state("teleport.service") == "inactive", "it is not started again"
    assert "drained this instance for lifecycle:end: teleport.service stopped within" in machine.journal("-u", UNIT)


def test_an_instance_that_returns_to_a_running_pool_is_drained_and_serves_again(new_machine: NewMachine) -> None:
    machine = _machine(new_machine, f"{instance.PLAIN_CONF}TELEPORT_DRAIN_HOOK=end\n")
    _be_in_group(machine, "InService")
    machine.boot()
    observe.wait_until_ready(machine, "teleport.service")
    before = machine.run("systemctl", "show", "--value", "--property=MainPID", "teleport.service")
    machine.wait_for(lambda: machine.path(paths.SEEN_IN_GROUP).exists(), 30, "a look at the group")
    machine.run("python3", "-c", _CHANGE, json.dumps(_on_its_way_to("Warmed:Running")))
    machine.wait_for(
        lambda: bool(_signals(machine)) and _signals(machine)[-1]["Action"] == "CompleteLifecycleAction", 60, "the end"
    )
    observe.wait_until_ready(machine, "teleport.service")
    after = machine.run("systemctl", "show", "--value", "--property=MainPID", "teleport.service")
    assert after != before
    assert "SIGQUIT" not in machine.run("systemctl", "cat", "teleport.service")


def _be_in_group(machine: Machine, state: str) -> None:
    """Let the machine find itself in a group, and look each second what that wants."""
    machine.write(
        f"/etc/systemd/system/{TIMER}.d/often.conf",
        "[Timer]\nOnActiveSec=\nOnActiveSec=1\nOnUnitInactiveSec=1\nAccuracySec=100ms\n",
    )
    tags = {"aws:autoscaling:groupName": "proxies"}
    machine.write("/opt/imds.json", json.dumps({"tags": tags, **_on_its_way_to(state)}))


def _on_its_way_to(state: str) -> dict[str, Any]:
    return {"meta-data": {"autoscaling": {"target-lifecycle-state": state}}}


# Inside, where the metadata service is.
_CHANGE = """
import sys, urllib.request
urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:8081/data", sys.argv[1].encode(), method="POST"))
"""
