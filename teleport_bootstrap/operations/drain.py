"""Drain an instance that its group takes out of service: no new connections, time for sessions, then the end."""

from __future__ import annotations

from collections.abc import Callable

from teleport_bootstrap import errors, log, paths, records, unit_table
from teleport_bootstrap.aws import account, auto_scaling
from teleport_bootstrap.change import graceful_stop, unsent_recordings
from teleport_bootstrap.conf import signal_setting
from teleport_bootstrap.conf.signal_setting import DrainSetting
from teleport_bootstrap.ec2 import items
from teleport_bootstrap.host import clock, systemd, trust, underway
from teleport_bootstrap.instance import gather, own_tags
from teleport_bootstrap.operations import leave_balancers, signal_launch
from teleport_bootstrap.state import jobs, launch_signal
from teleport_bootstrap.state.launch_signal import Launch

# The states of an instance that its group takes away, from service or from the warm pool.
_ENDING = ("Terminated", "Warmed:Terminated")
# Those of an instance in the warm pool, which it enters from its launch and, where the group reuses instances, from
# service. It goes on running in the last two, or comes back without a boot.
_ASLEEP = "Warmed:Stopped"
_AWAKE = ("Warmed:Running", "Warmed:Hibernated")
_POOL = (_ASLEEP, *_AWAKE)
# Teleport starts within 5 s, and then looks every 5 s for recordings to upload.
_UPLOAD_SECONDS = 120.0
POLL_SECONDS = 2.0
# The shortest timeout of a hook is 30 s.
HEARTBEAT_SECONDS = 20.0
# A group holds an instance only after the balancers' own delay, which is an hour at most.
_LONGEST_DELAY = 3600.0
# For a call that sessions must not wait for; heartbeats have to go on.
_CALL_SECONDS = 10.0

logger = log.Logger(__name__)


class _Held:
    """This instance as its group holds it."""

    def __init__(self, aws: account.Aws, group: str, hook: str, instance_id: str) -> None:
        self.aws, self.group, self.hook, self.instance_id = aws, group, hook, instance_id
        self._beat_at: float | None = None

    def beat(self) -> None:
        """Have the hook wait, as often as it needs to hear that; where that fails, go on."""
        now = clock.SYSTEM.monotonic()
        if self._beat_at is not None and now - self._beat_at < HEARTBEAT_SECONDS:
            return
        self._beat_at = now
        try:
            self.aws.auto_scaling.heartbeat(self.group, self.hook, self.instance_id)
        except errors.BootstrapError as error:
            logger.warning("%s. %s", error.message, error.hint)


def setting(root: paths.Root) -> DrainSetting | None:
    """Return what the conf says about terminations, None where it says nothing; raises as `signal_launch.setting`."""
    data = trust.read(root, paths.CONF)
    return None if data is None else signal_setting.Reader(data, root.path(paths.CONF)).drain()


def run(doors: gather.Doors) -> signal_launch.Outcome | None:
    """Drain this instance where its group takes it out of service, and let the group go on; return None otherwise.

    An instance that was drained and is put in service again has its Teleport started. Raises SignalImpossible, and what
    the calls and systemd raise; then the next look tries again, until the group does not wait any more.
    """
    found = setting(doors.root)
    if found is None:
        return None
    service = gather.metadata_service(doors)
    state = signal_launch.lifecycle_state(service)
    if state is None:
        return None
    seen = Launch(items.read_required(service, items.INSTANCE_ID), f"lifecycle:{found.hook}", state)
    before = launch_signal.SEEN.read_or_warn(doors.root)
    if not _is_leaving(seen, before):
        if state != _ASLEEP:
            _start_again(doors.root)
        if before != seen:
            _note(doors.root, seen)
        return None
    if before == seen:
        return signal_launch.Outcome(signal_launch.NOTHING, seen.target, state, notes=("it was drained before",))
    return jobs.run(doors.root, jobs.SIGNAL, lambda: _run(doors, found, seen), signal_launch.Outcome.summary)


def _note(root: paths.Root, seen: Launch) -> None:
    """Write down the state, for the next look; a disk that is full keeps no launch from being signaled."""
    try:
        launch_signal.SEEN.write(root, seen)
    except errors.FileTrouble as error:
        logger.warning("%s. %s", error.message, error.hint)


def _is_leaving(seen: Launch, before: Launch | None) -> bool:
    """Whether its group takes this instance out of service; it may be on its way to the pool from its launch, too."""
    if seen.state in _ENDING:
        return True
    was_elsewhere = before is not None and before.instance_id == seen.instance_id and before.state not in _POOL
    return seen.state in _POOL and was_elsewhere


def _run(doors: gather.Doors, found: DrainSetting, seen: Launch) -> signal_launch.Outcome:
    conf = gather.conf_if_readable(doors.root)
    group = own_tags.read(doors, conf, seen.instance_id, (own_tags.GROUP,))[own_tags.GROUP]
    short = records.replace(doors, wait_seconds=min(doors.wait_seconds, _CALL_SECONDS))
    held = _Held(gather.aws(short, conf), group, found.hook, seen.instance_id)
    verb = "returns this instance to its warm pool" if seen.state in _POOL else "terminates this instance"
    logger.info("%s %s; sessions may go on for %s", group, verb, underway.duration(found.seconds))
    began = clock.SYSTEM.monotonic()
    held.beat()
    notes = leave_balancers.leave(
        held.aws,
        group,
        seen.instance_id,
        seconds=min(leave_balancers.MOST_SECONDS, found.seconds / 2),
        meanwhile=held.beat,
    )
    left = max(1.0, found.seconds - (clock.SYSTEM.monotonic() - began))
    reason = _stop(doors.root, held, seconds=left, is_last=seen.state in _ENDING)
    by = (group, found.hook, seen.instance_id)
    why = signal_launch.complete(gather.aws(doors, conf), by, auto_scaling.CONTINUE, seconds=doors.wait_seconds)
    if why and not _is_in_vain(doors.root, seen):
        notes += (f"{why}; it is tried again each minute",)
    else:
        notes += (f"{why}, and has gone on without that",) if why else ()
        _record(doors.root, seen)
        if seen.state in _AWAKE:
            _start_again(doors.root)
    return signal_launch.Outcome(signal_launch.DRAINED, seen.target, seen.state, reason, notes)


