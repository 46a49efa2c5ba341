"""Faults of the shell scripts that this agent replaces: the real command does not have them.

The number in a test's name is the number of the fault in the list that the project started from. Faults of
certificates, the lock, restore and reboots have tests in other files.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulated import auth_server
from tests.simulated.agent import (
    CHECKOUT,
    GUIDE,
    LICENSE,
    NOWHERE,
    PIN,
    TOKEN,
    Agent,
    needs_root,
    shows_no_secret,
    tree,
)
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import aws as answers
from tests.simulated_ec2 import imds as emulator

AGENT = f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN={TOKEN}\n"
DATABASE = (
    "TELEPORT_AGENT_DB_ENABLED=true\nTELEPORT_AGENT_DB_NAME=orders\nTELEPORT_AGENT_DB_PROTOCOL=postgres\n"
    "TELEPORT_AGENT_DB_URI=orders:5432\n"
)
NODE = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
PROXY = (
    "TELEPORT_ROLE=proxy\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_DOMAIN_NAME=example.com\n"
    "TELEPORT_AUTH_SERVER_LB=auth.example.com\n"
)
LICENSED = "TELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_LICENSE_PATH=1\n"
PARAMETER = "/teleport/cluster-1/license"


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    root = tmp_path / "root"
    (root / "etc/teleport.d").mkdir(parents=True)
    return Agent(root, imds=imds.url)


def planned(agent: Agent, text: str) -> dict[str, Any]:
    """Return what `plan --format json` prints for the conf `text`."""
    agent.conf(text)
    done = agent.run("plan", "--teleport-version", "17.5.1", "--format", "json")
    assert done.status == 0, done.errors
    result: dict[str, Any] = done.data
    return result


def generated(agent: Agent, text: str) -> dict[str, Any]:
    """Return the teleport.yaml that `generate` writes and Teleport's stand-in accepts."""
    agent.conf(text)
    agent.teleport_yaml.unlink(missing_ok=True)
    agent.install(version="17.5.1", edition="enterprise")
    done = agent.generate()
    assert done.status == 0, done.errors
    document: dict[str, Any] = yaml.safe_load(agent.teleport_yaml.read_text())
    return document


def test_01_an_agent_without_ssh_has_ssh_service_off_at_the_top(agent: Agent) -> None:
    document = generated(agent, AGENT + DATABASE)
    assert document["ssh_service"] == {"enabled": "no"}
    assert document["proxy_service"] == {"enabled": "no"}


def test_02_without_a_proxy_load_balancer_no_address_lacks_its_host(agent: Agent) -> None:
    section = generated(agent, "USE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\n")["proxy_service"]
    assert section["ssh_public_addr"] == "example.com:3023"
    assert section["tunnel_public_addr"] == "example.com:3024"
    for key, value in section.items():
        if key.endswith("_addr"):
            host, _, port = value.rpartition(":")
            assert host and port.isdigit()


@pytest.mark.parametrize("text", [GUIDE, NODE, AGENT + DATABASE, PROXY + "USE_ACM=true\n"])
def test_03_the_file_contains_all_of_its_sections(agent: Agent, text: str) -> None:
    assert list(planned(agent, text)["teleport_yaml"]) == [
        "version",
        "teleport",
        "proxy_service",
        "ssh_service",
        "db_service",
        "app_service",
        "kubernetes_service",
        "auth_service",
    ]


def test_04_an_agent_has_the_marker_of_an_agent_and_no_other(agent: Agent) -> None:
    for name in ("role.all", "role.all-acm", "role.proxy", "use-letsencrypt"):
        agent.write(f"/etc/teleport.d/{name}", "left by an old image\n")
    generated(agent, AGENT + DATABASE)
    assert sorted(os.listdir(agent.path("/etc/teleport.d"))) == ["conf", "role.agent"]


def test_05_a_mistyped_role_or_a_missing_conf_does_not_make_an_auth_server(agent: Agent) -> None:
    before = tree(agent.root)
    assert agent.generate().status == 2
    assert tree(agent.root) == before
    agent.conf("TELEPORT_ROLE=nod\n")
    before = tree(agent.root)
    assert agent.generate().status == 2
    assert tree(agent.root) == before


