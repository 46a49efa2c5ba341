"""The files that Teleport's unit waits for on this host."""

from __future__ import annotations

import os
from collections.abc import Container

from teleport_bootstrap import paths, unit_table
from teleport_bootstrap.change import secret_files
from teleport_bootstrap.host import systemd
from teleport_bootstrap.plan import plan_model

FETCH_SERVICE = unit_table.FETCH_SECRETS.service


def files(root: paths.Root, wanted: plan_model.Applicable) -> tuple[str, ...]:
    """Return the files, as the instance sees them, that are missing and without which the unit does not start."""
    return tuple(
        path
        for path in wanted.gates
        if not secret_files.is_present(root, path) and not (path == paths.TOKEN and has_joined(root))
    )


def has_joined(root: paths.Root) -> bool:
    """Whether this host has an identity in its cluster, so that it no longer needs a token."""
    return os.path.exists(root.path(paths.IDENTITY))


def describe(root: paths.Root, wanted: plan_model.Applicable, *, had: Container[str] = ()) -> tuple[str, ...]:
    """Return a note for each pending file and where it comes from, except for those in `had`."""
    parameters = {each.path: each.parameter for each in wanted.secrets}
    return tuple(
        f"{wanted.unit} waits for {root.path(path)}: "
        + (
            f"the auth server publishes it as SSM parameter {parameters[path]}"
            if parameters.get(path)
            else "the certificate comes from Let's Encrypt through the bucket"
        )
        for path in files(root, wanted)
        if path not in had
    )


def start(root: paths.Root, wanted: plan_model.Applicable) -> tuple[str, ...]:
    """Start Teleport's unit where it has waited for files that are all there now; return what was started.

    A Teleport that an operator has stopped or disabled stays down. Raises UnitTrouble.
    """
    unit = wanted.unit
    if not systemd.is_running(root) or not systemd.is_installed(root, unit) or files(root, wanted):
        return ()
    if not os.path.lexists(root.path(paths.TELEPORT_YAML)):
        return ()
    state = systemd.states([unit])[unit]
    if state.active not in ("inactive", "failed") or state.conditions_held or state.enablement != "enabled":
        return ()
    systemd.start([unit])
    return (unit,)


def have_fetched(root: paths.Root, wanted: plan_model.Applicable) -> None:
    """Start the services that fetch the missing files; they start Teleport's unit when the files are there."""
    missing = set(files(root, wanted))
    may_arrive = {each.path for each in wanted.secrets if each.may_be_pending}
    if missing & may_arrive and has_fetch_service(root):
        systemd.start([FETCH_SERVICE])
    bringing = certificate_services(root, wanted, is_missing=paths.CERTIFICATE in missing)
    if systemd.is_running(root):
        systemd.start([service for service in bringing if systemd.is_installed(root, service)])


def certificate_services(root: paths.Root, wanted: plan_model.Applicable, *, is_missing: bool) -> tuple[str, ...]:
    """Return the services that should not wait for their timers, since nothing could be served until then.

    An auth server does not serve with the certificate, but proxies wait for it: it requests its first one at once.
    """
    timers = wanted.units.enable
    obtain = unit_table.GET_CERTIFICATE.timer in timers and (
        is_missing or not os.path.exists(root.path(paths.LETSENCRYPT_LIVE))
    )
    install = unit_table.CHECK_CERTIFICATE.timer in timers and is_missing
    chosen = ((unit_table.GET_CERTIFICATE.timer, obtain), (unit_table.CHECK_CERTIFICATE.timer, install))
    return tuple(systemd.service_of(timer) for timer, is_due in chosen if is_due)


def has_fetch_service(root: paths.Root) -> bool:
    """Whether a service on this host fetches later what is not available now."""
    return systemd.is_running(root) and systemd.is_installed(root, FETCH_SERVICE)