def _is_in_vain(root: paths.Root, seen: Launch) -> bool:
    """Whether the hook is missing or has passed: then an instance in the pool would be drained without end."""
    ages = (graceful_stop.age(root, unit) for unit in unit_table.TELEPORT_SERVICES)
    return seen.state in _AWAKE and max(ages) > _LONGEST_DELAY


def _record(root: paths.Root, seen: Launch) -> None:
    """Write down that this end was drained; on the way to the pool, no launch is signaled."""
    launch_signal.SEEN.write(root, seen)
    if seen.state in _POOL:
        signal_launch.skip(root, seen)


def _start_again(root: paths.Root) -> None:
    """Start what a graceful stop has stopped in this boot: the instance comes back into service without another one."""
    for unit in unit_table.TELEPORT_SERVICES:
        if graceful_stop.is_begun(root, unit):
            logger.info("starting %s again, which was stopped to drain this instance", unit)
            timers = systemd.states(_timers(root))
            enabled = [name for name, state in timers.items() if state.enablement == "enabled"]
            graceful_stop.undo(root, unit, also=enabled)


def _stop(root: paths.Root, held: _Held, *, seconds: float, is_last: bool) -> str:
    """Stop the timers and Teleport, and return in a line how that ended; the conf need not be valid for that.

    With `is_last`, Teleport is not started again later, and what it has not uploaded would be lost.
    """
    states = systemd.states(unit_table.TELEPORT_SERVICES) if systemd.is_running(root) else {}
    unit = next((name for name, state in states.items() if state.active not in graceful_stop.ENDED), None)
    if unit is None:
        return _stop_begun(root, held, seconds=seconds, is_last=is_last)
    # Before: what a timer starts may restart Teleport, or take the lock of the auth servers.
    systemd.stop(_timers(root), wait=True)
    return _end(root, held, graceful_stop.begin(root, unit), seconds=seconds, is_last=is_last)


def _stop_begun(root: paths.Root, held: _Held, *, seconds: float, is_last: bool) -> str:
    """Go on with the stop that an earlier run has begun, where there is one: that run may have been killed."""
    stops = (graceful_stop.begun(root, unit) for unit in unit_table.TELEPORT_SERVICES)
    found = next((each for each in stops if each is not None), None)
    if found is None:
        return "no Teleport runs here"
    if found.is_over():
        return "; ".join([f"{found.unit} had stopped before", *(_upload(root, held, found.unit) if is_last else ())])
    found.ask()
    return _end(root, held, found, seconds=seconds, is_last=is_last)


def _end(root: paths.Root, held: _Held, stopping: graceful_stop.GracefulStop, *, seconds: float, is_last: bool) -> str:
    unit = stopping.unit
    began = clock.SYSTEM.monotonic()
    is_over = _wait(held, stopping.is_over, what=f"waiting for the sessions of {unit} to end", seconds=seconds)
    passed = underway.duration(clock.SYSTEM.monotonic() - began)
    stopping.end()
    reason = f"{unit} stopped within {passed}" if is_over else f"{unit} was ended by force after {passed}"
    return "; ".join([reason, *(_upload(root, held, unit) if is_last else ())])


def _upload(root: paths.Root, held: _Held, unit: str) -> tuple[str, ...]:
    """Let Teleport upload the recordings that its graceful stop has left, before they end with the instance.

    Return in a line how that went, nothing where there are none.
    """
    before = unsent_recordings.count(root)
    if before == 0:
        return ()
    logger.info("starting %s again for %d session recordings that were not uploaded", unit, before)
    try:
        systemd.start_now(unit, seconds=_UPLOAD_SECONDS)
        what = f"waiting for {unit} to upload session recordings"
        _wait(held, lambda: unsent_recordings.count(root) == 0, what=what, seconds=_UPLOAD_SECONDS)
        systemd.stop_by_force([unit])
    except errors.UnitTrouble as error:
        logger.warning("%s. %s", error.message, error.hint)
    after = unsent_recordings.count(root)
    if after:
        return (f"session recordings that it has not uploaded, in {unsent_recordings.DIRECTORY}: {after}",)
    return (f"session recordings that it has uploaded after that: {before}",)


def _wait(held: _Held, is_over: Callable[[], bool], *, what: str, seconds: float) -> bool:
    """Wait until something is over, for at most `seconds`, while the group goes on waiting; return whether it is."""
    began = clock.SYSTEM.monotonic()
    with underway.displayed(what, seconds):
        while not is_over():
            if clock.SYSTEM.monotonic() - began >= seconds:
                return False
            held.beat()
            clock.SYSTEM.sleep(POLL_SECONDS)
    return True


def _timers(root: paths.Root) -> list[str]:
    mine = unit_table.SIGNAL.timer
    return [each for each in unit_table.TIMERS if each != mine and systemd.is_installed(root, each)]
