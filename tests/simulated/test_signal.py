"""`signal` to a stack and to an auto scaling group: in time, early, late, twice, without health, without permission."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap import errors, paths
from teleport_bootstrap.host import probe
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import drain, leave_balancers, signal_launch
from tests.simulated.agent import Agent
from tests.simulated_ec2 import Aws, launches
from tests.simulated_ec2 import aws as answers
from tests.simulated_ec2 import imds as emulator
from tests.simulated_ec2.launches import INSTANCE, TAGS, Group, Stack, asked, described

NODE = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=c\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"


class Host:
    """An instance with a conf, whose Teleport is ready or not."""

    def __init__(self, agent: Agent, imds: emulator.Server) -> None:
        self.agent, self.imds = agent, imds
        self.ready = True

    def conf(self, signal: str, *, seconds: int = 1, more: str = "") -> None:
        self.agent.conf(f"{NODE}TELEPORT_SIGNAL={signal}\nTELEPORT_SIGNAL_SECONDS={seconds}\n{more}")

    def is_on_its_way_to(self, state: str) -> None:
        self.imds.service.update({"meta-data": {"autoscaling": {"target-lifecycle-state": state}}})

    def signal(self, *, wait: float = 10.0, again: bool = False) -> signal_launch.Outcome:
        environ = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": self.agent.imds, "AWS_ENDPOINT_URL": self.agent.aws}
        return signal_launch.run(gather.Doors(paths.Root(str(self.agent.root)), environ, wait), again=again)

    def job(self) -> Any:
        return json.loads(self.agent.path(f"{paths.JOBS}/signal.json").read_text())


@pytest.fixture
def host(tmp_path: Path, imds: emulator.Server, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    found = Host(Agent(tmp_path, imds=imds.url, aws=aws.url), imds)
    imds.service.update({"tags": TAGS})

    class Teleport(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if found.ready else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Teleport)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    monkeypatch.setattr(probe, "READY_URL", f"http://127.0.0.1:{server.server_address[1]}/readyz")
    yield found
    server.shutdown()
    server.server_close()


# ---------------------------------------------------------------- stacks


@pytest.mark.parametrize(
    "named",
    [
        "teleport/Group",
        "arn:aws:cloudformation:us-east-1:123456789012:stack/teleport/0f4ae510-c386-11e7-b43f-503f23fb5536/Group",
        "",
    ],
)
def test_a_stack_is_told_that_teleport_is_healthy(host: Host, aws: Aws, named: str) -> None:
    stack = Stack(aws)
    host.conf(f"cloudformation:{named}" if named else "cloudformation")
    outcome = host.signal()
    assert (outcome.result, outcome.notes) == ("success", ())
    assert stack.signals == [(INSTANCE, "SUCCESS")] and stack.state == "CREATE_COMPLETE"
    assert host.job()["outcome"] == "succeeded" and "signaled success to cloudformation" in host.job()["detail"]


def test_the_arn_of_a_stack_says_its_region(host: Host, aws: Aws) -> None:
    aws.instead["cloudformation:SignalResource"] = launches.taken
    host.conf(
        "cloudformation:arn:aws:cloudformation:eu-west-1:123456789012:stack/s/0f4ae510-c386-11e7-b43f-503f23fb5536/G"
    )
    host.signal()
    assert [each.region for each in aws.requests] == ["eu-west-1"]


def test_a_launch_is_signaled_once_and_again_on_request(host: Host, aws: Aws) -> None:
    stack = Stack(aws, wanted=2)
    host.conf("cloudformation:teleport/Group")
    assert host.signal().result == "success"
    second = host.signal()
    assert (second.result, second.notes) == ("nothing", ("this launch was signaled before",))
    assert asked(aws, "SignalResource") == 1
    # CloudFormation refuses a second signal of an instance, as it also does where the answer to the first was lost.
    assert host.signal(again=True).notes == ()
    assert stack.signals == [(INSTANCE, "SUCCESS")] and asked(aws, "SignalResource") == 2


def test_another_instance_from_the_same_disk_is_signaled(host: Host, aws: Aws) -> None:
    stack = Stack(aws, wanted=2)
    host.conf("cloudformation:teleport/Group")
    host.signal()
    host.imds.service.update({"meta-data": {"instance-id": "i-0fedcba9876543210"}})
    assert host.signal().result == "success"
    assert [instance for instance, _ in stack.signals] == [INSTANCE, "i-0fedcba9876543210"]


def test_a_restored_conf_that_names_another_stack_signals_no_more(host: Host, aws: Aws) -> None:
    Stack(aws)
    host.conf("cloudformation:teleport/Group")
    host.signal()
    host.conf("cloudformation:former/Group")
    assert host.signal().result == "nothing"


def test_a_signal_that_comes_too_late_is_a_note(host: Host, aws: Aws) -> None:
    stack = Stack(aws)
    stack.state = "UPDATE_COMPLETE"
    host.conf("cloudformation:teleport/Group")
    outcome = host.signal()
    assert outcome.notes == ("teleport did not wait for a signal: it is in state UPDATE_COMPLETE",)
    assert host.job()["outcome"] == "succeeded" and host.signal().result == "nothing"


def test_a_stack_learns_that_teleport_does_not_become_healthy(host: Host, aws: Aws) -> None:
    stack = Stack(aws)
    host.ready = False
    host.conf("cloudformation:teleport/Group", more="TELEPORT_NODENAME=n\n")
    with pytest.raises(errors.LaunchFailed) as caught:
        host.signal()
    assert stack.signals == [(INSTANCE, "FAILURE")]
    reason = "signaled failure to cloudformation:teleport/Group: not healthy within 1 s: Teleport is degraded"
    assert caught.value.message == reason
    assert host.job()["outcome"] == "failed" and reason in host.job()["detail"]
    assert host.signal().result == "nothing", "a failure is signaled once, too"


@pytest.mark.parametrize("broken", ["TELEPORT_NODENAME=-\n", "if true; then\n", 'X="\n'])
def test_a_stack_is_told_where_the_rest_of_the_conf_is_invalid(host: Host, aws: Aws, broken: str) -> None:
    stack = Stack(aws)
    host.ready = False
    host.conf("cloudformation:teleport/Group", more=broken)
    with pytest.raises(errors.LaunchFailed):
        host.signal()
    assert stack.signals == [(INSTANCE, "FAILURE")]


def test_what_is_wrong_with_the_setting_itself_is_said_with_its_line(host: Host, aws: Aws) -> None:
    host.conf("cloudformation:teleport")
    with pytest.raises(errors.ConfInvalid) as caught:
        host.signal()
    assert "conf:4" in caught.value.message and "no resource" in caught.value.message
    assert not aws.requests


@pytest.mark.parametrize(
    ("named", "said"), [("other/Group", "Stack [other] does not exist"), ("teleport/Other", "Resource Other does not")]
)
def test_a_wrong_name_is_an_error_that_names_the_line(host: Host, aws: Aws, named: str, said: str) -> None:
    Stack(aws)
    host.conf(f"cloudformation:{named}")
    with pytest.raises(errors.AwsFailed) as caught:
        host.signal()
    assert said in caught.value.message
    assert "TELEPORT_SIGNAL at " in caught.value.hint and "conf:4 says" in caught.value.hint
    host.conf("cloudformation:teleport/Group")
    assert host.signal().result == "success", "what was not sent is sent after a correction"


def test_a_missing_permission_names_action_and_stack_and_is_tried_again(host: Host, aws: Aws) -> None:
    stack = Stack(aws)
    host.conf("cloudformation:teleport/Group")
    aws.fail(answers.Answer("AccessDenied", "User: x is not authorized to perform", status=403))
    with pytest.raises(errors.AwsDenied) as caught:
        host.signal()
    assert (
        "cloudformation:SignalResource on arn:aws:cloudformation:us-east-1:*:stack/teleport/*" in caught.value.message
    )
    assert host.job()["outcome"] == "failed" and not stack.signals
    assert host.signal().result == "success"


def test_throttling_and_lost_answers_are_retried(host: Host, aws: Aws) -> None:
    stack = Stack(aws)
    host.conf("cloudformation:teleport/Group")
    aws.fail(answers.Answer("Throttling", "Rate exceeded"), answers.RESETTING, operation="SignalResource")
    assert host.signal(wait=20).result == "success"
    assert len(stack.signals) == 1 and asked(aws, "SignalResource") == 3


# ---------------------------------------------------------------- groups


@pytest.mark.parametrize("named", ["lifecycle:launch", "lifecycle"])
def test_a_group_is_told_to_continue(host: Host, aws: Aws, named: str) -> None:
    group = Group(aws)
    host.conf(named)
    host.is_on_its_way_to("InService")
    outcome = host.signal()
    assert (outcome.result, outcome.state, outcome.notes) == ("success", "InService", ())
    assert group.results == [("launch", "CONTINUE")]
    assert asked(aws, "DescribeTags") == 0
    assert asked(aws, "DescribeLifecycleHooks") == (named == "lifecycle")


def test_a_group_is_told_to_abandon_an_instance_whose_teleport_is_unhealthy(host: Host, aws: Aws) -> None:
    group = Group(aws)
    host.ready = False
    host.conf("lifecycle:launch")
    with pytest.raises(errors.LaunchFailed, match="not healthy within 1 s"):
        host.signal()
    assert group.results == [("launch", "ABANDON")]


def test_an_instance_that_does_not_wait_yet_tries_again(host: Host, aws: Aws) -> None:
    group = Group(aws)
    group.early = 2
    host.conf("lifecycle:launch")
    assert host.signal(wait=20).notes == ()
    assert group.results == [("launch", "CONTINUE")] and asked(aws, "CompleteLifecycleAction") == 3


def test_an_action_that_is_completed_already_or_whose_hook_was_deleted_is_a_note(host: Host, aws: Aws) -> None:
    group = Group(aws, hooks={})
    group.waits = None
    host.conf("lifecycle:launch")
    outcome = host.signal(wait=1)
    assert outcome.result == "success" and not group.results
    assert "proxies does not hold this instance for its hook launch" in outcome.notes[0]
    assert host.signal().result == "nothing"


@pytest.mark.parametrize("hooks", [{}, {"a": "LAUNCHING", "b": "LAUNCHING"}])
def test_a_hook_is_named_where_the_group_has_not_just_one(host: Host, aws: Aws, hooks: dict[str, str]) -> None:
    Group(aws, hooks=hooks)
    host.conf("lifecycle")
    with pytest.raises(errors.SignalImpossible) as caught:
        host.signal()
    assert (", ".join(hooks) or "none") in caught.value.message
    assert "TELEPORT_SIGNAL=lifecycle:HOOK" in caught.value.hint


def test_an_instance_from_a_warm_pool_is_signaled_for_each_of_its_launches(host: Host, aws: Aws) -> None:
    group = Group(aws)
    host.conf("lifecycle:launch")
    host.is_on_its_way_to("Warmed:Hibernated")
    assert host.signal().state == "Warmed:Hibernated"
    assert host.signal().result == "nothing"
    # Started again when the group needs it.
    group.waits = "launch"
    host.is_on_its_way_to("InService")
    assert host.signal().state == "InService"
    assert group.results == [("launch", "CONTINUE")] * 2
    # A reboot, and the way out of the group.
    assert host.signal().result == "nothing"
    host.is_on_its_way_to("Terminated")
    assert host.signal().notes == ("this instance is not on its way into its group or the warm pool",)


@pytest.mark.parametrize("aside", ["Standby", "Detached"])
def test_an_instance_that_comes_back_into_service_is_signaled_again(host: Host, aws: Aws, aside: str) -> None:
    group = Group(aws)
    host.conf("lifecycle:launch")
    for state in ("InService", aside, "InService"):
        group.waits = "launch"
        host.is_on_its_way_to(state)
        assert host.signal().result == ("nothing" if state == aside else "success")
    assert group.results == [("launch", "CONTINUE")] * 2


def test_an_instance_that_was_returned_to_the_pool_is_signaled_when_it_is_started_again(host: Host, aws: Aws) -> None:
    """On its way back, it waits for a terminating hook alone, and may be stopped before anything sees that state."""
    group = Group(aws)
    host.conf("lifecycle:launch")
    host.is_on_its_way_to("InService")
    for boot in ("a", "b"):
        group.waits = "launch"
        boot_id = host.agent.path("/proc/sys/kernel/random/boot_id")
        boot_id.parent.mkdir(parents=True, exist_ok=True)
        boot_id.write_text(f"{boot}\n")
        assert host.signal().result == "success"
        assert host.signal().result == "nothing"
    assert group.results == [("launch", "CONTINUE")] * 2


# ---------------------------------------------------------------- terminations

TARGETS = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/proxies/73e2d6bc24d8a067"


def drained(host: Host, wait: float = 10.0) -> signal_launch.Outcome | None:
    environ = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": host.agent.imds, "AWS_ENDPOINT_URL": host.agent.aws}
    return drain.run(gather.Doors(paths.Root(str(host.agent.root)), environ, wait))


def test_an_instance_that_is_terminated_leaves_its_target_groups_once_and_then_lets_the_group_go_on(
    host: Host, aws: Aws
) -> None:
    group = Group(aws)
    group.waits, group.target_groups, group.early = "end", (TARGETS,), 2
    host.conf("lifecycle:launch", more="TELEPORT_DRAIN_HOOK=end\n")
    assert drained(host) is None, "no state"
    host.is_on_its_way_to("InService")
    assert drained(host) is None and not aws.requests
    host.is_on_its_way_to("Terminated")
    outcome = drained(host)
    assert outcome is not None
    assert (outcome.result, outcome.target, outcome.state) == ("drained", "lifecycle:end", "Terminated")
    assert group.deregistered == [(TARGETS, INSTANCE)] and group.results == [("end", "CONTINUE")]
    assert host.job()["outcome"] == "succeeded"
    again = drained(host)
    assert again is not None and again.result == "nothing"
    assert len(group.results) == len(group.deregistered) == 1


def test_a_heartbeat_gives_the_sessions_their_whole_time(host: Host, aws: Aws) -> None:
    group = Group(aws)
    group.waits = "end"
    host.conf("lifecycle:launch", more="TELEPORT_DRAIN_HOOK=end\n")
    host.is_on_its_way_to("Terminated")
    drained(host)
    assert group.heartbeats == 1


def test_a_missing_permission_for_target_groups_keeps_nothing_from_ending(host: Host, aws: Aws) -> None:
    group = Group(aws)
    group.waits = "end"
    aws.instead["autoscaling:DescribeAutoScalingGroups"] = lambda _: answers.Answer("AccessDenied", "no", status=403)
    host.conf("lifecycle:launch", more="TELEPORT_DRAIN_HOOK=end\n")
    host.is_on_its_way_to("Terminated")
    outcome = drained(host)
    assert outcome is not None and "autoscaling:DescribeAutoScalingGroups" in outcome.notes[0]
    assert group.results == [("end", "CONTINUE")]


def test_balancers_let_the_instance_go_before_teleport_stops(
    host: Host, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leave_balancers, "POLL_SECONDS", 0.01)
    group = Group(aws)
    group.waits, group.target_groups, group.draining = "end", (TARGETS,), 3
    host.conf("lifecycle:launch", more="TELEPORT_DRAIN_HOOK=end\n")
    host.is_on_its_way_to("Terminated")
    group.traffic_sources = (f"{TARGETS}1", "a-classic-one")
    outcome = drained(host)
    assert outcome is not None and outcome.notes == () and len(group.deregistered) == 2
    assert asked(aws, "DescribeTargetHealth") == 5, "three draining, two not: as long as each is registered"
    assert [each.operation for each in aws.requests][-2:] == ["DescribeTargetHealth", "CompleteLifecycleAction"]


def test_connections_that_do_not_end_are_not_waited_for_longer_than_half_of_the_time(
    host: Host, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leave_balancers, "POLL_SECONDS", 0.2)
    group = Group(aws)
    group.waits, group.target_groups, group.draining = "end", (TARGETS,), 1000
    host.conf("lifecycle:launch", more="TELEPORT_DRAIN_HOOK=end\nTELEPORT_DRAIN_SECONDS=2\n")
    host.is_on_its_way_to("Terminated")
    assert drained(host) is not None
    assert 1 < asked(aws, "DescribeTargetHealth") < 10 and group.results == [("end", "CONTINUE")]


def test_a_target_group_that_refuses_keeps_the_instance_in_no_other(host: Host, aws: Aws) -> None:
    group = Group(aws)
    group.waits, group.target_groups = "end", (TARGETS, f"{TARGETS}1", f"{TARGETS}2")
    group.refusing = (TARGETS, f"{TARGETS}1")
    host.conf("lifecycle:launch", more="TELEPORT_DRAIN_HOOK=end\n")
    host.is_on_its_way_to("Terminated")
    outcome = drained(host)
    assert outcome is not None and len(outcome.notes) == 2
    assert f"elasticloadbalancing:DeregisterTargets on {TARGETS}1" in outcome.notes[1]
    assert group.deregistered == [(f"{TARGETS}2", INSTANCE)] and group.results == [("end", "CONTINUE")]


def test_targets_that_cannot_be_looked_at_are_not_waited_for(host: Host, aws: Aws) -> None:
    group = Group(aws)
    group.waits, group.target_groups = "end", (TARGETS,)
    aws.instead["elasticloadbalancing:DescribeTargetHealth"] = lambda _: answers.Answer("AccessDenied", status=403)
    host.conf("lifecycle:launch", more="TELEPORT_DRAIN_HOOK=end\n")
    host.is_on_its_way_to("Terminated")
    outcome = drained(host)
    assert outcome is not None and "elasticloadbalancing:DescribeTargetHealth" in outcome.notes[0]
    assert group.results == [("end", "CONTINUE")]


@pytest.mark.parametrize("signal", ["lifecycle:launch", "cloudformation:teleport/Group"])
@pytest.mark.parametrize("pool", ["Warmed:Stopped", "Warmed:Running", "Warmed:Hibernated"])
def test_an_instance_is_drained_whenever_it_returns_to_the_warm_pool(
    host: Host, aws: Aws, pool: str, signal: str
) -> None:
    Stack(aws)
    group = Group(aws)
    group.target_groups = (TARGETS,)
    host.conf(signal, more="TELEPORT_DRAIN_HOOK=end\n")
    host.is_on_its_way_to(pool)
    assert drained(host) is None, "from its launch"
    assert host.signal().result == "success"
    for times in (1, 2):
        host.is_on_its_way_to("InService")
        group.waits = "launch"
        assert drained(host) is None
        assert host.signal().result == ("success" if signal.startswith("lifecycle") else "nothing")
        host.is_on_its_way_to(pool)
        group.waits = "end"
        outcome = drained(host)
        assert outcome is not None and (outcome.result, outcome.state) == ("drained", pool)
        assert group.results.count(("end", "CONTINUE")) == len(group.deregistered) == times
        assert drained(host) is None and host.signal().result == "nothing"
    host.is_on_its_way_to("Warmed:Terminated")
    group.waits = "end"
    assert drained(host) is not None


def test_a_group_that_holds_the_instance_late_is_told_at_a_later_look(host: Host, aws: Aws) -> None:
    """It lets the balancers end their connections before it waits for its hook, which may take minutes."""
    group = Group(aws)
    group.waits = None
    host.conf("lifecycle:launch", more="TELEPORT_DRAIN_HOOK=end\n")
    host.is_on_its_way_to("Terminated")
    outcome = drained(host, wait=1)
    assert outcome is not None and "tried again each minute" in outcome.notes[0]
    group.waits = "end"
    outcome = drained(host)
    assert outcome is not None and outcome.notes == () and group.results == [("end", "CONTINUE")]
    outcome = drained(host)
    assert outcome is not None and outcome.result == "nothing"


# The programs of systemd, which are told what to do and do some of it.
SYSTEMCTL = """\
#!/bin/sh
echo "$*" >> {log}
case "$*" in
*start*) [ -e {works} ] || exit 1; rm -f {recordings}/*.tar;;
esac
"""
DROP_IN = "/run/systemd/system/teleport-node.service.d/60-teleport-bootstrap-drain.conf"
RECORDINGS = "/var/lib/teleport/log/upload/streaming/default"


@pytest.fixture
def systemctl(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What systemctl was told, beside the file without which a start fails."""
    log, programs = tmp_path / "systemctl.log", tmp_path / "programs"
    programs.mkdir()
    (programs / "systemctl").write_text(
        SYSTEMCTL.format(log=log, works=tmp_path / "works", recordings=host.agent.path(RECORDINGS))
    )
    (programs / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    # As a run leaves it that was killed: of a process that has ended meanwhile.
    host.agent.write(DROP_IN, "# Processes that were asked to end: 4194304\n[Service]\nRestart=no\n")
    return log


def test_recordings_are_uploaded_also_where_a_run_was_killed_before_that(host: Host, aws: Aws, systemctl: Path) -> None:
    Group(aws).waits = "end"
    (systemctl.parent / "works").touch()
    host.agent.write(f"{RECORDINGS}/1.tar", "")
    host.conf("lifecycle:launch", more="TELEPORT_DRAIN_HOOK=end\n")
    host.is_on_its_way_to("Terminated")
    outcome = drained(host)
    assert outcome is not None
    assert outcome.reason == (
        "teleport-node.service had stopped before; session recordings that it has uploaded after that: 1"
    )
    assert systemctl.read_text().splitlines() == [
        "--no-ask-password start teleport-node.service",
        "--no-ask-password stop teleport-node.service",
    ]


def test_what_is_put_in_service_again_has_its_teleport_started_until_that_succeeds(
    host: Host, aws: Aws, systemctl: Path
) -> None:
    Group(aws)
    host.conf("lifecycle:launch", more="TELEPORT_DRAIN_HOOK=end\n")
    host.is_on_its_way_to("InService")
    with pytest.raises(errors.UnitTrouble):
        drained(host)
    assert "Restart" not in host.agent.path(DROP_IN).read_text(), "it starts as an ordinary unit"
    (systemctl.parent / "works").touch()
    assert drained(host) is None and not host.agent.path(DROP_IN).exists()
    asked_of_it = ["daemon-reload", "start --no-block teleport-node.service"]
    assert systemctl.read_text().replace("--no-ask-password ", "").splitlines() == [
        *asked_of_it,
        *asked_of_it,
        "daemon-reload",
    ]
    assert drained(host) is None and len(systemctl.read_text().splitlines()) == 5


def test_a_start_in_the_pool_is_tried_again_without_another_drain(host: Host, aws: Aws, systemctl: Path) -> None:
    group = Group(aws)
    host.conf("lifecycle:launch", more="TELEPORT_DRAIN_HOOK=end\n")
    host.is_on_its_way_to("InService")
    host.agent.path(DROP_IN).rename(systemctl.parent / "begun")
    assert drained(host) is None
    (systemctl.parent / "begun").rename(host.agent.path(DROP_IN))
    host.is_on_its_way_to("Warmed:Running")
    group.waits = "end"
    with pytest.raises(errors.UnitTrouble):
        drained(host)
    (systemctl.parent / "works").touch()
    assert drained(host, wait=1) is None and not host.agent.path(DROP_IN).exists()
    assert group.results == [("end", "CONTINUE")]


def test_a_hook_that_the_group_does_not_have_keeps_no_instance_in_the_pool_from_serving(
    host: Host, aws: Aws, systemctl: Path
) -> None:
    Group(aws).waits = None
    (systemctl.parent / "works").touch()
    host.conf("lifecycle:launch", more="TELEPORT_DRAIN_HOOK=end\n")
    host.agent.path(DROP_IN).rename(systemctl.parent / "begun")
    host.is_on_its_way_to("InService")
    assert drained(host) is None
    (systemctl.parent / "begun").rename(host.agent.path(DROP_IN))
    host.is_on_its_way_to("Warmed:Running")
    outcome = drained(host, wait=1)
    assert outcome is not None and "tried again each minute" in outcome.notes[0]
    begun = host.agent.path(DROP_IN).stat().st_mtime
    os.utime(host.agent.path(DROP_IN), (begun - 3700, begun - 3700))
    outcome = drained(host, wait=1)
    assert outcome is not None and outcome.notes[0].endswith(", and has gone on without that")
    assert not host.agent.path(DROP_IN).exists() and drained(host) is None


def test_another_instance_from_the_same_disk_did_not_return_to_the_pool(host: Host, aws: Aws) -> None:
    Group(aws)
    host.conf("lifecycle:launch", more="TELEPORT_DRAIN_HOOK=end\n")
    host.is_on_its_way_to("InService")
    assert drained(host) is None
    host.imds.service.update({"meta-data": {"instance-id": "i-0fedcba9876543210"}})
    host.is_on_its_way_to("Warmed:Stopped")
    assert drained(host) is None and not aws.requests


def test_a_group_that_does_not_wait_for_the_end_is_a_note(host: Host, aws: Aws) -> None:
    group = Group(aws)
    group.waits = None
    host.conf("lifecycle:launch", more="TELEPORT_DRAIN_HOOK=end\n")
    host.is_on_its_way_to("Terminated")
    outcome = drained(host, wait=1)
    assert outcome is not None and "does not hold this instance for its hook end" in outcome.notes[0]


# ---------------------------------------------------------------- doctor


def checked(host: Host) -> tuple[str, dict[str, Any]]:
    done = host.agent.run("doctor", "--only", "lifecycle-hooks", "--format", "json")
    (check,) = done.data["checks"]
    return check["result"], next(iter(done.data["findings"]), {})


def test_doctor_looks_whether_the_group_has_the_hooks(host: Host, aws: Aws) -> None:
    group = Group(aws)
    host.agent.conf(NODE)
    assert checked(host)[0] == "pass" and not aws.requests
    host.conf("lifecycle:launch", seconds=600, more="TELEPORT_DRAIN_HOOK=end\n")
    assert checked(host)[0] == "pass"
    group.timeout = 600
    result, found = checked(host)
    assert (result, found["code"]) == ("warn", "hook-timeout") and "waits for 600 s" in found["message"]
    group.timeout = 1800
    host.conf("lifecycle:launch", seconds=60, more="TELEPORT_DRAIN_HOOK=end\nTELEPORT_DRAIN_SECONDS=3600\n")
    assert checked(host)[0] == "pass"
    group.timeout = 61
    result, found = checked(host)
    assert (result, found["code"]) == ("warn", "hook-timeout") and "looks for it each minute" in found["message"]
    assert found["remedy"].startswith("run `aws autoscaling put-lifecycle-hook")
    group.hooks = {"launch": "TERMINATING", "end": "TERMINATING"}
    result, found = checked(host)
    assert (result, found["code"]) == ("fail", "hook-missing") and "TELEPORT_SIGNAL names" in found["message"]
    host.conf("lifecycle:end", more="TELEPORT_DRAIN_HOOK=end\n")
    result, found = checked(host)
    assert result == "fail" and "end, which TELEPORT_SIGNAL names for autoscaling:EC2" in found["message"]
    host.conf("lifecycle:launch", more="TELEPORT_DRAIN_HOOK=end\n")
    group.hooks = {"launch": "LAUNCHING"}
    result, found = checked(host)
    assert result == "fail" and "proxies has no hook end, which TELEPORT_DRAIN_HOOK names" in found["message"]
    assert "put-lifecycle-hook --auto-scaling-group-name proxies --lifecycle-hook-name end" in found["remedy"]
    assert found["remedy"].endswith(" --region us-east-1`")


# ---------------------------------------------------------------- tags


def test_tags_come_from_ec2_where_the_metadata_has_none(host: Host, aws: Aws) -> None:
    group = Group(aws)
    host.imds.service.update({"tags": None})
    aws.instead["ec2:DescribeTags"] = lambda _: described(TAGS)
    host.conf("lifecycle:launch")
    assert host.signal().result == "success" and group.results


def test_says_how_to_allow_tags_where_they_cannot_be_read(host: Host, aws: Aws) -> None:
    host.imds.service.update({"tags": None})
    aws.instead["ec2:DescribeTags"] = lambda _: answers.Answer("UnauthorizedOperation", "no", status=403)
    host.conf("lifecycle:launch")
    with pytest.raises(errors.SignalImpossible) as caught:
        host.signal()
    assert "the tags aws:autoscaling:groupName of this instance cannot be read" in caught.value.message
    assert "--instance-metadata-tags enabled" in caught.value.hint and "ec2:DescribeTags" in caught.value.hint


def test_says_which_tag_an_instance_outside_a_group_lacks(host: Host, aws: Aws) -> None:
    host.imds.service.update({"tags": None})
    host.imds.service.update({"tags": {"Name": "x"}})
    host.conf("lifecycle:launch")
    with pytest.raises(errors.SignalImpossible, match="no tag aws:autoscaling:groupName") as caught:
        host.signal()
    assert "conf:4 says whom to signal" in caught.value.hint
    assert asked(aws, "DescribeTags") == 0


# ---------------------------------------------------------------- the command


def test_the_command_says_that_no_one_waits(host: Host) -> None:
    host.agent.conf(NODE)
    done = host.agent.run("signal", "--format", "json")
    assert done.status == 0 and done.data["result"] == "nothing"
    assert "TELEPORT_SIGNAL is not set" in done.notes[0]


@pytest.mark.parametrize(
    "broken", ["TELEPORT_DRAIN_HOOK='a b'\n", "TELEPORT_DRAIN_HOOK=end\nTELEPORT_DRAIN_SECONDS=ten\n"]
)
def test_the_command_signals_where_what_is_said_of_the_end_is_invalid(host: Host, aws: Aws, broken: str) -> None:
    stack = Stack(aws)
    host.conf("cloudformation:teleport/Group", more=broken)
    assert host.agent.run("signal").status == errors.LaunchFailed.exit_status
    assert stack.signals == [(INSTANCE, "FAILURE")]
    done = host.agent.run("signal")
    assert done.status == errors.ConfInvalid.exit_status and "TELEPORT_DRAIN" in done.errors


def test_a_disk_that_takes_no_record_keeps_no_launch_from_being_signaled(host: Host, aws: Aws) -> None:
    stack = Stack(aws)
    host.conf("cloudformation:teleport/Group", more="TELEPORT_DRAIN_HOOK=end\n")
    host.is_on_its_way_to("InService")
    host.agent.path(paths.SEEN_IN_GROUP).mkdir(parents=True)
    assert host.agent.run("signal").status == errors.LaunchFailed.exit_status
    assert stack.signals == [(INSTANCE, "FAILURE")]


def test_the_command_fails_after_a_signal_of_failure_and_says_it_again_in_the_status(host: Host, aws: Aws) -> None:
    stack = Stack(aws)
    host.conf("cloudformation:teleport/Group")
    done = host.agent.run("signal")
    assert done.status == errors.LaunchFailed.exit_status, done.said
    assert "not healthy within 1 s" in done.errors and stack.signals == [(INSTANCE, "FAILURE")]
    assert "signal --again" in done.errors
    assert any("signal failed" in each for each in host.agent.run("status", "--format", "json").warnings)
