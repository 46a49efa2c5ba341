"""Each role of a cluster that lives in AWS, restored on a host whose accounts have other numbers, from S3."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.simulated import restoring
from tests.simulated.agent import PIN, TOKEN, Agent, needs_root, tree
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import aws as answers
from tests.simulated_ec2 import imds as emulator

DATA = "/var/lib/teleport"
JOINING = "TELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
CONFS = {
    "auth": "TELEPORT_ROLE=auth\nTELEPORT_DOMAIN_NAME=example.com\nUSE_ACM=true\nTELEPORT_DYNAMO_TABLE_NAME=state\n"
    "TELEPORT_DYNAMO_EVENTS_TABLE_NAME=events\nTELEPORT_S3_BUCKET=recordings\nTELEPORT_LOCKS_TABLE_NAME=locks\n"
    + JOINING,
    "proxy": "TELEPORT_ROLE=proxy\nTELEPORT_DOMAIN_NAME=example.com\nUSE_ACM=true\n" + JOINING,
    "node": "TELEPORT_ROLE=node\n" + JOINING,
    "agent": f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN={TOKEN}\n"
    "TELEPORT_AGENT_SSH_ENABLED=true\n",
}
TO = "s3://backups/teleport/one/"
READS = ("s3:GetObject", "s3:ListBucket")


@pytest.fixture
def new_imds() -> Iterator[emulator.Server]:
    server = emulator.Server(restoring.NEW)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def new(tmp_path: Path, new_imds: emulator.Server, aws: Aws) -> Agent:
    """A new host, where the numbers of the old host's accounts belong to other accounts."""
    agent = restoring.host(tmp_path / "new", new_imds, version="18.0.1")
    agent.aws = aws.url
    agent.write(
        "/etc/passwd",
        "root:x:0:0::/root:/bin/sh\nteleport:x:64001:64002::/:/bin/false\nchrony:x:64777:64777::/:/bin/false\n"
        "other:x:64998:64998::/:/bin/false\n",
    )
    agent.write("/etc/group", "root:x:0:\nteleport:x:64002:\nchrony:x:64777:\nother:x:64998:\n")
    return agent


def backed_up(tmp_path: Path, imds: emulator.Server, aws: Aws, role: str) -> Agent:
    """Back an old host of `role` up to S3."""
    aws.client("s3").create_bucket(Bucket="backups")
    aws.put_parameters({f"/teleport/cluster-1/tokens/{each}": TOKEN for each in ("proxy", "node")})
    aws.put_parameters({"/teleport/cluster-1/ca-pin-hash": PIN}, kind="String")
    for table in ("state", "events") if role == "auth" else ():
        aws.client("dynamodb").create_table(
            TableName=table,
            KeySchema=[{"AttributeName": "HashKey", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "HashKey", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    old = restoring.host(tmp_path / "old", imds)
    old.aws = aws.url
    old.conf(CONFS[role])
    done = old.generate()
    assert done.status == 0, done.errors
    restoring.used(old)
    old.write(f"{DATA}/log/of-unknown-owner", "x", 0o640)
    owner = 64998 if role in ("auth", "proxy") else 0
    for path in [old.path(DATA), *old.path(DATA).rglob("*")]:
        shutil.chown(path, owner, owner)
    shutil.chown(old.path(f"{DATA}/log/of-unknown-owner"), 64777, 64777)
    done = old.run("backup", TO, "--wait", "10")
    assert done.status == 0, done.errors
    aws.put_parameters({f"/teleport/cluster-1/tokens/{each}": "a-token-of-today" for each in ("proxy", "node")})
    return old


@needs_root
@pytest.mark.parametrize("role", CONFS)
def test_restores_each_role_with_the_accounts_and_the_token_of_this_host(
    tmp_path: Path, imds: emulator.Server, new: Agent, aws: Aws, role: str
) -> None:
    backed_up(tmp_path, imds, aws, role)
    new.conf(f"TELEPORT_RESTORE_FROM={TO}\n")

    aws.requests.clear()
    done = new.run("restore", "--yes", "--wait", "20")

    assert done.status == 0, done.said
    assert TOKEN not in done.said and "a-token-of-today" not in done.said
    asked = [each.operation.partition("?")[0] for each in aws.requests if each.service == "s3"]
    read = [each for each in asked if each.startswith("GET") and each.endswith((".tar.zst", ".tar.gz"))]
    assert len(read) == 1, "it may have gigabytes"
    assert new.path("/etc/teleport.d/conf").read_text() == CONFS[role]
    account = (64001, 64002) if role in ("auth", "proxy") else (0, 0)
    for path in (DATA, f"{DATA}/host_uuid", f"{DATA}/proc/sqlite.db", f"{DATA}/log/0f3b"):
        facts = new.path(path).lstat()
        assert (facts.st_uid, facts.st_gid) == account, path
    assert new.path(DATA).lstat().st_mode & 0o7777 == 0o700
    if role in ("auth", "proxy"):
        assert new.path(f"{DATA}/log/of-unknown-owner").lstat().st_uid == 64001, (
            "a number without a name counts as unknown"
        )
    if role in ("proxy", "node"):
        assert new.path(f"{DATA}/token").read_text() == "a-token-of-today\n"
    if role == "agent":
        assert new.path(f"{DATA}/token").read_text() == f"{TOKEN}\n"
    if role == "auth":
        assert "the cluster's state is in DynamoDB (state, events)" in done.output
        assert done.output.count("arn:aws:dynamodb:") == 2, "the backups of its tables are named"
    document = yaml.safe_load(new.teleport_yaml.read_text())
    assert document["teleport"]["nodename"] == "ip-10-0-9-99-ec2-internal"
    facts = new.teleport_yaml.lstat()
    expected = (0o640, 64002) if role in ("auth", "proxy") else (0o600, 0)
    assert (facts.st_mode & 0o7777, facts.st_gid) == expected
    assert new.run("status", "--format", "json").warnings == []


@needs_root
def test_needs_the_documented_permissions_and_no_others(
    tmp_path: Path, imds: emulator.Server, new: Agent, new_imds: emulator.Server, aws: Aws
) -> None:
    """With what docs/upgrading.md says, and with the service's own retries where S3 has too much to do."""
    backed_up(tmp_path, imds, aws, "agent")
    new.conf(f"TELEPORT_RESTORE_FROM={TO}\n")
    before = tree(new.root)
    denied = aws.role_credentials(["s3:ListBucket"], "half-a-role")
    allowed = aws.role_credentials(READS, "a-whole-role")
    aws.enforce_policies()

    new_imds.service.faults.iam_404 = True  # not attached yet
    done = new.run("restore", "--yes", "--wait", "3")
    assert done.status == 4 and tree(new.root) == before, done.said
    assert "role" in done.errors
    new_imds.service.faults.iam_404 = False
    new_imds.service.update({"credentials": denied})
    done = new.run("restore", "--yes", "--wait", "5")
    assert done.status == 4 and tree(new.root) == before, done.said
    assert "s3:GetObject" in done.errors
    new_imds.service.update({"credentials": allowed})
    aws.fail(answers.Answer("SlowDown", "Reduce your request rate", status=503), times=3)
    done = new.run("restore", "--yes", "--wait", "30")
    aws.enforce_policies(False)
    assert done.status == 0, done.said
