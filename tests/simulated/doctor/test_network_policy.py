"""The policy that `iam-policy --part doctor` prints is exactly what the checks of network and balancers ask of AWS."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.simulated.doctor import network_account as account
from tests.simulated.doctor.names import needs_names
from tests.simulated.iam import simulator
from tests.simulated.test_iam_policy import is_exact
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

pytestmark = [*needs_names, simulator.needs_simulator]

# What these checks ask for, of all that the part has.
_SERVICES = ("route53:", "elasticloadbalancing:")


@pytest.mark.parametrize("conf", [account.ALL, account.NODE, account.AGENT], ids=["all", "node", "agent"])
def test_issue_18_the_printed_policy_is_what_the_checks_need(
    tmp_path: Path, imds: emulator.Server, aws: Aws, conf: str
) -> None:
    with account.site(tmp_path, imds, aws, conf) as site:
        done = site.agent.run("iam-policy", "--part", "doctor")
        assert done.status == 0, done.errors
        policy = json.loads(done.output)
        for statement in policy["Statement"]:
            actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
            statement["Action"] = [each for each in actions if each.startswith(_SERVICES)]
        policy["Statement"] = [each for each in policy["Statement"] if each["Action"]]
        aws.requests.clear()
        site.checks()
        aws.requests[:] = [each for each in aws.requests if f"{each.service}:" in _SERVICES]
        assert aws.requests
        is_exact(policy, aws)
