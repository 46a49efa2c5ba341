"""`first-admin` against a stand-in tctl: what it creates and refuses, and that its link stays on standard output."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap import errors, paths, records
from teleport_bootstrap.checks import first_user, host_facts
from teleport_bootstrap.host import probe
from tests import answers
from tests.simulated import journal_socket
from tests.simulated.agent import GUIDE, Agent, tree
from tests.simulated_ec2 import imds as emulator
from tests.stand_in import install_tctl

LINK = re.compile(r"https://\S+/web/invite/([0-9a-f]{32})")
SEEN = "/var/lib/teleport-bootstrap/users/seen.json"
AUTH = (
    "TELEPORT_ROLE=auth\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
    "TELEPORT_DYNAMO_TABLE_NAME=state-1\nTELEPORT_DYNAMO_EVENTS_TABLE_NAME=events-1\nTELEPORT_S3_BUCKET=bucket-1\n"
    "TELEPORT_LOCKS_TABLE_NAME=locks-1\nUSE_LETSENCRYPT=false\n"
)
BUILT_IN: dict[str, Any] = {"metadata": {"name": "@teleport-access-approval-bot", "labels": {}}, "spec": {}}


def of(name: str) -> dict[str, Any]:
    return {"kind": "user", "metadata": {"name": name}, "spec": {"roles": ["access"]}}


def configured(tmp_path: Path, imds: emulator.Server, conf: str, name: str = "root") -> Agent:
    root = tmp_path / name
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.install(version="17.5.1")
    agent.conf(conf)
    data = agent.path("/var/lib/teleport")
    data.mkdir(parents=True)
    (data / "host_uuid").write_text("a-host")
    done = agent.generate()
    assert done.status in (errors.OK, errors.PENDING), done.said
    tctl(agent)
    return agent


def tctl(agent: Agent, **switches: Any) -> None:
    install_tctl(agent.path("/usr/local/bin"), data=str(agent.path("/var/lib/teleport")), **switches)


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    """The guide's instance, whose Teleport has no users."""
    return configured(tmp_path, imds, GUIDE)


def asked(agent: Agent) -> list[list[str]]:
    path = agent.path("/var/lib/teleport/tctl-requests.jsonl")
    return [json.loads(line)["argv"] for line in path.read_text().splitlines()] if path.exists() else []


def users(agent: Agent) -> dict[str, Any]:
    path = agent.path("/var/lib/teleport/tctl-users.json")
    return {each["metadata"]["name"]: each["spec"] for each in json.loads(path.read_text())} if path.exists() else {}


# ---------------------------------------------------------------- what it creates


def test_issue_18_point_4_the_first_administrator_and_its_link(agent: Agent) -> None:
    tctl(agent, proxy="teleport.acmeinc.com:443", users=[BUILT_IN])
    done = agent.run("first-admin", "alice", "--logins", "ec2-user,admin")
    assert done.status == 0, done.said
    assert asked(agent)[-1] == [
        *("users", "add", "alice", "--roles=editor,access,auditor", "--format=json", "--logins=ec2-user,admin")
    ]
    assert users(agent)["alice"] == {
        "roles": ["editor", "access", "auditor"],
        "traits": {"logins": ["ec2-user", "admin"]},
        "status": {"is_locked": False},
    }
    first, second, _, link, *rest = done.output.splitlines()
    assert first == "created the user alice with the roles editor, access, auditor, and the logins ec2-user, admin"
    assert re.fullmatch(r"Open this link to set the password, until \S+\+00:00\. It is not printed again:", second)
    assert LINK.fullmatch(link.strip()) and link.startswith("  https://teleport.acmeinc.com:443/web/invite/")
    assert rest == [] and len(LINK.findall(done.said)) == 1
    assert LINK.search(done.errors) is None


