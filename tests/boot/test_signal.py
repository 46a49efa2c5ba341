"""A stack and an auto scaling group are told whether Teleport is healthy, and no boot waits for that."""

from __future__ import annotations

import re
from typing import Any

from teleport_bootstrap import paths
from tests.boot import instance, observe, signal_reader
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine

STACK = "TELEPORT_SIGNAL=cloudformation:teleport/Group\n"
AUTH = (
    "TELEPORT_ROLE=auth\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
    "TELEPORT_DYNAMO_TABLE_NAME=state-1\nTELEPORT_DYNAMO_EVENTS_TABLE_NAME=events-1\nTELEPORT_S3_BUCKET=bucket-1\n"
    "TELEPORT_LOCKS_TABLE_NAME=locks-1\nUSE_LETSENCRYPT=false\n"
)
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
    signal_reader.install(machine)
    return machine


def _await_signal(machine: Machine, number: int = 1) -> dict[str, str]:
    machine.wait_for(lambda: len(signal_reader.signals(machine)) >= number, 60, "the signal")
    assert len(signal_reader.signals(machine)) == number
    return signal_reader.signals(machine)[-1]


def _assert_boot_did_not_wait(machine: Machine) -> None:
    """`boot` returns when systemd has no jobs left; then the signal was not sent yet."""
    assert signal_reader.signals(machine) == [] and machine.jobs() == []
    assert machine.state(signal_reader.UNIT) in ("active", "inactive")


def test_a_healthy_teleport_is_signaled_once_after_the_boot(new_machine: NewMachine) -> None:
    machine = _machine(new_machine, instance.PLAIN_CONF + STACK)
    machine.boot()
    _assert_boot_did_not_wait(machine)
    sent = _await_signal(machine)
    assert (sent["Action"], sent["StackName"], sent["LogicalResourceId"]) == ("SignalResource", "teleport", "Group")
    assert (sent["UniqueId"], sent["Status"]) == ("i-0123456789abcdef0", "SUCCESS")
    machine.wait_for(lambda: machine.state(signal_reader.UNIT) == "inactive", 30, "the end of the service")
    observe.assert_clean_boot(machine)
    assert "signaled success to cloudformation:teleport/Group: teleport.service is healthy" in machine.journal(
        "-u", signal_reader.UNIT
    )
    assert not machine.is_enabled(signal_reader.TIMER)

    machine.reboot()
    machine.wait_for(
        lambda: "Deactivated successfully" in machine.journal("-b", "-u", signal_reader.UNIT),
        30,
        "the end of the service",
    )
    assert len(signal_reader.signals(machine)) == 1


def test_a_teleport_that_is_never_healthy_ends_in_failure_with_its_reason(new_machine: NewMachine) -> None:
    conf = f"{instance.PLAIN_CONF}TELEPORT_SIGNAL=cloudformation:teleport/Group\nTELEPORT_SIGNAL_SECONDS=4\n"
    said = "ERRO [PROC:1] Node failed to establish connection to cluster: connection refused. service/connect.go:119"
    machine = _machine(new_machine, conf, start="unready", say=f"{said}\nINFO [PROC:1] it goes on")
    machine.boot()
    _assert_boot_did_not_wait(machine)
    assert _await_signal(machine)["Status"] == "FAILURE"
    machine.wait_for(lambda: machine.state(signal_reader.UNIT) == "failed", 30, "the end of the service")
    reason = "signaled failure to cloudformation:teleport/Group: not healthy within 4 s: teleport.service: Teleport is"
    assert reason in machine.console() and reason in machine.journal("-u", signal_reader.UNIT)
    assert f"; it said last: {said}\n" in machine.journal("-u", signal_reader.UNIT)
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
    machine.wait_for(lambda: machine.state(signal_reader.UNIT) == "failed", 30, "the end of the service")
    assert "not healthy within 5 s: teleport-node.service waits for /var/lib/teleport/token" in machine.console()
    assert machine.read("/var/lib/versions") == "version\n" * 2


