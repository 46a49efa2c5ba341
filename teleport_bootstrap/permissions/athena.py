"""What Teleport's audit log in Athena takes: a topic and a queue of events, two places in S3, a table and its queries.

Read off Teleport's page on the backend, and its code (lib/events/athena). All names are in the URI.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qs, urlsplit

from teleport_bootstrap import regex
from teleport_bootstrap.permissions.need import TELEPORT, Need
from teleport_bootstrap.permissions.scope import Scope
from teleport_bootstrap.records import dataclass

_CALL = "Teleport writes and searches the audit log in Athena"
# Teleport's default.
_WORKGROUP = "primary"
_QUEUE = regex.compile(r"https://sqs\.(?P<region>[a-z0-9-]+)\.[a-z.]+/(?P<account>[0-9]{12})/(?P<name>[A-Za-z0-9_.-]+)")
_OBJECTS = ("AbortMultipartUpload", "GetObject", "ListMultipartUploadParts", "PutObject")
_QUERIES = ("GetQueryExecution", "GetQueryResults", "StartQueryExecution")
_CATALOG = ("GetDatabase", "GetPartitions", "GetTable")


@dataclass(frozen=True)
class AuditLog:
    """What a URI `athena://DATABASE.TABLE?…` names: `named` are its parameters, such as locationS3."""

    database: str
    table: str
    workgroup: str
    named: Mapping[str, str]


def audit_log(uri: str) -> AuditLog:
    """Return what `uri` names."""
    parts = urlsplit(uri)
    named = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    database, _, table = parts.netloc.partition(".")
    return AuditLog(database, table, named.get("workgroup", _WORKGROUP), named)


def needs(uri: str, scope: Scope) -> Iterator[Need]:
    """Yield what the `uri`, `athena://DATABASE.TABLE?…`, makes Teleport call; what it does not name is left out."""
    log = audit_log(uri)
    named, database, table = log.named, log.database, log.table
    if "topicArn" in named:
        yield Need(TELEPORT, "sns:Publish", (named["topicArn"],), _CALL)
    queue = _QUEUE.fullmatch(named.get("queueURL", ""))
    if queue is not None:
        arn = f"arn:{scope.partition}:sqs:{queue['region']}:{queue['account']}:{queue['name']}"
        for action in ("DeleteMessage", "ReceiveMessage"):
            yield Need(TELEPORT, f"sqs:{action}", (arn,), _CALL)
    yield from _storage([named.get(key, "") for key in ("locationS3", "largeEventsS3", "queryResultsS3")], scope)
    workgroup = scope.arn("athena", f"workgroup/{log.workgroup}")
    for action in _QUERIES:
        yield Need(TELEPORT, f"athena:{action}", (workgroup,), _CALL)
    catalog = (scope.arn("glue", "catalog"), scope.arn("glue", f"database/{database}"))
    for action in _CATALOG:
        tables = () if action == "GetDatabase" else (scope.arn("glue", f"table/{database}/{table}"),)
        yield Need(TELEPORT, f"glue:{action}", (*catalog, *tables), _CALL)


def _storage(urls: list[str], scope: Scope) -> Iterator[Need]:
    places = [urlsplit(url) for url in urls if url.startswith("s3://")]
    buckets = tuple(dict.fromkeys(scope.bucket(each.netloc) for each in places))
    objects = (scope.objects(each.netloc, f"{each.path.strip('/')}/*".lstrip("/")) for each in places)
    if not places:
        return
    for action in ("GetBucketLocation", "ListBucket"):
        yield Need(TELEPORT, f"s3:{action}", buckets, _CALL)
    within = tuple(dict.fromkeys(objects))
    for action in _OBJECTS:
        yield Need(TELEPORT, f"s3:{action}", within, _CALL)
