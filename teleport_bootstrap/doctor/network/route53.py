"""What the hosted zones of this account hold for a name."""

from __future__ import annotations

import json

from teleport_bootstrap import errors
from teleport_bootstrap.aws.dns_zones import DnsZones, RecordSet, Zone
from teleport_bootstrap.doctor.balancers import in_front
from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.doctor.network import connections, names, resolution
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.hints import Any
from teleport_bootstrap.records import dataclass

_KINDS = ("A", "AAAA", "CNAME")


@dataclass(frozen=True)
class Entry:
    """The zones that hold a name, or could, and its records there, which may be those of a wildcard."""

    name: str
    zones: tuple[Zone, ...]
    records: tuple[RecordSet, ...]

    @property
    def zone(self) -> Zone:
        """The zone that is seen from everywhere, otherwise a private one."""
        return min(self.zones, key=lambda each: each.is_private)

    @property
    def targets(self) -> tuple[str, ...]:
        """The names that its records lead to."""
        aliases = [each.alias for each in self.records if each.alias]
        plain = [value.rstrip(".").lower() for each in self.records if each.kind == "CNAME" for value in each.values]
        return tuple(dict.fromkeys((*aliases, *plain)))


def entry(subject: Subject, name: str) -> Entry | None:
    """Return what Route 53 holds, None where no zone of this account has a place for `name`.

    Raises AwsDenied and the other errors of AWS.
    """
    return subject.once(("route53", name), lambda: _read(subject, name))


def _read(subject: Subject, name: str) -> Entry | None:
    service = subject.aws.dns_zones
    above = service.zones_above(name)
    if not above:
        return None
    by_zone = {zone: _records(service, zone, name) for zone in above if zone.name == above[0].name}
    holding = {zone: records for zone, records in by_zone.items() if records}
    return Entry(name, tuple(holding or by_zone), tuple(each for records in holding.values() for each in records))


def _records(service: DnsZones, zone: Zone, name: str) -> tuple[RecordSet, ...]:
    """Return the records of `name`, otherwise those of the wildcard that answers for it."""
    wildcards = (f"*.{name.partition('.')[2]}",) if name != zone.name else ()
    for written in (name, *wildcards):
        found = tuple(each for each in service.records(zone.zone_id, written) if each.kind in _KINDS)
        if found:
            return found
    return ()


def if_allowed(subject: Subject, name: str) -> Entry | None:
    """Return what Route 53 holds, None also where it cannot be asked."""
    try:
        return entry(subject, name)
    except (errors.BootstrapError, Skipped):
        return None


def entries(subject: Subject) -> tuple[Entry, ...]:
    """Return what Route 53 holds for the names in the conf; raises Skipped where that is nothing."""
    named = [each for each in names.every(subject) if not names.is_address(each)]
    if not named:
        raise Skipped("the conf names no domain and no balancer")
    found = tuple(each for each in (entry(subject, name) for name in named) if each is not None)
    if not found:
        raise Skipped(f"no hosted zone of this account has {' or '.join(named)}")
    return found


def resolves(subject: Subject, name: str) -> bool:
    """Whether this host's resolver has addresses for `name`; raises Skipped where no name server answers."""
    return bool(resolution.addresses(subject, name))


def creation(subject: Subject, name: str) -> str:
    """Return what to do so that `name` leads to its load balancer: a command, as far as all of it is known."""
    entry, balancer = if_allowed(subject, name), in_front.of_name(subject, name)
    if entry is None or balancer is None:
        return f"create a DNS record for {name} that leads to its load balancer: {connections.GUIDE}"
    alias = {"HostedZoneId": balancer.hosted_zone_id, "DNSName": balancer.dns_name, "EvaluateTargetHealth": False}
    record: dict[str, Any] = {"Name": name, "Type": "A", "AliasTarget": alias}
    if any(each.kind == "CNAME" and each.name == name for each in entry.records):
        record = {"Name": name, "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": balancer.dns_name}]}
    batch = json.dumps({"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}, separators=(",", ":"))
    return (
        f"run `aws route53 change-resource-record-sets --hosted-zone-id {entry.zone.zone_id} --change-batch '{batch}'`"
    )
