"""One mistake at a time in parameters, tables, buckets and backups: each turns its own check and no other one.

What the remedy says is carried out then, and everything passes as before.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import pytest

from teleport_bootstrap.doctor import table
from tests import certificates
from tests.simulated import auth_server
from tests.simulated.doctor import data_account, surroundings
from tests.simulated.doctor.data_account import (
    BUCKET,
    EVENTS,
    KEY,
    LICENSE,
    LOCKS,
    PINS,
    STATE,
    TOKENS,
    WORKGROUP,
    DataHost,
)
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator
from tests.simulated_ec2.aws import S3_DENIED, Answer, Request, denied

HOUR = 3600.0


@dataclass
class Kept:
    """A host that many tests use, one after the other, as long as each leaves it as it was."""

    host: DataHost
    resets: int
    before: dict[str, str]
    is_clean: bool = True


_KEPT: dict[str, Kept] = {}
_MAKERS: dict[str, Callable[..., DataHost]] = {
    "auth": data_account.auth,
    "node": data_account.node,
    "all-in-one": data_account.all_in_one,
}


@pytest.fixture(scope="module")
def service() -> Iterator[emulator.Server]:
    server = emulator.Server()
    server.start()
    yield server
    server.stop()
    _KEPT.clear()


Get = Callable[[str], Kept]


@pytest.fixture
def get(running_aws: Aws, service: emulator.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Get]:
    """Return a function that gives a host of that kind, made again where the last test has not left it as it was."""
    used: list[Kept] = []

    def give(kind: str) -> Kept:
        found = _KEPT.get(kind)
        if found is None or not found.is_clean or found.resets != running_aws.resets:
            running_aws.reset()
            host = _MAKERS[kind](tmp_path_factory.mktemp(kind), service, running_aws)
            found = _KEPT[kind] = Kept(host, running_aws.resets, host.results())
        used.append(found)
        found.is_clean = False
        return found

    yield give
    running_aws.clear_faults()
    assert used


@dataclass(frozen=True)
class Mistake:
    """What is wrong, the only check that it turns, and how; what its remedy holds.

    `mend` carries the remedy out where that takes more than its commands.
    """

    name: str
    make: Callable[[DataHost], Any]
    check: str
    result: str
    remedy: tuple[str, ...]
    mend: Optional[Callable[[DataHost, str, Path], Any]] = None
    kind: str = "auth"


def carried_out(host: DataHost, remedy: str, directory: Path) -> None:
    host.carry_out(remedy, directory)


# ---------------------------------------------------------------- parameters


def no_token(host: DataHost) -> None:
    host.aws.client("ssm").delete_parameter(Name=TOKENS["node"])


def no_license(host: DataHost) -> None:
    host.aws.client("ssm").delete_parameter(Name=LICENSE)


def with_license(host: DataHost, remedy: str, directory: Path) -> None:
    (directory / "license.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    host.carry_out(remedy, directory)


def retyped(name: str, kind: str) -> Callable[[DataHost], None]:
    def make(host: DataHost) -> None:
        client = host.aws.client("ssm")
        value = client.get_parameters(Names=[name], WithDecryption=True)["Parameters"][0]["Value"]
        client.delete_parameter(Name=name)
        client.put_parameter(Name=name, Value=value, Type=kind)

    return make


def other_key(host: DataHost) -> None:
    key = data_account.make_key(host.aws, "alias/other")
    host.aws.client("ssm").put_parameter(
        Name=TOKENS["node"], Value="x" * 32, Type="SecureString", KeyId=key, Overwrite=True
    )


def key_state(alias: str, change: str) -> Callable[[DataHost], None]:
    def make(host: DataHost) -> None:
        client, key = host.aws.client("kms"), data_account.key_id(host.aws, alias)
        if change == "disabled":
            client.disable_key(KeyId=key)
        else:
            client.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)

    return make


def old_tokens(seconds: float) -> Callable[[DataHost], None]:
    def make(host: DataHost) -> None:
        host.aws.changed["ssm:GetParameters"] = lambda answer: data_account.aged(answer, seconds)

    return make


def young_tokens(host: DataHost, remedy: str, directory: Path) -> None:
    host.aws.changed.clear()  # those that are published now are new
    host.carry_out(remedy.partition(", and look")[0], directory)


def other_pins(host: DataHost) -> None:
    host.aws.put_parameters({PINS: "sha256:" + "11" * 32}, kind="String")


def expiring_parameter(host: DataHost) -> None:
    def change(answer: bytes) -> bytes:
        found = json.loads(answer)
        for each in found["Parameters"]:
            if each["Name"] == LICENSE:
                each["Tier"], each["Policies"] = "Advanced", [{"PolicyType": "Expiration"}]
        return json.dumps(found).encode()

    host.aws.changed["ssm:DescribeParameters"] = change


def without_policy(host: DataHost, remedy: str, directory: Path) -> None:
    host.aws.changed.clear()  # a new parameter has none
    with_license(host, remedy, directory)


def published(host: DataHost, remedy: str, directory: Path) -> None:
    """Do as an auth server does on which it is published."""
    assert "on an auth server" in remedy and directory
    host.aws.put_parameters({TOKENS["node"]: "c" * 32})
    host.aws.put_parameters({PINS: auth_server.PIN}, kind="String")


def recreated(host: DataHost, remedy: str, directory: Path) -> None:
    host.carry_out(remedy.partition(", then")[0], directory)
    published(host, remedy, directory)


def denied_parameter(action: str) -> Callable[[DataHost], None]:
    def make(host: DataHost) -> None:
        on = "parameter/teleport/x" if action.startswith("ssm") else "key/0"
        host.aws.instead["ssm:GetParameters"] = lambda request: (
            denied(action, on) if action.startswith("ssm") or json.loads(request.body)["WithDecryption"] else Answer()
        )

    return make


def allowed(host: DataHost, remedy: str, directory: Path) -> None:
    """Allow what the remedy names, which no test can do with a role whose requests were denied by hand."""
    assert directory and "iam-policy --part" in remedy
    for each in [name for name in host.aws.instead if not name.startswith("glue:")]:
        del host.aws.instead[each]


PARAMETERS = (
    Mistake("license missing", no_license, "parameters-exist", "fail", ("file://license.pem", LICENSE), with_license),
    Mistake("a token is missing", no_token, "parameters-exist", "warn", ("publish-tokens",)),
    Mistake(
        "a node's token is missing",
        no_token,
        "parameters-exist",
        "fail",
        ("publish-tokens", "on an auth server"),
        published,
        kind="node",
    ),
    Mistake(
        "a token that is published is a String",
        retyped(TOKENS["node"], "String"),
        "parameter-types",
        "fail",
        ("delete-parameter", TOKENS["node"]),
    ),
    Mistake(
        "the license is a String",
        retyped(LICENSE, "String"),
        "parameter-types",
        "warn",
        ("delete-parameter", "SecureString", LICENSE),
        with_license,
    ),
    Mistake(
        "a node's token is a String",
        retyped(TOKENS["node"], "String"),
        "parameter-types",
        "warn",
        ("delete-parameter", TOKENS["node"]),
        recreated,
        kind="node",
    ),
    Mistake(
        "the published pins are encrypted",
        retyped(PINS, "SecureString"),
        "parameter-types",
        "fail",
        ("delete-parameter", PINS),
    ),
    Mistake("another KMS key", other_key, "parameter-key-choice", "warn", ("publish-tokens",)),
    Mistake("the KMS key is disabled", key_state(KEY, "disabled"), "parameter-keys", "fail", ("enable-key",)),
    Mistake(
        "the KMS key is going to be deleted",
        key_state(KEY, "deleted"),
        "parameter-keys",
        "fail",
        ("cancel-key-deletion", "enable-key"),
    ),
    Mistake("tokens expired", old_tokens(5 * HOUR), "token-age", "fail", ("publish-tokens",), young_tokens),
    Mistake("tokens overdue", old_tokens(3 * HOUR), "token-age", "warn", ("publish-tokens",), young_tokens),
    Mistake(
        "a license that expires",
        expiring_parameter,
        "parameter-tiers",
        "warn",
        ("delete-parameter", LICENSE),
        without_policy,
    ),
    Mistake("pins of another cluster", other_pins, "published-pins", "fail", ("publish-tokens",)),
    Mistake(
        "no pins in the parameter",
        lambda host: host.aws.put_parameters({PINS: "none yet"}, kind="String"),
        "parameter-values",
        "fail",
        ("publish-tokens", "on an auth server"),
        published,
        kind="node",
    ),
    Mistake(
        "reading is denied",
        denied_parameter("ssm:GetParameters"),
        "parameters-readable",
        "fail",
        ("Allow ssm:GetParameters", "--part ours"),
        allowed,
        kind="node",
    ),
    Mistake(
        "decrypting is denied",
        denied_parameter("kms:Decrypt"),
        "parameters-readable",
        "fail",
        ("Allow kms:Decrypt", "--part ours"),
        allowed,
    ),
)


# ---------------------------------------------------------------- tables


def delete_table(name: str) -> Callable[[DataHost], None]:
    return lambda host: host.aws.client("dynamodb").delete_table(TableName=name)


def wrong_key(name: str, kind: str, **options: Any) -> Callable[[DataHost], None]:
    """Return what replaces a table by one whose range key, or only key, has another type."""

    def make(host: DataHost) -> None:
        client = host.aws.client("dynamodb")
        old = client.describe_table(TableName=name)["Table"]
        attribute = old["KeySchema"][-1]["AttributeName"]
        attributes = [
            {**each, "AttributeType": kind} if each["AttributeName"] == attribute else each
            for each in old["AttributeDefinitions"]
        ]
        data_account.replace_table(
            host.aws, name, AttributeDefinitions=attributes, KeySchema=old["KeySchema"], **options
        )
        if name != LOCKS:
            data_account.finish_table(host.aws, name)

    return make


def with_another_table(variable: str, name: str) -> Callable[[DataHost, str, Path], None]:
    """Return what creates the other table and has the conf name it, then takes both back for the next test."""

    def mend(host: DataHost, remedy: str, directory: Path) -> None:
        assert f"{variable}={name}-2" in remedy
        host.carry_out(remedy.partition(f", set {variable}")[0], directory)
        conf = host.agent.path("/etc/teleport.d/conf")
        text = conf.read_text()
        conf.write_text(text.replace(f"{variable}={name}\n", f"{variable}={name}-2\n"))

    return mend


def stream(view: str) -> Callable[[DataHost], None]:
    def make(host: DataHost) -> None:
        old = host.aws.client("dynamodb").describe_table(TableName=STATE)["Table"]
        wanted = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": view}} if view else {}
        data_account.replace_table(
            host.aws,
            STATE,
            AttributeDefinitions=old["AttributeDefinitions"],
            KeySchema=old["KeySchema"],
            **wanted,
        )
        data_account.finish_table(host.aws, STATE)

    return make


def another_stream(host: DataHost, remedy: str, directory: Path) -> None:
    """Switch the stream off as the remedy says; moto then refuses to switch one on again, which AWS does not."""
    off, wait, on = remedy.partition("`")[2].partition("`")[0].split(" && ")
    host.carry_out(f"`{off} && {wait}`", directory)
    assert host.results()["state-stream"] == "fail"
    stream("NEW_IMAGE")(host)
    assert "StreamViewType=NEW_IMAGE" in on


def expiry(table: str, attribute: Optional[str]) -> Callable[[DataHost], None]:
    def make(host: DataHost) -> None:
        client = host.aws.client("dynamodb")
        off = {"Enabled": False, "AttributeName": "Expires"}
        client.update_time_to_live(TableName=table, TimeToLiveSpecification=off)
        if attribute:
            on = {"Enabled": True, "AttributeName": attribute}
            client.update_time_to_live(TableName=table, TimeToLiveSpecification=on)

    return make


def update_index(*updates: dict[str, Any]) -> Callable[[DataHost], None]:
    def make(host: DataHost) -> None:
        for each in updates:
            host.aws.client("dynamodb").update_table(
                TableName=EVENTS,
                AttributeDefinitions=data_account.attributes(
                    SessionID="S", EventIndex="N", CreatedAtDate="S", CreatedAt="N"
                ),
                GlobalSecondaryIndexUpdates=[each],
            )

    return make


NO_INDEX = {"Delete": {"IndexName": "timesearchV2"}}


def fixed_capacity(host: DataHost) -> None:
    host.aws.client("dynamodb").update_table(
        TableName=STATE,
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )


def lock_item(expires: Callable[[], str], process: str = "ip-10-0-0-9.ec2.internal") -> Callable[[DataHost], None]:
    def make(host: DataHost) -> None:
        item = {"Lock": {"S": "/auth/servers"}, "Expires": {"S": expires()}, "Process": {"S": process}}
        host.aws.client("dynamodb").put_item(TableName=LOCKS, Item=item)

    return make


def lock_again(host: DataHost, remedy: str, directory: Path) -> None:
    host.carry_out(remedy.partition(", and look")[0], directory)


def wrong_workgroup(**changes: Any) -> Callable[[DataHost], None]:
    def make(host: DataHost) -> None:
        def change(answer: bytes) -> bytes:
            found = json.loads(answer)
            found["WorkGroup"].update(changes)
            return json.dumps(found).encode()

        host.aws.changed["athena:GetWorkGroup"] = change

    return make


def updated_workgroup(host: DataHost, remedy: str, directory: Path) -> None:
    """Carry out what moto cannot: it is a request to update the workgroup, in the form of botocore's model."""

    def updated(request: Request) -> Answer:
        del host.aws.changed["athena:GetWorkGroup"]
        found = json.loads(request.body)
        output = found.get("ConfigurationUpdates", {}).get("ResultConfigurationUpdates", {}).get("OutputLocation", "")
        assert found["WorkGroup"] == WORKGROUP
        assert found.get("State") == "ENABLED" or output.startswith(f"s3://{BUCKET}/")
        return Answer(text="{}", status=200)

    host.aws.instead["athena:UpdateWorkGroup"] = updated
    host.carry_out(remedy, directory)


