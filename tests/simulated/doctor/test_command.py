"""How `doctor` runs its checks, prints what they found, and ends."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.doctor import table
from tests import documents
from tests.simulated.agent import Agent
from tests.simulated.doctor import surroundings
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator


@pytest.fixture
def node(tmp_path: Path, imds: emulator.Server, aws: Aws) -> surroundings.Surroundings:
    return surroundings.node(tmp_path, imds, aws)


def test_where_everything_is_right_nothing_fails(node: surroundings.Surroundings) -> None:
    wrong = {name: each for name, each in node.checks().items() if each["result"] in ("fail", "warn")}
    assert wrong == {}


def test_a_failure_has_its_remedy_below_it_and_a_status(node: surroundings.Surroundings) -> None:
    before = node.results()
    node.imds.service.data["role"] = None
    done = node.agent.run("doctor")
    assert done.status == errors.CHECK_FAILED
    lines = done.output.splitlines()
    # Once at the top with what to do, and once in its group.
    number, _ = (number for number, line in enumerate(lines) if line.lstrip().startswith("fail "))
    assert lines[number - 1] == "Needs attention"
    assert " role " in lines[number]
    assert lines[number + 1].lstrip().startswith("→ ")
    assert surroundings.turned(before, node.results()) == {"role": "fail"}


def test_without_metadata_the_rest_of_the_instance_is_skipped(node: surroundings.Surroundings) -> None:
    before = node.results()
    node.agent.imds = "http://127.0.0.1:9"
    after = node.checks()
    assert surroundings.turned(before, {name: each["result"] for name, each in after.items()}) == {"metadata": "fail"}
    assert after["role"]["result"] == "skipped"


@pytest.mark.parametrize("fault", ["drop_put", "reset"])
def test_with_a_dead_metadata_service_it_ends_in_15_seconds(node: surroundings.Surroundings, fault: str) -> None:
    node.imds.service.set_faults(**{fault: True})
    began = time.monotonic()
    results = node.results()
    # The limit of the issue; the command's own is 12 s.
    assert time.monotonic() - began < 15
    assert results["metadata"] == "fail"


def test_offline_asks_nothing(node: surroundings.Surroundings) -> None:
    node.aws.requests.clear()
    node.imds.service.requests.clear()
    done = node.agent.run("doctor", "--offline", "--format", "json")
    assert {each["name"] for each in done.data["checks"]} == {
        each.name for each in table.CHECKS if not each.needs_network
    }
    assert (node.aws.requests, node.imds.service.requests) == ([], [])


def test_brief_reports_what_needs_attention_and_counts_all(node: surroundings.Surroundings) -> None:
    """A machine with many checks that pass prints 40,000 characters; Run Command returns 24,000."""
    node.imds.service.set_faults(drop_put=True)
    done = node.agent.run("doctor", "--brief", "--format", "json")
    assert len(done.output) < 24_000 and done.data["findings"] and done.data["counts"]["pass"]
    assert {each["result"] for each in done.data["checks"]} <= {"fail", "warn"}
    assert len(done.data["checks"]) == done.data["counts"]["fail"] + done.data["counts"]["warn"]
    text = node.agent.run("doctor", "--brief").output
    assert "  fail     metadata " in text and "  pass " not in text


def test_only_and_skip_take_names_and_groups(node: surroundings.Surroundings) -> None:
    of_instance = {each.name for each in table.CHECKS if each.group == "instance"}
    assert set(node.results("--only", "instance", "--only", "conf")) == of_instance | {"conf"}
    assert set(node.results("--only", "instance", "--skip", "role")) == of_instance - {"role"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--only", "nothing-like-it"), "'nothing-like-it'"),
        (("--skip", "tabels"), "'tabels'"),
        (("--only", "role", "--skip", "instance"), "no check is left"),
    ],
)
def test_another_name_is_refused(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    done = Agent(tmp_path).run("doctor", *options)
    assert done.status == errors.CONF_OR_USAGE
    assert said in done.errors


def test_the_list_names_every_check_and_runs_none(tmp_path: Path) -> None:
    done = Agent(tmp_path).run("doctor", "--list")
    assert done.status == 0
    for each in table.CHECKS:
        assert f"  {each.name} " in done.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [0, 1])
def test_issue_15_row_12_the_commands_of_the_page_run(node: surroundings.Surroundings, number: int) -> None:
    block = documents.blocks("docs/doctor.md", "simulated")[number]
    commands = [line.split()[1:] for line in block.text.splitlines()]
    assert commands
    for command in commands:
        assert node.agent.run(*command).status == 0, command


def test_a_host_without_a_conf_is_told_so(tmp_path: Path, imds: emulator.Server) -> None:
    done = Agent(tmp_path, imds=imds.url).run("doctor")
    assert done.status == errors.CHECK_FAILED
    assert "skipped" in done.output
