"""`fetch-secrets`: fetch token, CA pin and license from SSM into their files, and start Teleport when all exist.

A running host does not depend on this: after any failure the existing files are kept.
"""

from __future__ import annotations

import os

from teleport_bootstrap import errors, log, paths, records, unit_table
from teleport_bootstrap.change import needed_files, session, transaction, unit_action
from teleport_bootstrap.change.unit_action import UnitAction
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.host import clock, pacing, probe, retry, systemd, underway
from teleport_bootstrap.instance import gather, secret_values
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import Secret

# A Teleport that has just been started may become ready: it is probed several times before it is restarted.
PROBES = 3
PROBE_PAUSE_SECONDS = 1.0

# The resolution of the kernel's file times is 10 ms.
STAMP_SECONDS = 0.1


# A shorter wait for the turn of this host is not logged.
LONG_TURN_SECONDS = 5.0

logger = log.Logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What was done: the changed paths, what systemd was asked for, and notes."""

    changed: tuple[str, ...] = ()
    units: tuple[UnitAction, ...] = ()
    notes: tuple[str, ...] = ()


def run(doors: gather.Doors, *, publish_wait_seconds: float) -> Outcome:
    """Fetch, write what changed, and start Teleport's unit when all files that it waited for exist.

    Retries for up to `publish_wait_seconds`, after any failure, while files are missing that Teleport cannot start
    without; the pauses are random, so that a fleet does not ask at once. Then it also waits for its turn before the
    first request, and while SSM throttles the requests of a fleet it goes on for longer, as pacing.Crowd says.
    Raises SecretsPending when they are still missing, ConfMissing where there is neither conf nor teleport.yaml, and,
    on a host that has its files, what `secret_values.fetch` raises.
    """
    changed: list[str] = []
    if publish_wait_seconds:
        doors = records.replace(doors, crowd=pacing.Crowd())
    return retry.while_raised(lambda: _attempt(doors, changed), errors.SecretsPending, seconds=publish_wait_seconds)


def _attempt(doors: gather.Doors, changed: list[str]) -> Outcome:
    """Fetch once, and add the written paths to `changed`.

    Raises SecretsPending, after all other work, while Teleport waits for a file from SSM.
    """
    root = doors.root
    conf = gather.conf(root)
    if conf is None:
        return _without_conf(root)
    build = gather.build(root, gather.NamedBuild())
    wanted, fips = gather.applicable(root, conf, build)
    if not any(each.parameter for each in wanted.secrets):
        return Outcome(notes=(f"{wanted.unit} needs nothing from SSM here",))
    if _pending(root, wanted):
        _await_turn(doors, conf)
    try:
        # Not under the lock: an operator must be able to reconfigure while AWS is slow.
        fetched = secret_values.fetch(wanted.secrets, gather.region_of(doors, conf), fips, doors)
        with session.begin(root, "fetch-secrets", deadline_seconds=doors.wait_seconds):
            conf = gather.conf(root)
            if conf is None:
                return _without_conf(root)
            current, _ = gather.applicable(root, conf, build)
            # What the conf still needs in the same way as when AWS was asked.
            still_wanted = {each.path for each in current.secrets if each in wanted.secrets}
            changed += _write(
                root, current, {path: each for path, each in fetched.values.items() if path in still_wanted}
            )
            units = _start(root, current)
        if fetched.refused:
            raise _refusal(root, fetched.refused, changed)
    except errors.BootstrapError as error:
        lacking = [f"waiting for {path} from SSM parameter {name}" for path, name in _pending(root, wanted)]
        if lacking:
            raise errors.SecretsPending(f"{', '.join(lacking)}: {error.message}", hint=error.hint) from None
        raise
    lacking = [f"waiting for {path}: SSM parameter {name} does not exist" for path, name in _pending(root, current)]
    if lacking:
        published = all(needed_files.is_published(name) for _, name in _pending(root, current))
        hint = (
            f"The auth server publishes it: check that it runs and {unit_table.PUBLISH_TOKENS.timer} succeeds. "
            if published
            else "Create the parameter that the conf names, or correct its name. "
        )
        raise errors.SecretsPending(
            "; ".join(lacking), hint=f"{hint}Nothing has to be done here: the timer tries again."
        )
    notes = (*fetched.notes, *needed_files.notes_on_pending(root, current))
    return Outcome(tuple(dict.fromkeys(changed)), units, notes)


def _await_turn(doors: gather.Doors, conf: conf_file.Conf) -> None:
    """Wait until it is the turn of this host, one of those that may have started at the same moment."""
    if doors.crowd is None:
        return
    seconds = doors.crowd.turn(conf.value(variables.TELEPORT_FETCH_SPREAD_SECONDS) or 0.0)
    if seconds > LONG_TURN_SECONDS:
        logger.info("asking SSM in %.0f s, at the turn of this host in its fleet", seconds)
    with underway.displayed("waiting for the turn of this host to ask SSM", seconds):
        clock.SYSTEM.sleep(seconds)


def _refusal(root: paths.Root, refused: tuple[errors.BootstrapError, ...], changed: list[str]) -> errors.BootstrapError:
    """Return the error about values in SSM that cannot be used; it says what was written nevertheless."""
    message = "; ".join(each.message for each in refused)
    written = ", ".join(map(root.path, dict.fromkeys(changed)))
    return type(refused[0])(f"{message}{f'; nevertheless wrote {written}' if written else ''}", hint=refused[0].hint)


def _without_conf(root: paths.Root) -> Outcome:
    return Outcome(notes=(gather.manual_host(root, "there is nothing to fetch"),))


def _pending(root: paths.Root, wanted: plan_model.Applicable) -> tuple[tuple[str, str], ...]:
    """Return the files from SSM that Teleport's unit still waits for, each with its parameter."""
    parameters = {each.path: each.parameter for each in wanted.secrets if each.parameter is not None}
    return tuple(
        (root.path(path), parameters[path]) for path in needed_files.pending(root, wanted) if path in parameters
    )


