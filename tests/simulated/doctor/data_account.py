"""Hosts whose parameters, tables and buckets are all as they should be, in an account that a test makes mistakes in."""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from teleport_bootstrap import paths
from teleport_bootstrap.backup.stores import destination
from teleport_bootstrap.doctor import check, running, table
from teleport_bootstrap.doctor import subject as subjects
from teleport_bootstrap.instance import gather
from tests import certificates
from tests.certificates import Authority
from tests.simulated import auth_server, backing_up, letsencrypt
from tests.simulated.agent import CHECKOUT, Ended
from tests.simulated.doctor import surroundings
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator
from tests.simulated_ec2.aws import Answer, Request
from tests.stand_in import install_aws, install_tctl

CLUSTER = surroundings.CLUSTER
BUCKET = "acme-teleport"
STATE, EVENTS, LOCKS = "teleport-state", "teleport-events", "teleport-locks"
LICENSE, PINS = f"/teleport/{CLUSTER}/license", f"/teleport/{CLUSTER}/ca-pin-hash"
TOKENS = {role: f"/teleport/{CLUSTER}/tokens/{role}" for role in auth_server.ROLES}
KEY = "alias/teleport"
WORKGROUP = "audit"
ATHENA_URI = (
    f"athena://audit.events?topicArn=arn:aws:sns:us-east-1:123456789012:audit&locationS3=s3://{BUCKET}/events"
    f"&largeEventsS3=s3://{BUCKET}/large&queueURL=https://sqs.us-east-1.amazonaws.com/123456789012/audit"
    f"&workgroup={WORKGROUP}"
)
AUTH = f"""\
TELEPORT_ROLE=auth
TELEPORT_CLUSTER_NAME={CLUSTER}
TELEPORT_DOMAIN_NAME={CLUSTER}
TELEPORT_AUTH_SERVER_LB=auth.example.com
TELEPORT_DYNAMO_TABLE_NAME={STATE}
TELEPORT_DYNAMO_EVENTS_TABLE_NAME={EVENTS}
TELEPORT_LOCKS_TABLE_NAME={LOCKS}
TELEPORT_S3_BUCKET={BUCKET}
TELEPORT_LICENSE_PATH=true
TELEPORT_SSM_KMS_KEY_ID={KEY}
TELEPORT_ATHENA_EVENTS_URI='{ATHENA_URI}'
TELEPORT_ATHENA_MIGRATION_MODE=dual_dynamo_primary
TELEPORT_DOMAIN_ADMIN_EMAIL=ops@example.com
USE_LETSENCRYPT=true
"""
ALL_IN_ONE = f"TELEPORT_CLUSTER_NAME={CLUSTER}\nTELEPORT_DOMAIN_NAME={CLUSTER}\n"
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
# What is looked at in this module's account.
GROUPS = ("parameters", "tables", "buckets", "backups")


