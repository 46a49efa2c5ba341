"""What Teleport's unit still waits for on this host."""

from __future__ import annotations

import os
from collections.abc import Container

from teleport_bootstrap.apply import secrets
from teleport_bootstrap.host import root, systemd
from teleport_bootstrap.plan import activation, model
from teleport_bootstrap.plan.services import teleport_section

FETCH_SERVICE = "teleport-fetch-secrets.service"


def files(where: root.Root, wanted: model.Applicable) -> tuple[str, ...]:
    """Return the files, as the instance sees them, that are not there and without which the unit does not start."""
    return tuple(
        path
        for path in wanted.gates
        if not secrets.is_present(where, path) and not (path == teleport_section.TOKEN and has_joined(where))
    )


def has_joined(where: root.Root) -> bool:
    """Whether this host has an identity in its cluster, so that it needs no token any more."""
    return os.path.exists(where.path(activation.IDENTITY))


def describe(where: root.Root, wanted: model.Applicable, *, had: Container[str] = ()) -> tuple[str, ...]:
    """Return a note for each file that is waited for: which it is, and who brings it; not for those that are `had`."""
    parameters = {each.path: each.parameter for each in wanted.secrets}
    return tuple(
        f"{wanted.unit} waits for {where.path(path)}: "
        + (
            f"the auth server publishes it as SSM parameter {parameters[path]}"
            if parameters.get(path)
            else "the certificate comes from Let's Encrypt through the bucket"
        )
        for path in files(where, wanted)
        if path not in had
    )


def have_fetched(where: root.Root, wanted: model.Applicable) -> None:
    """Start what fetches secrets, where one is missing; it starts Teleport's unit when they are there."""
    awaited = {each.path for each in wanted.secrets if each.awaited}
    if awaited.intersection(files(where, wanted)) and is_somebody_fetching(where):
        systemd.start([FETCH_SERVICE])


def is_somebody_fetching(where: root.Root) -> bool:
    """Whether there is a service here that fetches later what cannot be had now."""
    return systemd.is_running(where) and systemd.is_installed(where, FETCH_SERVICE)