def no_workgroup(host: DataHost) -> None:
    """Answer as Athena does; moto's answer is a page about an error of its own."""
    missing = Answer("InvalidRequestException", f"WorkGroup {WORKGROUP} is not found.")
    host.aws.instead["athena:GetWorkGroup"] = lambda _: missing


def created_workgroup(host: DataHost, remedy: str, directory: Path) -> None:
    host.aws.client("athena").delete_work_group(WorkGroup=WORKGROUP)
    host.carry_out(remedy, directory)
    del host.aws.instead["athena:GetWorkGroup"]


def change_catalogue(**changes: Any) -> Callable[[DataHost], None]:
    return lambda host: data_account.catalogue(host.aws).update(changes)


def no_catalogue_table(host: DataHost) -> None:
    made = host.aws.instead["glue:GetTable"].__self__  # type: ignore[attr-defined]
    made.tables.clear()


TABLES = (
    *(
        Mistake(
            f"{kind} table missing",
            delete_table(name),
            f"{kind}-table",
            "fail",
            ("create-table", name),
        )
        for kind, name in (
            ("state", STATE),
            ("events", EVENTS),
            ("locks", LOCKS),
        )
    ),
    Mistake(
        "a state table with a binary range key",
        wrong_key(STATE, "B", StreamSpecification=data_account.STREAM),
        "state-key",
        "fail",
        (f"{STATE}-2", "reconfigure"),
        with_another_table("TELEPORT_DYNAMO_TABLE_NAME", STATE),
    ),
    Mistake(
        "an events table with a string for a number",
        wrong_key(EVENTS, "S", GlobalSecondaryIndexes=[data_account.index()]),
        "events-key",
        "fail",
        (f"{EVENTS}-2", "reconfigure"),
        with_another_table("TELEPORT_DYNAMO_EVENTS_TABLE_NAME", EVENTS),
    ),
    Mistake(
        "a locks table with a number",
        wrong_key(LOCKS, "N"),
        "locks-key",
        "fail",
        ("delete-table", LOCKS),
    ),
    Mistake("stream off", stream(""), "state-stream", "fail", ("StreamViewType=NEW_IMAGE",)),
    Mistake(
        "a stream of keys",
        stream("KEYS_ONLY"),
        "state-stream",
        "fail",
        ("StreamEnabled=false", "NEW_IMAGE"),
        another_stream,
    ),
    Mistake("expiry of the state off", expiry(STATE, None), "state-expiry", "fail", ("AttributeName=Expires",)),
    Mistake(
        "expiry by another attribute",
        expiry(EVENTS, "CreatedAt"),
        "events-expiry",
        "warn",
        ("AttributeName=CreatedAt", "AttributeName=Expires"),
    ),
    Mistake("no index", update_index(NO_INDEX), "events-index", "fail", ("timesearchV2", "CreatedAtDate")),
    Mistake(
        "an index of keys only",
        update_index(NO_INDEX, {"Create": data_account.index("KEYS_ONLY")}),
        "events-index",
        "fail",
        ("Delete=", "ProjectionType=ALL"),
    ),
    Mistake("a fixed number of units", fixed_capacity, "tables-capacity", "warn", ("PAY_PER_REQUEST", STATE)),
    Mistake(
        "no point-in-time recovery",
        lambda host: data_account.set_recovery(host.aws, EVENTS, enabled=False),
        "tables-recovery",
        "warn",
        ("PointInTimeRecoveryEnabled=true", EVENTS),
    ),
    Mistake(
        "a lock in milliseconds",
        lock_item(lambda: str(int((time.time() + 900) * 1000))),
        "lock-item",
        "fail",
        ("delete-item", LOCKS),
    ),
    Mistake("a lock that ends at a word", lock_item(lambda: "soon"), "lock-item", "fail", ("delete-item",)),
    Mistake(
        "a lock whose holder is long gone",
        lock_item(lambda: str(int(time.time() - 2 * 24 * HOUR))),
        "lock-item",
        "warn",
        ("publish-tokens",),
        lock_again,
    ),
    Mistake(
        "no workgroup",
        no_workgroup,
        "athena-workgroup",
        "fail",
        ("create-work-group", WORKGROUP),
        created_workgroup,
    ),
    Mistake(
        "a disabled workgroup",
        wrong_workgroup(State="DISABLED"),
        "athena-workgroup",
        "fail",
        ("update-work-group", "ENABLED"),
        updated_workgroup,
    ),
    Mistake(
        "no place for results",
        wrong_workgroup(Configuration={}),
        "athena-workgroup",
        "fail",
        ("OutputLocation=",),
        updated_workgroup,
    ),
    Mistake("no table in the catalogue", no_catalogue_table, "athena-table", "fail", ("create-table", "audit")),
    Mistake(
        "partitions by a string",
        change_catalogue(PartitionKeys=[{"Name": "event_date", "Type": "string"}]),
        "athena-table",
        "fail",
        ("update-table", "event_date"),
    ),
    Mistake(
        "describing the state table is denied",
        lambda host: host.aws.instead.update(
            {
                "dynamodb:DescribeTable": lambda request: (
                    Answer("AccessDeniedException", "not authorized") if STATE.encode() in request.body else Answer()
                )
            }
        ),
        "state-table",
        "fail",
        ("Allow dynamodb:DescribeTable", "--part teleport"),
        allowed,
    ),
)