def test_a_configuration_that_is_tried_again_in_vain_ends_in_failure_with_its_reason(new_machine: NewMachine) -> None:
    machine = _machine(new_machine, f"{instance.PLAIN_CONF}{STACK}TELEPORT_SIGNAL_SECONDS=4\n", version="1.2.3")
    machine.boot()
    assert _await_signal(machine)["Status"] == "FAILURE"
    machine.wait_for(lambda: machine.state(signal_reader.UNIT) == "failed", 30, "the end of the service")
    reason = "not healthy within 4 s: teleport-generate-config.service has failed: .*1[.]2[.]3"
    assert re.search(reason, machine.console())


def test_an_invalid_conf_ends_in_failure_at_once(new_machine: NewMachine) -> None:
    machine = _machine(new_machine, f"{instance.PLAIN_CONF}TELEPORT_EXTERNAL_PORT=high\n{STACK}")
    machine.boot()
    assert _await_signal(machine)["Status"] == "FAILURE"
    machine.wait_for(
        lambda: "TELEPORT_EXTERNAL_PORT is not a port" in machine.journal("-u", signal_reader.UNIT), 30, "the reason"
    )
    assert "teleport-generate-config.service has failed: /etc/teleport.d/conf: 1 problem" in machine.journal(
        "-u", signal_reader.UNIT
    )


def test_an_instance_of_a_group_is_signaled_again_when_it_leaves_the_warm_pool(new_machine: NewMachine) -> None:
    """The pool keeps it running, so that no boot tells it; here the timer looks each second."""
    machine = _machine(new_machine, f"{instance.PLAIN_CONF}TELEPORT_SIGNAL=lifecycle:launch\n")
    signal_reader.be_in_group(machine, "Warmed:Running")
    machine.boot()
    assert machine.is_enabled(signal_reader.TIMER)
    sent = _await_signal(machine)
    assert (sent["Action"], sent["AutoScalingGroupName"]) == ("CompleteLifecycleAction", "proxies")
    assert (sent["LifecycleHookName"], sent["LifecycleActionResult"]) == ("launch", "CONTINUE")
    signal_reader.change(machine, "InService")
    assert _await_signal(machine, 2)["LifecycleActionResult"] == "CONTINUE"


def test_a_session_may_end_before_the_group_terminates_the_instance(new_machine: NewMachine) -> None:
    """Also one that an earlier process still serves after a reload, beside the process in charge.

    An auth server runs as the account teleport, as proxies do.
    """
    unit, session, ended = "teleport-auth.service", "/opt/session", "/var/lib/teleport/ended"
    machine = _machine(new_machine, f"{AUTH}TELEPORT_DRAIN_HOOK=end\n", session=session)
    machine.write(session, f"#!/bin/sh\nuntil [ -e /opt/end ]; do sleep 0.1; done\ntouch {ended}\n", mode=0o755)
    signal_reader.be_in_group(machine, "InService")
    machine.boot()
    observe.wait_until_ready(machine, unit)
    machine.run("systemctl", "kill", "--kill-who=main", "--signal=USR1", unit)
    machine.run("systemctl", "reload", unit)
    machine.wait_for(lambda: _starts(machine, unit) == 2, 30, "a successor")
    observe.wait_until_ready(machine, unit)
    main_pid = machine.show(unit, "MainPID")["MainPID"]
    machine.wait_for(lambda: machine.run("cat", "/run/teleport/teleport.pid").strip() != main_pid, 30, "its pid file")
    # As a refused `reconfigure` leaves it; what runs does not follow it.
    machine.write("/etc/teleport.d/conf", f"{machine.read('/etc/teleport.d/conf')}TELEPORT_EXTERNAL_PORT=high\n")
    signal_reader.change(machine, "Terminated")
    machine.wait_for(
        lambda: observe.fetch(machine, "http://127.0.0.1:3000/readyz")[0] == 0, 30, "the stop of the process in charge"
    )
    asked = [each["Action"] for each in signal_reader.signals(machine)]
    assert asked == [
        *("RecordLifecycleActionHeartbeat", "DescribeAutoScalingGroups"),
        *("DeregisterTargets", "DescribeTargetHealth"),
    ]
    assert machine.state(unit) == "active" and not machine.path(ended).exists()
    # A run that is ended leaves what it has begun to the next one.
    machine.run("systemctl", "restart", signal_reader.UNIT)
    machine.wait_for(lambda: _looks(machine) == 2, 30, "the next run")
    assert machine.state(unit) == "active" and not machine.path(ended).exists()
    machine.write("/opt/end", "")
    machine.wait_for(
        lambda: signal_reader.signals(machine)[-1]["Action"] == "CompleteLifecycleAction", 60, "the completed action"
    )
    assert machine.path(ended).exists()
    sent = signal_reader.signals(machine)[-1]
    assert (sent["LifecycleHookName"], sent["LifecycleActionResult"]) == ("end", "CONTINUE")
    assert machine.state(unit) == "inactive"
    journal = machine.journal("-u", signal_reader.UNIT)
    assert f"drained this instance for lifecycle:end: {unit} stopped within" in journal
    # A third process has uploaded the recording, which those that were asked to end do not.
    assert "session recordings that it has uploaded after that: 1" in journal
    assert _starts(machine, unit) == 3


