"""Answers of the metadata service: facts and credentials that were checked, or an error that names the service."""

from __future__ import annotations

import ipaddress
import re

from teleport_bootstrap.ec2 import credentials, facts, imds, items
from tests.fuzz import http_door
from tests.fuzz.oracle import catalogue, holds, secretless

LONGEST = 2048


def check(data: bytes) -> None:
    """Ask for what the first byte says, of a service that answers with the rest."""
    which, script = data[:1], data[1:]
    service = imds.Imds(http_door.URL, deadline_seconds=3.0, clock=http_door.Time().clock())
    with http_door.answering(script), catalogue():
        if which == b"c":
            found = credentials.refreshable(service, deadline_seconds=3.0)
            frozen = found.get_frozen_credentials()
            secretless(found)
            secretless(frozen)
            holds(all(isinstance(each, str) and each for each in frozen), frozen)
        elif which == b"r":
            holds(re.fullmatch(r"[A-Za-z0-9+=,.@_-]{1,64}", credentials.role(service)), which)
        elif which == b"a":
            account = credentials.account(service)
            holds(account is None or re.fullmatch("[0-9]{12}", account), account)
        elif which == b"i":
            for item in items.PATHS:
                value = items.read(service, item)
                holds(value is None or value.isprintable(), value)
        else:
            _facts(facts.read(service, region=None, needs_hostname=which == b"n", tag_keys=("Name",)))


def _facts(found: facts.Facts) -> None:
    if found.local_ipv4 is not None:
        ipaddress.IPv4Address(found.local_ipv4)
    else:
        ipaddress.IPv6Address(found.ipv6 or "")
    for each in (found.instance_id, found.region, found.local_hostname or "x", found.public_ipv4 or "x"):
        holds(each.isprintable() and " " not in each and 0 < len(each) < 256, found)