# ---------------------------------------------------------------- buckets


def s3(operation: str, **options: Any) -> Callable[[DataHost], None]:
    return lambda host: getattr(host.aws.client("s3"), operation)(Bucket=BUCKET, **options)


def lifecycle(**rule: Any) -> Callable[[DataHost], None]:
    found = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""}, **rule}
    return s3("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": [found]})


def without_rule(host: DataHost, remedy: str, directory: Path) -> None:
    before, _, after = remedy.partition(", remove ")
    host.carry_out(before, directory)
    file = directory / "rules.json"
    rules = json.loads(file.read_text())
    for each in rules["Rules"]:
        if each["ID"] == "tidy":
            each["Filter"] = {"Prefix": "tmp/"}
    file.write_text(json.dumps({"Rules": rules["Rules"]}))
    host.carry_out(after, directory)


def elsewhere(host: DataHost) -> None:
    host.aws.bucket_regions[BUCKET] = "eu-west-1"


def with_override(host: DataHost, remedy: str, directory: Path) -> None:
    """Write what the remedy says where it says, and let `reconfigure` merge it."""
    text, place = remedy.partition("`")[2].partition("`")[0], remedy.partition("into ")[2].partition(" ")[0]
    assert directory.is_dir()
    host.agent.write(place, text + "\n", 0o600)
    done = host.agent.run("reconfigure", "--yes", "--wait", "20")
    assert done.status == 0, done.said
    assert "region=eu-west-1" in host.agent.teleport_yaml.read_text()


