"""A cluster of four hosts, to look at: two auth servers, a proxy and a node find each other. `./dev demo ha` runs it.

Four hosts with the real command, each in a scratch directory with a metadata service of its own, and one simulated AWS
on loopback. A stand-in for `tctl` plays Teleport's auth service; no Teleport runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import tempfile
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import yaml

from tests.demo import scene
from tests.demo.scene import caption, say, show
from tests.simulated_ec2 import Aws, imds
from tests.stand_in import install_tctl

CLUSTER = "teleport.acmeinc.com"
LOCKS = "teleport-locks"
PINS = f"/teleport/{CLUSTER}/ca-pin-hash"
PIN = f"sha256:{'5d' * 32}"
# So long each request to the auth service takes: the two auth servers then want to publish at the same moment.
TCTL_SECONDS = 0.3

AUTH = f"""\
TELEPORT_ROLE=auth
TELEPORT_CLUSTER_NAME={CLUSTER}
TELEPORT_AUTH_SERVER_LB=auth.acmeinc.com
TELEPORT_DYNAMO_TABLE_NAME=teleport-state
TELEPORT_DYNAMO_EVENTS_TABLE_NAME=teleport-events
TELEPORT_S3_BUCKET=teleport-recordings
TELEPORT_LOCKS_TABLE_NAME={LOCKS}
USE_ACM=true
"""
PROXY = f"""\
TELEPORT_ROLE=proxy
TELEPORT_CLUSTER_NAME={CLUSTER}
TELEPORT_DOMAIN_NAME={CLUSTER}
TELEPORT_AUTH_SERVER_LB=auth.acmeinc.com
TELEPORT_PROXY_SERVER_LB=proxy.acmeinc.com
USE_ACM=true
"""
NODE = f"""\
TELEPORT_ROLE=node
TELEPORT_CLUSTER_NAME={CLUSTER}
TELEPORT_AUTH_SERVER_LB=auth.acmeinc.com
"""


@dataclass
class Host:
    """An instance: its name in this story, its root directory, and what leads a command to its services."""

    name: str
    root: Path
    environ: dict[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return scene.run(self.root, *arguments, environ=self.environ)

    def read(self, path: str) -> str:
        return (self.root / path.lstrip("/")).read_text()

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(self.read("/etc/teleport.yaml"))
        return found

    def shown(self, text: str) -> str:
        return scene.as_on_the_instance(self.root, text)


class Failed(Exception):
    """A command of the story has failed, which was shown already; it holds the exit status."""


def main() -> int:
    """Tell the story; return the exit status."""
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="teleport-bootstrap-demo-")))
        aws = Aws()
        stack.callback(aws.stop)
        aws.start()
        hosts = [
            _launch(stack, scratch, aws, name, conf, number)
            for number, (name, conf) in enumerate(
                (("proxy-1", PROXY), ("node-1", NODE), ("auth-1", AUTH), ("auth-2", AUTH)), start=10
            )
        ]
        try:
            _tell(aws, *hosts)
        except Failed as failed:
            return int(str(failed))
    caption(f"That took {time.monotonic() - began:.1f} seconds, and nothing of it is left")
    return 0


def _launch(stack: contextlib.ExitStack, scratch: Path, aws: Aws, name: str, conf: str, number: int) -> Host:
    address = f"10.0.0.{number}"
    hostname = f"ip-10-0-0-{number}.ec2.internal"
    facts = {"instance-id": f"i-{number:017x}", "local-ipv4": address, "local-hostname": hostname, "hostname": hostname}
    server = imds.Server({"meta-data": facts})
    stack.callback(server.stop)
    server.start()
    root = scratch / name
    (root / "etc/teleport.d").mkdir(parents=True)
    (root / "etc/teleport.d/conf").write_text(conf)
    if conf is AUTH:
        install_tctl(root / "usr/local/bin", data=str(root / "var/lib/teleport"), pins=[PIN], slow=TCTL_SECONDS)
    return Host(name, root, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url, "AWS_ENDPOINT_URL": aws.url})


def _tell(aws: Aws, proxy: Host, node: Host, first: Host, second: Host) -> None:
    caption("Four instances, each with a conf that its user-data wrote, and one AWS account")
    show(f"# auth-1 and auth-2\n{AUTH}\n# proxy-1\n{PROXY}\n# node-1\n{NODE}")
    aws.client("dynamodb").create_table(
        TableName=LOCKS,
        KeySchema=[{"AttributeName": "Lock", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "Lock", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    caption("1. The proxy and the node boot first: they are configured, and wait for what they join with")
    for host in (proxy, node):
        _step(host, "generate", also_errors=True)

    caption("2. The auth servers boot")
    for host in (first, second):
        _step(host, "generate")

    caption("3. Both auth servers publish, at the same moment: one lock in DynamoDB lets one of them")
    _publish(aws, first, second)
    say("In SSM Parameter Store there is now, for the hosts of this cluster alone:")
    show("\n".join(f"{name}  {kind}" for name, kind in _parameters(aws)))

    caption("4. The timers of the proxy and the node ask SSM again: what they waited for is there")
    for host in (proxy, node):
        _step(host, "fetch-secrets")

    caption("5. Everything for the join is in its place; a token is named here by the start of its digest")
    _prove(aws, proxy, node, first)

    caption("6. What makes them one cluster, in each /etc/teleport.yaml")
    for host in (first, second, proxy, node):
        show(f"# {host.name}\n{yaml.safe_dump(_joining(host.document()), sort_keys=False)}")
        print(flush=True)
    say("Each restart from here on needs no call to AWS: token and pins are on the disk.")


def _step(host: Host, *command: str, also_errors: bool = False) -> None:
    began = time.monotonic()
    done = host.run(*command)
    _ended(host, command, done, time.monotonic() - began, also_errors=also_errors)


def _ended(
    host: Host,
    command: tuple[str, ...],
    done: subprocess.CompletedProcess[str],
    seconds: float,
    *,
    also_errors: bool = False,
) -> None:
    show(f"{host.name} $ teleport-bootstrap {' '.join(command)}   # {seconds:.1f} s")
    if done.returncode != 0:
        raise Failed(scene.failure(" ".join(command), done))
    printed = done.stdout + (done.stderr if also_errors else "")
    lines = [line for line in host.shown(printed).splitlines() if not line.startswith("note: ")]
    wrapped = (textwrap.wrap(line, 110, subsequent_indent="    ", break_long_words=False) for line in lines)
    show("\n".join(f"  {line}" for parts in wrapped for line in parts))
    print(flush=True)


def _publish(aws: Aws, first: Host, second: Host) -> None:
    command = ("publish-tokens",)
    with contextlib.ExitStack() as stack:
        began = time.monotonic()
        running = [_started(stack, first, command)]
        holder = _holder(aws, running[0])
        if holder is not None:
            show(f"the item of the lock: held by {holder}")
        running.append(_started(stack, second, command))
        for host, process in zip((first, second), running):
            output, errors = process.communicate()
            done = subprocess.CompletedProcess(process.args, process.returncode, output, errors)
            _ended(host, command, done, time.monotonic() - began)
    show("the item of the lock: " + (f"held by {left}" if (left := _item(aws)) else "removed, so that it is free"))


def _started(stack: contextlib.ExitStack, host: Host, command: tuple[str, ...]) -> subprocess.Popen[str]:
    process = scene.start(host.root, *command, environ=host.environ)

    def end() -> None:
        if process.poll() is None:
            process.kill()
            process.wait()

    stack.callback(end)
    return process


def _holder(aws: Aws, process: subprocess.Popen[str]) -> Optional[str]:
    """Return who holds the lock, as soon as one does; None where `process` has ended before."""
    while process.poll() is None:
        found = _item(aws)
        if found is not None:
            return found
        time.sleep(0.02)
    return None


def _item(aws: Aws) -> Optional[str]:
    found = aws.client("dynamodb").get_item(TableName=LOCKS, Key={"Lock": {"S": "/auth/servers"}}).get("Item")
    return str(found["Process"]["S"]) if found else None


def _parameters(aws: Aws) -> Iterator[tuple[str, str]]:
    pages = aws.client("ssm").get_paginator("describe_parameters").paginate()
    for each in sorted((each for page in pages for each in page["Parameters"]), key=lambda each: str(each["Name"])):
        yield each["Name"], each["Type"]


def _prove(aws: Aws, proxy: Host, node: Host, auth: Host) -> None:
    registered = json.loads(auth.read("/var/lib/teleport/tctl-resources.json"))
    for host, role in ((proxy, "proxy"), (node, "node")):
        name = f"/teleport/{CLUSTER}/tokens/{role}"
        published = aws.client("ssm").get_parameters(Names=[name, PINS], WithDecryption=True)["Parameters"]
        values = {each["Name"]: each["Value"] for each in published}
        token, pin = host.read("/var/lib/teleport/token").strip(), host.read("/var/lib/teleport/ca-pin-hash").strip()
        known = registered.get(token)
        roles = ", ".join(known["spec"]["roles"]) if known else "nothing: it is not known there"
        same = "the same" if (values[name], values[PINS]) == (token, pin) else "NOT the same"
        show(
            f"{host.name}: token {_digest(token)}, CA pin {pin[:15]}…\n"
            f"  in SSM: token {_digest(values[name])}, CA pin {values[PINS][:15]}… ({same})\n"
            f"  at the auth service: token {_digest(token)} lets a host join as {roles}"
        )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


def _joining(document: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a teleport.yaml with which a host becomes a part of the cluster."""
    section = document.get("teleport", {})
    keys = ("nodename", "auth_server", "join_params", "ca_pin")
    found: dict[str, Any] = {"teleport": {key: section[key] for key in keys if key in section}}
    auth = document.get("auth_service", {})
    if auth.get("enabled") in (True, "yes"):
        found["teleport"]["storage"] = section.get("storage")
        found["auth_service"] = {key: auth[key] for key in ("cluster_name", "public_addr") if key in auth}
    return found