def test_issue_18_point_4_as_json(agent: Agent) -> None:
    tctl(agent, known_roles=["ops"])
    done = agent.run("first-admin", "alice", "--roles", "editor,ops", "--format", "json")
    assert done.status == 0, done.said
    found = done.data
    assert (found["user"], found["roles"], found["logins"]) == ("alice", ["editor", "ops"], [])
    assert found["link"].startswith("https://teleport.acmeinc.com/web/invite/") and LINK.fullmatch(found["link"])
    said = " ".join(done.notes)
    assert "no proxy has joined the cluster yet: the link works once one answers at teleport.acmeinc.com" in said
    assert "without --logins, alice cannot log in to hosts" in said
    assert "invite" not in said


def test_issue_18_point_4_on_an_auth_server_the_domain_is_the_address(tmp_path: Path, imds: emulator.Server) -> None:
    agent = configured(tmp_path, imds, f"{AUTH}TELEPORT_DOMAIN_NAME=teleport.example.com\n")
    tctl(agent, proxy="ip-10-0-1-7.ec2.internal:3080")
    done = agent.run("first-admin", "alice")
    assert done.status == 0, done.said
    assert "  https://teleport.example.com/web/invite/" in done.output
    assert "Teleport named ip-10-0-1-7.ec2.internal:3080 in the link" in done.output


def test_issue_18_point_4_a_tctl_that_prints_text(agent: Agent) -> None:
    tctl(agent, text=True, proxy="teleport.acmeinc.com:443")
    done = agent.run("first-admin", "alice")
    assert done.status == 0 and LINK.search(done.output), done.said
    assert "set the password, within an hour" in done.output


def test_issue_18_point_4_it_waits_for_a_teleport_that_starts(agent: Agent) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        tctl(agent, answer=f"127.0.0.1:{listener.getsockname()[1]}")
        later = threading.Timer(2.0, listener.listen)
        later.start()
        done = agent.run("first-admin", "alice", "--wait", "30")
        later.join()
    assert done.status == 0, done.said


# ---------------------------------------------------------------- what it refuses


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("@alice",), "the name of the user cannot be"),
        (("a b",), "the name of the user cannot be"),
        (("alice", "--logins", ""), "a login cannot be"),
        (("alice", "--logins", "a b"), "a login cannot be"),
        (("alice", "--roles", "editor,"), "a role cannot be"),
        ((), "NAME"),
    ],
)
def test_issue_18_point_4_what_is_invalid_is_refused_before_anything_runs(
    agent: Agent, arguments: tuple[str, ...], said: str
) -> None:
    before = tree(agent.root)
    done = agent.run("first-admin", *arguments)
    assert done.status == errors.CONF_OR_USAGE and said in done.errors, done.said
    assert asked(agent) == [] and tree(agent.root) == before


@pytest.mark.parametrize("role", ["proxy", "node", "agent"])
def test_issue_18_point_4_other_roles_are_refused(tmp_path: Path, imds: emulator.Server, role: str) -> None:
    more = {
        "proxy": "TELEPORT_DOMAIN_NAME=example.com\nUSE_ACM=true\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n",
        "node": "TELEPORT_AUTH_SERVER_LB=auth.example.com\n",
        "agent": "TELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_AGENT_SSH_ENABLED=true\n"
        "TELEPORT_JOIN_TOKEN=planted-token-93af\n",
    }[role]
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.install(version="17.5.1")
    agent.conf(f"TELEPORT_ROLE={role}\nTELEPORT_CLUSTER_NAME=cluster-1\n{more}")
    tctl(agent)
    done = agent.run("first-admin", "alice")
    assert done.status == errors.CONF_OR_USAGE, done.said
    assert f"users are created on an auth server, and this host has the role {role}" in done.errors
    assert asked(agent) == []


