"""The templates of CloudFormation, deployed into moto: `doctor`, on an instance of the stack, misses nothing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import documents
from tests.certificates import Authority
from tests.simulated import letsencrypt
from tests.simulated.agent import Agent
from tests.simulated.doctor import enterprise, surroundings, web_server
from tests.simulated.doctor.names import Names, needs_names
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator
from tests.simulated_ec2.aws import ACCOUNT
from tests.stand_in import install_tctl
from tests.templates import deployed, setups
from tests.templates.deployed import Deployed
from tests.templates.setups import CLUSTER, DOMAIN, Setup

pytestmark = needs_names

PAGE = "docs/cloudformation.md"
VERSION = "18.0.0"
# What is around an instance, and around those of a cluster with tables and a bucket.
AROUND = ("metadata-tokens", "role", "security-groups", "public-ports")
BALANCERS = (
    *("target-registration", "target-port", "target-protocol", "target-health-check", "target-stickiness"),
    *("balancer-idle-timeout", "route53-record", "route53-target", "domain-name", "auth-balancer-name", "web-tls"),
)
STORED = (
    *("state-table", "state-key", "state-stream", "state-expiry", "events-table", "events-key", "events-index"),
    *("events-expiry", "tables-capacity", "tables-recovery", "bucket", "bucket-versions", "bucket-encryption"),
    *("bucket-privacy", "bucket-lifecycle"),
)
PORTS = (3023, 3024, 3025, 3026)
# What does not pass on an instance of the stack, and why.
NOT_HERE = {
    # Whether the roles may do what they need is compared in tests/lint/test_templates.py.
    "backup-age": "no backup was made yet",
    "first-admin": "no user was created yet",
    "time-synchronization": "of the test machine",
    "entropy": "of the test machine",
    "memory": "of the test machine",
    "disk-space": "of the test machine",
    "firewall": "of the test machine",
    "teleport-unit": "there is no systemd in this layer",
    "timers": "there is no systemd in this layer",
    "first-boot": "there is no systemd in this layer",
}


def launched(page_words: dict[str, str], setup: Setup, aws: Aws, **parameters: str) -> Deployed:
    """Deploy as the page says, with the ids of this account in the place of its examples."""
    given = {**page_words, **deployed.account(aws, DOMAIN), "ClusterName": CLUSTER, "DomainName": DOMAIN, **parameters}
    assert page_words.keys() == setup.required.keys()
    return deployed.deploy(aws, setup, given)


def words_of_the_page(name: str) -> dict[str, str]:
    """Return the parameters of the command in the page."""
    words = shlex.split(documents.block(PAGE, "simulated", name).text.replace("\\\n", " "))
    assert words[:3] == ["aws", "cloudformation", "deploy"]
    return dict(word.split("=", 1) for word in words[words.index("--parameter-overrides") + 1 :])


@pytest.fixture
def web() -> Iterator[tuple[web_server.WebServer, web_server.OpenPorts, Authority]]:
    """What answers at the balancers."""
    authority = Authority()
    says = web_server.Says(body=web_server.ping(CLUSTER, VERSION))
    server = web_server.WebServer(web_server.new_address(), says, issued=authority.issue(DOMAIN))
    server.start()
    ports = web_server.OpenPorts(web_server.new_address(), *PORTS)
    yield server, ports, authority
    server.stop()
    ports.close()


Web = tuple[web_server.WebServer, web_server.OpenPorts, Authority]


def host(directory: Path, imds: emulator.Server, made: Deployed, launch_template: str, web: Web) -> Names:
    """An instance of the stack: its metadata, its role, its names, and the conf that its user-data writes."""
    aws, number, role = made.aws, made.instances[launch_template], made.role(launch_template)
    given = aws.client("sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}", RoleSessionName=number)
    (reservation,) = aws.client("ec2").describe_instances(InstanceIds=[number])["Reservations"]
    tags = {each["Key"]: each["Value"] for each in reservation["Instances"][0].get("Tags", [])}
    keys = {"AccessKeyId": "AccessKeyId", "SecretAccessKey": "SecretAccessKey", "SessionToken": "Token"}
    imds.service.update(
        {
            "meta-data": {"instance-id": number},
            "role": role,
            "tags": {"Name": CLUSTER, **tags},
            "credentials": {ours: given["Credentials"][theirs] for theirs, ours in keys.items()},
        }
    )
    conf = setups.conf_text(made.filled, launch_template)
    edition = "enterprise" if made.filled.conditions["HasLicense"] else "community"
    agent = surroundings.host(directory, imds, aws, conf, version=VERSION, edition=edition)
    assert isinstance(agent, Names)
    # Without them all is done as root: another account could not reach the directory of a test.
    for name in ("passwd", "group"):
        agent.path(f"/etc/{name}").unlink()
    install_tctl(agent.path("/usr/local/bin"), version=VERSION, data=str(agent.path("/var/lib/teleport")))
    server, ports, authority = web
    letsencrypt.trust(agent, authority.root)
    agent.hosts.clear()
    for name, balancer in made.names.items():
        address = server.address if name == DOMAIN else ports.address
        agent.hosts.update({name: address, balancer: address})
    return agent


def missing(agent: Agent, *has_to_pass: str) -> dict[str, list[str]]:
    """Return what `doctor` says of each check that fails or warns, but for those of NOT_HERE.

    And of each of `has_to_pass` that does not.
    """
    done = agent.run("doctor", "--format", "json")
    assert "internal error" not in done.said, done.said
    return {
        each["name"]: [found["message"] for found in each["found"]] or [each["reason"]]
        for each in done.data["checks"]
        if (each["result"] in ("fail", "warn") and each["name"] not in NOT_HERE)
        or (each["result"] != "pass" and each["name"] in has_to_pass)
    }


def test_doctor_misses_nothing_on_the_instances_of_high_availability(
    tmp_path: Path, imds: emulator.Server, aws: Aws, web: Web
) -> None:
    made = launched(words_of_the_page("launch-ha"), setups.HA, aws, NodeInstances="1")
    roles = {"AuthLaunchTemplate": STORED, "ProxyLaunchTemplate": BALANCERS, "NodeLaunchTemplate": ()}
    found = {}
    for launch_template, has_to_pass in roles.items():
        agent = host(tmp_path / launch_template, imds, made, launch_template, web)
        commands = ("generate", "publish-tokens" if launch_template == "AuthLaunchTemplate" else "fetch-secrets")
        for command in commands:
            done = agent.run(command, "--wait", "20")
            assert done.status == 0, done.said
        found[launch_template] = missing(agent, *AROUND, *has_to_pass)
    assert found == {launch_template: {} for launch_template in roles}


STATES = pytest.mark.parametrize(
    "parameters",
    [{}, {"StateStore": "dynamodb", "BucketName": setups.BUCKET, "License": "true", "ApplicationAccess": "true"}],
    ids=["disk", "dynamodb"],
)


@STATES
def test_doctor_misses_nothing_on_an_instance_of_the_starter(
    tmp_path: Path, imds: emulator.Server, aws: Aws, web: Web, parameters: dict[str, str]
) -> None:
    made = launched(words_of_the_page("launch-starter"), setups.STARTER, aws, **parameters)
    aws.put_parameters({f"/teleport/{CLUSTER}/license": enterprise.license_file()})
    agent = host(tmp_path, imds, made, "LaunchTemplate", web)
    done = agent.run("generate", "--wait", "20")
    assert done.status == 0, done.said
    stored = made.filled.conditions["UsesDynamoDB"]
    assert missing(agent, *AROUND, *BALANCERS, *(STORED if stored else ())) == {}
