"""Application Auto Scaling: which tables of DynamoDB it gives more units when they need them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from teleport_bootstrap.aws import paging
from teleport_bootstrap.aws.service import Service
from teleport_bootstrap.hints import Any

# What is scaled of a table.
READS = "dynamodb:table:ReadCapacityUnits"
WRITES = "dynamodb:table:WriteCapacityUnits"

_TABLE = "table/"


class Scaling(Service):
    """Application Auto Scaling in one region; get it from `account.Aws.scaling`, which says what methods raise."""

    def dimensions(self, tables: Sequence[str]) -> dict[str, frozenset[str]]:
        """Return what of each of `tables` is scaled, READS and WRITES; one that is not is left out."""
        found: dict[str, frozenset[str]] = {}
        targets = paging.every(
            self,
            "application-autoscaling:DescribeScalableTargets",
            ["*"],  # IAM supports no narrower resource for this action
            read=_targets,
            tokens={"NextToken": "NextToken"},
            ServiceNamespace="dynamodb",
            ResourceIds=[f"{_TABLE}{name}" for name in tables],
        )
        for resource, dimension in targets:
            name = resource[len(_TABLE) :]
            found[name] = found.get(name, frozenset()) | {dimension}
        return found


def _targets(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for each in answer["ScalableTargets"]:
        yield each["ResourceId"], each["ScalableDimension"]
