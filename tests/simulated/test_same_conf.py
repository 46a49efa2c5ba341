"""A conf that is edited and asks for nothing else counts as applied: row L of what a real installation showed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import answers
from tests.simulated.agent import GUIDE, TOKEN, Agent, Ended, tree
from tests.simulated_ec2 import imds as emulator

STATE = "/var/lib/teleport-bootstrap"
MORE = f'{GUIDE}\nTELEPORT_SSH_LABELS="env: prod"\n'
AGENT = (
    f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN={TOKEN}\n"
    "TELEPORT_AGENT_SSH_ENABLED=true\n"
)

# Each says what MORE says.
SAME = {
    "comment": f"# a comment\n{MORE}",
    "comment at the end of a line": MORE.replace('prod"', 'prod" # why'),
    "blank lines": MORE.replace("\n", "\n\n"),
    "order": "\n".join(reversed(MORE.splitlines())) + "\n",
    "other quotes": MORE.replace('"', "'"),
    "a variable twice": f"TELEPORT_SSH_LABELS='env: test'\n{MORE}",
    "another word for yes": MORE.replace('USE_ACM="true"', "USE_ACM=YES"),
    "a reference": f"STAGE=prod\n{MORE}".replace("env: prod", "env: $STAGE"),
    "an empty variable": f"{MORE}TELEPORT_LICENSE_PATH=\n",
    "an unknown variable": f"{MORE}OURS=1\n",
    "blanks in labels": MORE.replace("env: prod", " env: prod "),
}
# These may say something else; only a plan shows that they do not.
UNPLANNED = {
    "a default": f"{MORE}TELEPORT_ACM_TARGET_PROTOCOL=http\n",
    "no effect here": f"{MORE}DEBUG=false\n",
}


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.conf(MORE)
    assert agent.generate().status == 0
    return agent


def reconfigure(agent: Agent, *arguments: str) -> Ended:
    return agent.run("reconfigure", "--wait", "20", "--format", "json", *arguments)


def edited(agent: Agent) -> bool:
    """Whether status says so; it must not write."""
    before = tree(agent.root)
    found = agent.run("status", "--format", "json").data["findings"]
    assert tree(agent.root) == before
    return any(each["code"] == "conf-edited" for each in found)


@pytest.mark.parametrize("name", SAME)
def test_row_l_a_conf_that_says_the_same_counts_as_applied(agent: Agent, name: str) -> None:
    agent.conf(SAME[name])
    assert not edited(agent)
    for arguments in ((), ("--yes",), ("--dry-run",)):
        assert reconfigure(agent, *arguments).data["result"] == "unchanged"
    assert not edited(agent)


@pytest.mark.parametrize("name", UNPLANNED)
def test_row_l_reconfigure_records_a_conf_with_which_nothing_changes(agent: Agent, name: str) -> None:
    agent.conf(UNPLANNED[name])
    before = tree(agent.root)
    assert reconfigure(agent, "--dry-run").data["result"] == "unchanged"
    assert tree(agent.root) == before
    done = reconfigure(agent, "--yes").data
    assert done["result"] == "unchanged" and any("recorded as applied" in note for note in answers.lines(done, "note"))
    assert not edited(agent)
    agent.conf(f"# and a comment\n{UNPLANNED[name]}")
    assert not edited(agent)
    agent.conf(MORE)
    assert not edited(agent), "the conf of the generation counts as well"
    before = tree(agent.root)
    assert "recorded" not in reconfigure(agent, "--yes").output, "it is known already"
    assert tree(agent.root) == before


def test_row_l_a_conf_of_a_generation_from_before_meanings_were_kept(agent: Agent) -> None:
    manifest = agent.path(f"{STATE}/generations/1/manifest.json")
    kept = json.loads(manifest.read_text())
    del kept["conf_meaning_sha256"]
    manifest.write_text(json.dumps(kept))
    agent.conf(f"# a comment\n{MORE}")
    assert edited(agent)
    assert reconfigure(agent, "--yes").data["result"] == "unchanged"
    assert not edited(agent)
    agent.conf(f"# another comment\n{MORE}")
    assert not edited(agent)


def test_row_l_a_conf_that_says_something_else_is_edited_until_it_is_applied(agent: Agent) -> None:
    for text in (MORE.replace("prod", "test"), GUIDE, f"{MORE}TELEPORT_SSH_LABELS=\n", AGENT):
        agent.conf(text)
        assert edited(agent), text
    assert reconfigure(agent, "--yes").data["result"] == "applied"
    assert not edited(agent)
    agent.conf(AGENT.replace(TOKEN, "another-token-5512"))
    assert edited(agent)


def test_row_l_what_was_recorded_is_forgotten_with_its_generation(agent: Agent) -> None:
    agent.conf(UNPLANNED["a default"])
    assert reconfigure(agent, "--yes").data["result"] == "unchanged"
    agent.conf(GUIDE)
    assert reconfigure(agent, "--yes").data["result"] == "applied"
    agent.conf(UNPLANNED["a default"])
    assert edited(agent)


def test_row_l_a_rollback_to_a_generation_whose_conf_says_the_same_follows_it(agent: Agent) -> None:
    agent.conf(GUIDE)
    assert reconfigure(agent, "--yes").data["result"] == "applied"
    agent.conf(f"# a comment\n{MORE}")
    assert agent.run("rollback", "1", "--yes").status == 0
    assert json.loads(agent.path(f"{STATE}/current.json").read_text())["rejected_conf_sha256"] is None
    assert not edited(agent)


def test_row_l_reconfigure_follows_a_rejected_conf_that_asks_for_what_is_there(agent: Agent) -> None:
    """Rolled back from it, although it only differs in what has no effect."""
    agent.conf(GUIDE)
    assert reconfigure(agent, "--yes").data["result"] == "applied"
    agent.conf(UNPLANNED["a default"])
    assert agent.run("rollback", "1", "--yes").status == 0
    assert agent.run("status", "--format", "json").data["conf"]["state"] == "not-followed"
    assert reconfigure(agent, "--yes").data["result"] == "unchanged"
    found = agent.run("status", "--format", "json").data
    assert (
        found["conf"]["state"],
        [each["code"] for each in found["findings"] if each["code"].startswith("conf-")],
    ) == (
        "valid",
        [],
    )


def test_row_l_the_record_holds_no_secret(agent: Agent) -> None:
    agent.conf(AGENT)
    assert reconfigure(agent, "--yes").data["result"] == "applied"
    agent.conf(f"{AGENT}DEBUG=false\n")
    assert reconfigure(agent, "--yes").data["result"] == "unchanged"
    holding = [name for name, entry in tree(agent.root).items() if TOKEN.encode() in (entry.content or b"")]
    assert sorted(holding) == ["etc/teleport.d/conf", "var/lib/teleport/token"]


def test_a_comment_in_teleport_yaml_is_dropped_with_discard_edits(agent: Agent) -> None:
    before = agent.teleport_yaml.read_text()
    agent.teleport_yaml.write_text(f"{before}# mine\n")
    assert reconfigure(agent, "--yes").data["result"] == "unchanged"
    assert reconfigure(agent, "--yes", "--discard-edits").data["result"] == "applied"
    assert agent.teleport_yaml.read_text() == before
