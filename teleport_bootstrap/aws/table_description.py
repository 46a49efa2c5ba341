"""DynamoDB: how a table is set up, with its indexes, its stream, its time to live and its backups over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from teleport_bootstrap.aws.service import Service
from teleport_bootstrap.hints import Any
from teleport_bootstrap.records import dataclass

ENABLED = "ENABLED"
ON_DEMAND = "PAY_PER_REQUEST"
_MISSING = ("ResourceNotFoundException", "TableNotFoundException")


@dataclass(frozen=True)
class KeyPart:
    """A part of a key: the attribute's name, `kind` HASH or RANGE, and `type` S, N or B."""

    name: str
    kind: str
    type: str


@dataclass(frozen=True)
class Index:
    """A global secondary index: `status` ACTIVE and others, `projection` ALL, KEYS_ONLY or INCLUDE."""

    name: str
    keys: tuple[KeyPart, ...]
    status: str
    projection: str


@dataclass(frozen=True)
class Table:
    """A table: `stream` is the view type of an enabled stream, such as NEW_IMAGE, otherwise "".

    `billing_mode` is PROVISIONED or PAY_PER_REQUEST; units are 0 with the latter. `key_arn` is the KMS key that
    encrypts it, "" for DynamoDB's own. `items` and `size` are counted by DynamoDB every six hours or so.
    """

    name: str
    arn: str
    status: str
    keys: tuple[KeyPart, ...]
    indexes: tuple[Index, ...]
    stream: str
    billing_mode: str
    read_units: int
    write_units: int
    key_arn: str
    deletion_protection: bool
    items: int
    size: int


@dataclass(frozen=True)
class TimeToLive:
    """When items expire: `status` is ENABLED, DISABLED or in between; `attribute` is "" where there is none."""

    status: str
    attribute: str


@dataclass(frozen=True)
class Recovery:
    """Point-in-time recovery: whether it is on, and the moments between which it can restore, since 1970."""

    enabled: bool
    earliest: float | None
    latest: float | None


class TableDescriptions(Service):
    """DynamoDB in one region; get it from `account.Aws.table_descriptions`, which says what methods raise."""

    def describe(self, table: str) -> Table | None:
        """Return how `table` is set up, None where there is none of this name."""
        found: Table | None = self.call(
            "dynamodb:DescribeTable", self._arns(table), read=_table, missing=_MISSING, TableName=table
        )
        return found

    def time_to_live(self, table: str) -> TimeToLive | None:
        """Return when the items of `table` expire, None where there is no such table."""
        found: TimeToLive | None = self.call(
            "dynamodb:DescribeTimeToLive", self._arns(table), read=_time_to_live, missing=_MISSING, TableName=table
        )
        return found

    def recovery(self, table: str) -> Recovery | None:
        """Return whether `table` can be restored as of any moment, None where there is no such table."""
        found: Recovery | None = self.call(
            "dynamodb:DescribeContinuousBackups", self._arns(table), read=_recovery, missing=_MISSING, TableName=table
        )
        return found

    def _arns(self, table: str) -> list[str]:
        return [self.arn(f"table/{table}", service="dynamodb")]


def _table(answer: Mapping[str, Any]) -> Table:
    found = answer["Table"]
    types = {each["AttributeName"]: each["AttributeType"] for each in found.get("AttributeDefinitions") or ()}
    stream, units = found.get("StreamSpecification") or {}, found.get("ProvisionedThroughput") or {}
    return Table(
        name=found["TableName"],
        arn=found["TableArn"],
        status=found["TableStatus"],
        keys=_keys(found["KeySchema"], types),
        indexes=tuple(_index(each, types) for each in found.get("GlobalSecondaryIndexes") or ()),
        stream=(stream.get("StreamViewType") or "") if stream.get("StreamEnabled") else "",
        # Tables that have never been on demand have no summary.
        billing_mode=(found.get("BillingModeSummary") or {}).get("BillingMode") or "PROVISIONED",
        read_units=units.get("ReadCapacityUnits") or 0,
        write_units=units.get("WriteCapacityUnits") or 0,
        key_arn=(found.get("SSEDescription") or {}).get("KMSMasterKeyArn") or "",
        deletion_protection=bool(found.get("DeletionProtectionEnabled")),
        items=found.get("ItemCount") or 0,
        size=found.get("TableSizeBytes") or 0,
    )


def _index(found: Mapping[str, Any], types: Mapping[str, str]) -> Index:
    return Index(
        name=found["IndexName"],
        keys=_keys(found["KeySchema"], types),
        status=found.get("IndexStatus") or "",
        projection=(found.get("Projection") or {}).get("ProjectionType") or "",
    )


def _keys(schema: Iterable[Mapping[str, str]], types: Mapping[str, str]) -> tuple[KeyPart, ...]:
    """Return the parts of a key, that of the partition first."""
    parts = [KeyPart(each["AttributeName"], each["KeyType"], types[each["AttributeName"]]) for each in schema]
    return tuple(sorted(parts, key=lambda part: part.kind))


def _time_to_live(answer: Mapping[str, Any]) -> TimeToLive:
    found = answer["TimeToLiveDescription"]
    return TimeToLive(found["TimeToLiveStatus"], found.get("AttributeName") or "")


def _recovery(answer: Mapping[str, Any]) -> Recovery:
    found = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription") or {}
    return Recovery(
        enabled=found.get("PointInTimeRecoveryStatus") == ENABLED,
        earliest=found.get("EarliestRestorableDateTime"),
        latest=found.get("LatestRestorableDateTime"),
    )
