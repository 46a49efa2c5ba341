"""What is said of a first boot that failed: each message ends with the command that goes on from there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.simulated.agent import GUIDE, NOWHERE, Agent, Ended
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator
from tests.simulated_ec2.aws import denied

GENERATE = "run `teleport-bootstrap generate`"
LICENSED = GUIDE + "\nTELEPORT_LICENSE_PATH=yes\n"
NODE = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server, aws: Aws) -> Agent:
    """A host with a Teleport, which nothing was ever applied on."""
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url, aws=aws.url)
    agent.install(version="17.5.1", edition="enterprise")
    return agent


def no_conf(agent: Agent, aws: Aws) -> None:
    pass


def invalid_conf(agent: Agent, aws: Aws) -> None:
    agent.conf("TELEPORT_ROLE=oops\n")


def contradiction(agent: Agent, aws: Aws) -> None:
    agent.conf("TELEPORT_ROLE=node\n")


def no_metadata(agent: Agent, aws: Aws) -> None:
    agent.conf(GUIDE)
    agent.imds = NOWHERE


def no_parameter(agent: Agent, aws: Aws) -> None:
    agent.conf(LICENSED)


def no_permission(agent: Agent, aws: Aws) -> None:
    agent.conf(LICENSED)
    aws.fail_always(denied())


def no_aws(agent: Agent, aws: Aws) -> None:
    agent.conf(LICENSED)
    agent.aws = NOWHERE


def refused_by_teleport(agent: Agent, aws: Aws) -> None:
    agent.conf(GUIDE)
    agent.install(version="17.5.1", refuse="no such key")


def bad_override(agent: Agent, aws: Aws) -> None:
    agent.conf(GUIDE)
    agent.write("/etc/teleport.d/teleport.yaml.d/10-mine.yaml", "a: [\n")


def old_teleport(agent: Agent, aws: Aws) -> None:
    agent.conf(GUIDE)
    agent.install(version="9.0.0")


def writable_by_others(agent: Agent, aws: Aws) -> None:
    agent.conf(GUIDE).chmod(0o666)


def file_in_the_way(agent: Agent, aws: Aws) -> None:
    agent.conf(GUIDE)
    agent.write("/var/lib/teleport", "")


CASES = {
    no_conf: 2,
    invalid_conf: 2,
    contradiction: 2,
    no_metadata: 3,
    no_parameter: 4,
    no_permission: 4,
    no_aws: 4,
    refused_by_teleport: 5,
    bad_override: 2,
    old_teleport: 5,
    writable_by_others: 6,
    file_in_the_way: 6,
}


def last_step(done: Ended) -> str:
    """Return the last sentence of what a failed command says."""
    return re.split(r"(?<=[.)]) ", done.errors.strip())[-1]


@pytest.mark.parametrize("failure", CASES, ids=lambda each: each.__name__)
def test_issue_15_row_11_a_first_boot_that_fails_names_the_command_that_goes_on(
    agent: Agent, imds: emulator.Server, aws: Aws, failure: object
) -> None:
    assert callable(failure)
    failure(agent, aws)
    done = agent.give_up_soon()
    assert done.status == CASES[failure], done.said  # type: ignore[index]
    assert last_step(done) == f"Then {GENERATE}.", done.errors
    # Once the cause is gone, that command goes on: the failure has left nothing that prevents it.
    agent.path("/etc/teleport.d/teleport.yaml.d/10-mine.yaml").unlink(missing_ok=True)
    if agent.path("/var/lib/teleport").is_file():
        agent.path("/var/lib/teleport").unlink()
    agent.install(version="17.5.1")
    aws.clear_faults()
    agent.conf(GUIDE).chmod(0o644)
    agent.imds = imds.url
    assert agent.generate().status == 0
    assert agent.run("status").status == 0


@pytest.mark.parametrize("failure", CASES, ids=lambda each: each.__name__)
def test_issue_15_row_11_status_after_a_failed_first_boot_names_that_command(
    agent: Agent, aws: Aws, failure: object
) -> None:
    assert callable(failure)
    failure(agent, aws)
    agent.give_up_soon()
    done = agent.run("status")
    assert done.status == 9 and GENERATE in done.output, done.said
    # What only follows from it is not a problem of its own.
    assert "role marker" not in done.output


def test_issue_15_row_11_a_missing_conf_is_the_first_line_of_status_and_of_the_error(agent: Agent) -> None:
    conf = f"{agent.root}/etc/teleport.d/conf"
    assert agent.generate().errors.startswith(f"teleport-bootstrap: there is no {conf}")
    done = agent.run("status")
    assert done.output.splitlines()[0] == f"Nothing is configured: there is no {conf}."
    assert GENERATE in done.output
    found = agent.run("status", "--format", "json").data
    assert [each["code"] for each in found["findings"]] == ["conf-missing"]


@pytest.mark.parametrize(
    "command", [("validate",), ("render",), ("plan",), ("fetch-secrets",), ("publish-tokens",), ("generate",)]
)
def test_issue_15_row_11_every_command_that_misses_the_conf_names_the_command(
    agent: Agent, command: tuple[str, ...]
) -> None:
    done = agent.run(*command)
    assert done.status == 2
    assert GENERATE in done.errors, done.errors


def test_issue_15_row_11_validate_names_what_applies_a_valid_conf(agent: Agent) -> None:
    agent.conf("TELEPORT_ROLE=oops\n")
    assert "next step" not in agent.run("validate").output
    agent.conf(GUIDE)
    assert agent.run("validate").output.endswith("next step: `teleport-bootstrap generate` applies it\n")
    assert agent.run("validate", "--format", "json").data["next_command"] == "teleport-bootstrap generate"
    assert agent.generate().status == 0
    assert "next step" not in agent.run("validate").output
    agent.conf(f"{GUIDE}TELEPORT_NODENAME=other\n")
    assert agent.run("validate").output.endswith("next step: `teleport-bootstrap reconfigure` applies it\n")
    # Of another file it is not known what it is for.
    assert "next step" not in agent.run("validate", str(agent.path("/etc/teleport.d/conf"))).output


def test_issue_15_row_11_an_invalid_conf_of_a_configured_host_leads_to_reconfigure(agent: Agent) -> None:
    agent.conf(GUIDE)
    assert agent.generate().status == 0
    agent.conf("TELEPORT_ROLE=oops\n")
    assert last_step(agent.generate()) == "Then run `teleport-bootstrap reconfigure`."


def test_issue_15_row_11_what_waits_for_a_token_names_the_command_that_asks_for_it(agent: Agent) -> None:
    agent.conf(NODE)
    done = agent.generate()
    assert done.status == 0 and "`teleport-bootstrap fetch-secrets` asks for it at once" in done.errors
    assert "run `teleport-bootstrap fetch-secrets`" in agent.run("status").output
