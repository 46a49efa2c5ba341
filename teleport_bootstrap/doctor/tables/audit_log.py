"""The audit log in Athena: the workgroup that queries run in, and the table that they read.

As Teleport sets them up in its page on the backend, and in its examples of Terraform (releases 14 to 18). The region is
that of the tables, or of the URI.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.aws.athena import Workgroup
from teleport_bootstrap.aws.glue import CatalogTable
from teleport_bootstrap.conf import deployment, variables
from teleport_bootstrap.doctor import commands, denial
from teleport_bootstrap.doctor.check import TABLES, Check, Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, Finding, Place
from teleport_bootstrap.permissions import athena

_URI = variables.TELEPORT_ATHENA_EVENTS_URI
_COLUMNS = {
    **dict.fromkeys(("uid", "session_id", "event_type"), "string"),
    "event_time": "timestamp",
    "event_data": "string",
    "user": "string",
}
_PARTITIONS = {"event_date": "date"}
_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"


def _log(subject: Subject) -> athena.AuditLog:
    decided = subject.activated.deployment
    if not decided.role.runs_auth:
        raise Skipped(f"the role {decided.role.value} has no audit log")
    uri = subject.conf.value(_URI)
    if uri is None or deployment.ATHENA not in decided.event_stores:
        raise Skipped(f"{_URI.name} is not set")
    return athena.audit_log(uri)


def _region(subject: Subject, log: athena.AuditLog) -> str:
    return log.named.get("region", subject.region)


def _place(subject: Subject) -> Place:
    return Place(subject.conf.path, subject.conf.line(_URI))


# ---------------------------------------------------------------- the workgroup


def _run_workgroup(subject: Subject) -> Iterator[Finding]:
    log = _log(subject)
    region = _region(subject, log)
    found = subject.aws.in_region(region).athena.workgroup(log.workgroup)
    wrong = _workgroup_fault(log, found, region)
    if wrong is not None:
        message, remedy = wrong
        yield Finding(ERROR, "athena-workgroup", log.workgroup, message, remedy, _place(subject))
        return
    assert found is not None  # noqa: S101 - that would have been a fault
    results = found.output if found.enforced else log.named.get("queryResultsS3", found.output)
    yield Finding(NOTE, "athena-workgroup-usable", log.workgroup, f"{log.workgroup} writes results to {results}")


def _workgroup_fault(log: athena.AuditLog, found: Workgroup | None, region: str) -> tuple[str, str] | None:
    """Return what is wrong, and what to do about it."""
    name, results = log.workgroup, log.named.get("queryResultsS3", "")
    bucket = log.named.get("largeEventsS3", "s3://BUCKET").partition("//")[2].partition("/")[0]
    output = results or f"s3://{bucket}/query_results"
    configured = f"ResultConfiguration={{OutputLocation={output}}}"
    if found is None:
        made = commands.aws(region, "athena", "create-work-group", "--name", name, "--configuration", configured)
        return f"there is no workgroup {name} of Athena in {region}", f"run {commands.quoted(made)}"
    changed = ("athena", "update-work-group", "--work-group", name)
    if not found.enabled:
        on = commands.aws(region, *changed, "--state", "ENABLED")
        return f"the workgroup {name} of Athena is disabled", f"run {commands.quoted(on)}"
    if not found.output and not results:
        updates = f"ResultConfigurationUpdates={{OutputLocation={output}}}"
        given = commands.aws(region, *changed, "--configuration-updates", updates)
        return (
            f"neither the workgroup {name} nor queryResultsS3 in {_URI.name} says where results of queries go",
            f"run {commands.quoted(given)}",
        )
    return None


# ---------------------------------------------------------------- the table


def _run_table(subject: Subject) -> Iterator[Finding]:
    log = _log(subject)
    region = _region(subject, log)
    shown = f"{log.database}.{log.table}"
    try:
        found = subject.aws.in_region(region).glue.table(log.database, log.table)
    except errors.AwsDenied as denied:
        yield denial.finding(denied, "teleport")
        return
    made = commands.aws(region, *_table_words("create-table", log))
    if found is None:
        database = commands.aws(region, "glue", "create-database", "--database-input", f"Name={log.database}")
        remedy = f"run {commands.quoted(made)}, and before it {commands.quoted(database)} where the database is missing"
        message = f"there is no table {shown} in Glue's catalogue in {region}, which {_URI.name} names"
        yield Finding(ERROR, "athena-table-missing", shown, message, remedy, _place(subject))
        return
    wrong = list(_table_faults(log, found))
    if wrong:
        changed = commands.aws(region, *_table_words("update-table", log))
        message = (
            f"the table {shown} in Glue's catalogue has {'; '.join(wrong)}: searches of the audit log find nothing"
        )
        yield Finding(ERROR, "athena-table-wrong", shown, message, f"run {commands.quoted(changed)}", _place(subject))
        return
    yield Finding(NOTE, "athena-table", shown, f"{shown} reads {_location(log)}")


def _table_faults(log: athena.AuditLog, found: CatalogTable) -> Iterator[str]:
    columns = {**found.columns, **found.partitions}
    for name, kind in {**_COLUMNS, **_PARTITIONS}.items():
        if name not in columns:
            yield f"no column {name}"
        elif columns[name] != kind:
            yield f"the column {name} as {columns[name]}, and needs it as {kind}"
    if found.partitions.keys() != _PARTITIONS.keys() and found.columns.keys() >= _PARTITIONS.keys():
        yield "no partitions by event_date"
    template = found.parameters.get("storage.location.template", "")
    if found.parameters.get("projection.enabled", "").lower() != "true":
        yield "no partition projection"
    elif template.rstrip("/") != _template(log).rstrip("/"):
        yield f"its data in {template or found.location}, and needs it in {_template(log)}"


def _location(log: athena.AuditLog) -> str:
    return log.named.get("locationS3", "s3://BUCKET/events").rstrip("/")


def _template(log: athena.AuditLog) -> str:
    return f"{_location(log)}/${{event_date}}/"


def _table_words(operation: str, log: athena.AuditLog) -> tuple[str, ...]:
    table = {
        "Name": log.table,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [{"Name": name, "Type": kind} for name, kind in _PARTITIONS.items()],
        "StorageDescriptor": {
            "Columns": [{"Name": name, "Type": kind} for name, kind in _COLUMNS.items()],
            "Location": _location(log),
            "InputFormat": f"{_PARQUET}.MapredParquetInputFormat",
            "OutputFormat": f"{_PARQUET}.MapredParquetOutputFormat",
            "SerdeInfo": {
                "SerializationLibrary": f"{_PARQUET}.serde.ParquetHiveSerDe",
                "Parameters": {"serialization.format": "1"},
            },
        },
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": "parquet",
            "parquet.compression": "SNAPPY",
            "projection.enabled": "true",
            "projection.event_date.type": "date",
            "projection.event_date.format": "yyyy-MM-dd",
            "projection.event_date.interval": "1",
            "projection.event_date.interval.unit": "DAYS",
            "projection.event_date.range": "NOW-4YEARS,NOW",
            "storage.location.template": _template(log),
        },
    }
    return ("glue", operation, "--database-name", log.database, "--table-input", json.dumps(table))


CHECKS = (
    Check("athena-workgroup", TABLES, "Athena's workgroup, in which the audit log is searched", _run_workgroup),
    Check("athena-table", TABLES, "the table in Glue's catalogue that Athena reads the audit log from", _run_table),
)
