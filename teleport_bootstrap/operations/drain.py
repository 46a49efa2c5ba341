"""Drain an instance that its auto scaling group terminates: no new connections, time for sessions, then the end."""

from __future__ import annotations

from teleport_bootstrap import errors, log, paths, unit_table
from teleport_bootstrap.aws import account, auto_scaling
from teleport_bootstrap.change import graceful_stop
from teleport_bootstrap.conf import signal_setting
from teleport_bootstrap.conf.signal_setting import DrainSetting
from teleport_bootstrap.ec2 import items
from teleport_bootstrap.host import clock, systemd, trust, underway
from teleport_bootstrap.instance import gather, own_tags
from teleport_bootstrap.operations import signal_launch
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.state import jobs, launch_signal
from teleport_bootstrap.state.launch_signal import Launch

DRAINED = "drained"

# The states of an instance that its group takes away, from service or from the warm pool.
_ENDING = ("Terminated", "Warmed:Terminated")
# For systemd to kill what is left after the time for sessions.
_GRACE_SECONDS = 30.0
POLL_SECONDS = 2.0
# The shortest timeout of a hook is 30 s.
HEARTBEAT_SECONDS = 20.0

logger = log.Logger(__name__)


@dataclass(frozen=True)
class _Held:
    """This instance as its group holds it."""

    aws: account.Aws
    group: str
    hook: str
    instance_id: str


def setting(root: paths.Root) -> DrainSetting | None:
    """Return what the conf says about terminations, None where it says nothing; raises as `signal_launch.setting`."""
    data = trust.read(root, paths.CONF)
    return None if data is None else signal_setting.Reader(data, root.path(paths.CONF)).drain()


def run(doors: gather.Doors) -> signal_launch.Outcome | None:
    """Drain this instance where its group terminates it, and let the group go on; return None where it does not.

    Once only. Raises SignalImpossible, and what the calls and systemd raise; then the group waits until the hook's
    timeout.
    """
    found = setting(doors.root)
    if found is None:
        return None
    service = gather.metadata_service(doors)
    state = signal_launch.lifecycle_state(service)
    if state not in _ENDING:
        return None
    launch = Launch(items.read_required(service, items.INSTANCE_ID), f"lifecycle:{found.hook}", state)
    if launch_signal.FILE.read_or_warn(doors.root) == launch:
        return signal_launch.Outcome(signal_launch.NOTHING, launch.target, state, notes=("it was drained before",))
    return jobs.run(doors.root, jobs.SIGNAL, lambda: _run(doors, found, launch), signal_launch.Outcome.summary)


def _run(doors: gather.Doors, found: DrainSetting, launch: Launch) -> signal_launch.Outcome:
    conf = gather.conf_if_readable(doors.root)
    group = own_tags.read(doors, conf, launch.instance_id, (own_tags.GROUP,))[own_tags.GROUP]
    held = _Held(gather.aws(doors, conf), group, found.hook, launch.instance_id)
    logger.info("%s terminates this instance; sessions may go on for %s", group, underway.duration(found.seconds))
    _beat(held)
    notes = _leave_target_groups(held)
    reason = _stop(doors.root, held, seconds=found.seconds)
    by = (held.group, held.hook, held.instance_id)
    why = signal_launch.complete(held.aws, by, auto_scaling.CONTINUE, seconds=doors.wait_seconds)
    notes += (why,) if why else ()
    launch_signal.FILE.write(doors.root, launch)
    return signal_launch.Outcome(DRAINED, launch.target, launch.state, reason, notes)


def _leave_target_groups(held: _Held) -> tuple[str, ...]:
    """Let no balancer send new connections; return a note where that fails: sessions may go on nevertheless."""
    try:
        for arn in held.aws.auto_scaling.target_groups(held.group):
            held.aws.load_balancers.deregister(arn, held.instance_id)
    except errors.BootstrapError as error:
        logger.warning("%s. %s", error.message, error.hint)
        return (f"the instance did not leave its target groups by itself: {error.message}",)
    return ()


def _stop(root: paths.Root, held: _Held, *, seconds: float) -> str:
    """Stop the timers and Teleport, and return in a line how that ended; the conf need not be valid for that."""
    states = systemd.states(unit_table.TELEPORT_SERVICES) if systemd.is_running(root) else {}
    unit = next((name for name, state in states.items() if state.active not in graceful_stop.ENDED), None)
    if unit is None:
        return "no Teleport runs here"
    # Before: what a timer starts may restart Teleport, or take the lock of the auth servers.
    systemd.stop(_timers(root), wait=True)
    graceful_stop.begin(root, unit, seconds=seconds)
    began = beat = clock.SYSTEM.monotonic()
    with underway.displayed(f"waiting for the sessions of {unit} to end", seconds):
        while not graceful_stop.has_ended(unit):
            now = clock.SYSTEM.monotonic()
            if now - began > seconds + _GRACE_SECONDS:
                return f"{unit} has not stopped within {underway.duration(now - began)}"
            if now - beat >= HEARTBEAT_SECONDS:
                _beat(held)
                beat = now
            clock.SYSTEM.sleep(POLL_SECONDS)
    return f"{unit} stopped within {underway.duration(clock.SYSTEM.monotonic() - began)}"


def _timers(root: paths.Root) -> list[str]:
    mine = unit_table.SIGNAL.timer
    return [each for each in unit_table.TIMERS if each != mine and systemd.is_installed(root, each)]


def _beat(held: _Held) -> None:
    try:
        held.aws.auto_scaling.heartbeat(held.group, held.hook, held.instance_id)
    except errors.BootstrapError as error:
        logger.warning("%s. %s", error.message, error.hint)
