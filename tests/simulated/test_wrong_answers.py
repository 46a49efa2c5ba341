"""Answers that misled operators; the real command in a scratch root."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.simulated.agent import (
    AS_ANOTHER_ACCOUNT,
    GUIDE,
    LICENSE,
    NOWHERE,
    Agent,
    needs_another_account,
    needs_root,
    tree,
)
from tests.simulated_ec2 import imds as emulator

ENDPOINT = "AWS_EC2_METADATA_SERVICE_ENDPOINT"


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.conf(GUIDE)
    assert agent.generate().status == 0
    return agent


@pytest.mark.parametrize(
    ("word", "meant"), [("lst", "list"), ("lsit", "list"), ("verfy", "verify"), ("craete", "create")]
)
def test_issue_20_row_1_a_mistyped_command_of_backup_makes_no_backup(agent: Agent, word: str, meant: str) -> None:
    before = tree(agent.root)
    done = agent.run("backup", word)
    assert done.status == 2 and f"`backup {meant}`" in done.errors and f"./{word}" in done.errors
    assert tree(agent.root) == before


@pytest.mark.parametrize("command", [("backup",), ("backup", "create"), ("backup", "list"), ("backup", "verify")])
def test_issue_20_row_1_a_place_is_a_directory_that_exists_or_has_a_slash(
    agent: Agent, command: tuple[str, ...]
) -> None:
    before = tree(agent.root)
    done = agent.run(*command, "archives")
    assert done.status == 2 and "./archives" in done.errors
    assert tree(agent.root) == before


def test_a_directory_that_exists_and_one_with_a_slash_are_places(agent: Agent) -> None:
    (agent.root / "here").mkdir()
    for place in ("here", "./new", "archive.tar.gz"):
        done = agent.run("backup", place, "--without-tables", "--wait", "2")
        assert done.status == 0, done.errors
    assert list((agent.root / "here").glob("*.tar.*")) and list((agent.root / "new").glob("*.tar.*"))


@pytest.mark.parametrize(
    "command", [("reconfigure", "--yes"), ("reconfigure", "--dry-run"), ("plan",), ("render",), ("adopt",), ("status",)]
)
def test_issue_20_row_3_every_command_that_reads_the_conf_gives_its_warnings(
    agent: Agent, command: tuple[str, ...]
) -> None:
    agent.conf(f"{GUIDE}\nTELEPORT_DNS_NAME=web1\n")
    done = agent.run(*command, "--wait", "20") if command != ("status",) else agent.run(*command)
    assert done.errors.count("did you mean TELEPORT_DOMAIN_NAME?") == 1, done.said


def test_issue_15_row_1_a_conf_with_a_mistyped_name_is_not_applied(agent: Agent) -> None:
    agent.conf(GUIDE.replace("TELEPORT_DOMAIN_NAME", "TELEPROT_DOMAIN_NAME"))
    before = tree(agent.root)
    done = agent.run("reconfigure", "--yes")
    assert done.status == 2 and "did you mean TELEPORT_DOMAIN_NAME?" in done.errors
    assert tree(agent.root) == before


def edit(agent: Agent, text: str) -> None:
    path = agent.path("/etc/teleport.yaml")
    path.write_text(path.read_text() + text)


def drift(agent: Agent) -> str:
    return "\n".join(agent.run("status", "--format", "json").warnings)


def test_issue_15_row_9_status_names_the_step_after_adopt_and_so_does_adopt(agent: Agent) -> None:
    path = agent.path("/etc/teleport.yaml")
    path.write_text(path.read_text().replace("severity: INFO", "severity: WARN"))
    assert "run `teleport-bootstrap adopt` to keep the edit" in drift(agent)
    adopted = agent.run("adopt")
    assert adopted.status == 0 and "next: run `teleport-bootstrap reconfigure`" in adopted.output
    assert "run `teleport-bootstrap reconfigure` to record it" in drift(agent)
    assert "teleport-bootstrap adopt" not in drift(agent)
    # A second edit, and a removed override, are to be adopted again.
    path.write_text(path.read_text().replace("severity: WARN", "severity: DEBUG"))
    assert "run `teleport-bootstrap adopt` to keep the edit" in drift(agent)
    path.write_text(path.read_text().replace("severity: DEBUG", "severity: WARN"))
    agent.path("/etc/teleport.d/teleport.yaml.d/90-adopted.yaml").rename(agent.root / "aside")
    assert "run `teleport-bootstrap adopt` to keep the edit" in drift(agent)
    (agent.root / "aside").rename(agent.path("/etc/teleport.d/teleport.yaml.d/90-adopted.yaml"))
    assert agent.run("reconfigure", "--yes").status == 0
    assert "teleport.yaml" not in drift(agent)


def test_issue_20_row_5_a_file_that_teleport_cannot_read_is_to_be_corrected_not_adopted(agent: Agent) -> None:
    edit(agent, "broken: [1,\n")
    refused = agent.run("reconfigure", "--yes")
    assert refused.status == 12 and "cannot be adopted" in refused.errors
    for said in (drift(agent), refused.errors):
        assert "correct it" in said and "etc/teleport.yaml:" in said and "run `teleport-bootstrap adopt`" not in said
        assert "--discard-edits" in said
    done = agent.run("reconfigure", "--yes", "--discard-edits")
    assert done.status == 0, done.errors


def test_issue_20_row_10_adopt_says_that_it_freezes_a_list(agent: Agent) -> None:
    path = agent.path("/etc/teleport.yaml")
    path.write_text(path.read_text().replace('[uname, "-m"]', '[uname, "-p"]'))
    said = agent.run("adopt").output
    assert "ssh_service.commands is a list" in said and "replaces as a whole" in said and "has no effect until" in said


def test_issue_20_row_4_health_that_was_not_asked_is_unknown(agent: Agent) -> None:
    agent.install(version="17.5.1")
    done = agent.run("status")
    assert done.status == 0 and "unknown (health was not checked" in done.output, done.said
    agent.conf(f'{GUIDE}\nTELEPORT_SSH_LABELS="env: two"\n')
    assert "health was not checked" in agent.run("reconfigure", "--yes").output
    assert "health was not checked" in agent.run("rollback", "--yes").output


def test_issue_15_row_5_an_invalid_line_in_the_conf_of_a_host_is_drift(agent: Agent) -> None:
    agent.install(version="17.5.1")
    agent.conf(f"{GUIDE}\nTELEPORT_EXTERNAL_PORT=99999\n")
    done = agent.run("status", "--format", "json")
    assert (done.status, done.data["state"], done.data["role"]) == (15, "drifted", "all-in-one"), done.said
    assert done.wrong == [] and done.data["unit"]["name"] == "teleport-acm.service"
    said = "\n".join(done.warnings)
    assert "TELEPORT_EXTERNAL_PORT" in said and "generation 1 stays applied" in said
    assert "`teleport-bootstrap validate` and `teleport-bootstrap reconfigure`" in said
    agent.conf(GUIDE)
    assert agent.run("validate").status == agent.run("reconfigure", "--yes").status == agent.run("status").status == 0


@needs_root
@pytest.mark.parametrize("command", ["status", "history"])
def test_issue_15_row_4_without_root_there_is_no_false_answer(agent: Agent, command: str) -> None:
    needs_another_account()
    agent.root.chmod(0o755)
    for folder in agent.root.parents:
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(folder.stat().st_mode | 0o055)
    done = agent.run(command, prefix=AS_ANOTHER_ACCOUNT)
    assert done.status == 6 and "only root" in done.errors and f"sudo teleport-bootstrap {command}" in done.errors
    assert done.output == ""


@pytest.mark.parametrize(
    "conf",
    [
        "TELEPORT_ROLE=proxy\nTELEPORT_DOMAIN_NAME=p.example.com\nTELEPORT_CLUSTER_NAME=cluster-1\nUSE_ACM=true\n"
        "TELEPORT_AUTH_SERVER_LB=auth.example.com\nTELEPORT_PROXY_SERVER_LB=lb.example.com\n",
        "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n",
    ],
)
def test_issue_15_row_3_a_role_whose_token_is_missing_is_pending_and_its_danger_is_said_before(
    agent: Agent, conf: str
) -> None:
    agent.path("/var/lib/teleport/backend").mkdir(parents=True)
    agent.conf(conf)
    proposed = agent.run("reconfigure", "--dry-run", "--wait", "1")
    assert "DANGER: auth_service stops: " in proposed.output and "no other host of it works" in proposed.output
    assert "DANGER: no Teleport runs until then" in proposed.output
    done = agent.run("reconfigure", "--yes", "--wait", "1")
    assert done.status == 10, done.said
    assert "pending: " in done.output and "no Teleport runs here until these arrive" in done.output
    data = agent.run("status", "--format", "json").data
    assert data["pending"]


def test_issue_20_row_7_a_wait_says_what_for_and_how_long(agent: Agent) -> None:
    agent.imds = NOWHERE
    done = agent.run("render", "--wait", "8")
    assert done.status == 3
    said = re.search(r"waiting up to ([0-9]+) s for the instance metadata service at http://127.0.0.1:9", done.errors)
    assert said is not None and 5 < int(said[1]) <= 8, done.errors


@pytest.mark.parametrize("command", [("render",), ("plan",), ("metadata", "instance-id"), ("reconfigure", "--dry-run")])
def test_issue_20_row_11_another_root_directory_never_asks_the_metadata_service_of_this_machine(
    agent: Agent, command: tuple[str, ...]
) -> None:
    agent.path("/var/lib/teleport-bootstrap/metadata.json").unlink()
    agent.conf(f'{GUIDE}\nTELEPORT_SSH_LABELS="env: two"\n')
    strace = ("strace", "-f", "-qq", "-e", "trace=connect", "-e", "signal=none")
    # Without the variable, and with no address in it.
    for prefix in (("env", "-u", ENDPOINT), ("env", f"{ENDPOINT}=")):
        done = agent.run(*command, prefix=(*prefix, *strace))
        assert done.status == 3 and "another machine's root directory" in done.errors, done.said
        assert "169.254" not in done.errors and "fd00:ec2" not in done.errors


def test_issue_20_row_11_with_the_facts_in_a_file_no_address_is_needed(agent: Agent, tmp_path: Path) -> None:
    facts = tmp_path / "facts.yaml"
    facts.write_text("local-ipv4: 10.0.0.7\nlocal-hostname: a.b\ninstance-id: i-1\nregion: us-east-1\n")
    done = agent.run("render", "--metadata", str(facts), prefix=("env", "-u", ENDPOINT))
    assert done.status == 0, done.errors


@pytest.mark.parametrize("edited", [False, True])
def test_issue_15_row_8_what_is_said_of_a_conf_after_a_rollback_is_what_happens(agent: Agent, edited: bool) -> None:
    agent.conf(f'{GUIDE}\nTELEPORT_SSH_LABELS="env: two"\n')
    assert agent.run("reconfigure", "--yes").status == 0
    rolled_back = agent.run("rollback", "--yes")
    said = [rolled_back.output, agent.generate().output, agent.run("status").output]
    text = "is not followed (rolled back to generation 1): boots and `generate` keep generation 1 until the conf "
    text += "is edited; `teleport-bootstrap reconfigure` applies the conf as it is"
    assert [each.count(text) for each in said] == [1, 1, 1], said
    before = agent.teleport_yaml.read_text()
    assert "env: two" not in before
    if edited:
        agent.conf(f'{GUIDE}\nTELEPORT_SSH_LABELS="env: three"\n')
    assert text in agent.generate().output or edited
    danger = "DANGER: " in (proposed := agent.run("reconfigure", "--dry-run").output)
    assert danger != edited and ("was not edited since: rolled back to generation 1" in proposed) != edited
    done = agent.run("reconfigure", "--yes", "--format", "json")
    assert done.data["result"] == "applied" and "env: " in agent.teleport_yaml.read_text()
    assert "not followed" not in agent.run("status").output


OVERRIDE = "/etc/teleport.d/teleport.yaml.d/10.yaml"


@pytest.mark.parametrize("command", [("reconfigure", "--dry-run"), ("reconfigure", "--yes"), ("reconfigure",)])
def test_issue_15_row_2_a_dry_run_asks_teleport_and_names_the_override_with_its_line(
    agent: Agent, command: tuple[str, ...]
) -> None:
    agent.install(version="17.5.1")
    agent.write(
        OVERRIDE, "# ours\nproxy_service:\n  # new\n  trust_me: 'yes'\nssh_service:\n  deep:\n    a: [1, {b: 2}]\n"
    )
    before = tree(agent.root)
    done = agent.run(*command)
    assert done.status == 5, done.said
    assert (
        f"{agent.path(OVERRIDE)}:4:3: proxy_service.trust_me is a key that this Teleport does not know" in done.errors
    )
    assert f"{agent.path(OVERRIDE)}:6:3: ssh_service.deep is a key" in done.errors
    assert tree(agent.root) == before
    # With --yes, the proposal is printed before anything is tried.
    assert (done.output == "") == ("--yes" not in command)
    found = agent.run(*command, "--format", "json").data["findings"]
    assert [(each["file"], each["line"], each["column"]) for each in found] == [
        (str(agent.path(OVERRIDE)), 4, 3),
        (str(agent.path(OVERRIDE)), 6, 3),
    ]


def test_issue_15_row_2_generate_and_adopt_name_the_place_too(agent: Agent) -> None:
    agent.install(version="17.5.1")
    text = agent.teleport_yaml.read_text()
    agent.teleport_yaml.write_text(text.replace("proxy_service:\n", "proxy_service:\n  trust_me: 'yes'\n", 1))
    line = agent.teleport_yaml.read_text().split("\n").index("  trust_me: 'yes'") + 1
    refused = agent.run("adopt")
    assert refused.status == 5 and f"{agent.teleport_yaml}:{line}:3: proxy_service.trust_me" in refused.errors
    agent.teleport_yaml.unlink()
    agent.write(OVERRIDE, "proxy_service: {trust_me: 'yes'}\n")
    refused = agent.generate()
    assert refused.status == 5 and f"{agent.path(OVERRIDE)}:1:17: proxy_service.trust_me" in refused.errors


def test_issue_15_row_2_where_no_file_of_the_operator_is_meant_the_line_of_the_new_file_is_named(agent: Agent) -> None:
    line = next(n for n, each in enumerate(agent.teleport_yaml.read_text().split("\n"), 1) if "severity" in each)
    said = f"yaml: unmarshal errors:  line {line}: cannot unmarshal !!str `x` into int  line 1: and more"
    agent.install(version="17.5.1", refuse=said)
    agent.conf(f'{GUIDE}\nTELEPORT_SSH_LABELS="env: two"\n')
    done = agent.run("reconfigure", "--dry-run")
    assert done.status == 5
    wanted = f"teleport.log.severity: cannot unmarshal !!str `x` into int (line {line} of the new"
    assert wanted in done.errors, done.said


def test_issue_15_row_2_a_dry_run_refuses_what_could_not_be_written_and_changes_nothing(agent: Agent) -> None:
    agent.conf("TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=c-1\nTELEPORT_AUTH_SERVER_LB=a.example.com\n")
    folders = sorted(str(each) for each in agent.root.rglob("*"))
    before = tree(agent.root)
    assert agent.run("reconfigure", "--dry-run", "--wait", "1").status == 0
    assert tree(agent.root) == before
    assert sorted(str(each) for each in agent.root.rglob("*")) == folders
    # A directory in the place of a file that is to be written.
    agent.path("/etc/teleport.d/role.node").mkdir()
    for command in (("reconfigure", "--dry-run"), ("reconfigure", "--yes")):
        done = agent.run(*command, "--wait", "1")
        assert done.status == 6 and "role.node" in done.errors, done.said
    agent.path("/etc/teleport.d/role.node").rmdir()
    # What is lost with the data, and cannot be fetched again.
    agent.conf("TELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_LICENSE_PATH=1\n")
    agent.write("/var/lib/teleport/license.pem", LICENSE, 0o600)
    for command in (("--dry-run",), ("--yes",)):
        done = agent.run("reconfigure", "--reset-data", *command, "--wait", "1")
        assert done.status == 6 and "could not be fetched again" in done.errors, done.said


def labelled(value: str) -> str:
    return f'{GUIDE}\nTELEPORT_SSH_LABELS="env: {value}"\n'


def test_issue_15_row_6_a_rollback_shows_the_difference_and_what_restarts_and_can_be_tried(agent: Agent) -> None:
    agent.conf(labelled("two"))
    assert agent.run("reconfigure", "--yes").status == 0
    before = tree(agent.root)
    for command in (("rollback", "--dry-run"), ("rollback", "1", "--dry-run", "--yes")):
        done = agent.run(*command)
        assert done.status == 0 and "-    env: two" in done.output, done.said
        assert "Then restart teleport-acm.service" in done.output and "nothing was changed" in done.output
        assert "generation 1 of " in done.output and "generate by " in done.output
    data = agent.run("rollback", "--dry-run", "--format", "json").data
    assert (data["result"], data["generation"], data["proposal"]["generation"]) == ("proposed", 2, 1)
    assert [each["path"] for each in data["proposal"]["differences"]] == ["/etc/teleport.yaml"]
    assert tree(agent.root) == before
    asked = agent.run("rollback")
    assert asked.status == 11 and "--dry-run" in asked.errors
    done = agent.run("rollback", "--yes", "--format", "json")
    assert done.data["generation"] == 1 and done.data["proposal"]["action"] == "restart"


def test_issue_15_row_6_the_dangers_of_a_rollback_are_named_by_the_rules_of_reconfigure(agent: Agent) -> None:
    agent.path("/var/lib/teleport/backend").mkdir(parents=True)
    agent.conf(GUIDE.replace("acmeinc.com", "acmeinc.org"))
    forward = agent.run("reconfigure", "--dry-run").output
    assert agent.run("reconfigure", "--yes").status == 0
    back = agent.run("rollback", "--dry-run").output
    dangers = [line.split(" changes from ")[0] for line in forward.split("\n") if line.startswith("DANGER: ")]
    assert dangers and [line.split(" changes from ")[0] for line in back.split("\n") if "DANGER" in line] == dangers
    assert "a cluster keeps its first name" in back


@pytest.mark.parametrize("command", [("rollback", "--dry-run"), ("rollback", "--yes")])
def test_issue_15_row_2_a_dry_run_of_a_rollback_asks_what_the_rollback_asks(
    agent: Agent, command: tuple[str, ...]
) -> None:
    agent.write(OVERRIDE, "proxy_service: {https_keypairs: [{key_file: /etc/key.pem, cert_file: /etc/cert.pem}]}\n")
    for name in ("key", "cert"):
        agent.write(f"/etc/{name}.pem", "x")
    assert agent.run("reconfigure", "--yes").status == 0
    agent.path(OVERRIDE).unlink()
    assert agent.run("reconfigure", "--yes").status == 0
    agent.path("/etc/key.pem").unlink()
    before = tree(agent.root)
    done = agent.run(*command)
    assert done.status == 6 and "/etc/key.pem is missing" in done.errors, done.said
    agent.write("/etc/key.pem", "x")
    before = tree(agent.root)
    agent.install(version="17.5.1", refuse="this Teleport is another one")
    refused = agent.run(*command)
    assert refused.status == 5 and "this Teleport is another one" in refused.errors, refused.said
    assert {name: each for name, each in tree(agent.root).items() if "local/bin" not in name} == before
