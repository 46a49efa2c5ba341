"""A --metadata file: facts that were checked as the answers of the metadata service are, or a list of problems."""

from __future__ import annotations

from teleport_bootstrap.ec2 import facts
from tests.fuzz.oracle import catalogue, holds, same

LONGEST = 512
GUIDED_BY = ("yaml",)


def check(data: bytes) -> None:
    """Read `data`, whose length says what the conf needs of it."""
    needs_hostname = len(data) % 2 == 0
    with catalogue():
        found = facts.from_yaml(data.decode("utf-8", "replace"), "facts.yaml", needs_hostname=needs_hostname)
        holds(found.local_ipv4 or found.ipv6, found)
        holds(found.local_hostname or not needs_hostname, found)
        holds(found.instance_id.startswith("i-") and found.region, found)
        same({str}, {type(each) for each in (found.instance_id, found.region, *found.tags, *found.tags.values())})
