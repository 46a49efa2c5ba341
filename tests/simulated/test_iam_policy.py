"""`iam-policy`: what it prints allows each request that this agent makes, and nothing that no request needs.

The requests are those that reach the simulated AWS from the real commands, certbot's included; a simulator of IAM says
which of them a policy allows.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulated import acme, auth_server, letsencrypt
from tests.simulated.acme import Acme
from tests.simulated.agent import Agent
from tests.simulated.iam import simulator, wire
from tests.simulated_ec2 import Aws, launches
from tests.simulated_ec2 import imds as emulator
from tests.simulated_ec2.aws import ACCOUNT, REGION, S3_DENIED
from tests.stand_in import install_tctl

pytestmark = simulator.needs_simulator

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
ALIAS = "alias/teleport"
BUCKET_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/66666666-7777-8888-9999-000000000000"
KEYS = wire.Keys((KEY, ALIAS), BUCKET_KEY)
CLUSTER = letsencrypt.DOMAIN
LICENSE, NODE, PROXY, PINS = (
    f"/teleport/{CLUSTER}/{name}" for name in ("license", "tokens/node", "tokens/proxy", "ca-pin-hash")
)
ENCRYPTED = frozenset({LICENSE, NODE, PROXY})
BACKUPS = "acme-backups"

AUTH_CONF = f"{letsencrypt.AUTH}TELEPORT_LICENSE_PATH=true\nTELEPORT_SSM_KMS_KEY_ID={ALIAS}\n"
NODE_CONF = f"TELEPORT_ROLE=node\nTELEPORT_DOMAIN_NAME={CLUSTER}\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"


@pytest.fixture
def cluster(tmp_path: Path, aws: Aws) -> Iterator[letsencrypt.Cluster]:
    made = letsencrypt.Cluster(tmp_path, aws)
    aws.put_parameters({LICENSE: "license", NODE: "a" * 32, PROXY: "b" * 32})
    aws.put_parameters({PINS: auth_server.PIN}, kind="String")
    aws.requests.clear()
    yield made
    made.close()


def printed(agent: Agent, *options: str) -> dict[str, Any]:
    """Return the policy for this host, without the part of Teleport itself, which is not here."""
    parts = [word for part in ("ours", "certificates", "backup") for word in ("--part", part)]
    done = agent.run("iam-policy", *parts, *options)
    assert done.status == 0, done.errors
    found: dict[str, Any] = json.loads(done.output)
    return found


def smaller(policy: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the policy without one action, one resource, or one value of a condition, and what that is."""
    for number, statement in enumerate(policy["Statement"]):
        for kind in ("Action", "Resource"):
            for value in _all(statement[kind]):
                less = copy.deepcopy(policy)
                left = [each for each in _all(statement[kind]) if each != value]
                less["Statement"][number][kind] = left
                if not left:
                    del less["Statement"][number]
                yield f"{value} of {statement['Sid']}", less
        for operator, keys in statement.get("Condition", {}).items():
            for key, values in keys.items():
                for value in _all(values) if operator != "Null" else ():
                    less = copy.deepcopy(policy)
                    less["Statement"][number]["Condition"][operator][key] = [
                        *(each for each in _all(values) if each != value),
                        "something else",
                    ]
                    yield f"{value} of {statement['Sid']}", less


def _all(values: Any) -> list[str]:
    return [values] if isinstance(values, str) else list(values)


def is_exact(policy: dict[str, Any], aws: Aws) -> None:
    """Check that `policy` allows every request so far, and a smaller one does not."""
    requests = wire.asked(aws.requests, KEYS, ENCRYPTED)
    variants = dict(smaller(policy))
    whole, *parts = simulator.judged([policy, *variants.values()], requests)
    refused = {request: found for request, found in zip(requests, whole) if found is not True}
    assert not refused, "\n".join(map(str, refused.items()))
    needless = [what for what, found in zip(variants, parts) if False not in found]
    assert not needless, "\n".join(needless)


def test_a_node_may_read_its_token_and_the_pins(cluster: letsencrypt.Cluster, aws: Aws) -> None:
    node = cluster.host(NODE_CONF)
    node.install()
    assert node.generate().status == 0
    assert node.run("fetch-secrets", "--wait", "20").status == 0
    is_exact(printed(node, "--parameters-key", ALIAS), aws)


def test_tags_that_metadata_does_not_show(cluster: letsencrypt.Cluster, aws: Aws) -> None:
    node = cluster.host(f"{NODE_CONF}TELEPORT_TAG_LABELS=team\n")
    node.install()
    assert node.generate().status == 0
    is_exact(printed(node, "--parameters-key", ALIAS), aws)


@pytest.mark.parametrize("signal", ["cloudformation:teleport/Group", "cloudformation", "lifecycle:launch", "lifecycle"])
def test_signals(cluster: letsencrypt.Cluster, aws: Aws, signal: str) -> None:
    launches.Stack(aws)
    launches.Group(aws)
    node = cluster.host(f"{NODE_CONF}TELEPORT_SIGNAL={signal}\nTELEPORT_SIGNAL_SECONDS=1\n")
    node.install()
    # The metadata show no tags.
    tag_set = launches.described(launches.TAGS)
    aws.instead["ec2:DescribeTags"] = lambda _: tag_set
    assert node.generate().status == 0
    assert "signaled failure" in node.run("signal", "--wait", "20").errors
    is_exact(printed(node, "--parameters-key", ALIAS), aws)


