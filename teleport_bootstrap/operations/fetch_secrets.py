"""`fetch-secrets`: token, CA pin and license from SSM into their files, and Teleport started when they are there.

A host that runs needs none of this: whatever happens here, the last known good files stay.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

from teleport_bootstrap import errors, paths, unit_table
from teleport_bootstrap.change import changeset, pending_files, secret_files, session
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.host import clock, probe, retry, systemd
from teleport_bootstrap.instance import gather, secret_values
from teleport_bootstrap.plan import activation, plan_model, teleport_build
from teleport_bootstrap.secret import Secret
from teleport_bootstrap.state import conf_hold

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 60.0

# A Teleport that has just been started is neither ready nor stuck: it is asked again before it is restarted.
PROBES = 3
PROBE_PAUSE_SECONDS = 1.0

# The kernel stamps files by a clock that ticks a hundred times a second.
STAMP_SECONDS = 0.1


@dataclass(frozen=True)
class Outcome:
    """What was done: the paths that changed, the units that were asked to start or to restart, and notes."""

    changed: tuple[str, ...] = ()
    started: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class _StillAwaited(retry.Again):
    """Teleport cannot start yet; `hint` says what to do about it."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.hint = hint


def run(doors: gather.Doors, *, publish_wait_seconds: float) -> Outcome:
    """Fetch, write what changed, and start Teleport's unit when all that it waited for is there.

    Waits up to `publish_wait_seconds` for what Teleport cannot start without, whatever keeps it away, with pauses that
    are random so that a fleet does not ask at once. Raises SecretsPending when it is still not there, ConfMissing where
    there is neither conf nor teleport.yaml, and, on a host that has what it needs, what `secrets.ask` raises.
    """
    changed: list[str] = []
    told: list[str] = []

    def attempt() -> Outcome:
        try:
            return _attempt(doors, changed)
        except _StillAwaited as again:
            if publish_wait_seconds and again.reason not in told:
                told.append(again.reason)
                logger.warning("%s; trying again for up to %.0f s", again.reason, publish_wait_seconds)
            raise

    try:
        return retry.until(
            retry.Deadline(publish_wait_seconds),
            attempt,
            first=min(FIRST_PAUSE_SECONDS, max(publish_wait_seconds / 10, 0.1)),
            longest=LONGEST_PAUSE_SECONDS,
        )
    except retry.DeadlinePassed as passed:
        hint = passed.last.hint if isinstance(passed.last, _StillAwaited) else ""
        raise errors.SecretsPending(f"{passed.last.reason} ({passed.effort()})", hint=hint) from None


def _attempt(doors: gather.Doors, changed: list[str]) -> Outcome:
    """Fetch once, and add the paths that are written to `changed`.

    Raises _StillAwaited, after all that could be done, while Teleport waits for something that comes from SSM.
    """
    root = doors.root
    conf = gather.conf(root)
    if conf is None:
        return _without_conf(root)
    build = gather.build(root, gather.NamedBuild())
    wanted, fips = _followed(root, conf, build)
    if not any(each.parameter for each in wanted.secrets):
        return Outcome(notes=(f"nothing that {wanted.unit} needs here comes from SSM",))
    try:
        # Not under the lock: while AWS takes its time, an operator must be able to reconfigure.
        fetched = secret_values.fetch(wanted.secrets, gather.region(doors, conf), fips, doors)
        with session.begin(root, "fetch-secrets", deadline_seconds=doors.wait_seconds):
            current = _current(root, build)
            if current is None:
                return _without_conf(root)
            changed += _write(root, current, _still_wanted(wanted, current, fetched.values))
            started, restarted = _start(root, current)
    except errors.BootstrapError as error:
        lacking = [f"{path} is awaited from SSM parameter {name}" for path, name in _awaited(root, wanted)]
        if lacking:
            raise _StillAwaited(f"{', '.join(lacking)}: {error.message}", error.hint) from None
        raise
    lacking = [f"{path} is awaited: SSM parameter {name} is not there" for path, name in _awaited(root, current)]
    if lacking:
        raise _StillAwaited(
            "; ".join(lacking),
            f"The auth server publishes it: look whether it runs and its {unit_table.PUBLISH_TOKENS.timer} succeeds. "
            "Nothing has to be done here: the attempts go on.",
        )
    notes = (*fetched.notes, *pending_files.describe(root, current))
    return Outcome(tuple(dict.fromkeys(changed)), started, restarted, notes)