@dataclass(frozen=True)
class DataHost(surroundings.Surroundings):
    """A host, and a shell on it in which the commands of remedies run."""

    bin: Path = field(default_factory=Path)

    def checks(self, *options: str) -> dict[str, dict[str, Any]]:
        """Run the checks of GROUPS as the command does, in this process: starting one takes longer than they do."""
        assert not options
        root = paths.Root(str(self.agent.root))
        doors = gather.Doors(root, self.agent.environment(), 20.0)
        # On a busy machine the time limits of the command would decide what is known; another test is about them.
        with mock.patch.object(subjects, "CALL_SECONDS", 20.0):
            subject = subjects.Subject(doors, lambda: (destination.parse(None, root), None))
        with mock.patch.object(check, "SECONDS", 60.0), mock.patch.object(running, "ALL_SECONDS", 90.0):
            outcomes = running.run(table.chosen(GROUPS, (), offline=False), subject, lambda _: None)
        found = {
            each.check.name: {"result": each.result, "found": [one.data() for one in each.findings]}
            for each in outcomes
        }
        assert "internal error" not in str(found), found
        return found

    def shell(self, command: str, *, cwd: Path) -> Ended:
        """Run what a remedy says, as an operator who may do everything in the account."""
        environ = {**self.agent.environment(), "AWS_ENDPOINT_URL": self.aws.url}
        environ["PATH"] = f"{self.bin}:{environ['PATH']}"
        done = subprocess.run(
            ["bash", "-ec", command], cwd=cwd, env=environ, capture_output=True, text=True, timeout=120, check=False
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def carry_out(self, remedy: str, directory: Path) -> list[str]:
        """Run the commands of `remedy`, each of which is between backticks, and return them."""
        commands = [each for each in re.findall(r"`([^`]+)`", remedy) if re.match(r"(aws|teleport-bootstrap) ", each)]
        assert commands, remedy
        for command in commands:
            done = self.shell(command, cwd=directory)
            assert done.status == 0, (command, done.said)
        return commands


def make_host(directory: Path, imds: emulator.Server, aws: Aws, conf: str, **switches: Any) -> DataHost:
    agent = surroundings.host(directory, imds, aws, conf, **switches)
    # Without them all is done as root: another account could not reach the directory of a test.
    for name in ("passwd", "group"):
        agent.path(f"/etc/{name}").unlink()
    binaries = directory / "bin"
    install_aws(binaries)
    wrapper = binaries / "teleport-bootstrap"
    options = f"--root {agent.root}"
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m teleport_bootstrap {options} "$@"\n')
    wrapper.chmod(0o755)
    agent.environ["PYTHONPATH"] = str(CHECKOUT)
    return DataHost(agent, imds, aws, binaries)


def auth(directory: Path, imds: emulator.Server, aws: Aws, conf: str = AUTH) -> DataHost:
    """An auth server of a highly available cluster, with everything that it needs in the account."""
    make_key(aws, KEY)
    make_tables(aws)
    make_bucket(aws, key=make_key(aws, "alias/bucket"))
    make_audit_log(aws)
    aws.put_parameters({LICENSE: "-----BEGIN CERTIFICATE-----\n"})
    host = make_host(directory, imds, aws, conf, edition="enterprise")
    _share_certificate(aws)
    letsencrypt.trust(host.agent, *certificates.TRUSTED)
    data = host.agent.path("/var/lib/teleport")
    data.mkdir(parents=True, exist_ok=True)
    install_tctl(host.agent.path("/usr/local/bin"), data=str(data))
    for command in ("generate", "publish-tokens"):
        done = host.agent.run(command, "--wait", "20")
        assert done.status == 0, done.said
    return host


def node(directory: Path, imds: emulator.Server, aws: Aws) -> DataHost:
    """A node with its token and pins."""
    aws.put_parameters({TOKENS["node"]: surroundings.TOKEN})
    aws.put_parameters({PINS: auth_server.PIN}, kind="String")
    return _generated(make_host(directory, imds, aws, surroundings.NODE))


def all_in_one(directory: Path, imds: emulator.Server, aws: Aws) -> DataHost:
    """An all-in-one with its state on its own disk, and a backup of it."""
    host = _generated(make_host(directory, imds, aws, ALL_IN_ONE))
    host.agent.write("/var/lib/teleport/host_uuid", backing_up.HOST_UUID, 0o400)
    archive_of(host, datetime.timedelta(hours=5))
    return host


def _generated(host: DataHost) -> DataHost:
    done = host.agent.generate()
    assert done.status == 0, done.said
    return host


def make_tables(aws: Aws) -> None:
    client = aws.client("dynamodb")
    on_demand = {"BillingMode": "PAY_PER_REQUEST"}
    client.create_table(
        TableName=STATE,
        AttributeDefinitions=attributes(HashKey="S", FullPath="S"),
        KeySchema=key("HashKey", "FullPath"),
        StreamSpecification=STREAM,
        **on_demand,
    )
    client.create_table(
        TableName=EVENTS,
        AttributeDefinitions=attributes(SessionID="S", EventIndex="N", CreatedAtDate="S", CreatedAt="N"),
        KeySchema=key("SessionID", "EventIndex"),
        GlobalSecondaryIndexes=[index()],
        **on_demand,
    )
    auth_server.make_table(aws, LOCKS)
    for name in (STATE, EVENTS):
        finish_table(aws, name)


def finish_table(aws: Aws, name: str) -> None:
    """Set what can only be set of a table that exists."""
    expiry = {"Enabled": True, "AttributeName": "Expires"}
    aws.client("dynamodb").update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
    set_recovery(aws, name, enabled=True)


def attributes(**types: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]


def key(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"))]


def index(projection: str = "ALL") -> dict[str, Any]:
    keys = key("CreatedAtDate", "CreatedAt")
    return {"IndexName": "timesearchV2", "KeySchema": keys, "Projection": {"ProjectionType": projection}}


def set_recovery(aws: Aws, table: str, *, enabled: bool) -> None:
    aws.client("dynamodb").update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled}
    )


