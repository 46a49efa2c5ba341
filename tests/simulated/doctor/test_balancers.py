"""What `doctor` says of target groups and load balancers: each mistake turns exactly its own check.

The remedy is carried out as an operator pastes it, with a stand-in for AWS's command line; then all passes as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulated.doctor import network_account as account
from tests.simulated.doctor import surroundings
from tests.simulated.doctor.names import needs_names
from tests.simulated.doctor.network_account import Site
from tests.simulated.doctor.remedies import carry_out, commands
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator
from tests.simulated_ec2.aws import SILENT, THROTTLED, Answer, denied

pytestmark = needs_names

GROUP = ("--only", "balancers")
HEALTHY = dict.fromkeys(
    (
        *("target-registration", "target-port", "target-protocol", "target-health-check", "target-health"),
        *("target-proxy-protocol", "target-stickiness", "balancer-idle-timeout"),
    ),
    "pass",
)


@pytest.fixture
def site(tmp_path: Path, imds: emulator.Server, aws: Aws) -> Iterator[Site]:
    with account.site(tmp_path, imds, aws) as made:
        yield made


Mistake = Callable[[Site], None]


def _group(port: int, **changes: Any) -> Mistake:
    return lambda site: site.elb.modify_target_group(TargetGroupArn=site.groups[port], **changes)


def _attribute(port: int, key: str, value: str) -> Mistake:
    attribute = {"Key": key, "Value": value}
    return lambda site: site.elb.modify_target_group_attributes(
        TargetGroupArn=site.groups[port], Attributes=[attribute]
    )


def _other_port(site: Site) -> None:
    arn = site.groups[3024]
    site.elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": site.instance}])
    site.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": site.instance, "Port": 3034}])


def _crossed(site: Site) -> None:
    arn = site.groups[3024]
    site.elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": site.instance}])
    site.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": site.instance, "Port": 3023}])


def _not_registered(site: Site) -> None:
    site.elb.deregister_targets(TargetGroupArn=site.groups[3025], Targets=[{"Id": site.instance}])


def _replaced(port: int, listener: int, protocol: str) -> Mistake:
    """Put a group with another protocol in the place of that of `port`."""

    def replace(site: Site) -> None:
        old = site.elb.describe_target_groups(TargetGroupArns=[site.groups[port]])["TargetGroups"][0]
        checks = {"HealthCheckProtocol": old["HealthCheckProtocol"]}
        if old.get("HealthCheckPath"):
            checks |= {"HealthCheckPath": old["HealthCheckPath"]}
        made = site.elb.create_target_group(
            **{"Name": f"other-{port}", "Protocol": protocol, "Port": port, "VpcId": old["VpcId"], **checks},
            **({"Matcher": old["Matcher"]} if "Matcher" in old else {}),
        )["TargetGroups"][0]["TargetGroupArn"]
        site.elb.register_targets(TargetGroupArn=made, Targets=[{"Id": site.instance}])
        site.elb.deregister_targets(TargetGroupArn=site.groups[port], Targets=[{"Id": site.instance}])
        actions = [{"Type": "forward", "TargetGroupArn": made}]
        site.elb.modify_listener(ListenerArn=site.listeners[listener], DefaultActions=actions)

    return replace


def _sticky(site: Site) -> None:
    image = site.aws.client("ec2").describe_images()["Images"][0]["ImageId"]
    other = site.aws.client("ec2").run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    site.elb.register_targets(TargetGroupArn=site.groups[3024], Targets=[{"Id": other}])
    for key, value in (("stickiness.type", "source_ip"), ("stickiness.enabled", "true")):
        _attribute(3024, key, value)(site)


def _impatient(site: Site) -> None:
    attribute = {"Key": "idle_timeout.timeout_seconds", "Value": "60"}
    arn = site.balancers["alb"]["LoadBalancerArn"]
    site.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[attribute])


# Name, mistake, the check, how it ends, and what the message says.
MISTAKES: tuple[tuple[str, Mistake, str, str, str], ...] = (
    ("not-registered", _not_registered, "target-registration", "fail", "is not registered"),
    ("port-without-listener", _other_port, "target-port", "fail", "does not listen"),
    ("ports-crossed", _crossed, "target-port", "fail", "which Teleport expects on port 3024"),
    ("check-path", _group(3080, HealthCheckPath="/healthz"), "target-health-check", "fail", "checks /healthz"),
    ("check-port", _group(3080, HealthCheckPort="3000"), "target-health-check", "fail", "checks port 3000"),
    ("check-protocol", _group(3080, HealthCheckProtocol="HTTPS"), "target-health-check", "fail", "speaks HTTP"),
    ("check-matcher", _group(3080, Matcher={"HttpCode": "302"}), "target-health-check", "fail", "takes 302"),
    (
        "header-missing",
        _attribute(3025, "proxy_protocol_v2.enabled", "false"),
        "target-proxy-protocol",
        "fail",
        "proxy_protocol is on",
    ),
    ("stickiness", _sticky, "target-stickiness", "warn", "agents do not reach the others"),
    ("idle-timeout", _impatient, "balancer-idle-timeout", "warn", "idle for 60 s"),
    ("web-group-in-https", _replaced(3080, 443, "HTTPS"), "target-protocol", "fail", "speaks HTTP there"),
    ("auth-group-in-tls", _replaced(3025, 3025, "TLS"), "target-protocol", "fail", "gets TLS"),
)


@pytest.mark.parametrize(
    ("mistake", "check", "result", "said"), [each[1:] for each in MISTAKES], ids=[each[0] for each in MISTAKES]
)
def test_issue_18_a_mistake_turns_its_own_check_until_the_remedy_is_carried_out(
    site: Site, tmp_path: Path, mistake: Mistake, check: str, result: str, said: str
) -> None:
    mistake(site)
    after = site.checks(*GROUP)
    found = {name: each["found"] for name, each in after.items() if each["result"] in ("fail", "warn")}
    results = {name: each["result"] for name, each in after.items()}
    assert surroundings.turned(HEALTHY, results) == {check: result}, found
    assert said in after[check]["found"][0]["message"]
    for command in commands(surroundings.remedy_of(after[check])):
        if command.startswith(("aws elbv2", "arn=$(aws")):
            carry_out(tmp_path / "bin", site.aws, command)
    _forget(site, check)
    # The simulated AWS does not say of a new group which balancer forwards to it, so that one check may be skipped.
    left = site.results(*GROUP)
    assert surroundings.turned(HEALTHY, left) == {} and left[check] == "pass"


def _forget(site: Site, check: str) -> None:
    """Take this instance out of the group that a remedy has replaced, as an operator does in the end."""
    for group in site.elb.describe_target_groups()["TargetGroups"] if check == "target-protocol" else ():
        if group["TargetGroupName"] in ("other-3080", "other-3025"):
            site.elb.deregister_targets(TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": site.instance}])


def test_issue_18_a_network_listener_that_ends_tls(site: Site) -> None:
    """The simulated AWS has no such listener, so that its answer is made up; the groups of the NLB are asked first."""
    balancer, listener, group = site.balancers["nlb"]["LoadBalancerArn"], site.listeners[3025], site.groups[3025]
    site.aws.fail(Answer(text=_listener(balancer, listener, group), status=200), operation="DescribeListeners")
    found = site.checks("--only", "target-protocol")["target-protocol"]
    assert found["result"] == "fail"
    assert "port 3025 of the balancer ends TLS" in found["found"][0]["message"]
    command = f"aws elbv2 modify-listener --listener-arn {listener} --protocol TCP --region us-east-1"
    assert commands(surroundings.remedy_of(found)) == [command]


def _listener(balancer: str, listener: str, group: str) -> str:
    return (
        '<DescribeListenersResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">'
        f"<DescribeListenersResult><Listeners><member><LoadBalancerArn>{balancer}</LoadBalancerArn><Port>3025</Port>"
        f"<Protocol>TLS</Protocol><ListenerArn>{listener}</ListenerArn><DefaultActions><member><Type>forward</Type>"
        f"<TargetGroupArn>{group}</TargetGroupArn></member></DefaultActions></member></Listeners>"
        "</DescribeListenersResult><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata>"
        "</DescribeListenersResponse>"
    )


@pytest.mark.parametrize(
    ("state", "reason", "result", "said", "remedy"),
    [
        ("unhealthy", "Target.Timeout", "fail", "gets no answer in time", "authorize-security-group-ingress"),
        ("unhealthy", "Target.FailedHealthChecks", "fail", "no answer that it understands", "--port 3025"),
        ("unhealthy", "Target.ResponseCodeMismatch", "fail", "another status", "journalctl"),
        ("unused", "Target.NotInUse", "fail", "not used by a listener", "aws elbv2 set-subnets"),
        ("unused", "Target.InvalidState", "fail", "stopped or terminated", "describe-instance-status"),
        ("draining", "Target.DeregistrationInProgress", "warn", "being taken out", "register-targets"),
        ("initial", "Elb.InitialHealthChecking", "warn", "first checks", "wait a minute"),
    ],
)
def test_issue_18_why_this_instance_is_unhealthy(
    site: Site, state: str, reason: str, result: str, said: str, remedy: str
) -> None:
    """The groups are asked one after the other, in the order of their names; that of port 3025 is not healthy."""
    answers = [(port, "healthy", "") for port in (3023, 3024)]
    answers += [(3025, state, reason), *((port, "healthy", "") for port in (3026, 3080))]
    for answer in answers:
        text = _health(site.instance, *answer)
        site.aws.fail(Answer(text=text, status=200), operation="DescribeTargetHealth")
    found = site.checks("--only", "target-health")["target-health"]
    assert found["result"] == result, found
    assert said in found["found"][0]["message"] and remedy in found["found"][0]["remedy"], found


def _health(instance: str, port: int, state: str, reason: str) -> str:
    return (
        '<DescribeTargetHealthResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">'
        "<DescribeTargetHealthResult><TargetHealthDescriptions><member><HealthCheckPort>traffic-port</HealthCheckPort>"
        f"<TargetHealth><State>{state}</State><Reason>{reason}</Reason><Description>simulated</Description>"
        f"</TargetHealth><Target><Port>{port}</Port><Id>{instance}</Id></Target></member></TargetHealthDescriptions>"
        "</DescribeTargetHealthResult><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata>"
        "</DescribeTargetHealthResponse>"
    )


def test_issue_18_a_matcher_that_takes_the_host_out_while_a_connector_is_missing(site: Site, tmp_path: Path) -> None:
    """`/webapi/ping` answers 400 until the connector exists."""
    conf = site.agent.path("/etc/teleport.d/conf")
    conf.write_text(conf.read_text() + "TELEPORT_AUTH_TYPE=github\n")
    site.agent.teleport_yaml.unlink()
    assert site.agent.run("generate", "--wait", "20").status == 0
    assert site.results(*GROUP) == HEALTHY
    _group(3080, Matcher={"HttpCode": "200"})(site)
    after = site.checks(*GROUP)
    results = {name: each["result"] for name, each in after.items()}
    assert surroundings.turned(HEALTHY, results) == {"target-health-check": "warn"}
    assert "400 as long as the github connector does not exist" in after["target-health-check"]["found"][0]["message"]
    (command,) = commands(surroundings.remedy_of(after["target-health-check"]))
    carry_out(tmp_path / "bin", site.aws, command)
    assert site.results(*GROUP) == HEALTHY


def test_issue_18_a_header_that_teleport_refuses(site: Site, tmp_path: Path) -> None:
    site.agent.write("/etc/teleport.d/teleport.yaml.d/50.yaml", 'proxy_service:\n  proxy_protocol: "off"\n')
    site.agent.teleport_yaml.unlink()
    assert site.agent.run("generate", "--wait", "20").status == 0
    assert site.results(*GROUP) == HEALTHY
    _attribute(3023, "proxy_protocol_v2.enabled", "true")(site)
    after = site.checks(*GROUP)
    results = {name: each["result"] for name, each in after.items()}
    assert surroundings.turned(HEALTHY, results) == {"target-proxy-protocol": "fail"}
    (command, *_) = commands(surroundings.remedy_of(after["target-proxy-protocol"]))
    carry_out(tmp_path / "bin", site.aws, command)
    assert site.results(*GROUP) == HEALTHY


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (denied("elasticloadbalancing:DescribeTargetGroups"), "not allowed"),
        (THROTTLED, "it could not be asked"),
        (SILENT, ""),
    ],
    ids=["denied", "throttled", "silent"],
)
def test_issue_18_balancers_that_cannot_be_asked_are_skipped(site: Site, answer: Answer, said: str) -> None:
    site.aws.fail(answer, times=1000, operation="Describe(Target|Load|Listener)")
    after = site.checks(*GROUP)
    assert {each["result"] for each in after.values()} == {"skipped"}
    assert all(said in each["found"][0]["message"] for each in after.values()), after
