"""What the answers of the services hold, as far as this program reads it, by operation.

A type stands for a value, `{name: shape}` for a structure, whose members may be missing, `[shape]` for a list of any
length, and `Map` for a structure with any names. Names are those of the JSON documents or XML elements. Sources: the
API references of SSM, DynamoDB and EC2. Those that only a few commands use are in description_shapes.
"""

from __future__ import annotations

from teleport_bootstrap.hints import Any, NamedTuple


class Map(NamedTuple):
    """A structure with any names, whose members are all alike."""

    member: Any


class Moment:
    """A number of seconds since 1970, whole or not; in XML, a date with its time of day."""


_ITEM = Map({"S": str})

OF: dict[str, Any] = {
    "GetParameters": {
        "Parameters": [
            {"Name": str, "ARN": str, "Type": str, "Value": str, "Version": int, "LastModifiedDate": Moment}
        ],
        "InvalidParameters": [str],
    },
    "PutParameter": {"Version": int},
    "GetItem": {"Item": _ITEM},
    "PutItem": {"Attributes": _ITEM},
    "DeleteItem": {"Attributes": _ITEM},
    "CreateBackup": {"BackupDetails": {"BackupArn": str, "BackupStatus": str}},
    "DescribeBackup": {"BackupDescription": {"BackupDetails": {"BackupStatus": str}}},
    "ListBackups": {"BackupSummaries": [{"BackupArn": str, "BackupName": str}]},
    "DescribeTags": {"tagSet": [{"key": str, "value": str}]},
}
