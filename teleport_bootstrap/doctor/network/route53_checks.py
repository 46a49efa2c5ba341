"""Whether Route 53 and this host's resolver agree about the names in the conf.

Three mistakes that look alike from outside: a record that leads nowhere, a zone that this host does not see, and a name
that is known from elsewhere than the zone.
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.doctor.check import NETWORK, Check, Skipped
from teleport_bootstrap.doctor.network import route53
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding


def _target(subject: Subject) -> Iterator[Finding]:
    leading = [(entry, target) for entry in route53.entries(subject) for target in entry.targets]
    if not leading:
        raise Skipped("no record in Route 53 leads to another name")
    lost = [(entry, target) for entry, target in leading if not route53.resolves(subject, target)]
    for entry, target in lost or leading:
        if not lost:
            yield Finding(NOTE, "record-target", entry.name, f"{entry.name} leads to {target}")
        else:
            message = f"{entry.name} leads to {target} in Route 53, and that name does not exist"
            yield Finding(ERROR, "record-target-missing", entry.name, message, route53.creation(subject, entry.name))


def _zone(subject: Subject) -> Iterator[Finding]:
    with_records = [each for each in route53.entries(subject) if each.records]
    if not with_records:
        raise Skipped("Route 53 has no record for the names in the conf")
    for entry in with_records:
        if not route53.resolves(subject, entry.name) and all(route53.resolves(subject, each) for each in entry.targets):
            zone = entry.zone
            message = f"{entry.name} is in the zone {zone.name} ({zone.zone_id}) of Route 53, but does not resolve here"
            yield Finding(ERROR, "zone-not-seen", entry.name, message, _see(zone.zone_id, is_private=zone.is_private))
    # One that leads nowhere is for the check of the target.
    seen = [each for each in with_records if route53.resolves(subject, each.name)]
    if seen:
        zones = " and ".join(dict.fromkeys(f"{each.zone.name} ({each.zone.zone_id})" for each in seen))
        yield Finding(NOTE, "zone-seen", seen[0].name, f"this host sees the records of {zones}")


def _see(zone_id: str, *, is_private: bool) -> str:
    if is_private:
        return (
            "the zone is private; let this VPC see it: `aws route53 associate-vpc-with-hosted-zone "
            f"--hosted-zone-id {zone_id} --vpc VPCRegion=REGION,VPCId=VPC`"
        )
    return (
        "delegate the zone: the parent domain has to name these servers: `aws route53 get-hosted-zone "
        f"--id {zone_id} --query DelegationSet.NameServers`"
    )


def _record(subject: Subject) -> Iterator[Finding]:
    entries = route53.entries(subject)
    for entry in entries:
        if not entry.records and route53.resolves(subject, entry.name):
            message = (
                f"{entry.name} resolves here, but the zone {entry.zone.name} ({entry.zone.zone_id}) has no record for "
                "it: it comes from /etc/hosts or from another zone, and other hosts may not see it"
            )
            yield Finding(WARNING, "record-elsewhere", entry.name, message, route53.creation(subject, entry.name))
    held = [each.name for each in entries if each.records]
    if held:
        yield Finding(NOTE, "record-exists", held[0], f"Route 53 has records for {' and '.join(held)}")
    elif not any(route53.resolves(subject, each.name) for each in entries):
        raise Skipped("the names in the conf are neither in Route 53 nor do they resolve")


CHECKS = (
    Check("route53-target", NETWORK, "what the records in Route 53 lead to: whether it exists", _target),
    Check("route53-zone", NETWORK, "the zones in Route 53: whether this host sees their records", _zone),
    Check("route53-record", NETWORK, "the records in Route 53 for names that resolve here", _record),
)
