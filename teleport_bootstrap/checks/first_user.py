"""The cluster has a user: without one, no one can sign in.

Only an auth server whose Teleport is ready is asked, and only until there is a user: that is noted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from teleport_bootstrap import errors, paths, roles
from teleport_bootstrap.checks import host_facts
from teleport_bootstrap.cluster import users
from teleport_bootstrap.finding import NOTE, Finding
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import clock, probe, tctl
from teleport_bootstrap.state import users_seen

# One answer takes tctl a second at most; where it takes longer, it stays unknown.
CALL_SECONDS = 5.0
# Of a process that asks again and again, as `status --watch` does.
_AGAIN_SECONDS = 30.0

_asked: dict[str, float] = {}


def check(host: host_facts.HostFacts) -> Iterator[Finding]:
    """Report a cluster without users, and how to make the first one."""
    if _has_none(host):
        yield Finding(
            NOTE,
            "no-users",
            "first-admin",
            "the cluster has no user yet, so that no one can sign in",
            "make an administrator with `teleport-bootstrap first-admin NAME --logins LOGIN`",
        )


def _has_none(host: host_facts.HostFacts) -> bool:
    """Whether the cluster is known to have no user; false also where it is not known."""
    found, document = place(host), host_facts.applied_document(host)
    if found is None or host.readiness != probe.READY or not users.takes_local_users(document):
        return False
    if users_seen.is_noted(host.root, document):
        return False
    now, key = clock.SYSTEM.monotonic(), host.root.directory
    if key in _asked and now < _asked[key] + _AGAIN_SECONDS:
        return True
    try:
        listed = people(host.root, found, document, 0, CALL_SECONDS)
    except errors.BootstrapError:
        return False
    _asked.pop(key, None)
    if not listed:
        _asked[key] = now
    return not listed


def people(
    root: paths.Root, found: roles.Place, document: Mapping[str, Any], wait_seconds: float, call_seconds: float
) -> tuple[str, ...]:
    """Return the users of the cluster that are people, and note that there are some. Raises as `tctl` does."""
    door = tctl.find(root, user=found.user, group=found.group)
    listed = users.people(door.users(wait_seconds=wait_seconds, call_seconds=call_seconds))
    if listed:
        users_seen.note(root, document)
    return listed


def place(host: host_facts.HostFacts) -> roles.Place | None:
    """Return how this auth server stands on its host; None where it is none, or where that is not known."""
    # Those with the same unit have the same account.
    found = next((each for each in roles.PLACES if each.unit == host.unit), None)
    return found if found is not None and (host_facts.role(host) or roles.Role.NODE).runs_auth else None
