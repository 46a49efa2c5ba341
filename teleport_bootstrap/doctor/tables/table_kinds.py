"""The tables of a cluster: what each is for, which variable names it, and how it has to be set up.

As Teleport creates them (lib/backend/dynamo/dynamodbbk.go and lib/events/dynamoevents/dynamoevents.go, releases 12 to
18), and as teleport_bootstrap.cluster.lock_item reads the item of the lock.
"""

from __future__ import annotations

from collections.abc import Iterable

from teleport_bootstrap.aws.table_description import Index, KeyPart
from teleport_bootstrap.conf import variables
from teleport_bootstrap.conf.variable import Variable
from teleport_bootstrap.doctor import commands
from teleport_bootstrap.records import dataclass

# The attribute by which Teleport's items expire.
EXPIRY = "Expires"
NEW_IMAGE = "NEW_IMAGE"


@dataclass(frozen=True)
class TableKind:
    """What a table is for: `name` is in the names of its checks, `holds` what is in it, `variable` the conf's.

    `streams`: Teleport follows its changes. `expires`: its items expire. `lasts`: what is in it cannot be made again.
    """

    name: str
    holds: str
    variable: Variable[str]
    keys: tuple[KeyPart, ...]
    index: Index | None = None
    streams: bool = False
    expires: bool = False
    lasts: bool = False


STATE = TableKind(
    "state",
    "the state of the cluster",
    variables.TELEPORT_DYNAMO_TABLE_NAME,
    (KeyPart("HashKey", "HASH", "S"), KeyPart("FullPath", "RANGE", "S")),
    streams=True,
    expires=True,
    lasts=True,
)
EVENTS = TableKind(
    "events",
    "the audit log",
    variables.TELEPORT_DYNAMO_EVENTS_TABLE_NAME,
    (KeyPart("SessionID", "HASH", "S"), KeyPart("EventIndex", "RANGE", "N")),
    index=Index(
        "timesearchV2", (KeyPart("CreatedAtDate", "HASH", "S"), KeyPart("CreatedAt", "RANGE", "N")), "ACTIVE", "ALL"
    ),
    expires=True,
    lasts=True,
)
LOCKS = TableKind(
    "locks", "the lock of the auth servers", variables.TELEPORT_LOCKS_TABLE_NAME, (KeyPart("Lock", "HASH", "S"),)
)
KINDS = (STATE, EVENTS, LOCKS)


def key_text(keys: Iterable[KeyPart]) -> str:
    """Return a key for people."""
    words = {"HASH": "hash key", "RANGE": "range key"}
    types = {"S": "string", "N": "number", "B": "binary"}
    return ", ".join(
        f"{words.get(each.kind, each.kind)} {each.name} ({types.get(each.type, each.type)})" for each in keys
    )


def creation(kind: TableKind, region: str, name: str) -> tuple[str, ...]:
    """Return the commands that create a table of `kind` called `name`, with everything that it needs."""
    named = ("--table-name", name)
    keys = (*kind.keys, *(kind.index.keys if kind.index is not None else ()))
    options = ["--attribute-definitions", *attributes(keys), "--key-schema", *schema(kind.keys)]
    if kind.index is not None:
        options += ["--global-secondary-indexes", index_text(kind.index)]
    if kind.streams:
        options += ["--stream-specification", f"StreamEnabled=true,StreamViewType={NEW_IMAGE}"]
    found = [commands.aws(region, "dynamodb", "create-table", *named, "--billing-mode", "PAY_PER_REQUEST", *options)]
    if kind.expires or kind.lasts:
        found.append(commands.aws(region, "dynamodb", "wait", "table-exists", *named))
    if kind.expires:
        found.append(expiry_command(region, name, EXPIRY))
    if kind.lasts:
        found.append(recovery_command(region, name))
    return tuple(found)


def expiry_command(region: str, table: str, attribute: str, *, enabled: bool = True) -> str:
    """Return the command that switches the expiry of items by `attribute` on, or off."""
    specification = f"Enabled={'true' if enabled else 'false'},AttributeName={attribute}"
    words = ("update-time-to-live", "--table-name", table, "--time-to-live-specification", specification)
    return commands.aws(region, "dynamodb", *words)


def recovery_command(region: str, table: str) -> str:
    """Return the command that switches point-in-time recovery on."""
    enabled = "PointInTimeRecoveryEnabled=true"
    words = ("update-continuous-backups", "--table-name", table, "--point-in-time-recovery-specification", enabled)
    return commands.aws(region, "dynamodb", *words)


def attributes(keys: Iterable[KeyPart]) -> list[str]:
    """Return attribute definitions as the command line takes them."""
    return [f"AttributeName={each.name},AttributeType={each.type}" for each in keys]


def schema(keys: Iterable[KeyPart]) -> list[str]:
    """Return a key's schema as the command line takes it."""
    return [f"AttributeName={each.name},KeyType={each.kind}" for each in keys]


def index_text(index: Index, throughput: tuple[int, int] | None = None) -> str:
    """Return an index as the command line takes it; `throughput` are the units of a table that is not on demand."""
    keys = ",".join(f"{{{each}}}" for each in schema(index.keys))
    found = f"IndexName={index.name},KeySchema=[{keys}],Projection={{ProjectionType={index.projection}}}"
    if throughput is None:
        return found
    reads, writes = throughput
    return f"{found},ProvisionedThroughput={{ReadCapacityUnits={reads},WriteCapacityUnits={writes}}}"