def test_06_without_metadata_nothing_is_written_and_the_next_run_repairs_it(agent: Agent) -> None:
    agent.conf(GUIDE)
    agent.imds, there = NOWHERE, agent.imds
    assert agent.give_up_soon().status == 3
    assert not agent.teleport_yaml.exists()
    agent.imds = there
    assert agent.generate().status == 0
    section = yaml.safe_load(agent.teleport_yaml.read_text())["teleport"]
    assert (section["nodename"], section["advertise_ip"]) == ("ip-10-0-0-12-ec2-internal", "10.0.0.12")


def test_07_license_and_token_stay_if_ssm_is_down_or_empty(agent: Agent, aws: Aws) -> None:
    aws.put_parameters({PARAMETER: LICENSE, "/teleport/cluster-1/tokens/node": TOKEN})
    aws.put_parameters({"/teleport/cluster-1/ca-pin-hash": PIN}, kind="String")
    for text, name, content in ((LICENSED, "license.pem", LICENSE), (NODE, "token", f"{TOKEN}\n")):
        agent.aws = aws.url
        agent.conf(text)
        agent.teleport_yaml.unlink(missing_ok=True)
        assert agent.generate().status == 0
        path = agent.path(f"/var/lib/teleport/{name}")
        assert path.read_text() == content
        agent.aws = NOWHERE
        agent.teleport_yaml.unlink()
        assert agent.give_up_soon().status == 0
        assert path.read_text() == content
    agent.aws = aws.url
    aws.put_parameters({PARAMETER: " \n", "/teleport/cluster-1/tokens/node": " "})
    for text, name, content in ((LICENSED, "license.pem", LICENSE), (NODE, "token", f"{TOKEN}\n")):
        agent.conf(text)
        agent.teleport_yaml.unlink()
        assert agent.generate().status == 0
        assert agent.path(f"/var/lib/teleport/{name}").read_text() == content


def test_08_no_secret_can_be_read_by_others_and_none_is_in_teleport_yaml(agent: Agent, aws: Aws) -> None:
    agent.aws = aws.url
    aws.put_parameters({PARAMETER: LICENSE})
    agent.path("/tmp").mkdir()
    agent.environ = {"TMPDIR": str(agent.path("/tmp"))}
    for text in (LICENSED, AGENT + DATABASE):
        generated(agent, text)
        for name, entry in tree(agent.root).items():
            if any(secret in (entry.content or b"") for secret in (TOKEN.encode(), b"PLANTED-LICENSE")):
                assert entry.mode & 0o077 == 0, name
                assert name != "etc/teleport.yaml"
        assert stat.S_IMODE(agent.teleport_yaml.stat().st_mode) == 0o600
    assert os.listdir(agent.path("/tmp")) == []


@pytest.mark.parametrize("enabled", ["true", "false"])
def test_09_behind_acm_postgres_is_announced_exactly_when_something_listens(agent: Agent, enabled: str) -> None:
    text = (
        "USE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\nTELEPORT_PROXY_SERVER_NLB_ALIAS=nlb.example.com\n"
        f"TELEPORT_ENABLE_POSTGRES={enabled}\n"
    )
    section = generated(agent, text)["proxy_service"]
    found = {key: value for key, value in section.items() if key.startswith("postgres")}
    wanted = {"postgres_listen_addr": "0.0.0.0:5432", "postgres_public_addr": "nlb.example.com:5432"}
    assert found == (wanted if enabled == "true" else {})


def test_10_an_all_in_one_without_a_certificate_has_its_kubernetes_and_database_listeners(agent: Agent) -> None:
    section = generated(agent, "TELEPORT_DOMAIN_NAME=example.com\nTELEPORT_ENABLE_MYSQL=true\n")["proxy_service"]
    assert section["kube_listen_addr"] == "0.0.0.0:3026"
    assert section["mysql_listen_addr"] == "0.0.0.0:3036"
    done = agent.run("validate", "-", stdin=b"USE_LETSENCRYPT=true\nTELEPORT_DOMAIN_NAME=example.com\n")
    assert done.status == 2 and "TELEPORT_S3_BUCKET" in done.output and "TELEPORT_DOMAIN_ADMIN_EMAIL" in done.output


