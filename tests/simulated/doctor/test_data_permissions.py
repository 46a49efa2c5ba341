"""`iam-policy --part doctor`: what it prints allows each request of the checks of data, and nothing that none makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.simulated.doctor import data_account
from tests.simulated.doctor.data_account import DataHost
from tests.simulated.iam import simulator, wire
from tests.simulated.test_iam_policy import smaller
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

# What other checks ask of other services, their tests are about.
_SERVICES = ("ssm", "dynamodb", "application-autoscaling", "athena", "glue", "s3", "kms")

pytestmark = simulator.needs_simulator


def printed(host: DataHost, *options: str) -> dict[str, Any]:
    """Return the policy of all parts, that of `doctor` as the last one."""
    parts = [word for part in ("ours", "certificates", "backup", "teleport", "doctor") for word in ("--part", part)]
    done = host.agent.run("iam-policy", *parts, *options)
    assert done.status == 0, done.errors
    found: dict[str, Any] = json.loads(done.output)
    for each in found["Statement"]:
        if each["Sid"].startswith("Doctor"):
            actions = [each["Action"]] if isinstance(each["Action"], str) else each["Action"]
            each["Action"] = [action for action in actions if action.partition(":")[0] in _SERVICES]
    found["Statement"] = [each for each in found["Statement"] if each["Action"]]
    return found


def is_exact(host: DataHost, policy: dict[str, Any], keys: wire.Keys, encrypted: frozenset[str]) -> None:
    """Check that `policy` allows all requests so far, and without any part of what is for `doctor` does not."""
    requests = wire.asked(host.aws.requests, keys, encrypted)
    variants = {what: less for what, less in smaller(policy) if " of Doctor" in what}
    assert variants
    whole, *parts = simulator.judged([policy, *variants.values()], requests)
    refused = {request: found for request, found in zip(requests, whole) if found is not True}
    assert not refused, "\n".join(map(str, refused.items()))
    needless = [what for what, found in zip(variants, parts) if False not in found]
    assert not needless, "\n".join(needless)


def test_issue_18_an_auth_server_may_ask_what_the_checks_ask(tmp_path: Path, imds: emulator.Server, aws: Aws) -> None:
    host = data_account.auth(tmp_path, imds, aws)
    aws.client("dynamodb").update_table(
        TableName=data_account.STATE,
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )
    keys = {
        alias: aws.client("kms").describe_key(KeyId=alias)["KeyMetadata"]["Arn"]
        for alias in (data_account.KEY, "alias/bucket")
    }
    aws.requests.clear()
    host.results()
    encrypted = frozenset({data_account.LICENSE, *data_account.TOKENS.values()})
    # The license is encrypted with AWS's own key, which needs no permission.
    of_parameters = wire.Keys((keys[data_account.KEY], data_account.KEY), keys["alias/bucket"])
    policy = printed(host, "--bucket-key", keys["alias/bucket"])
    is_exact(host, policy, of_parameters, encrypted - {data_account.LICENSE})


def test_issue_18_a_node_may_ask_what_the_checks_ask(tmp_path: Path, imds: emulator.Server, aws: Aws) -> None:
    host = data_account.node(tmp_path, imds, aws)
    aws.requests.clear()
    host.results()
    is_exact(host, printed(host), wire.Keys(), frozenset())
