"""Labels: written ones, those from EC2 tags, and commands."""

from __future__ import annotations

import pytest

from tests.unit.plan.planning import ALL_IN_ONE, plan, problems

AGENT = (
    "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN=planted-token\n"
    "TELEPORT_AGENT_SSH_ENABLED=1\nTELEPORT_AGENT_DB_ENABLED=1\nTELEPORT_AGENT_DB_NAME=d\n"
    "TELEPORT_AGENT_DB_PROTOCOL=mysql\nTELEPORT_AGENT_DB_URI=d:1\nTELEPORT_AGENT_APP_ENABLED=1\n"
    "TELEPORT_AGENT_APP_NAME=a\nTELEPORT_AGENT_APP_URI=http://a\nTELEPORT_AGENT_KUBE_ENABLED=1\n"
)


@pytest.mark.parametrize("value", ["yes", "no", "on", "0123", "1.10", "1e3", "null", "~", "true", "2024-01-01", "0x1f"])
def test_a_value_stays_the_string_that_was_written(value: str) -> None:
    labels = plan(f"TELEPORT_SSH_LABELS='key: {value}'\n").document["ssh_service"]["labels"]
    assert labels == {"key": value}


@pytest.mark.parametrize(
    ("written", "labels"),
    [
        ("env: prod", {"env": "prod"}),
        ("env:prod", {"env": "prod"}),
        ("env: prod|team: core", {"env": "prod", "team": "core"}),
        ("  env:   prod  |  team:core ", {"env": "prod", "team": "core"}),
        ("url: http://x: 1", {"url": "http://x: 1"}),
        ("aws:cloudformation:stack: a", {"aws:cloudformation:stack": "a"}),
        ("a:b:c", {"a": "b:c"}),
        ('quoted: "  yes "', {"quoted": "  yes "}),
        ('half: "yes', {"half": '"yes'}),
        ("*: *", {"*": "*"}),
        ("empty: ", {"empty": ""}),
        ("items: a|keys: b|get: c", {"items": "a", "keys": "b", "get": "c"}),
        ("yes: a|null: b|0123: c", {"yes": "a", "null": "b", "0123": "c"}),
        ("-: a|a:b: c|.: d", {"-": "a", "a:b": "c", ".": "d"}),
    ],
)
def test_how_labels_are_written(written: str, labels: dict[str, str]) -> None:
    found = plan(f"TELEPORT_SSH_LABELS='{written}'\n").document["ssh_service"]["labels"]
    assert found == labels
    assert list(found) == list(labels)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("env: a|env: b", "twice"),
        ("env: a||team: b", "empty label"),
        ("env", "without a value"),
        ("my env: a", "key"),
        ("größe: 1", "key"),
        ("{{ key }}: a", "key"),
    ],
)
def test_labels_that_teleport_would_not_take(written: str, words: str) -> None:
    (problem,) = problems(f"\nTELEPORT_SSH_LABELS='{written}'\n")
    assert problem.startswith("conf:2:") and words in problem


def test_a_key_too_long_for_yaml_is_a_problem_of_its_line() -> None:
    assert plan(f"TELEPORT_SSH_LABELS='{'k' * 200}: a'\n").document["ssh_service"]["labels"] == {"k" * 200: "a"}
    (problem,) = problems(f"\nTELEPORT_SSH_LABELS='{'k' * 1100}: a'\n")
    assert problem.startswith("conf:2:") and "key" in problem and "long" in problem
    assert len(problem) < 500


def test_tags_become_labels_of_every_service_and_what_is_written_wins() -> None:
    document = plan(
        AGENT
        + "TELEPORT_TAG_LABELS='Name,Cost Center,absent'\nTELEPORT_AGENT_DB_LABELS='Name: mine'\n"
        + "TELEPORT_SSH_LABELS='Name: general'\nTELEPORT_AGENT_SSH_LABELS='Name: special'\n",
        tags={"Name": "yes", "Cost Center": "0123", "unasked": "x"},
    ).document
    assert document["ssh_service"]["labels"] == {"Name": "special", "Cost_Center": "0123"}
    assert document["db_service"]["databases"][0]["static_labels"] == {"Name": "mine", "Cost_Center": "0123"}
    assert document["app_service"]["apps"][0]["labels"] == {"Name": "yes", "Cost_Center": "0123"}
    assert document["kubernetes_service"]["labels"] == {"Name": "yes", "Cost_Center": "0123"}


def test_what_could_not_be_had_of_tags_is_a_note() -> None:
    assert "tag Name could not be had" in plan(ALL_IN_ONE, notes=("tag Name could not be had",)).notes


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (ALL_IN_ONE, ["arch", "kernel", "uptime", "internal", "external"]),
        ("TELEPORT_COMMAND_LABELS=external,arch\n", ["external", "arch"]),
        ("TELEPORT_COMMAND_LABELS=\n", []),
    ],
)
def test_which_command_labels_there_are(text: str, names: list[str]) -> None:
    section = plan(text).document["ssh_service"]
    assert [label["name"] for label in section.get("commands", [])] == names


def test_without_a_public_address_the_label_for_it_is_left_out() -> None:
    section = plan(ALL_IN_ONE, public_ipv4=None).document["ssh_service"]
    assert [label["name"] for label in section["commands"]] == ["arch", "kernel", "uptime", "internal"]
    assert "commands" not in plan("TELEPORT_COMMAND_LABELS=external\n", public_ipv4=None).document["ssh_service"]


def test_no_command_label_asks_the_metadata_service_by_itself() -> None:
    for label in plan(ALL_IN_ONE).document["ssh_service"]["commands"]:
        assert label["command"][0] in ("uname", "uptime", "teleport-bootstrap")
        assert "169.254" not in " ".join(label["command"])
