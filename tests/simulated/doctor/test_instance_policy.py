"""The policy that `iam-policy --part doctor` prints is exactly what the checks of the instance ask of AWS."""

from __future__ import annotations

import json
from pathlib import Path

from tests.simulated.doctor import instance_account as account
from tests.simulated.iam import simulator
from tests.simulated.test_iam_policy import is_exact
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

pytestmark = simulator.needs_simulator

# What these checks ask for, of all that the part has.
_ACTIONS = ("ec2:DescribeInstances", "ec2:DescribeSecurityGroups", "iam:")


def test_issue_18_the_printed_policy_is_what_the_checks_need(tmp_path: Path, imds: emulator.Server, aws: Aws) -> None:
    instance = account.make(tmp_path, imds, aws)
    done = instance.around.agent.run("iam-policy", "--part", "doctor")
    assert done.status == 0, done.errors
    policy = json.loads(done.output)
    for statement in policy["Statement"]:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        statement["Action"] = [each for each in actions if each.startswith(_ACTIONS)]
    policy["Statement"] = [each for each in policy["Statement"] if each["Action"]]
    aws.requests.clear()
    instance.results()
    assert {each.service for each in aws.requests} == {"ec2", "iam", "sts"}
    is_exact(policy, aws)
