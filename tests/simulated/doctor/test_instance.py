"""One mistake around an instance, or in the policies of its role, turns one check, and its remedy turns it back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.simulated.doctor import instance_account as account
from tests.simulated.doctor import surroundings
from tests.simulated.doctor.instance_account import Instance, rule
from tests.simulated_ec2 import Aws, launches
from tests.simulated_ec2 import imds as emulator
from tests.simulated_ec2.aws import SILENT, Answer, denied

WORLD = "0.0.0.0/0"


@pytest.fixture
def instance(tmp_path: Path, imds: emulator.Server, aws: Aws) -> Instance:
    return account.make(tmp_path, imds, aws)


class Mistake(NamedTuple):
    """What is wrong, the check that it turns, how it ends, and what the remedy holds.

    `mend` does what the remedy says where that is not a command of AWS's.
    """

    make: Callable[[Instance], object]
    check: str
    result: str
    remedy: str
    mend: Callable[[Instance], object] | None = None


def _options(instance: Instance, **options: Any) -> None:
    instance.aws.client("ec2").modify_instance_metadata_options(InstanceId=instance.number, **options)


def _without(instance: Instance, action: str) -> None:
    statements = instance.statements()
    for each in statements:
        actions = each["Action"] if isinstance(each["Action"], list) else [each["Action"]]
        each["Action"] = [one for one in actions if one != action]
    instance.set_policy([each for each in statements if each["Action"]])


def _deny(instance: Instance, action: str) -> None:
    instance.set_policy([*instance.statements(), {"Effect": "Deny", "Action": action, "Resource": "*"}])


def _allow_again(instance: Instance) -> None:
    instance.set_policy([each for each in instance.statements() if each["Effect"] == "Allow"])


def _other_clock(seconds: float) -> Callable[[Instance], None]:
    def make(instance: Instance) -> None:
        # Those of a later clock: this host is that much behind.
        instance.aws.fail(Answer(clock_seconds=seconds), times=20, operation="GetCallerIdentity")

    return make


def _right_clock(instance: Instance) -> None:
    instance.aws.clear_faults()


def _as_in_another_account(instance: Instance) -> None:
    instance.imds.update({"account": "999999999999"})


def _in_own_account(instance: Instance) -> None:
    instance.imds.update({"account": "123456789012"})


MISTAKES = {
    "version 1 answers": Mistake(
        lambda instance: _options(instance, HttpTokens="optional"),
        *("metadata-tokens", "warn", "modify-instance-metadata-options --region us-east-1 --instance-id i-"),
    ),
    "tags are not shown": Mistake(
        lambda instance: instance.imds.update({"tags": None}),
        *("metadata-tags", "warn", "--instance-metadata-tags enabled`"),
        lambda instance: instance.imds.update({"tags": {"env": "prod"}}),
    ),
    "the tag of a label is missing": Mistake(
        lambda instance: instance.imds.update({"tags": {"env": None, "name": "x"}}),
        *("metadata-tags", "warn", "aws ec2 create-tags"),
        lambda instance: instance.imds.update({"tags": {"env": "prod"}}),
    ),
    "no rule lets anyone in": Mistake(
        lambda instance: instance.allow(rule(3025, account.VPC), revoke=True),
        *("security-groups", "fail", "authorize-security-group-ingress"),
    ),
    "the auth server is open to the internet": Mistake(
        lambda instance: instance.allow(rule(3025, WORLD)),
        *("public-ports", "warn", "revoke-security-group-ingress"),
        lambda instance: instance.allow(rule(3025, WORLD), revoke=True),
    ),
    "sshd is open to the internet": Mistake(
        lambda instance: instance.allow(rule(20, WORLD, 30)),
        *("public-ports", "warn", '"FromPort":20,"ToPort":30'),
    ),
    "the clock is two minutes off": Mistake(_other_clock(130), "clock", "warn", "`chronyc makestep`", _right_clock),
    "the clock is ten minutes off": Mistake(_other_clock(600), "clock", "fail", "`chronyc makestep`", _right_clock),
    "credentials of another account": Mistake(_as_in_another_account, "identity", "fail", "kube2iam", _in_own_account),
    "credentials of another session": Mistake(
        lambda instance: instance.imds.update({"credentials": instance.aws.role_credentials([], "other-role")}),
        *("identity", "fail", "AWS_EC2_METADATA_SERVICE_ENDPOINT"),
        lambda instance: instance.imds.update({"credentials": account.session(instance.aws, instance.number)}),
    ),
    "an action is not allowed": Mistake(
        lambda instance: _without(instance, "dynamodb:GetRecords"),
        *("role-permissions", "fail", '"Action":"dynamodb:GetRecords"'),
    ),
    "a key may not be used": Mistake(
        lambda instance: _without(instance, "kms:Encrypt"),
        *("role-permissions", "warn", '"kms:EncryptionContext:PARAMETER_ARN"'),
    ),
    "a statement denies": Mistake(
        lambda instance: _deny(instance, "s3:PutObject"),
        *("role-permissions", "fail", "take s3:PutObject out of the statements with Deny"),
        _allow_again,
    ),
    "the organization denies": Mistake(
        lambda instance: instance.simulation.organization.append(
            {"Statement": [{"Effect": "Allow", "Action": ["s3:*", "ssm:*", "kms:*", "ec2:*"], "Resource": "*"}]}
        ),
        *("role-permissions", "fail", "in the service control policies of this account"),
        lambda instance: instance.simulation.organization.clear(),
    ),
    "the boundary denies": Mistake(
        lambda instance: instance.simulation.boundary.append(
            {"Statement": [{"Effect": "Allow", "Action": ["dynamodb:*", "s3:*", "kms:*", "ec2:*"], "Resource": "*"}]}
        ),
        *("role-permissions", "fail", '"ssm:PutParameter"'),
        lambda instance: instance.simulation.boundary.clear(),
    ),
}


def test_around_a_healthy_instance_nothing_fails_or_warns(instance: Instance) -> None:
    checks = instance.around.checks(*account.GROUPS)
    assert {name: each["found"] for name, each in checks.items() if each["result"] != "pass"} == {}
    said = {name: each["found"][0]["message"] for name, each in checks.items()}
    assert "account 123456789012, role teleport-role" in said["identity"]
    assert "hop limit is 2" in said["metadata-hop-limit"]
    assert "permissions that are needed here" in said["role-permissions"]


@pytest.mark.parametrize("name", MISTAKES)
def test_issue_18_a_mistake_around_the_instance_turns_its_own_check_until_it_is_mended(
    instance: Instance, name: str
) -> None:
    mistake = MISTAKES[name]
    mistake.make(instance)
    checks = instance.around.checks(*account.GROUPS)
    results = {each: found["result"] for each, found in checks.items()}
    passes = dict.fromkeys(results, "pass")
    assert surroundings.turned(passes, results) == {mistake.check: mistake.result}
    remedy = surroundings.remedy_of(checks[mistake.check])
    assert mistake.remedy in remedy
    if mistake.mend is None:
        instance.carry_out(remedy)
    else:
        mistake.mend(instance)
    assert instance.results() == passes


def test_issue_18_hop_limit_1_with_a_container_is_the_metadata_check(instance: Instance) -> None:
    # In a container the request for a token is never answered, and nothing else can be asked.
    instance.imds.set_faults(drop_put=True)
    checks = instance.around.checks(*account.GROUPS)
    assert {name for name, each in checks.items() if each["result"] == "fail"} == {"metadata"}
    remedy = surroundings.remedy_of(checks["metadata"])
    command = f"--region us-east-1 --instance-id {instance.number} --http-put-response-hop-limit 2`"
    assert "container" in remedy and command in remedy
    instance.imds.set_faults(drop_put=False)
    assert set(instance.results().values()) == {"pass"}


def test_what_backups_in_a_bucket_need_is_asked_too(instance: Instance) -> None:
    instance.around.agent.write("/etc/default/teleport-bootstrap", "BACKUP_ARGUMENTS=s3://backups-1/teleport\n")
    found = instance.around.checks(*account.GROUPS)["role-permissions"]
    assert found["result"] == "fail" and "arn:aws:s3:::backups-1" in surroundings.remedy_of(found)


def test_a_role_needs_the_actions_of_its_own_auto_scaling_group_alone(instance: Instance) -> None:
    targets = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/auth/73e2d6bc24d8a067"
    group = launches.Group(instance.aws)
    group.target_groups = (targets,)
    instance.imds.update({"tags": {**launches.TAGS, "env": "prod"}})
    instance.around.agent.conf(f"{account.CONF}TELEPORT_DRAIN_HOOK=end\n")
    arguments = ("--part", "ours", "--part", "teleport", "--part", "certificates", "--part", "backup")
    printed = instance.around.agent.run("iam-policy", *arguments, "--auto-scaling-group", "proxies").output
    own = printed.replace("arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/*/*", targets)
    assert own != printed
    instance.set_policy(json.loads(own)["Statement"])
    assert set(instance.results().values()) == {"pass"}

    group.target_groups = (f"{targets}1",)
    found = instance.around.checks(*account.GROUPS)["role-permissions"]
    assert f"elasticloadbalancing:DeregisterTargets on {targets}1" in found["found"][0]["message"]
    group.target_groups = ()
    instance.set_policy([each for each in instance.statements() if "Targets" not in str(each["Action"])])
    assert set(instance.results().values()) == {"pass"}


def test_what_may_not_be_asked_is_skipped_with_the_policy_that_allows_it(instance: Instance) -> None:
    refused = denied("ec2:DescribeInstances", "*")
    unauthorized = Answer("UnauthorizedOperation", refused.message, status=403)
    access = Answer("AccessDenied", refused.message, status=403)
    instance.aws.fail(unauthorized, times=50, operation="Describe")
    instance.aws.fail(access, times=50, operation="Simulate|GetRole")
    checks = instance.around.checks(*account.GROUPS)
    skipped = {name: each["found"][0] for name, each in checks.items() if each["result"] != "pass"}
    expected = {"metadata-tokens", "metadata-hop-limit", "security-groups", "public-ports", "role-permissions"}
    assert set(skipped) == expected
    for each in skipped.values():
        assert "not allowed" in each["message"] and "iam-policy --part doctor" in each["remedy"]


def test_with_dead_services_it_ends_in_15_seconds(instance: Instance) -> None:
    instance.aws.fail_always(SILENT)
    began = time.monotonic()
    results = instance.results()
    assert time.monotonic() - began < 15
    assert "fail" not in results.values() and results["role-permissions"] == "skipped"


def test_throttled_services_are_skipped_and_not_failed(instance: Instance) -> None:
    instance.aws.fail_always(Answer("Throttling", "Rate exceeded"))
    results = instance.results()
    assert "fail" not in results.values() and results["security-groups"] == "skipped"
