"""What an override says that is true of one EC2 instance only, and the override without it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from teleport_bootstrap import escaping, paths
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.hints import Any, NamedTuple
from teleport_bootstrap.plan import network_address, provenance

# The override that `adopt` writes: merged after most others, so that the edit wins.
ADOPTED_NAME = "90-adopted.yaml"
ADOPTED = f"{paths.OVERRIDES}/{ADOPTED_NAME}"

# These say which instance it is, whatever their value: the plan has them from the metadata service or the conf.
_ALWAYS = (("teleport", "nodename"), ("teleport", "advertise_ip"))


class Fact(NamedTuple):
    """A setting of one instance: its path in the document, and its value."""

    path: provenance.Path
    value: str

    def __str__(self) -> str:
        return f"{provenance.dotted(self.path)} ({escaping.one_line(self.value, 300)})"


def hosts_of(instance: facts.Facts) -> frozenset[str]:
    """Return the addresses and names under which `instance` is reached."""
    public = instance.public_ipv4
    # EC2's public name of an address; its end depends on the region.
    named = f"ec2-{public.replace('.', '-')}" if public else None
    known = (instance.local_ipv4, instance.ipv6, public, named, instance.local_hostname)
    return frozenset(each.lower() for each in known if each)


def split(patch: dict[str, Any], hosts: Collection[str]) -> tuple[dict[str, Any], tuple[Fact, ...]]:
    """Return `patch` without the facts of the instance with these `hosts`, and these facts.

    They are teleport.nodename and teleport.advertise_ip, and each address of a listener or of clients with one of the
    `hosts`. Other entries of a list stay. A null stays too: it deletes a key.
    """
    found: list[Fact] = []
    return _without(patch, (), hosts, found), tuple(found)


def _without(patch: dict[str, Any], path: provenance.Path, hosts: Collection[str], found: list[Fact]) -> dict[str, Any]:
    left: dict[str, Any] = {}
    for key, value in patch.items():
        here = (*path, key)
        if isinstance(value, dict):
            below = _without(value, here, hosts, found)
            # An empty mapping is a statement of its own, unless it is what remains here.
            if below or not value:
                left[key] = below
            continue
        of_it = list(_facts(here, value, hosts))
        found += of_it
        if not of_it:
            left[key] = value
        elif isinstance(value, list) and len(of_it) < len(value):
            left[key] = [each for each in value if not _is_of(each, hosts)]
    return left


def _facts(path: provenance.Path, value: Any, hosts: Collection[str]) -> Iterator[Fact]:
    if value is None:
        return
    if path in _ALWAYS:
        yield Fact(path, str(value))
    elif str(path[-1]).endswith("addr"):
        for each in value if isinstance(value, list) else [value]:
            if _is_of(each, hosts):
                yield Fact(path, str(each))


def _is_of(value: Any, hosts: Collection[str]) -> bool:
    """Whether the address `value` is of one of the `hosts`, which are in lower case."""
    # Teleport takes an IPv6 address without a port with and without brackets.
    if isinstance(value, str) and value.lower() in hosts:
        return True
    parsed = network_address.parse(value)
    if parsed is None or not parsed.host:
        return False
    host = parsed.host.lower().rstrip(".")
    return host in hosts or (host.startswith("ec2-") and host.partition(".")[0] in hosts)
