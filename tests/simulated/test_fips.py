"""FIPS: the conf, a marker of the image or the unit of the public images say it, and every command follows."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from teleport_bootstrap import paths
from teleport_bootstrap.instance import gather
from tests.simulated.agent import GUIDE, Agent
from tests.simulated_ec2 import imds as emulator

CONF = GUIDE + "\nTELEPORT_AUTH_TYPE=saml\n"
MARKER = "/usr/share/teleport-bootstrap/fips"
UNIT = "/etc/systemd/system/teleport.service"

SOURCES = {
    "conf": (CONF + "TELEPORT_FIPS=true\n", "", ""),
    "marker": (CONF, MARKER, ""),
    "unit": (CONF, UNIT, "[Service]\nExecStart=/usr/local/bin/teleport start --config=/etc/teleport.yaml --fips\n"),
    "unit on several lines": (
        CONF,
        UNIT,
        "[Service]\nExecStart = teleport start \\\n  -c /etc/teleport.yaml \\\n --fips\n",
    ),
}
NOT_SOURCES = {
    "nothing": ("", ""),
    "another line of the unit": (
        UNIT,
        "[Unit]\nDescription=no fips here\n[Service]\n#ExecStart=x --fips\nExecStart=x\n",
    ),
    "another unit": ("/etc/systemd/system/teleport-auth.service", "[Service]\nExecStart=x --fips\n"),
}


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    root = tmp_path / "root"
    (root / "etc/teleport.d").mkdir(parents=True)
    return Agent(root, imds=imds.url)


def prepare(agent: Agent, source: str) -> None:
    conf, path, content = SOURCES[source]
    agent.conf(conf)
    if path:
        agent.write(path, content)


def flags(agent: Agent) -> str:
    return agent.path("/var/lib/teleport-bootstrap/unit.env").read_text()


@pytest.mark.parametrize("source", SOURCES)
def test_fact_8_each_source_makes_a_fips_configuration(agent: Agent, source: str) -> None:
    prepare(agent, source)
    agent.install(version="19.2.0", edition="enterprise")
    done = agent.generate()
    assert done.status == 0, done.errors
    assert "TELEPORT_FIPS" not in done.said
    assert yaml.safe_load(agent.teleport_yaml.read_text())["auth_service"]["authentication"]["local_auth"] is False
    assert flags(agent) == "TELEPORT_START_FLAGS=--fips --insecure-no-tls\n"
    assert agent.run("status", "--format", "json").data["teleport"] == {
        **{"version": "19.2.0", "edition": "enterprise", "fips": True}
    }


@pytest.mark.parametrize("source", SOURCES)
def test_fact_8_every_command_uses_each_source(agent: Agent, source: str, imds: emulator.Server) -> None:
    prepare(agent, source)
    agent.install(version="19.2.0", edition="enterprise")
    conf = agent.path("/etc/teleport.d/conf")
    conf.write_text(conf.read_text().replace("TELEPORT_AUTH_TYPE=saml\n", ""))
    for command in (("validate",), ("render",), ("plan",), ("generate",)):
        done = agent.run(*command)
        assert done.status == 2 and "a FIPS Teleport has no local users" in done.said, command
    doors = gather.Doors(paths.Root(str(agent.root)), {"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url})
    assert gather.aws(doors, region="us-east-2").fips and not gather.aws(doors, region="eu-west-1").fips


@pytest.mark.parametrize("source", NOT_SOURCES)
def test_fact_8_from_19_on_a_note_says_that_it_cannot_be_told(agent: Agent, source: str) -> None:
    path, content = NOT_SOURCES[source]
    if path:
        agent.write(path, content)
    agent.conf(CONF)
    agent.install(version="19.2.0", edition="enterprise")
    done = agent.generate()
    assert done.status == 0, done.errors
    assert "Set TELEPORT_FIPS to true or false" in done.said
    assert "--fips" not in flags(agent)
    assert agent.run("status", "--format", "json").data["teleport"]["fips"] is None


def test_fact_8_there_is_no_such_note_where_it_is_known(agent: Agent) -> None:
    for version, edition, more in (
        ("18.7.0", "enterprise", ""),
        ("19.2.0", "community", ""),
        ("19.2.0", "enterprise", "TELEPORT_FIPS=false\n"),
    ):
        agent.conf(CONF + more)
        agent.install(version=version, edition=edition)
        done = agent.run("plan")
        assert done.status == 0 and "FIPS" not in done.said, (version, done.said)


@pytest.mark.parametrize("source", SOURCES)
def test_fact_8_a_source_that_the_binary_refutes_is_an_error(agent: Agent, source: str) -> None:
    prepare(agent, source)
    agent.install(version="17.5.1", edition="enterprise")
    done = agent.generate()
    assert done.status == 5 and "is not a FIPS build of Teleport" in done.errors
    assert not agent.teleport_yaml.exists()


def test_fact_8_the_conf_has_the_last_word(agent: Agent) -> None:
    agent.conf(CONF + "TELEPORT_FIPS=false\n")
    agent.write(MARKER, "")
    agent.install(version="17.5.1", edition="enterprise", fips=True)
    assert agent.generate().status == 0
    assert "--fips" not in flags(agent)
    done = agent.run("plan", "--fips")
    assert done.status == 2 and "TELEPORT_FIPS is false at" in done.errors


def test_fact_8_a_masked_unit_says_nothing(agent: Agent) -> None:
    unit = agent.path(UNIT)
    unit.parent.mkdir(parents=True)
    unit.symlink_to("/dev/null")
    agent.conf(CONF)
    agent.install(version="18.7.0", edition="enterprise")
    assert agent.generate().status == 0
    assert "--fips" not in flags(agent)
