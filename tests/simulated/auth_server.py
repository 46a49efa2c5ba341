"""An auth server to run commands on: its conf, a stand-in for `tctl`, Parameter Store and the table of locks."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from tests.simulated.agent import Agent, Ended
from tests.simulated_ec2 import Aws
from tests.stand_in import install_tctl

LOCKS = "locks-1"
CONF = f"""\
TELEPORT_ROLE=auth
TELEPORT_CLUSTER_NAME=cluster-1
TELEPORT_AUTH_SERVER_LB=auth.example.com
TELEPORT_DYNAMO_TABLE_NAME=state-1
TELEPORT_DYNAMO_EVENTS_TABLE_NAME=events-1
TELEPORT_S3_BUCKET=bucket-1
TELEPORT_LOCKS_TABLE_NAME={LOCKS}
USE_LETSENCRYPT=false
"""
ROLES = {"proxy": "Proxy", "node": "Node", "kube": "Kube", "app": "App", "db": "Db"}
TOKENS = {role: f"/teleport/cluster-1/tokens/{role}" for role in ROLES}
PINS = "/teleport/cluster-1/ca-pin-hash"
PIN = "sha256:" + "5e" * 32


def make_table(aws: Aws, name: str = LOCKS) -> None:
    aws.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "Lock", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "Lock", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


@dataclass
class AuthServer:
    """One of the auth servers of a cluster, in a root of its own."""

    agent: Agent
    aws: Aws

    def prepare(self, conf: str = CONF, **switches: Any) -> AuthServer:
        self.agent.conf(conf)
        self.agent.path("/var/lib/teleport").mkdir(parents=True, exist_ok=True)
        self.tctl(**switches)
        return self

    def tctl(self, **switches: Any) -> None:
        """Let its `tctl` behave so from now on."""
        install_tctl(self.agent.path("/usr/local/bin"), data=str(self.agent.path("/var/lib/teleport")), **switches)

    def publish(self, *arguments: str, **options: Any) -> Ended:
        done = self.agent.run("publish-tokens", "--wait", "10", *arguments, **options)
        assert "Traceback" not in done.errors and "internal error" not in done.errors, done.errors
        for token in self.ever_registered():
            assert token not in done.said
        return done

    # ---- what the auth service knows

    def requests(self) -> list[dict[str, Any]]:
        path = self.agent.path("/var/lib/teleport/tctl-requests.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def resources(self) -> dict[str, Any]:
        path = self.agent.path("/var/lib/teleport/tctl-resources.json")
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return found

    def ever_registered(self) -> list[str]:
        """Every token that was sent to it whose name is a secret."""
        given = [json.loads(each["input"]) for each in self.requests() if each["input"]]
        return [each["metadata"]["name"] for each in given if each["spec"]["join_method"] == "token"]

    def accepts(self, token: str, role: str) -> bool:
        """Whether a host can join in `role` with `token` now."""
        resource = self.resources().get(token)
        return (
            resource is not None
            and resource["spec"]["roles"] == [ROLES[role]]
            and resource["metadata"]["expires"] > time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        )

    # ---- what AWS has

    def parameter(self, name: str) -> Optional[dict[str, Any]]:
        found = self.aws.client("ssm").get_parameters(Names=[name], WithDecryption=True)["Parameters"]
        return dict(found[0]) if found else None

    def values(self) -> dict[str, str]:
        """What is published, by parameter; those that exist."""
        found = self.aws.client("ssm").get_parameters(Names=[*TOKENS.values(), PINS], WithDecryption=True)
        return {each["Name"]: each["Value"] for each in found["Parameters"]}

    def lock_item(self) -> Optional[dict[str, str]]:
        found = self.aws.client("dynamodb").get_item(TableName=LOCKS, Key={"Lock": {"S": "/auth/servers"}}).get("Item")
        return None if found is None else {key: value["S"] for key, value in found.items()}

    def put_lock_item(self, expires: str, process: str) -> None:
        item = {"Lock": {"S": "/auth/servers"}, "Expires": {"S": expires}, "Process": {"S": process}}
        self.aws.client("dynamodb").put_item(TableName=LOCKS, Item=item)

    def job(self) -> dict[str, Any]:
        path = self.agent.path("/var/lib/teleport-bootstrap/jobs/publish-tokens.json")
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def holds_no_secret_outside_its_place(self) -> None:
        """No file that the agent has written has a token in it."""
        tokens = self.ever_registered()
        for path in Path(self.agent.root).rglob("*"):
            if path.is_file() and not path.name.startswith("tctl-"):
                content = path.read_text(errors="replace")
                assert not [token for token in tokens if token in content], path