def replace_table(aws: Aws, name: str, **options: Any) -> None:
    """Have another table of that name, with what `options` say."""
    client = aws.client("dynamodb")
    client.delete_table(TableName=name)
    client.create_table(**{"TableName": name, "BillingMode": "PAY_PER_REQUEST", **options})


def make_key(aws: Aws, alias: str) -> str:
    """Make a KMS key with this alias, and return its ARN."""
    made: dict[str, str] = aws.client("kms").create_key()["KeyMetadata"]
    aws.client("kms").create_alias(AliasName=alias, TargetKeyId=made["KeyId"])
    return made["Arn"]


def key_id(aws: Aws, alias: str) -> str:
    found: str = aws.client("kms").describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
    return found


class Catalogue:
    """Glue, as far as it is needed; moto's wants a parser that is not installed."""

    def __init__(self) -> None:
        self.tables: dict[tuple[str, str], dict[str, Any]] = {}

    def answer(self, request: Request) -> Answer:
        asked = json.loads(request.body)
        if request.operation == "GetTable":
            table = self.tables.get((asked["DatabaseName"], asked["Name"]))
            if table is None:
                return Answer("EntityNotFoundException", "Table not found.")
            return _json({"Table": {"DatabaseName": asked["DatabaseName"], **table}})
        if request.operation != "CreateDatabase":
            self.tables[asked["DatabaseName"], asked["TableInput"]["Name"]] = asked["TableInput"]
        return _json({})


def _json(found: Any) -> Answer:
    return Answer(text=json.dumps(found), status=200)


def make_audit_log(aws: Aws) -> Catalogue:
    """Make what Athena needs, as Teleport's examples do."""
    results = {"ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/query_results"}}
    aws.client("athena").create_work_group(Name=WORKGROUP, Configuration=results)
    made = Catalogue()
    for operation in ("GetTable", "CreateTable", "UpdateTable", "CreateDatabase"):
        aws.instead[f"glue:{operation}"] = made.answer
    strings = ("uid", "session_id", "event_type", "event_data", "user")
    columns = [{"Name": each, "Type": "string"} for each in strings]
    made.tables["audit", "events"] = {
        "Name": "events",
        "StorageDescriptor": {
            "Columns": [*columns, {"Name": "event_time", "Type": "timestamp"}],
            "Location": f"s3://{BUCKET}",
        },
        "PartitionKeys": [{"Name": "event_date", "Type": "date"}],
        "Parameters": {
            "projection.enabled": "true",
            "storage.location.template": f"s3://{BUCKET}/events/${{event_date}}/",
        },
    }
    return made


def catalogue(aws: Aws) -> dict[str, Any]:
    """The table in Glue, to make mistakes in it."""
    made: Catalogue = aws.instead["glue:GetTable"].__self__  # type: ignore[attr-defined]
    return made.tables["audit", "events"]


def make_bucket(aws: Aws, name: str = BUCKET, *, key: str) -> None:
    client = aws.client("s3")
    client.create_bucket(Bucket=name)
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    client.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    ways = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    client.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict.fromkeys(ways, True))


def _share_certificate(aws: Aws, **times: float) -> None:
    share(aws, Authority().issue(CLUSTER, **times))


def share(aws: Aws, issued: certificates.Issued, number: int = 1) -> None:
    """Put a certificate into the bucket, as an auth server does."""
    for kind, text in issued.files().items():
        for where in (f"archive/{CLUSTER}/{kind}{number}.pem", f"live/{CLUSTER}/{kind}.pem"):
            aws.client("s3").put_object(Bucket=BUCKET, Key=where, Body=text.encode())


def aged(answer: bytes, seconds: float) -> bytes:
    """Return an answer of SSM in which all parameters were changed so long ago."""
    found = json.loads(answer)
    for each in found["Parameters"]:
        each["LastModifiedDate"] -= seconds
    return json.dumps(found).encode()


def archive_of(host: DataHost, age: datetime.timedelta) -> Path:
    """Make a backup, and have it be so old."""
    done = host.agent.run("--format", "json", "backup", timeout=120)
    assert done.status == 0, done.said
    archive = Path(done.data["archive"])
    made = datetime.datetime.now(datetime.timezone.utc) - age
    renamed = archive.with_name(re.sub("_[0-9]{8}T[0-9]{6}Z", made.strftime("_%Y%m%dT%H%M%SZ"), archive.name))
    os.rename(archive, renamed)
    os.rename(f"{archive}.verified", f"{renamed}.verified")
    return renamed
