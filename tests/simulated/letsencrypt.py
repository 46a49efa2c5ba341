"""A cluster that uses Let's Encrypt: its bucket and its table of locks, and hosts that see to its certificate."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Optional

from tests import certificates
from tests.certificates import DAY, KINDS, Authority, Issued
from tests.simulated.agent import Agent, Ended
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator
from tests.stand_in import install_certbot

DOMAIN = "teleport.example.com"
BUCKET = "teleport-certs"
LOCKS = "teleport-locks"
RECORDING = "records/2026-11-22/0123.tar"

CERTIFICATE = "/var/lib/teleport/fullchain.pem"
PRIVATE_KEY = "/var/lib/teleport/privkey.pem"

_COMMON = f"TELEPORT_DOMAIN_NAME={DOMAIN}\nUSE_LETSENCRYPT=true\nTELEPORT_S3_BUCKET={BUCKET}\n"
_MAIL = "TELEPORT_DOMAIN_ADMIN_EMAIL=ops@example.com\n"
ALONE = _COMMON + _MAIL
ALL_IN_ONE = f"{ALONE}TELEPORT_LOCKS_TABLE_NAME={LOCKS}\n"
AUTH = (
    f"TELEPORT_ROLE=auth\n{ALL_IN_ONE}TELEPORT_AUTH_SERVER_LB=auth.example.com\n"
    "TELEPORT_DYNAMO_TABLE_NAME=state\nTELEPORT_DYNAMO_EVENTS_TABLE_NAME=events\n"
)
PROXY = f"TELEPORT_ROLE=proxy\n{_COMMON}TELEPORT_AUTH_SERVER_LB=auth.example.com\n"


class Cluster:
    """Hosts below `directory`, with what they share in `aws`."""

    def __init__(self, directory: Path, aws: Aws) -> None:
        self.directory = directory
        self.aws = aws
        self.s3 = aws.client("s3")
        self.dynamodb = aws.client("dynamodb")
        self.s3.create_bucket(Bucket=BUCKET)
        self.dynamodb.create_table(
            TableName=LOCKS,
            KeySchema=[{"AttributeName": "Lock", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "Lock", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.put({RECORDING: "planted recording"})
        self._services: list[emulator.Server] = []

    def close(self) -> None:
        for service in self._services:
            service.stop()

    def host(self, conf: str, *, name: str = "one", imds: Optional[emulator.Server] = None) -> Agent:
        """Return a host with a root and a name of its own."""
        if imds is None:
            imds = emulator.Server({"meta-data": {"local-hostname": f"ip-{name}.ec2.internal"}})
            imds.start()
            self._services.append(imds)
        root = self.directory / name
        (root / "etc/teleport.d").mkdir(parents=True)
        agent = Agent(root, imds=imds.url, aws=self.aws.url)
        trust(agent, *certificates.TRUSTED)
        agent.conf(conf)
        return agent

    # ---- the bucket

    def put(self, objects: dict[str, str]) -> None:
        for key, text in objects.items():
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode())

    def share(self, issued: Issued, number: Optional[int] = None, *, live: bool = True) -> None:
        """Put a certificate into the bucket, as it is there when a writer has done all his work."""
        self.put(objects(issued, number, live=live))

    def objects(self) -> dict[str, str]:
        listed = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())
        keys = [each["Key"] for each in listed]
        return {key: self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode() for key in keys}

    def empty(self, content: Optional[dict[str, str]] = None) -> None:
        """Have the bucket hold just `content`."""
        for each in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
            self.s3.delete_object(Bucket=BUCKET, Key=each["Key"])
        self.put(content or {})

    def live(self) -> Issued:
        """What is current in the bucket."""
        found = self.objects()
        return Issued(*(found[f"live/{DOMAIN}/{kind}.pem"] for kind in KINDS[:3]))

    def touched(self) -> set[str]:
        """What was asked of S3, without what may be: `{method} {key or listing}`."""
        return {request.operation for request in self.aws.requests if request.service == "s3"}

    # ---- the lock

    def lock(self) -> Optional[dict[str, str]]:
        found = self.dynamodb.get_item(TableName=LOCKS, Key={"Lock": {"S": "/auth/servers"}}).get("Item")
        return None if found is None else {name: value["S"] for name, value in found.items()}

    def lock_is_of(self, process: str, expires: float) -> None:
        item = {"Lock": "/auth/servers", "Expires": str(int(expires)), "Process": process}
        self.dynamodb.put_item(TableName=LOCKS, Item={name: {"S": value} for name, value in item.items()})


def objects(issued: Issued, number: Optional[int] = None, *, live: bool = True) -> dict[str, str]:
    found = {}
    for kind, text in issued.files().items():
        if number is not None:
            found[f"archive/{DOMAIN}/{kind}{number}.pem"] = text
        if live:
            found[f"live/{DOMAIN}/{kind}.pem"] = text
    return found


class Certbot:
    """The stand-in for certbot, for all hosts that are given it, and what it issues."""

    def __init__(self, directory: Path, authority: Authority, count: int = 4) -> None:
        self.directory = directory
        self.issued = [authority.issue(DOMAIN, begins=60 * number - DAY) for number in range(count)]
        self.folders = [directory / f"issue-{number}" for number in range(count)]
        for folder, files in zip(self.folders, self.issued):
            folder.mkdir(parents=True)
            for kind, text in files.files().items():
                (folder / f"{kind}.pem").write_text(text)
        self.switch()

    def switch(self, **switches: Any) -> None:
        """Behave so from now on, and as usual in everything else."""
        install_certbot(self.directory, **{"issue": [str(folder) for folder in self.folders], **switches})

    def given_to(self, agent: Agent) -> Agent:
        agent.environ["PATH"] = f"{self.directory}:/usr/sbin:/usr/bin:/sbin:/bin"
        return agent

    @property
    def runs(self) -> list[dict[str, Any]]:
        log = self.directory / "certbot.log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    @property
    def count(self) -> int:
        """How many certificates were issued."""
        return sum(Path(f"{folder}.issued").exists() for folder in self.folders)

    def forget(self) -> None:
        """Issue from the beginning again."""
        for folder in self.folders:
            Path(f"{folder}.issued").unlink(missing_ok=True)
        (self.directory / "certbot.log").unlink(missing_ok=True)


def trust(agent: Agent, *roots: str) -> None:
    """Have the host trust these authorities, as `update-ca-certificates` does, and no others."""
    agent.write("/etc/ssl/certs/ca-certificates.crt", "".join(roots))


def certificate(agent: Agent, *arguments: str, wait: int = 5, **options: Any) -> Ended:
    """Run `certificate`, which shows no key and causes no internal error."""
    done = agent.run("certificate", *arguments, "--wait", str(wait), **options)
    assert "Traceback" not in done.errors and "internal error" not in done.errors, done.errors
    assert "PRIVATE KEY" not in done.said
    return done


def installed(agent: Agent) -> Optional[tuple[str, str]]:
    """The private key and the chain that Teleport would serve with, None where one is missing."""
    paths = [agent.path(PRIVATE_KEY), agent.path(CERTIFICATE)]
    return (paths[0].read_text(), paths[1].read_text()) if all(path.exists() for path in paths) else None


def pair(issued: Issued) -> tuple[str, str]:
    return issued.privkey, issued.fullchain


def install(agent: Agent, issued: Issued) -> None:
    """Have it installed already."""
    agent.path(CERTIFICATE).parent.mkdir(parents=True, exist_ok=True)
    for path, text in ((PRIVATE_KEY, issued.privkey), (CERTIFICATE, issued.fullchain)):
        agent.write(path, text, mode=0o600)


def links(agent: Agent) -> dict[str, str]:
    folder = agent.path(f"/etc/letsencrypt/live/{DOMAIN}")
    return {kind: os.readlink(folder / f"{kind}.pem") for kind in KINDS}


def ended(process: subprocess.Popen[bytes], seconds: float = 120) -> Ended:
    output, errors = process.communicate(timeout=seconds)
    return Ended(process.returncode, output.decode(), errors.decode())
