"""`first-admin`: create the first administrator of a cluster, and return the link that sets the password.

The link is a secret: the first one to open it becomes the administrator. It is returned as one, and printed once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from teleport_bootstrap import errors, paths, roles
from teleport_bootstrap.checks import first_user, host_facts
from teleport_bootstrap.cluster import users
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import tctl
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import Secret
from teleport_bootstrap.state import users_seen

_MOST_NAMED = 5


@dataclass(frozen=True)
class Wish:
    """The user to create; with `besides_others`, also where the cluster has users already."""

    name: str
    roles: tuple[str, ...] = users.ADMINISTRATOR_ROLES
    logins: tuple[str, ...] = ()
    besides_others: bool = False


@dataclass(frozen=True)
class Outcome:
    """The user that was created, the link for the password and when it ends, None where Teleport did not say that."""

    wish: Wish
    link: Secret
    expires: str | None
    notes: tuple[str, ...]

    def summary(self) -> str:
        """Return what was done, in a line without the link."""
        logins = f", and the logins {', '.join(self.wish.logins)}" if self.wish.logins else ""
        return f"created the user {self.wish.name} with the roles {', '.join(self.wish.roles)}{logins}"


def run(root: paths.Root, wish: Wish, *, wait_seconds: float) -> Outcome:
    """Create the user; while the auth service does not answer, retry for `wait_seconds`.

    Raises UsageError where this host is not an auth server, or where such users cannot sign in, UserExists,
    ConfirmationNeeded where there are others, and TctlFailed.
    """
    host = host_facts.read(root)
    place, document = _place(host), host_facts.applied_document(host)
    if not users.takes_local_users(document):
        raise errors.UsageError(
            "local users cannot sign in to this cluster: authentication.local_auth in teleport.yaml is false",
            hint="Create a connector with `tctl create CONNECTOR.yaml`, and sign in with the identity provider.",
        )
    if host.units and not host_facts.is_running(host.unit_state):
        raise errors.TctlFailed(
            f"Teleport does not run: {place.unit} is {host.unit_state.active}",
            hint="See `teleport-bootstrap status`, and run this again when Teleport is ready.",
        )
    others = first_user.people(root, place, document, wait_seconds, tctl.CALL_SECONDS)
    if wish.name in others:
        raise errors.UserExists(
            f"the cluster has a user {wish.name} already, who was not changed",
            hint=f"`tctl users reset {wish.name}` prints a link for another password; `tctl users update {wish.name} "
            "--set-roles ROLES` changes the roles.",
        )
    if others and not wish.besides_others:
        raise errors.ConfirmationNeeded(
            f"the cluster has {_listed(others)} already: {wish.name} would not be the first user",
            hint="Add --yes to create one more administrator. Nothing was changed.",
        )
    return _create(root, place, wish, others, document)


def _place(host: host_facts.HostFacts) -> roles.Place:
    found = first_user.place(host)
    if found is not None:
        return found
    role = host_facts.role(host)
    if role is None:
        raise errors.UsageError(
            "the role of this host is not known, so that it cannot be asked for users",
            hint="See `teleport-bootstrap status`.",
        )
    raise errors.UsageError(
        f"users are created on an auth server, and this host has the role {role.value}",
        hint="Run it on a host with TELEPORT_ROLE=auth, or on an all-in-one.",
    )


def _create(
    root: paths.Root, place: roles.Place, wish: Wish, others: Sequence[str], document: Mapping[str, Any]
) -> Outcome:
    door = tctl.find(root, user=place.user, group=place.group)
    invitation = users.invitation(door.add_user(wish.name, wish.roles, wish.logins).reveal())
    users_seen.note(root, document)
    if invitation is None:
        raise errors.TctlFailed(
            f"{wish.name} was created, but the output of `tctl users add` has no link that can be read",
            hint=f"Run `tctl users reset {wish.name}`, which prints another one.",
        )
    reachable = users.reachable(invitation.link, document)
    notes = [
        reachable.note,
        f"the cluster has {_listed(others)} already" if others else "",
        ""
        if wish.logins
        else f"without --logins, {wish.name} cannot log in to hosts: `tctl users update {wish.name} "
        "--set-logins ACCOUNTS` changes that",
    ]
    return Outcome(wish, reachable.link, invitation.expires, tuple(filter(None, notes)))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"the user{'' if len(names) == 1 else 's'} {shown}{more}"