def empty_bucket(host: DataHost) -> None:
    client = host.aws.client("s3")
    for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client.delete_object(Bucket=BUCKET, Key=each["Key"])


def certificate(**times: float) -> Callable[[DataHost], None]:
    def make(host: DataHost) -> None:
        empty_bucket(host)
        data_account.share(host.aws, certificates.Authority().issue(data_account.CLUSTER, **times))

    return make


def with_certificate(host: DataHost, remedy: str, directory: Path) -> None:
    """Do as the certificate job does, which another test runs with certbot."""
    assert directory and "certificate" in remedy
    empty_bucket(host)
    data_account.share(host.aws, certificates.Authority().issue(data_account.CLUSTER))


def no_bucket(host: DataHost) -> None:
    client = host.aws.client("s3")
    for each in client.list_object_versions(Bucket=BUCKET).get("Versions", ()):
        client.delete_object(Bucket=BUCKET, Key=each["Key"], VersionId=each["VersionId"])
    client.delete_bucket(Bucket=BUCKET)


def with_bucket(host: DataHost, remedy: str, directory: Path) -> None:
    host.carry_out(remedy, directory)
    with_certificate(host, "certificate", directory)
    key = host.aws.client("kms").describe_key(KeyId="alias/bucket")["KeyMetadata"]["Arn"]
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3("put_bucket_encryption", ServerSideEncryptionConfiguration={"Rules": [rule]})(host)


