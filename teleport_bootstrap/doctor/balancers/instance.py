"""This instance as target groups name it."""

from __future__ import annotations

from teleport_bootstrap import errors
from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.ec2 import items
from teleport_bootstrap.records import dataclass


@dataclass(frozen=True)
class Instance:
    """Its id, and its private addresses, by which groups of the kind `ip` know it."""

    instance_id: str
    addresses: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All of these."""
        return (self.instance_id, *self.addresses)


def this(subject: Subject) -> Instance:
    """Return this instance; raises Skipped where the metadata service does not answer."""
    return subject.once("instance", lambda: _read(subject))


def _read(subject: Subject) -> Instance:
    try:
        service = subject.metadata
        found = (items.read(service, items.LOCAL_IPV4), items.read(service, items.IPV6))
        return Instance(items.read_required(service, items.INSTANCE_ID), tuple(filter(None, found)))
    except errors.BootstrapError:
        raise Skipped("the metadata service does not say which instance this is") from None