def test_issue_18_point_4_a_host_without_a_role_is_refused(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    done = agent.run("first-admin", "alice")
    assert done.status == errors.CONF_OR_USAGE and "the role of this host is not known" in done.errors, done.said


def test_issue_18_point_4_a_teleport_that_does_not_answer(agent: Agent) -> None:
    tctl(agent, answer="127.0.0.1:9")
    done = agent.run("first-admin", "alice", "--wait", "1")
    assert done.status == errors.TELEPORT and "the auth service of this host does not answer" in done.errors, done.said
    assert users(agent) == {}


def test_issue_18_point_4_a_user_who_exists_is_not_changed(agent: Agent) -> None:
    tctl(agent, users=[of("alice"), of("bob")])
    for more in ((), ("--yes",)):
        done = agent.run("first-admin", "alice", *more)
        assert done.status == errors.CONF_OR_USAGE, done.said
        assert "has a user alice already" in done.errors and "tctl users reset alice" in done.errors
    assert users(agent) == {}


def test_issue_18_point_4_other_users_need_yes(agent: Agent) -> None:
    tctl(agent, users=[BUILT_IN, of("bob"), of("carol")])
    done = agent.run("first-admin", "alice")
    assert done.status == errors.UNCONFIRMED and "the cluster has the users bob, carol already" in done.errors
    assert "--yes" in done.errors and users(agent) == {}
    done = agent.run("first-admin", "alice", "--yes")
    assert done.status == 0 and "note: the cluster has the users bob, carol already" in done.output, done.said


def test_issue_18_point_4_a_role_that_teleport_does_not_know(agent: Agent) -> None:
    done = agent.run("first-admin", "alice", "--roles", "ops")
    assert done.status == errors.TELEPORT and "role ops is not found" in done.errors, done.said


def test_issue_18_point_4_local_users_who_cannot_sign_in(agent: Agent) -> None:
    override = "auth_service:\n  authentication:\n    type: saml\n    local_auth: false\n"
    agent.write("/etc/teleport.d/teleport.yaml.d/10-sso.yaml", override)
    assert agent.run("reconfigure", "--yes").status == 0
    done = agent.run("first-admin", "alice")
    assert done.status == errors.CONF_OR_USAGE and "local users cannot sign in" in done.errors, done.said
    assert asked(agent) == []


def test_issue_18_point_4_a_link_that_cannot_be_read(agent: Agent) -> None:
    tctl(agent, text=True, proxy="x y")
    done = agent.run("first-admin", "alice")
    assert done.status == errors.TELEPORT, done.said
    assert "alice was created, but" in done.errors and "tctl users reset alice" in done.errors
    assert "invite" not in done.said


# ---------------------------------------------------------------- where the link goes


def test_issue_18_point_4_the_link_is_nowhere_but_on_standard_output(agent: Agent, tmp_path: Path) -> None:
    tctl(agent, proxy="teleport.acmeinc.com:443")
    journal = journal_socket.Journal(agent.root)
    done = agent.run("first-admin", "alice", "--log-level", "debug")
    entries = journal.entries()
    journal.close()
    found = LINK.search(done.output)
    assert done.status == 0 and found is not None, done.said
    token = found[1]
    assert any("created the user alice with the roles" in each["MESSAGE"] for each in entries), entries
    assert token not in json.dumps(entries)
    assert token not in done.errors
    bundle = tmp_path / "bundle.tar.gz"
    assert agent.run("collect-logs", "--output", str(bundle)).status == 0
    unpacked = subprocess.run(["tar", "-xOzf", str(bundle)], capture_output=True, check=True).stdout
    assert token.encode() not in unpacked
    for path in agent.root.rglob("*"):
        if path.is_file() and not path.name.startswith("tctl"):
            assert token.encode() not in path.read_bytes(), path


def test_issue_18_point_4_the_journal_as_standard_output_is_refused(agent: Agent) -> None:
    path = "/run/systemd/journal/stdout"
    if os.path.exists(path) or os.geteuid() != 0:
        pytest.skip("the path of the journal cannot be used here")
    made = [each for each in ("/run/systemd", "/run/systemd/journal") if not os.path.isdir(each)]
    os.makedirs("/run/systemd/journal", exist_ok=True)
    try:
        with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
            server.bind(path)
            server.listen()
            client.connect(path)
            command = agent.command("first-admin", "alice")
            done = subprocess.run(
                command, env=agent.environment(), stdout=client.fileno(), stderr=subprocess.PIPE, check=False
            )
        assert done.returncode == errors.CONF_OR_USAGE, done.stderr
        assert b"standard output is the journal" in done.stderr and asked(agent) == []
    finally:
        os.unlink(path)
        for each in reversed(made):
            os.rmdir(each)


def test_issue_18_point_4_a_link_that_was_lost_can_be_had_again(agent: Agent) -> None:
    command = agent.command("first-admin", "alice")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, env=agent.environment(), stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0 and b"`tctl users reset alice` prints another link" in done.stderr, done.stderr


# ---------------------------------------------------------------- what `status` says


def ready(agent: Agent) -> host_facts.HostFacts:
    return records.replace(host_facts.read(paths.Root(str(agent.root))), readiness=probe.READY)


@pytest.fixture(autouse=True)
def _ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_user, "_asked", {})


