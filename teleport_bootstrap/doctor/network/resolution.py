"""The addresses of a name, as this host's resolver knows them; each name is looked up once."""

from __future__ import annotations

import socket

from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.host import time_limit
from teleport_bootstrap.records import dataclass

SECONDS = 5.0


@dataclass(frozen=True)
class Resolution:
    """What was found for a name: its addresses, otherwise whether no name server has answered in time."""

    addresses: tuple[str, ...] = ()
    is_unanswered: bool = False


def look_up(subject: Subject, name: str) -> Resolution:
    """Return the addresses of `name`, which may be an address itself."""
    return subject.once(("addresses", name), lambda: _look_up(name))


def addresses(subject: Subject, name: str) -> tuple[str, ...]:
    """Return the addresses of `name`, empty where it has none; raises Skipped where no name server answers."""
    found = look_up(subject, name)
    if found.is_unanswered:
        raise Skipped(f"no name server answers for {name}: see the check `resolver`")
    return found.addresses


def _look_up(name: str) -> Resolution:
    try:
        with time_limit.Limit(SECONDS):
            return Resolution(time_limit.addresses(name))
    except socket.gaierror as error:
        return Resolution(is_unanswered=error.errno == socket.EAI_AGAIN)
    except OSError:
        return Resolution(is_unanswered=True)