def _without_conf(root: paths.Root) -> Outcome:
    if os.path.lexists(root.path(paths.TELEPORT_YAML)):
        return Outcome(notes=("this instance is configured by hand: there is nothing to fetch",))
    raise errors.ConfMissing(
        f"there is no {root.path(paths.CONF)}, so nothing says what to fetch", hint=f"Write {paths.CONF}."
    )


def _current(root: paths.Root, build: teleport_build.TeleportBuild) -> plan_model.Applicable | None:
    conf = gather.conf(root)
    return None if conf is None else _followed(root, conf, build)[0]


def _followed(
    root: paths.Root, conf: conf_file.Conf, build: teleport_build.TeleportBuild
) -> tuple[plan_model.Applicable, bool]:
    """Return what this host follows, the conf or the generation that it has gone back to, and whether that is FIPS."""
    staying = conf_hold.generation(root)
    if staying is not None:
        generation, _ = staying
        return generation, generation.fips
    wanted = activation.plan(conf, build)
    return wanted, wanted.deployment.fips


def _still_wanted(
    asked: plan_model.Applicable, current: plan_model.Applicable, values: dict[str, Secret]
) -> dict[str, Secret]:
    """Return those of `values` that the conf as it is now asks for as the conf did when AWS was asked."""
    return {each.path: values[each.path] for each in current.secrets if each in asked.secrets and each.path in values}


def _awaited(root: paths.Root, wanted: plan_model.Applicable) -> tuple[tuple[str, str], ...]:
    """Return the files from SSM that Teleport's unit still waits for, each with its parameter."""
    parameters = {each.path: each.parameter for each in wanted.secrets if each.parameter is not None}
    return tuple(
        (root.path(path), parameters[path]) for path in pending_files.files(root, wanted) if path in parameters
    )


def _write(root: paths.Root, wanted: plan_model.Applicable, values: dict[str, Secret]) -> tuple[str, ...]:
    with changeset.Changeset(root) as changes:
        for each in wanted.directories:
            changes.make_directory(each.path, mode=each.mode, owner=each.owner, group=each.group)
        secret_files.stage(changes, wanted.secrets, values)
        return changes.commit()


def _start(root: paths.Root, wanted: plan_model.Applicable) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Start Teleport where it waited; restart it where it tries to join with pins that are no longer right.

    A Teleport that an operator has stopped or disabled stays down. Return the units started, and those restarted.
    """
    unit = wanted.unit
    started = pending_files.start(root, wanted)
    if started or not systemd.is_running(root) or not systemd.is_installed(root, unit):
        return started, ()
    if pending_files.files(root, wanted) or not os.path.lexists(root.path(paths.TELEPORT_YAML)):
        return (), ()
    state = systemd.states([unit])[unit]
    if state.active == "active" and _is_older_than_pins(root, wanted, state) and has_not_joined():
        systemd.restart([unit])
        return (), (unit,)
    return (), ()


def _is_older_than_pins(root: paths.Root, wanted: plan_model.Applicable, state: systemd.State) -> bool:
    """Whether the running Teleport has read other pins than those that are in the file now.

    Not judged by what this run has changed: generate may have, or a run that was killed before it got here.
    """
    if paths.CA_PIN not in {each.path for each in wanted.secrets}:
        return False
    written = secret_files.changed_at(root, paths.CA_PIN)
    return written is not None and written > state.started - STAMP_SECONDS


def has_not_joined() -> bool:
    """Whether Teleport, asked several times, never gave a sign of having joined its cluster.

    It needs the pins to join, and reads them when it starts. One that has joined is left alone even where it is
    degraded or too busy to answer: a restart would end people's sessions, and help nothing.
    """
    for number in range(PROBES):
        if number:
            clock.SYSTEM.sleep(PROBE_PAUSE_SECONDS)
        if probe.readiness() not in (probe.STARTING, probe.NOT_LISTENING):
            return False
    return True