@pytest.mark.parametrize("text", [NODE, AGENT + DATABASE])
def test_11_nodes_and_agents_do_not_use_letsencrypt(agent: Agent, text: str) -> None:
    plan = planned(agent, text + "USE_LETSENCRYPT=true\n")
    assert "use-letsencrypt" not in plan["markers"]
    assert "/etc/teleport.d/use-letsencrypt" in plan["absent"]
    assert not any("cert" in unit for unit in plan["systemd"]["enable"])


def test_12_any_value_is_written_so_that_it_keeps_its_meaning(agent: Agent) -> None:
    text = (
        AGENT
        + DATABASE
        + "TELEPORT_AGENT_DB_DESCRIPTION='say \"hi\": it'\"'\"'s # 1'\n"
        + "TELEPORT_AGENT_DB_LABELS='a: yes|b: 0123 | env:prod |  c: 1.10'\n"
    )
    (database,) = generated(agent, text)["db_service"]["databases"]
    assert database["description"] == 'say "hi": it\'s # 1'
    assert database["static_labels"] == {"a": "yes", "b": "0123", "env": "prod", "c": "1.10"}


def test_13_the_conf_is_never_run(agent: Agent, tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    agent.conf(f"TELEPORT_NODENAME=$(touch {planted})\ntouch {planted}\nTELEPORT_ROLE=`touch {planted}`\n")
    for command in ("generate", "validate", "plan", "render", "status"):
        assert agent.run(command).status in (2, 9)
    assert not planted.exists()


@pytest.mark.skipif(shutil.which("systemctl") is None, reason="systemctl is not installed")
def test_14_timers_that_renew_tokens_are_enabled_if_teleport_yaml_exists_already(agent: Agent) -> None:
    agent.conf(NODE)
    agent.write("/etc/teleport.yaml", "version: v3\n")
    agent.write(
        "/usr/lib/systemd/system/teleport-fetch-secrets.timer",
        "[Timer]\nOnCalendar=hourly\n[Install]\nWantedBy=timers.target\n",
    )
    agent.write("/usr/lib/systemd/system/teleport-node.service", "[Install]\nWantedBy=multi-user.target\n")
    done = agent.generate()
    assert done.status == 0, done.errors
    wants = agent.path("/etc/systemd/system")
    assert (wants / "timers.target.wants/teleport-fetch-secrets.timer").is_symlink()
    assert (wants / "multi-user.target.wants/teleport-node.service").is_symlink()


@pytest.mark.skipif(shutil.which("systemctl") is None, reason="systemctl is not installed")
def test_14_timers_of_an_auth_server_are_enabled_if_teleport_yaml_exists_already(agent: Agent) -> None:
    for unit in (CHECKOUT / "systemd").glob("*.timer"):
        text = agent.write(f"/usr/lib/systemd/system/{unit.name}", unit.read_text()).read_text()
        assert "[Install]\nWantedBy=timers.target\n" in text, unit.name
        assert (unit.with_suffix(".service")).exists(), unit.name
    agent.write("/usr/lib/systemd/system/teleport-auth.service", "[Install]\nWantedBy=multi-user.target\n")
    agent.conf(auth_server.CONF)
    agent.write("/etc/teleport.yaml", "version: v3\n")
    done = agent.generate()
    assert done.status == 0, done.errors
    assert agent.path("/etc/systemd/system/timers.target.wants/teleport-ssm-publish-tokens.timer").is_symlink()


def test_15_the_lock_names_this_host_and_reports_when_it_is_not_available(
    agent: Agent, imds: emulator.Server, aws: Aws
) -> None:
    agent.aws = aws.url
    auth_server.make_table(aws)
    server = auth_server.AuthServer(agent, aws).prepare()
    imds.service.update({"meta-data": {"local-hostname": "ip-10-0-0-77.ec2.internal"}})
    assert server.publish().status == 0
    written = [request.body for request in aws.requests if request.operation == "PutItem"]
    assert written and all(b"ip-10-0-0-77.ec2.internal" in body for body in written)
    assert imds.service.puts()  # metadata of version 2, whose header has arrived as one
    # Refused or failing: each ends the run with its own error, and nothing is published.
    before = server.values()
    for answer, said in [(answers.denied("dynamodb:GetItem"), "AWS denied"), (answers.BROKEN, "AWS kept failing")]:
        aws.fail_always(answer)
        done = agent.run("publish-tokens", "--wait", "2")
        aws.clear_faults()
        assert done.status == 4 and said in done.errors
        assert server.values() == before


def test_18_a_start_needs_no_network_and_the_first_token_arrives_soon() -> None:
    units = CHECKOUT / "systemd"
    for name in ("teleport", "teleport-acm", "teleport-auth", "teleport-proxy", "teleport-proxy-acm", "teleport-node"):
        text = (units / f"{name}.service").read_text()
        before = [line for line in text.splitlines() if line.startswith("ExecStartPre=")]
        assert [line for line in before if "/usr/bin/install -d" not in line] == [], name
    timer = (units / "teleport-ssm-publish-tokens.timer").read_text().splitlines()
    # At most four minutes; nodes and proxies check every minute.
    assert {"OnActiveSec=30s", "RandomizedDelaySec=3min"} <= set(timer)


def test_18_a_host_that_has_joined_needs_no_network_to_be_configured_again(agent: Agent) -> None:
    agent.imds = NOWHERE
    agent.conf(NODE)
    agent.write("/etc/teleport.yaml", "version: v3\n")
    agent.write("/var/lib/teleport/ca-pin-hash", f"{PIN}\n")
    agent.write("/var/lib/teleport/proc/sqlite.db", "the identity")
    done = agent.generate("--format", "json")
    assert done.status == 0, done.errors
    assert not any("waits for" in note for note in done.notes)


def test_19_a_manual_edit_stays_and_a_changed_conf_still_has_an_effect(agent: Agent) -> None:
    generated(agent, GUIDE)
    edited = agent.teleport_yaml.read_text() + "# manual edit\n"
    agent.teleport_yaml.write_text(edited)
    agent.conf("TELEPORT_DOMAIN_NAME=example.com\n")
    assert agent.generate().status == 0
    assert agent.teleport_yaml.read_text() == edited
    assert agent.path("/etc/teleport.d/role.all").exists()
    assert not agent.path("/etc/teleport.d/role.all-acm").exists()


def test_20_a_setting_that_the_generator_does_not_know_can_be_added(agent: Agent) -> None:
    agent.write("/etc/teleport.d/teleport.yaml.d/50-more.yaml", 'proxy_service:\n  proxy_protocol: "on"\n')
    assert generated(agent, GUIDE)["proxy_service"]["proxy_protocol"] == "on"


def test_21_the_auth_server_s_public_address_is_its_load_balancer(agent: Agent) -> None:
    assert generated(agent, GUIDE)["auth_service"]["public_addr"] == "teleport-nlb.acmeinc.com:3025"


@needs_root
def test_23_a_conf_directory_of_the_service_user_is_refused_with_the_command_that_corrects_it(agent: Agent) -> None:
    folder = agent.conf(GUIDE).parent
    os.chown(folder, 65534, 4)
    done = agent.generate()
    assert done.status == 6
    assert f"chown root:root {folder}" in done.errors
    assert not agent.teleport_yaml.exists()
    os.chown(folder, 0, 0)
    assert agent.generate().status == 0
    shows_no_secret(done)


def test_24_a_proxy_waits_for_a_certificate_that_does_not_exist_yet(agent: Agent) -> None:
    plan = planned(agent, PROXY + "TELEPORT_S3_BUCKET=bucket-1\n")
    (drop_in,) = [each for each in plan["files"] if each["path"].startswith("/etc/systemd/system/")]
    pair = plan["teleport_yaml"]["proxy_service"]["https_keypairs"][0]
    for path in pair.values():
        assert f"ConditionPathExists={path}\n" in drop_in["content"]
    assert drop_in["path"].startswith("/etc/systemd/system/teleport-proxy.service.d/")
