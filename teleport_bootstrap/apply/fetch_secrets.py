"""`fetch-secrets`: token, CA pin and license from SSM into their files, and Teleport started when they are there.

A host that runs needs none of this: whatever happens here, the last known good files stay.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from teleport_bootstrap import errors, paths
from teleport_bootstrap.apply import gather, secrets, waiting
from teleport_bootstrap.host import changeset, lock, probe, retry, root, systemd
from teleport_bootstrap.plan import activation, model
from teleport_bootstrap.plan.services import teleport_section

FIRST_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True)
class Outcome:
    """What was done: the paths that changed, the units that were started or restarted, and notes."""

    changed: tuple[str, ...] = ()
    started: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def run(doors: gather.Doors, *, publish_wait_seconds: float) -> Outcome:
    """Fetch, write what changed, and start Teleport's unit when all that it waited for is there.

    Waits up to `publish_wait_seconds` for what the auth server has not published yet, with pauses that are random so
    that a fleet does not ask at once. Raises SecretsAwaited when it is still not there, ConfMissing where there is
    neither conf nor teleport.yaml, and what `secrets.ask` raises.
    """
    try:
        return retry.until(
            retry.Deadline(publish_wait_seconds),
            lambda: _attempt(doors),
            first=FIRST_PAUSE_SECONDS,
            longest=LONGEST_PAUSE_SECONDS,
        )
    except retry.DeadlinePassed as passed:
        raise errors.SecretsAwaited(
            f"{passed.last.reason} ({passed.effort()})",
            hint="Look whether the auth server runs and its teleport-ssm-publish-tokens.timer succeeds. "
            "Run `teleport-bootstrap fetch-secrets` to try again at once; the timer does so by itself.",
        ) from None


def _attempt(doors: gather.Doors) -> Outcome:
    """Fetch once. Raises retry.Again, after all that could be done, while Teleport still waits for something in SSM."""
    where = doors.where
    with lock.held(where, "fetch-secrets", deadline_seconds=doors.wait_seconds):
        given = gather.settings(where)
        if given is None:
            return _without_conf(where)
        wanted = activation.plan(given, gather.build(where, gather.NamedBuild()))
        if not any(each.parameter for each in wanted.secrets):
            return Outcome(notes=(f"a host of the role {wanted.deployment.role.value} fetches nothing from SSM",))
        waited = bool(_awaited(where, wanted))
        try:
            fetched = secrets.ask(wanted.secrets, gather.region(given, doors), wanted.deployment.fips, doors)
        except errors.BootstrapError as error:
            if waited:
                raise retry.Again(f"{error.message}. {error.hint}") from None
            raise
        changed = _write(where, wanted, fetched)
        started = _start(where, wanted, changed)
    still = _awaited(where, wanted)
    if still:
        raise retry.Again("; ".join(still))
    return Outcome(changed, started, fetched.notes)


def _without_conf(where: root.Root) -> Outcome:
    if os.path.lexists(where.path(paths.TELEPORT_YAML)):
        return Outcome(notes=("this instance is configured by hand: there is nothing to fetch",))
    raise errors.ConfMissing(
        f"there is no {where.path(paths.CONF)}, so nothing says what to fetch", hint=f"Write {paths.CONF}."
    )


def _awaited(where: root.Root, wanted: model.Activation) -> tuple[str, ...]:
    """Return a note for each file from SSM that Teleport's unit still waits for."""
    parameters = {each.path: each.parameter for each in wanted.secrets if each.parameter is not None}
    return tuple(
        f"{where.path(path)} is awaited: SSM parameter {parameters[path]} has not been published yet"
        for path in waiting.files(where, wanted)
        if path in parameters
    )


def _write(where: root.Root, wanted: model.Activation, fetched: secrets.Fetched) -> tuple[str, ...]:
    with changeset.Changeset(where) as changes:
        changes.sweep(paths.DATA)
        for each in wanted.directories:
            changes.make_directory(each.path, mode=each.mode, owner=each.owner, group=each.group)
        secrets.stage(changes, wanted.secrets, fetched.values)
        return changes.commit()


def _start(where: root.Root, wanted: model.Activation, changed: tuple[str, ...]) -> tuple[str, ...]:
    """Start Teleport where it waited; restart it where it tries to join with pins that are no longer right.

    Teleport reads the pins when it starts, and needs them only to join: one that is ready goes on undisturbed.
    """
    unit = wanted.deployment.place.unit
    if not systemd.is_running(where) or not systemd.is_installed(where, unit) or waiting.files(where, wanted):
        return ()
    if not os.path.lexists(where.path(paths.TELEPORT_YAML)):
        return ()
    active = systemd.states([unit])[unit].active
    if active in ("inactive", "failed"):
        systemd.start([unit])
        return (unit,)
    if teleport_section.CA_PIN in changed and active == "active" and probe.readiness() != probe.READY:
        systemd.restart([unit])
        return (unit,)
    return ()