def test_draining(cluster: letsencrypt.Cluster, aws: Aws) -> None:
    group = launches.Group(aws)
    group.waits = "end"
    group.target_groups = (f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/nodes/73e2d6bc24d8a067",)
    imds = emulator.Server({"meta-data": {"autoscaling": {"target-lifecycle-state": "Terminated"}}})
    imds.start()
    try:
        node = cluster.host(f"{NODE_CONF}TELEPORT_DRAIN_HOOK=end\n", imds=imds)
        node.install()
        tag_set = launches.described(launches.TAGS)
        aws.instead["ec2:DescribeTags"] = lambda _: tag_set
        assert node.generate().status == 0
        done = node.run("signal", "--wait", "20")
        assert done.status == 0 and "drained this instance" in done.output, done.said
        is_exact(printed(node, "--parameters-key", ALIAS), aws)
        is_exact(printed(node, "--parameters-key", ALIAS, "--auto-scaling-group", "proxies"), aws)
    finally:
        imds.stop()


def test_the_simulator_refuses_another_parameter(cluster: letsencrypt.Cluster, aws: Aws) -> None:
    node = cluster.host(NODE_CONF)
    policy = printed(node)
    other = wire.Asked("ssm:GetParameters", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{LICENSE}")
    unknown = wire.Asked("ssm:GetParameterz", other.resource)
    allowed, error = simulator.judged([policy], [other, unknown])[0]
    assert allowed is False and isinstance(error, str)


@acme.needs_certbot
def test_an_auth_server_and_its_proxy(cluster: letsencrypt.Cluster, aws: Aws, tmp_path: Path, running_aws: Aws) -> None:
    zone = aws.client("route53").create_hosted_zone(Name="example.com", CallerReference="test")
    zone_id = zone["HostedZone"]["Id"].rpartition("/")[2]
    aws.client("s3").create_bucket(Bucket=BACKUPS)
    for name in ("state", "events"):
        auth_server.make_table(aws, name)
    with acme.running(tmp_path / "authority", running_aws) as authority:
        auth = cluster.host(AUTH_CONF)
        auth.environ |= authority.environ
        letsencrypt.trust(auth, authority.pebble.root)
        auth.install()
        auth.path("/var/lib/teleport").mkdir(parents=True, exist_ok=True)
        install_tctl(auth.path("/usr/local/bin"), data=str(auth.path("/var/lib/teleport")))
        aws.requests.clear()
        assert auth.generate().status == 0
        done = auth.run("publish-tokens", "--wait", "20")
        assert done.status == 0, done.errors
        _obtain(auth, authority, aws)
        _back_up(auth, aws)
        policy = printed(
            auth, "--bucket-key", BUCKET_KEY, "--hosted-zone", zone_id, "--backups", f"s3://{BACKUPS}/teleport"
        )
        is_exact(policy, aws)

        aws.requests.clear()
        proxy = cluster.host(letsencrypt.PROXY, name="proxy")
        letsencrypt.trust(proxy, authority.pebble.root)
        proxy.install()
        assert proxy.generate().status == 0
        assert letsencrypt.certificate(proxy, "install").status == 0
        # Where live/ is between two certificates, archive/ has a whole one.
        aws.client("s3").delete_object(Bucket=letsencrypt.BUCKET, Key=f"live/{CLUSTER}/privkey.pem")
        _deny_missing(aws, f"live/{CLUSTER}/privkey.pem")
        assert letsencrypt.certificate(proxy, "install").status == 0
        is_exact(printed(proxy, "--parameters-key", ALIAS, "--bucket-key", BUCKET_KEY), aws)


def _deny_missing(aws: Aws, *keys: str) -> None:
    """Have S3 deny these, as it denies what is missing to a role that may not list the whole bucket."""
    for key in keys:
        aws.fail(S3_DENIED, operation=f"^GET /{letsencrypt.BUCKET}/{key}")


def _obtain(auth: Agent, authority: Acme, aws: Aws) -> None:
    _deny_missing(aws, f"live/{CLUSTER}/fullchain.pem", f"live/{CLUSTER}/privkey.pem", f"renewal/{CLUSTER}.conf")
    done = letsencrypt.certificate(auth, "obtain", "--server", authority.pebble.url, wait=20)
    assert done.status == 0, done.errors


def _back_up(auth: Agent, aws: Aws) -> None:
    """Make two backups where an upload is left over, keep one, and look at it."""
    place = f"s3://{BACKUPS}/teleport"
    for number in range(2):
        done = auth.run("--format", "json", "backup", place, "--keep", "1", "--wait", "20", timeout=120)
        assert done.status == 0, done.errors
        archive = done.data["archive"]
        name = archive.rpartition("/")[2]
        if not number:
            unfinished = re.sub("_[0-9]{8}T", "_20200101T", name)
            aws.client("s3").create_multipart_upload(Bucket=BACKUPS, Key=f"teleport/{unfinished}")
    assert auth.run("backup", "list", place, "--wait", "20").status == 0
    assert auth.run("backup", "verify", archive, "--wait", "20").status == 0
    done = auth.run("restore", archive, "--force", "--dry-run", "--wait", "20", timeout=120)
    assert done.status == 0, done.errors
