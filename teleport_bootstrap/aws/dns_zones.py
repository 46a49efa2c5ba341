"""Route 53: hosted zones, and the records in them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from teleport_bootstrap import regex
from teleport_bootstrap.aws import paging
from teleport_bootstrap.aws.service import Service
from teleport_bootstrap.hints import Any
from teleport_bootstrap.records import dataclass

_PAGE = 100
_ESCAPED = regex.compile(r"\\([0-3][0-7]{2})", re.ASCII)


@dataclass(frozen=True)
class Zone:
    """A hosted zone: its `name` has no dot at its end. A private one serves its VPCs only."""

    zone_id: str
    name: str
    is_private: bool
    record_count: int


@dataclass(frozen=True)
class RecordSet:
    """The records of one name and `kind`, such as A or CNAME; names have no dot at their end, and * is written as such.

    `values` are those of plain records. `alias` is the name that an alias leads to, `alias_zone` the zone of that,
    otherwise both are "". `identifier` tells apart sets that Route 53 chooses from.
    """

    name: str
    kind: str
    ttl: int | None
    values: tuple[str, ...]
    alias: str
    alias_zone: str
    identifier: str


class DnsZones(Service):
    """Route 53; get it from `account.Aws.dns_zones`, which says what methods raise."""

    def zones(self, name: str) -> tuple[Zone, ...]:
        """Return the hosted zones of exactly this name: public and private ones."""
        wanted = _plain(name)
        found = paging.every(
            self,
            "route53:ListHostedZonesByName",
            ["*"],  # IAM supports no narrower resource for this action
            read=lambda answer: map(_zone, answer["HostedZones"]),
            tokens={"NextDNSName": "DNSName", "NextHostedZoneId": "HostedZoneId"},
            goes_on=lambda answer: answer.get("IsTruncated") and _plain(answer["NextDNSName"]) == wanted,
            DNSName=wanted,
            MaxItems=_PAGE,
        )
        return tuple(each for each in found if each.name == wanted)

    def zones_above(self, domain: str) -> tuple[Zone, ...]:
        """Return the hosted zones that `domain` is in, the longest name first; top-level domains are left out."""
        labels = _plain(domain).split(".")
        names = (".".join(labels[start:]) for start in range(len(labels) - 1))
        return tuple(zone for name in names for zone in self.zones(name))

    def records(self, zone_id: str, name: str) -> tuple[RecordSet, ...]:
        """Return the records of exactly this name in a zone, of all kinds; none where there is no such zone."""
        wanted = _plain(name)
        found = paging.every(
            self,
            "route53:ListResourceRecordSets",
            [f"arn:{self.partition}:route53:::hostedzone/{zone_id}"],
            read=lambda answer: map(_record_set, answer["ResourceRecordSets"]),
            tokens={
                "NextRecordName": "StartRecordName",
                "NextRecordType": "StartRecordType",
                "NextRecordIdentifier": "StartRecordIdentifier",
            },
            goes_on=lambda answer: answer.get("IsTruncated") and _plain(answer["NextRecordName"]) == wanted,
            missing=("NoSuchHostedZone",),
            HostedZoneId=zone_id,
            StartRecordName=wanted,
            MaxItems=_PAGE,
        )
        return tuple(each for each in found if each.name == wanted)


def _zone(found: Mapping[str, Any]) -> Zone:
    return Zone(
        zone_id=found["Id"].rpartition("/")[2],
        name=_plain(found["Name"]),
        is_private=found.get("Config", {}).get("PrivateZone", False),
        record_count=found.get("ResourceRecordSetCount", 0),
    )


def _record_set(found: Mapping[str, Any]) -> RecordSet:
    alias = found.get("AliasTarget", {})
    return RecordSet(
        name=_plain(found["Name"]),
        kind=found["Type"],
        ttl=found.get("TTL"),
        values=tuple(each["Value"] for each in found.get("ResourceRecords", ())),
        alias=_plain(alias.get("DNSName", "")),
        alias_zone=alias.get("HostedZoneId", ""),
        identifier=found.get("SetIdentifier", ""),
    )


def _plain(name: str) -> str:
    """Return a name in lower case, without the last dot and without Route 53's escapes, such as the one of *."""
    return _ESCAPED.sub(lambda escape: chr(int(escape[1], 8)), name).removesuffix(".").lower()
