"""Glue's data catalogue: the table that Athena queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from teleport_bootstrap.aws.service import Service
from teleport_bootstrap.hints import Any
from teleport_bootstrap.records import dataclass


@dataclass(frozen=True)
class CatalogTable:
    """A table of the catalogue: where its data is in S3, the types of its columns and of its partitions' keys, by name.

    `parameters` are its properties, such as projection.enabled.
    """

    database: str
    name: str
    location: str
    columns: Mapping[str, str]
    partitions: Mapping[str, str]
    parameters: Mapping[str, str]


class Glue(Service):
    """Glue in one region; get it from `account.Aws.glue`, which says what methods raise."""

    def table(self, database: str, name: str) -> CatalogTable | None:
        """Return a table of the account's own catalogue, None where it or the database does not exist."""
        resources = ("catalog", f"database/{database}", f"table/{database}/{name}")
        found: CatalogTable | None = self.call(
            "glue:GetTable",
            [self.arn(each, service="glue") for each in resources],
            read=_table,
            missing=("EntityNotFoundException",),
            DatabaseName=database,
            Name=name,
        )
        return found


def _table(answer: Mapping[str, Any]) -> CatalogTable:
    found = answer["Table"]
    storage = found.get("StorageDescriptor") or {}
    return CatalogTable(
        database=found.get("DatabaseName") or "",
        name=found["Name"],
        location=storage.get("Location") or "",
        columns=_types(storage.get("Columns") or ()),
        partitions=_types(found.get("PartitionKeys") or ()),
        parameters=dict(found.get("Parameters") or {}),
    )


def _types(columns: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {each["Name"]: each.get("Type") or "" for each in columns}
