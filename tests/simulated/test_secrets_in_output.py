"""Row 2: secrets of an override and of a manual edit are in no byte that a command prints, logs or bundles."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.simulated.agent import GUIDE, Agent, needs_root
from tests.simulated_ec2 import imds as emulator

OVERRIDES = "/etc/teleport.d/teleport.yaml.d"
# Each in a value of another kind.
URI, STATIC, HEADER, DATABASE, EVENTS, LITERAL, COMMENT, KEY = (
    *("uri-pl4nted-1", "static-pl4nted-2", "header-pl4nted-3", "database-pl4nted-4"),
    *("events-pl4nted-5", "literal-pl4nted-6", "comment-pl4nted-7", "a2V5LXBsNG50ZWQtOA"),
)
SECRETS = (URI, STATIC, HEADER, DATABASE, EVENTS, LITERAL, COMMENT, KEY)
PEM = f"-----BEGIN PRIVATE KEY-----\\n{KEY}\\n-----END PRIVATE KEY-----\\n"
TEXT = f"""\
# auth_token: {COMMENT}
auth_service:
  tokens: ["node:{STATIC}"]
app_service:
  enabled: "yes"
  apps:
  - name: one
    uri: "http://user:{URI}@127.0.0.1:8000"
    rewrite:
      headers: ["Authorization: Bearer {HEADER}"]
teleport:
  storage:
    audit_events_uri: ["stdout://", "https://u:{EVENTS}@logs.example.com"]
"""
WITHOUT_EVENTS = TEXT.partition("teleport:")[0]


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.conf(GUIDE)
    return agent


def shows_nothing(agent: Agent, *command: str) -> None:
    for form in ((), ("--format", "json")):
        done = agent.run(*command, *form, "--log-level", "debug")
        assert not [each for each in SECRETS if each in done.said], (command, form, done.said)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o600])
def test_row_2_an_override_that_holds_a_secret_becomes_private(agent: Agent, mode: int) -> None:
    holding = agent.write(f"{OVERRIDES}/10-secret.yaml", WITHOUT_EVENTS, mode)
    plain = agent.write(f"{OVERRIDES}/20-plain.yaml", "teleport: {log: {severity: WARN}}\n", 0o644)
    assert agent.generate().status == 0
    assert holding.stat().st_mode & 0o777 == 0o600
    assert plain.stat().st_mode & 0o777 == 0o644


def test_row_2_a_manual_file_that_holds_a_secret_becomes_private_and_its_link_is_not_followed(agent: Agent) -> None:
    agent.write("/etc/teleport.yaml", f"version: v3\nteleport: {{auth_token: {LITERAL}}}\n", 0o644)
    assert LITERAL not in agent.generate().said
    assert agent.teleport_yaml.stat().st_mode & 0o777 == 0o600
    elsewhere = agent.write("/srv/other.yaml", f"teleport: {{auth_token: {LITERAL}}}\n", 0o644)
    agent.teleport_yaml.unlink()
    os.symlink(elsewhere, agent.teleport_yaml)
    agent.generate()
    assert elsewhere.stat().st_mode & 0o777 == 0o644


def test_row_2_no_command_shows_what_an_override_holds(agent: Agent) -> None:
    agent.write(f"{OVERRIDES}/10-secret.yaml", WITHOUT_EVENTS, 0o644)
    for command in (("plan",), ("render",), ("render", "--explain"), ("reconfigure", "--dry-run"), ("generate",)):
        shows_nothing(agent, *command)
    shown = agent.run("render", "--show-secrets").output
    assert yaml.safe_load(shown)["auth_service"]["tokens"] == [f"node:{STATIC}"]
    edited = yaml.safe_load(agent.teleport_yaml.read_text())
    edited["teleport"]["auth_token"] = LITERAL
    edited["db_service"] = {"enabled": "no", "databases": [{"name": "d", "uri": f"mongodb://u:{DATABASE}@h:27017"}]}
    edited["new"] = {"key": PEM.replace("\\n", "\n")}
    agent.teleport_yaml.write_text(yaml.safe_dump(edited))
    for command in (
        ("reconfigure", "--yes", "--wait", "5"),
        ("status",),
        ("adopt",),
        ("rollback", "--yes"),
        ("history",),
    ):
        shows_nothing(agent, *command)


def test_row_2_errors_show_nothing(agent: Agent) -> None:
    for text in (TEXT, f"{TEXT}x: [\n", TEXT.replace("node:", "nosuch:"), TEXT.replace("user:", "us er:")):
        agent.write(f"{OVERRIDES}/10-secret.yaml", text, 0o644)
        for command in (("render",), ("generate",)):
            shows_nothing(agent, *command)
    agent.path(f"{OVERRIDES}/10-secret.yaml").unlink()
    agent.install(refuse=f"bad token node:{STATIC} in http://user:{URI}@127.0.0.1:8000")
    agent.write(f"{OVERRIDES}/10-secret.yaml", WITHOUT_EVENTS, 0o644)
    shows_nothing(agent, "generate")


@needs_root
def test_row_2_a_support_bundle_holds_nothing(agent: Agent) -> None:
    agent.write(f"{OVERRIDES}/10-secret.yaml", WITHOUT_EVENTS, 0o644)
    assert agent.generate().status == 0
    output = agent.root / "bundle.tar.gz"
    shows_nothing(agent, "collect-logs", "--output", str(output))
    with tarfile.open(output) as bundle:
        for member in bundle.getmembers():
            file = bundle.extractfile(member)
            content = b"" if file is None else file.read()
            assert not [each for each in SECRETS if each.encode() in content], member.name


def test_row_4_a_generation_can_be_restored_though_its_manifest_holds_no_secret(agent: Agent) -> None:
    """Issue 14, row 4: the manifest names the digest of the file beside it, which alone holds what an override says."""
    agent.write(f"{OVERRIDES}/10-secret.yaml", WITHOUT_EVENTS, 0o600)
    assert agent.generate().status == 0
    written = agent.teleport_yaml.read_bytes()
    kept = agent.path("/var/lib/teleport-bootstrap/generations/1")
    manifest = (kept / "manifest.json").read_text()
    assert not [each for each in SECRETS if each in manifest]
    assert (kept / "teleport.yaml").read_bytes() == written
    agent.write(f"{OVERRIDES}/10-secret.yaml", "teleport: {log: {severity: WARN}}\n", 0o600)
    assert agent.run("reconfigure", "--yes", "--wait", "5").status == 0
    assert agent.run("rollback", "1", "--yes", "--wait", "5").status == 0
    assert agent.teleport_yaml.read_bytes() == written
    (kept / "teleport.yaml").write_text("changed: true\n")
    assert "is damaged" in agent.run("rollback", "1", "--yes", "--wait", "5").errors
