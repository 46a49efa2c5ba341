"""adopt: an edit becomes an override, and the next reconfigure loses nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulated.agent import GUIDE, Agent, tree
from tests.simulated_ec2 import imds as emulator

ADOPTED = "/etc/teleport.d/teleport.yaml.d/90-adopted.yaml"


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.conf(GUIDE)
    assert agent.generate().status == 0
    return agent


def document(agent: Agent) -> dict[str, Any]:
    found = yaml.safe_load(agent.teleport_yaml.read_text())
    assert isinstance(found, dict)
    return found


def write(agent: Agent, edited: dict[str, Any]) -> None:
    agent.teleport_yaml.write_text(yaml.safe_dump(edited))


def adopt(agent: Agent) -> dict[str, Any]:
    done = agent.run("adopt", "--format", "json")
    assert done.status == 0, done.errors
    assert done.data["path"] == ADOPTED
    found = yaml.safe_load(agent.path(ADOPTED).read_text())
    assert found == yaml.safe_load(done.data["content"])
    return found


def reconfigure(agent: Agent) -> None:
    done = agent.run("reconfigure", "--yes", "--wait", "20")
    assert done.status == 0, done.errors


def test_every_kind_of_edit_survives_the_next_reconfigure(agent: Agent) -> None:
    edited = document(agent)
    edited["teleport"]["log"]["severity"] = "DEBUG"  # nested
    edited["ssh_service"]["commands"] = edited["ssh_service"]["commands"][:2]  # a list, as a whole
    del edited["auth_service"]["public_addr"]  # deleted
    edited["app_service"] = {"enabled": "yes", "apps": [{"name": "a", "uri": "http://127.0.0.1:8000"}]}  # added
    write(agent, edited)
    patch = adopt(agent)
    assert patch["teleport"] == {"log": {"severity": "DEBUG"}}
    assert patch["auth_service"] == {"public_addr": None}
    assert len(patch["ssh_service"]["commands"]) == 2
    assert agent.path(ADOPTED).stat().st_mode & 0o777 == 0o600
    assert document(agent) == edited
    reconfigure(agent)
    assert document(agent) == edited
    before = tree(agent.root)
    reconfigure(agent)
    assert tree(agent.root) == before
    # It goes on to count when the conf changes.
    agent.conf(f'{GUIDE}\nTELEPORT_SSH_LABELS="env: prod"\n')
    reconfigure(agent)
    assert document(agent)["ssh_service"]["labels"] == {"env": "prod"}
    assert document(agent)["app_service"] == edited["app_service"]


def test_a_second_edit_comes_on_top_of_the_first(agent: Agent) -> None:
    edited = document(agent)
    edited["teleport"]["log"]["severity"] = "DEBUG"
    del edited["auth_service"]["public_addr"]
    write(agent, edited)
    adopt(agent)
    reconfigure(agent)
    edited["teleport"]["log"]["output"] = "syslog"
    edited["teleport"]["log"]["severity"] = "WARN"
    write(agent, edited)
    patch = adopt(agent)
    assert patch == {
        "teleport": {"log": {"severity": "WARN", "output": "syslog"}},
        "auth_service": {"public_addr": None},
    }
    reconfigure(agent)
    assert document(agent) == edited


def test_a_deletion_that_is_taken_back(agent: Agent) -> None:
    original = document(agent)
    edited = document(agent)
    del edited["auth_service"]["public_addr"]
    write(agent, edited)
    adopt(agent)
    reconfigure(agent)
    write(agent, original)
    adopt(agent)
    reconfigure(agent)
    assert document(agent) == original


def test_an_edit_can_be_adopted_twice_before_it_is_applied(agent: Agent) -> None:
    edited = document(agent)
    edited["teleport"]["log"]["severity"] = "DEBUG"
    write(agent, edited)
    assert adopt(agent) == adopt(agent)


def test_there_is_nothing_to_adopt(agent: Agent) -> None:
    before = tree(agent.root)
    done = agent.run("adopt")
    assert done.status == 0 and "nothing to adopt" in done.output
    assert tree(agent.root) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [\n", ["teleport.yaml:", "Correct it first"]),
        ("- a\n", ["not a mapping"]),
        ("a: 1\na: 2\n", ["teleport.yaml:2"]),
    ],
)
def test_what_teleport_could_not_read_is_not_adopted(agent: Agent, text: str, words: list[str]) -> None:
    agent.teleport_yaml.write_text(text)
    before = tree(agent.root)
    done = agent.run("adopt")
    assert done.status == 6
    for word in words:
        assert word in done.errors
    assert tree(agent.root) == before


def test_a_damaged_earlier_adoption_is_not_overwritten(agent: Agent) -> None:
    edited = document(agent)
    edited["teleport"]["log"]["severity"] = "DEBUG"
    write(agent, edited)
    for text in ("a: [\n", "- a\n"):
        agent.write(ADOPTED, text, 0o600)
        before = tree(agent.root)
        done = agent.run("adopt")
        assert done.status == 6 and ADOPTED in done.errors, text
        assert tree(agent.root) == before


def test_where_nothing_was_applied_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    root = tmp_path / "by hand"
    root.mkdir()
    agent = Agent(root)
    agent.write("/etc/teleport.yaml", "version: v3\n")
    done = agent.run("adopt")
    assert done.status == 6 and "nothing to compare" in done.errors


def test_row_15_adopt_takes_yes_as_other_commands_do(agent: Agent) -> None:
    edited = document(agent)
    edited["teleport"]["log"]["severity"] = "WARN"
    write(agent, edited)
    assert agent.run("adopt", "--yes").status == 0
    assert agent.path(ADOPTED).exists()


@pytest.mark.parametrize("written", ["~", "null", "", '""'])
def test_row_15_a_label_without_a_value_survives_adopt(agent: Agent, written: str) -> None:
    text = agent.teleport_yaml.read_text()
    line = next(each for each in text.splitlines() if each == "ssh_service:")
    agent.teleport_yaml.write_text(text.replace(line, f"{line}\n  labels:\n    marked: {written}\n    team: core", 1))
    assert adopt(agent) == {"ssh_service": {"labels": {"marked": "", "team": "core"}}}
    reconfigure(agent)
    assert document(agent)["ssh_service"]["labels"] == {"marked": "", "team": "core"}


NODE = """\
TELEPORT_ROLE=node
TELEPORT_AUTH_SERVER_LB=auth.example.com
TELEPORT_CLUSTER_NAME=example.com
EC2_REGION=us-east-1
"""


@pytest.fixture
def node(tmp_path: Path, imds: emulator.Server) -> Agent:
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.conf(NODE)
    return agent


def test_row_3_nothing_is_written_that_the_next_command_would_refuse(node: Agent) -> None:
    node.write("/etc/teleport.yaml", node.run("render").output)
    assert node.run("adopt").output.startswith("teleport.yaml has no manual edit")
    original = document(node)
    edits: list[dict[str, Any]] = [
        {**original, "db_service": {"enabled": "yes"}},
        {**original, "app_service": {"enabled": True}},
        {**original, "teleport": {**original["teleport"], "data_dir": "/srv/data"}},
        {**original, "teleport": {**original["teleport"], "ca_pin": "sha256:PLACEHOLDER"}},
        {**original, "auth_service": {**original["auth_service"], "enabled": "maybe"}},
    ]
    for edited in edits:
        write(node, edited)
        before = tree(node.root)
        done = node.run("adopt", "--format", "json")
        assert done.status == 2, done.said
        problems = done.data["findings"]
        assert {each["file"] for each in problems} <= {str(node.teleport_yaml), str(node.path("/etc/teleport.d/conf"))}
        assert "--discard-edits" in done.errors and "90-adopted.yaml" not in done.errors
        assert tree(node.root) == before
    node.teleport_yaml.unlink()
    assert node.run("render").status == 0


def test_row_3_an_edit_that_a_later_override_undoes_is_refused(agent: Agent) -> None:
    agent.write("/etc/teleport.d/teleport.yaml.d/95-log.yaml", "teleport: {log: {severity: ERROR}}\n")
    reconfigure(agent)
    edited = document(agent)
    edited["teleport"]["log"]["severity"] = "DEBUG"
    write(agent, edited)
    before = tree(agent.root)
    done = agent.run("adopt")
    assert done.status == 6 and "95-log.yaml" in done.errors
    assert tree(agent.root) == before


def test_row_3_what_the_installed_teleport_refuses_is_not_written(agent: Agent) -> None:
    edited = document(agent)
    edited["teleport"]["log"]["severity"] = "DEBUG"
    write(agent, edited)
    agent.install(refuse="no such severity")
    before = tree(agent.root)
    done = agent.run("adopt")
    assert done.status == 5, done.errors
    assert tree(agent.root) == before


def test_row_4_a_manual_file_is_compared_with_what_the_conf_renders(node: Agent) -> None:
    """`reconfigure` said "run adopt", and `adopt` refused, because nothing had been applied."""
    node.write(
        "/etc/teleport.yaml",
        "teleport:\n  nodename: by-hand\n  auth_token: 0123456789abcdef\n  auth_servers: ['auth.example.com:3025']\n"
        "  data_dir: /var/lib/teleport\n"
        "auth_service: {enabled: 'no'}\nproxy_service: {enabled: 'no'}\nssh_service: {labels: {on: 'yes'}}\n",
    )
    assert node.generate().status == 0
    refused = node.run("reconfigure", "--yes", "--wait", "5")
    assert refused.status == 8 or "adopt" in refused.errors, refused.errors
    done = node.run("adopt", "--format", "json")
    assert done.status == 0 and "0123456789abcdef" not in done.said, done.errors
    patch = yaml.safe_load(node.path(ADOPTED).read_text())
    assert patch["teleport"]["join_params"] is None and patch["teleport"]["nodename"] == "by-hand"
    assert node.path(ADOPTED).read_text().count("0123456789abcdef") == 1
    done = node.run("reconfigure", "--yes", "--wait", "5")
    # The unit still waits for the files of the conf's own way to join.
    assert done.status == 10, done.errors
    found = document(node)
    assert found["teleport"] == {
        "nodename": "by-hand",
        "auth_token": "0123456789abcdef",
        "auth_server": "auth.example.com:3025",
        "data_dir": "/var/lib/teleport",
    }
    assert found["ssh_service"] == {"labels": {"on": "yes"}}


@pytest.mark.parametrize("text", ["teleport: [\n", "a:\n\tb: 1\n", "- a\n", "a: 1\na: 2\n"])
def test_row_4_broken_yaml_ends_in_no_circle(node: Agent, text: str) -> None:
    node.write("/etc/teleport.yaml", text)
    for command in (("adopt",), ("reconfigure", "--yes", "--wait", "5")):
        done = node.run(*command)
        assert done.status != 0 and "orrect it first" in done.errors and "--discard-edits" in done.errors, done.errors
        assert "Run `teleport-bootstrap adopt`" not in done.errors


@pytest.mark.parametrize(
    "edit",
    [
        "  labels: {on: a, yes: b, 1: c}\n",
        "  labels: &l {a: b}\nkubernetes_service:\n  enabled: no\n  labels: *l\n",
        "  labels: {<<: &l {a: b}, c: !!str 12}\n",
        "  labels:\t{a: b}\t# a tab before a comment\n",
    ],
)
def test_row_8_what_teleport_accepts_is_adopted(agent: Agent, edit: str) -> None:
    edited = document(agent)
    edited["ssh_service"] = {"enabled": "yes"}
    text = yaml.safe_dump({name: edited[name] for name in edited if name not in ("ssh_service", "kubernetes_service")})
    agent.teleport_yaml.write_text(f"{text}ssh_service:\n{edit}")
    adopt(agent)
    labels = yaml.safe_load(agent.run("render").output)["ssh_service"]["labels"]
    assert {"on", "a"} & set(labels)


def test_row_8_a_rule_of_ours_is_not_put_down_to_teleport(agent: Agent) -> None:
    deep = "{a: " * 60 + "1" + "}" * 60
    agent.teleport_yaml.write_text(f"version: v3\nnew: {deep}\n")
    done = agent.run("adopt")
    assert done.status == 6 and "a rule of teleport-bootstrap" in done.errors
    agent.teleport_yaml.write_text("version: v3\nversion: v3\n")
    done = agent.run("adopt")
    assert done.status == 6 and "Teleport does not read it" in done.errors