def denied_objects(host: DataHost) -> None:
    for kind in ("fullchain", "privkey"):
        where = f"live/{data_account.CLUSTER}/{kind}.pem"
        host.aws.instead[f"s3:GET /{BUCKET}/{where}"] = lambda _: S3_DENIED


BUCKETS = (
    Mistake("no bucket", no_bucket, "bucket", "fail", ("create-bucket", BUCKET), with_bucket),
    Mistake("a bucket in another region", elsewhere, "bucket-region", "fail", ("region=eu-west-1",), with_override),
    Mistake(
        "versions suspended",
        s3("put_bucket_versioning", VersioningConfiguration={"Status": "Suspended"}),
        "bucket-versions",
        "warn",
        ("put-bucket-versioning", BUCKET),
    ),
    Mistake(
        "public access allowed",
        s3("delete_public_access_block"),
        "bucket-privacy",
        "warn",
        ("put-public-access-block", "BlockPublicAcls=true"),
    ),
    Mistake(
        "the bucket's key is disabled",
        key_state("alias/bucket", "disabled"),
        "bucket-key",
        "fail",
        ("enable-key",),
    ),
    Mistake(
        "a rule deletes recordings",
        lifecycle(Expiration={"Days": 30}),
        "bucket-lifecycle",
        "warn",
        ("get-bucket-lifecycle-configuration", "tidy"),
        without_rule,
    ),
    Mistake(
        "a rule archives recordings",
        lifecycle(Filter={"Prefix": "records/"}, Transitions=[{"Days": 90, "StorageClass": "DEEP_ARCHIVE"}]),
        "bucket-lifecycle",
        "warn",
        ("tidy",),
        without_rule,
    ),
    Mistake("no certificate", empty_bucket, "certificate-usable", "fail", ("certificate obtain",), with_certificate),
    Mistake(
        "a certificate that has expired",
        certificate(begins=-60 * certificates.DAY, ends=-certificates.DAY),
        "certificate-usable",
        "fail",
        ("certificate renew",),
        with_certificate,
    ),
    Mistake(
        "a certificate that expires soon",
        certificate(begins=-85 * certificates.DAY, ends=5 * certificates.DAY),
        "certificate-usable",
        "warn",
        ("certificate renew",),
        with_certificate,
    ),
    Mistake(
        "the certificate may not be read",
        denied_objects,
        "certificate-readable",
        "fail",
        ("Allow s3:GetObject", "--part certificates"),
        allowed,
    ),
)