def test_an_instance_that_returns_to_a_running_pool_is_drained_and_serves_again(new_machine: NewMachine) -> None:
    machine = _machine(new_machine, f"{instance.PLAIN_CONF}TELEPORT_DRAIN_HOOK=end\n")
    signal_reader.be_in_group(machine, "InService")
    machine.boot()
    observe.wait_until_ready(machine, "teleport.service")
    before = machine.run("systemctl", "show", "--value", "--property=MainPID", "teleport.service")
    machine.wait_for(lambda: machine.path(paths.SEEN_IN_GROUP).exists(), 30, "a look at the group")
    signal_reader.change(machine, "Warmed:Running")
    machine.wait_for(
        lambda: (
            bool(signal_reader.signals(machine))
            and signal_reader.signals(machine)[-1]["Action"] == "CompleteLifecycleAction"
        ),
        60,
        "the end",
    )
    observe.wait_until_ready(machine, "teleport.service")
    after = machine.run("systemctl", "show", "--value", "--property=MainPID", "teleport.service")
    assert after != before
    assert "drain.conf" not in machine.run("systemctl", "cat", "teleport.service")


def test_a_session_that_goes_on_for_longer_is_ended(new_machine: NewMachine) -> None:
    conf = f"{instance.PLAIN_CONF}TELEPORT_DRAIN_HOOK=end\nTELEPORT_DRAIN_SECONDS=2\n"
    machine = _machine(new_machine, conf, session="/opt/session")
    machine.write("/opt/session", "#!/bin/sh\ntrap : QUIT TERM\nwhile :; do sleep 0.1; done\n", mode=0o755)
    signal_reader.be_in_group(machine, "InService")
    machine.boot()
    observe.wait_until_ready(machine, "teleport.service")
    machine.run("systemctl", "kill", "--kill-who=main", "--signal=USR1", "teleport.service")
    signal_reader.change(machine, "Terminated")
    machine.wait_for(
        lambda: "teleport.service was ended by force after" in machine.journal("-u", signal_reader.UNIT), 60, "the end"
    )
    assert signal_reader.signals(machine)[-1]["LifecycleActionResult"] == "CONTINUE"
    assert "/opt/session" not in machine.run("ps", "-eo", "args")
    assert len(observe.starts(machine)) == 1


def _looks(machine: Machine) -> int:
    """How often the balancer was asked whether it still has the instance."""
    return [each["Action"] for each in signal_reader.signals(machine)].count("DescribeTargetHealth")


def _starts(machine: Machine, unit: str) -> int:
    """How often Teleport has started."""
    return machine.journal("-u", unit).count('"event": "start"')
