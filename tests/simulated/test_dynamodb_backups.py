"""On-demand backups of DynamoDB's tables: each asked for once, whatever happens to the answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from teleport_bootstrap import errors, records
from teleport_bootstrap.aws import dynamodb
from teleport_bootstrap.aws.account import Aws as InstanceAws
from teleport_bootstrap.ec2.imds import Imds
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import aws as simulated
from tests.simulated_ec2 import imds as emulator

TABLES = ("teleport", "teleport-events")
SUFFIX = "20261122T115743Z"

IN_THE_MAKING = simulated.Answer(
    text=json.dumps({"BackupDescription": {"BackupDetails": {"BackupStatus": "CREATING"}}}), status=200
)
DELETED = simulated.Answer(
    text=json.dumps({"BackupDescription": {"BackupDetails": {"BackupStatus": "DELETED"}}}), status=200
)


@pytest.fixture
def instance(aws: Aws, imds: emulator.Server) -> InstanceAws:
    for table in TABLES:
        make(aws, table)
    service = Imds.from_environment({"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url}, deadline_seconds=10)
    return InstanceAws.of_instance(service, simulated.REGION, {"AWS_ENDPOINT_URL": aws.url}, wait_seconds=10)


def make(aws: Aws, table: str) -> None:
    aws.client("dynamodb").create_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": "HashKey", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "HashKey", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )


def there(aws: Aws) -> dict[str, list[str]]:
    """Return the names of the backups that exist, by table."""
    found: dict[str, list[str]] = {}
    for each in aws.client("dynamodb").list_backups().get("BackupSummaries", ()):
        found.setdefault(each["TableName"], []).append(each["BackupName"])
    return found


def arns(aws: Aws) -> set[str]:
    return {each["BackupArn"] for each in aws.client("dynamodb").list_backups()["BackupSummaries"]}


def test_backs_up_both_tables_and_returns_their_arns(aws: Aws, instance: InstanceAws) -> None:
    made = instance.dynamodb.back_up(TABLES, SUFFIX)
    assert [(each.table, each.available) for each in made] == [(table, True) for table in TABLES]
    assert {each.arn for each in made} == arns(aws)
    assert there(aws) == {table: [f"{table}-{SUFFIX}"] for table in TABLES}
    assert [request.operation for request in aws.requests] == ["CreateBackup"] * 2 + ["DescribeBackup"] * 2


@pytest.mark.parametrize(
    "answer",
    [
        simulated.THROTTLED,
        simulated.BROKEN,
        simulated.RESETTING,
        simulated.LOST,
        simulated.EXPIRED,
        simulated.Answer("LimitExceededException", "Too many operations"),
        simulated.Answer(text=json.dumps({"BackupDetails": {"BackupStatus": "CREATING"}}), status=200),
    ],
    ids=lambda answer: answer.code or answer.action,
)
@pytest.mark.parametrize("operation", ["CreateBackup", "DescribeBackup"])
def test_a_transient_failure_makes_no_second_backup(
    aws: Aws, instance: InstanceAws, operation: str, answer: simulated.Answer
) -> None:
    if operation == "DescribeBackup" and answer.code.startswith("Limit"):
        return  # not one of its errors
    aws.fail(answer, operation=f"^{operation}$")
    made = instance.dynamodb.back_up(TABLES, SUFFIX)
    assert {each.arn for each in made} == arns(aws)
    assert there(aws) == {table: [f"{table}-{SUFFIX}"] for table in TABLES}


def test_does_not_wait_for_a_slow_backup(aws: Aws, instance: InstanceAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamodb, "AVAILABLE_SECONDS", 0.3)
    aws.fail(IN_THE_MAKING, times=1000, operation="^DescribeBackup$")
    assert [each.available for each in instance.dynamodb.back_up(TABLES, SUFFIX)] == [False, False]


def test_backs_up_without_permission_to_describe_backups(aws: Aws, instance: InstanceAws) -> None:
    aws.fail(simulated.denied("dynamodb:DescribeBackup"), times=10, operation="^DescribeBackup$")
    assert [each.available for each in instance.dynamodb.back_up(TABLES, SUFFIX)] == [False, False]


def test_a_backup_that_is_deleted_at_once_is_an_error(aws: Aws, instance: InstanceAws) -> None:
    aws.fail(DELETED, operation="^DescribeBackup$")
    with pytest.raises(errors.TableUnusable, match="was deleted as soon as it was made"):
        instance.dynamodb.back_up(TABLES, SUFFIX)


def test_a_denial_names_the_missing_permission(aws: Aws, instance: InstanceAws) -> None:
    aws.fail(simulated.denied("dynamodb:CreateBackup", "table/teleport"), operation="^CreateBackup$")
    with pytest.raises(errors.AwsDenied) as raised:
        instance.dynamodb.back_up(TABLES, SUFFIX)
    assert f"dynamodb:CreateBackup on arn:aws:dynamodb:{simulated.REGION}:{simulated.ACCOUNT}:table/teleport" in (
        raised.value.hint
    )
    assert there(aws) == {}


@pytest.mark.parametrize("wait", [0.5])
def test_throttling_that_lasts_ends_in_time(aws: Aws, instance: InstanceAws, wait: float) -> None:
    aws.fail_always(simulated.THROTTLED)
    with pytest.raises(errors.AwsThrottled, match="dynamodb:CreateBackup"):
        records.replace(instance, wait_seconds=wait).dynamodb.back_up(TABLES, SUFFIX)


def test_names_a_table_that_does_not_exist(instance: InstanceAws) -> None:
    with pytest.raises(errors.TableUnusable, match=f"no DynamoDB table nowhere in {simulated.REGION}"):
        instance.dynamodb.back_up(("nowhere",), SUFFIX)


@pytest.mark.parametrize(
    "code", ["TableInUseException", "BackupInUseException", "ContinuousBackupsUnavailableException"]
)
def test_names_a_busy_table(aws: Aws, instance: InstanceAws, code: str) -> None:
    aws.fail(simulated.Answer(code, "busy"))
    with pytest.raises(errors.TableUnusable, match=rf"table teleport cannot be backed up now \({code}\)"):
        instance.dynamodb.back_up(TABLES, SUFFIX)


def test_the_name_of_a_backup_is_valid_in_dynamodb(aws: Aws, instance: InstanceAws) -> None:
    long: Any = "t" * 255
    make(aws, long)
    instance.dynamodb.back_up((long,), f"{SUFFIX}/with spaces")
    ((name,),) = there(aws).values()
    assert len(name) == 255
    assert name.endswith(f"-{SUFFIX}-with-spaces")
