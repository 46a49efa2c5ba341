"""plan on a host that has a configuration: what would change here, and what is already so."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.simulated.agent import (
    AS_ANOTHER_ACCOUNT,
    GUIDE,
    LICENSE,
    NOWHERE,
    TOKEN,
    Agent,
    Ended,
    needs_another_account,
    needs_root,
    shows_no_secret,
    tree,
)
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

MORE = f'{GUIDE}\nTELEPORT_SSH_LABELS="env: prod"\n'
AGENT = (
    f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN={TOKEN}\n"
    "TELEPORT_AGENT_SSH_ENABLED=true\n"
)
AUTH = """\
TELEPORT_ROLE=auth
TELEPORT_DOMAIN_NAME=teleport.example.com
TELEPORT_AUTH_SERVER_LB=auth.example.com
TELEPORT_DYNAMO_TABLE_NAME=teleport
TELEPORT_DYNAMO_EVENTS_TABLE_NAME=teleport-events
TELEPORT_S3_BUCKET=teleport-recordings
TELEPORT_LOCKS_TABLE_NAME=teleport-locks
TELEPORT_LICENSE_PATH=yes
USE_ACM=true
"""


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    """The guide's instance, applied as generation 1; AWS is out of its reach."""
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.conf(GUIDE)
    assert agent.generate().status == 0
    return agent


def plan(agent: Agent, *arguments: str) -> Ended:
    """Run `plan`, which must leave everything as it is."""
    before = tree(agent.root)
    done = agent.run("plan", "--wait", "20", *arguments)
    assert tree(agent.root) == before
    return done


def here(agent: Agent, *arguments: str) -> dict[str, Any]:
    done = plan(agent, "--format", "json", *arguments)
    assert done.status == 0, done.errors
    found: dict[str, Any] = done.data["here"]
    return found


def changes(found: dict[str, Any]) -> dict[str, str]:
    return {each["path"]: each["change"] for each in found["files"]}


def test_issue_15_row_10_plan_says_that_a_host_is_as_its_conf_asks(agent: Agent) -> None:
    done = plan(agent)
    assert done.status == 0, done.errors
    assert "applied: generation 1\nnext step: none: this host is as the conf asks\n" in done.output
    assert "files that stay as they are:\n  0600 root:root /etc/teleport.yaml\n" in done.output
    assert "version: v3" not in done.output
    found = here(agent)
    assert set(changes(found).values()) == {"unchanged"}
    assert (found["next_command"], found["action"]) == (None, "nothing")


def test_issue_15_row_10_plan_shows_what_an_edited_conf_changes_here(agent: Agent) -> None:
    agent.conf(MORE)
    done = plan(agent)
    assert "next step: `teleport-bootstrap reconfigure` applies what follows" in done.output
    assert "+    env: prod" in done.output and "  0644 root:root /etc/teleport.d/role.all-acm" in done.output
    found = here(agent)
    assert changes(found)["/etc/teleport.yaml"] == "changed"
    assert changes(found)["/etc/teleport.d/role.all-acm"] == "unchanged"
    assert (found["next_command"], found["action"]) == ("teleport-bootstrap reconfigure", "reload")
    # What it names is what happens.
    shown = agent.run("reconfigure", "--dry-run", "--wait", "20", "--format", "json").data["proposal"]
    assert [each["diff"] for each in shown["differences"]] == [each["diff"] for each in found["files"] if each["diff"]]
    assert agent.run("reconfigure", "--yes", "--wait", "20").status == 0
    assert here(agent)["next_command"] is None


def test_issue_15_row_10_a_fresh_machine_is_planned_for_on_request_and_for_a_conf_of_elsewhere(
    agent: Agent, tmp_path: Path
) -> None:
    facts = tmp_path / "facts.yaml"
    facts.write_text("local-ipv4: 10.0.0.7\nlocal-hostname: a.b\ninstance-id: i-1\nregion: us-east-1\n")
    conf = tmp_path / "conf"
    conf.write_text(GUIDE)
    for arguments in (("--fresh",), ("--conf", str(conf)), ("--metadata", str(facts))):
        done = plan(agent, *arguments)
        assert done.status == 0, done.errors
        assert "enable: teleport-acm.service" in done.output and "version: v3" in done.output
        assert plan(agent, *arguments, "--format", "json").data["here"] is None
    agent.teleport_yaml.unlink()
    agent.path("/var/lib/teleport-bootstrap/current.json").unlink()
    assert plan(agent, "--format", "json").data["here"] is None