def _write(root: paths.Root, wanted: plan_model.Applicable, values: dict[str, Secret]) -> tuple[str, ...]:
    with transaction.Transaction(root) as changes:
        for each in wanted.directories:
            changes.make_directory(each.path, mode=each.mode, owner=each.owner, group=each.group)
        needed_files.stage_secrets(changes, wanted.secrets, values)
        return changes.commit()


def _start(root: paths.Root, wanted: plan_model.Applicable) -> tuple[UnitAction, ...]:
    """Start Teleport where it waited; restart it where it tries to join with pins that are no longer valid.

    A Teleport that an operator has stopped or disabled is not started. Return what was done.
    """
    unit = wanted.unit
    started = unit_action.for_each(unit_action.START_REQUESTED, needed_files.start_teleport(root, wanted))
    if started or not systemd.is_running(root) or not systemd.is_installed(root, unit):
        return started
    if needed_files.pending(root, wanted) or not os.path.lexists(root.path(paths.TELEPORT_YAML)):
        return ()
    state = systemd.states([unit])[unit]
    if state.active == "active" and _is_older_than_pins(root, wanted, state) and has_not_joined():
        systemd.restart([unit])
        return unit_action.for_each(unit_action.RESTART_REQUESTED, [unit], "it was trying to join with old pins")
    return ()


def _is_older_than_pins(root: paths.Root, wanted: plan_model.Applicable, state: systemd.State) -> bool:
    """Return whether the running Teleport has read other pins than those that are in the file now.

    By the time of the file, since `generate` or a killed run may have changed it.
    """
    if paths.CA_PIN not in {each.path for each in wanted.secrets}:
        return False
    written = needed_files.changed_at(root, paths.CA_PIN)
    return written is not None and written > state.started - STAMP_SECONDS


def has_not_joined() -> bool:
    """Return whether no probe of several shows that Teleport has joined its cluster.

    It reads the pins when it starts, and needs them only to join. A Teleport that has joined is not restarted, even if
    it is degraded or too busy to answer: a restart would end sessions and not help.
    """
    for number in range(PROBES):
        if number:
            clock.SYSTEM.sleep(PROBE_PAUSE_SECONDS)
        if probe.readiness() not in (probe.STARTING, probe.NOT_LISTENING):
            return False
    return True