def test_issue_18_point_4_a_cluster_without_users_is_a_note_until_there_is_one(agent: Agent) -> None:
    tctl(agent, users=[BUILT_IN])
    (found,) = first_user.check(ready(agent))
    assert (found.severity, found.code) == ("note", "no-users")
    assert "no user yet" in found.message and "teleport-bootstrap first-admin NAME" in found.remedy
    assert asked(agent) == [["get", "users", "--format=json"]]
    # Asked again within some seconds, as `status --watch` does, it does not ask.
    assert len([*first_user.check(ready(agent))]) == 1 and len(asked(agent)) == 1
    assert agent.run("first-admin", "alice").status == 0
    before = len(asked(agent))
    assert [*first_user.check(ready(agent))] == [] and len(asked(agent)) == before
    assert agent.path(SEEN).stat().st_mode & 0o777 == 0o600


def test_issue_18_point_4_users_are_asked_for_once(agent: Agent) -> None:
    tctl(agent, users=[of("bob")])
    for _ in range(3):
        assert [*first_user.check(ready(agent))] == []
    assert len(asked(agent)) == 1


@pytest.mark.parametrize("changed", ["data", "storage"])
def test_issue_18_point_4_other_data_is_asked_for_again(agent: Agent, changed: str) -> None:
    tctl(agent, users=[of("bob")])
    assert [*first_user.check(ready(agent))] == []
    if changed == "data":
        agent.path("/var/lib/teleport/host_uuid").write_text("another host")
    else:
        agent.write("/etc/teleport.d/teleport.yaml.d/10-s.yaml", "teleport:\n  storage:\n    path: /srv/backend\n")
        assert agent.run("reconfigure", "--yes").status == 0
    tctl(agent)
    assert len([*first_user.check(ready(agent))]) == 1


@pytest.mark.parametrize("switches", [{"fail": {"get users": "access denied"}}, {"hang": ["get users"]}])
def test_issue_18_point_4_where_tctl_fails_it_is_not_known(
    agent: Agent, switches: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_user, "CALL_SECONDS", 1.0)
    tctl(agent, **switches)
    assert [*first_user.check(ready(agent))] == []
    assert not agent.path(SEEN).exists()


def test_issue_18_point_4_a_teleport_that_is_not_ready_is_not_asked(agent: Agent) -> None:
    for readiness in (host_facts.NOT_CHECKED, probe.STARTING, probe.DEGRADED, probe.RECOVERING):
        assert [*first_user.check(records.replace(ready(agent), readiness=readiness))] == []
    assert asked(agent) == []
    done = agent.run("status", "--format", "json")
    assert answers.found(done.data, "note") == [] and asked(agent) == []


def test_issue_18_point_4_other_roles_are_not_asked(agent: Agent) -> None:
    host = ready(agent)
    for role in ("proxy", "node", "agent", None):
        conf = records.replace(host.conf, role=role)
        unit = {"proxy": "teleport-proxy.service", "node": "teleport-node.service"}.get(str(role), "teleport.service")
        markers = host.markers if role else ("role.agent",)
        assert [*first_user.check(records.replace(host, conf=conf, unit=unit, markers=markers))] == []
    assert asked(agent) == []