def test_issue_15_row_10_plan_needs_no_metadata_service_no_aws_and_no_lock(agent: Agent, imds: emulator.Server) -> None:
    imds.service.update({"tags": {"Name": "web 1", "Cost Center": "7"}})
    agent.conf(f'{GUIDE}\nTELEPORT_TAG_LABELS="Name,Cost Center"\n')
    assert agent.run("reconfigure", "--yes", "--wait", "20").status == 0
    agent.imds = NOWHERE
    with open(agent.path("/var/lib/teleport-bootstrap/lock"), "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        began = time.monotonic()
        done = plan(agent, "--wait", "2")
        assert time.monotonic() - began < 15
    assert done.status == 0, done.errors
    assert "next step: none" in done.output
    assert "the facts of this instance are those of the last change that was applied: waited for" in done.output
    # Another name of the node changes its labels in no way.
    agent.conf(f'{GUIDE}\nTELEPORT_TAG_LABELS="Name,Cost Center"\nTELEPORT_NODENAME=other\n')
    (changed,) = (each for each in here(agent, "--wait", "2")["files"] if each["change"] == "changed")
    assert [line for line in changed["diff"].splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")] == [
        "-  nodename: ip-10-0-0-12-ec2-internal",
        "+  nodename: other",
    ]


def test_issue_15_row_10_plan_names_dangers_another_role_and_what_is_to_be_fetched(agent: Agent) -> None:
    agent.path("/var/lib/teleport/backend").mkdir(parents=True)
    agent.conf(AUTH)
    done = plan(agent)
    assert done.status == 0, done.errors
    assert "DANGER: proxy_service stops" in done.output
    found = here(agent)
    assert changes(found)["/etc/teleport.d/role.auth"] == "new"
    assert changes(found)["/etc/teleport.d/role.all-acm"] == "removed"
    (license_file,) = (each for each in found["secrets"] if each["path"].endswith("license.pem"))
    assert (license_file["state"], license_file["written_at"]) == ("missing", None)
    assert found["action"] == "restart"


def test_issue_15_row_10_plan_tells_secrets_that_are_there_from_those_that_are_missing(
    tmp_path: Path, imds: emulator.Server, aws: Aws
) -> None:
    root = tmp_path / "auth"
    root.mkdir()
    agent = Agent(root, imds=imds.url, aws=aws.url)
    aws.put_parameters({"/teleport/teleport.example.com/license": LICENSE})
    agent.conf(AUTH)
    done = agent.generate()
    assert done.status == 0, done.errors
    agent.aws = NOWHERE
    (secret,) = here(agent)["secrets"]
    assert secret["state"] == "present" and secret["written_at"]
    assert here(agent)["next_command"] is None
    agent.path("/var/lib/teleport/license.pem").unlink()
    assert (here(agent)["secrets"][0]["state"], here(agent)["next_command"]) == (
        "missing",
        "teleport-bootstrap fetch-secrets",
    )


def test_issue_15_row_10_a_token_of_the_conf_is_compared_and_not_shown(tmp_path: Path, imds: emulator.Server) -> None:
    root = tmp_path / "agent"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.conf(AGENT)
    assert agent.generate().status == 0
    assert here(agent)["secrets"][0]["state"] == "unchanged"
    agent.conf(AGENT.replace(TOKEN, f"{TOKEN}-2"))
    done = plan(agent)
    shows_no_secret(done)
    assert "TELEPORT_JOIN_TOKEN -> /var/lib/teleport/token: changed" in done.output


def test_issue_15_row_10_a_manual_edit_and_a_conf_that_boots_ignore_are_named(agent: Agent) -> None:
    agent.teleport_yaml.write_text(agent.teleport_yaml.read_text().replace("info", "debug").replace("INFO", "DEBUG"))
    agent.conf(MORE)
    done = plan(agent)
    assert "This manual edit would be lost:" in done.output
    assert "next step: keep the manual edit with `teleport-bootstrap adopt`" in done.output
    state = agent.path("/var/lib/teleport-bootstrap/current.json")
    rejected = {**json.loads(state.read_text()), "rejected_because": "Teleport was unhealthy with it"}
    rejected["rejected_conf_sha256"] = hashlib.sha256(agent.path("/etc/teleport.d/conf").read_bytes()).hexdigest()
    state.write_text(json.dumps(rejected))
    assert "boots do not follow the conf: Teleport was unhealthy with it" in plan(agent).output


def test_issue_15_row_10_a_missing_conf_is_named(agent: Agent) -> None:
    agent.path("/etc/teleport.d/conf").unlink()
    done = plan(agent)
    assert (done.status, done.output) == (2, "")
    assert "there is no" in done.errors and "--conf" in done.errors


@needs_root
def test_issue_15_row_10_without_root_plan_says_that_it_takes_root(agent: Agent) -> None:
    needs_another_account()
    for each in (agent.root, *agent.root.parents):
        if str(each).startswith("/tmp/"):
            each.chmod(0o755)
    done = agent.run("plan", prefix=AS_ANOTHER_ACCOUNT)
    assert done.status == 6 and "sudo teleport-bootstrap plan" in done.errors, done.said
    assert os.geteuid() == 0