# ---------------------------------------------------------------- backups


def no_backup(host: DataHost) -> None:
    for each in host.agent.path("/var/backups/teleport").iterdir():
        each.unlink()


def old_backup(host: DataHost) -> None:
    no_backup(host)
    data_account.archive_of(host, datetime.timedelta(days=10))


def writable_by_others(host: DataHost) -> None:
    host.agent.path("/var/backups/teleport").chmod(0o777)


def not_writable_by_others(host: DataHost, remedy: str, directory: Path) -> None:
    assert remedy and directory
    host.agent.path("/var/backups/teleport").chmod(0o700)


def back_up(host: DataHost, remedy: str, directory: Path) -> None:
    host.carry_out(remedy.partition(";")[0], directory)


BACKUPS = (
    Mistake("no backup", no_backup, "backup-age", "warn", ("teleport-bootstrap backup",), back_up, kind="all-in-one"),
    Mistake(
        "an old backup", old_backup, "backup-age", "warn", ("teleport-bootstrap backup",), back_up, kind="all-in-one"
    ),
    Mistake(
        "others can write to the place",
        writable_by_others,
        "backup-place",
        "warn",
        (),
        not_writable_by_others,
        kind="all-in-one",
    ),
)

MISTAKES = (*PARAMETERS, *TABLES, *BUCKETS, *BACKUPS)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda each: each.name)
def test_issue_18_each_mistake_turns_its_own_check_and_the_remedy_mends_it(
    get: Get, mistake: Mistake, tmp_path: Path
) -> None:
    kept = get(mistake.kind)
    host, before = kept.host, kept.before
    conf = host.agent.path("/etc/teleport.d/conf").read_bytes()
    mistake.make(host)
    checks = host.checks()
    after = {name: each["result"] for name, each in checks.items()}
    assert surroundings.turned(before, after) == {mistake.check: mistake.result}, checks[mistake.check]
    others = {name: result for name, result in after.items() if result != before[name] and name != mistake.check}
    assert set(others.values()) <= {"skipped"}, others
    remedy = surroundings.remedy_of(checks[mistake.check])
    for each in mistake.remedy:
        assert each in remedy
    (mistake.mend or carried_out)(host, remedy, tmp_path)
    assert host.results() == before
    # A conf that names another table, and a bucket elsewhere, are not for the next test.
    kept.is_clean = not host.aws.bucket_regions and host.agent.path("/etc/teleport.d/conf").read_bytes() == conf


@pytest.mark.parametrize("kind", _MAKERS)
def test_issue_18_with_no_mistake_everything_passes(get: Get, kind: str) -> None:
    kept = get(kind)
    wrong = {name: result for name, result in kept.before.items() if result in ("fail", "warn")}
    assert wrong == {}
    kept.is_clean = True


def test_issue_18_there_are_mistakes_for_all_checks() -> None:
    checks = {each.check for each in MISTAKES}
    assert len(MISTAKES) >= 40 and len({each.name for each in MISTAKES}) == len(MISTAKES)
    ours = {each.name for each in table.CHECKS if each.group in data_account.GROUPS}
    # It only notes, and the other one has nothing that could be wrong: S3 always encrypts.
    assert ours - checks == {"bucket-lock", "bucket-encryption"}
