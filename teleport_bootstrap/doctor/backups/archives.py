"""The place of this host's backups, and the archives in it; read once for all checks."""

from __future__ import annotations

from teleport_bootstrap import errors
from teleport_bootstrap.backup.stores import destination, names, store
from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.doctor.subject import Subject


def place(subject: Subject) -> tuple[destination.Destination, str | None]:
    """Return the place, and the account that must own its bucket. Raises Skipped where this host needs no backup."""
    decided = subject.activated.deployment
    if not decided.role.runs_auth:
        raise Skipped(f"the role {decided.role.value} keeps nothing that could not be made again")
    try:
        return subject.backups
    except errors.UsageError as error:
        raise Skipped(f"the place of the backups is not known: {error.message}", error.hint) from None


def archives(subject: Subject) -> tuple[store.Stored, ...]:
    """Return the archives of this cluster, the newest first. Raises what the store raises."""
    found, owner = place(subject)

    def read() -> tuple[store.Stored, ...]:
        opened = destination.open_store(found, lambda: subject.aws, expected_owner=owner)
        return tuple(store.newest_first(opened.sources()))

    cluster = subject.activated.deployment.cluster
    every = subject.once("archives", read)
    return tuple(each for each in every if cluster is None or each.parsed.cluster == names.safe(cluster))
