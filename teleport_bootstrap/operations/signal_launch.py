"""`signal`: tell the stack or the auto scaling group that waits for this instance whether Teleport is healthy here."""

from __future__ import annotations

import contextlib

from teleport_bootstrap import errors, log, paths, records
from teleport_bootstrap.aws import account, auto_scaling, stacks
from teleport_bootstrap.conf import conf_file, signal_setting
from teleport_bootstrap.conf.signal_setting import SignalSetting
from teleport_bootstrap.conf.signal_target import LIFECYCLE, SignalTarget
from teleport_bootstrap.ec2 import imds, items
from teleport_bootstrap.host import regular_file, retry, trust
from teleport_bootstrap.instance import gather, own_tags
from teleport_bootstrap.operations import launch_health
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.state import jobs, launch_signal
from teleport_bootstrap.state.launch_signal import Launch

# EC2 Auto Scaling guide, "Retrieve the target lifecycle state through instance metadata": a group holds an instance for
# a launching hook on its way to these only.
_LAUNCHING = ("InService", "Warmed:Stopped", "Warmed:Running", "Warmed:Hibernated")
# It comes back from these to a state that was signaled before.
_ASIDE = ("Standby", "Detached")
# proc(5).
_BOOT = "/proc/sys/kernel/random/boot_id"

# Results.
SUCCESS, FAILURE = "success", "failure"
DRAINED = "drained"
NOTHING = "nothing"

logger = log.Logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What was signaled: SUCCESS or FAILURE with its `reason`, DRAINED, or NOTHING; `target` is who was told.

    `state` is the target lifecycle state of an instance of a group, None where there is none. Where no one waited for
    the signal any more, a note says so.
    """

    result: str
    target: str | None = None
    state: str | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """It in a line, without notes."""
        said = "drained this instance for" if self.result == DRAINED else f"signaled {self.result} to"
        return f"{said} {self.target}: {self.reason}"

    def summary(self) -> str:
        """Return it in a line."""
        return "; ".join([self.line, *self.notes])


def setting(root: paths.Root) -> SignalSetting | None:
    """Return what the conf says about launches, even if the rest of it is invalid; None where it says nothing.

    Raises ConfInvalid where just that is invalid, UntrustedPath, FileTrouble.
    """
    data = trust.read(root, paths.CONF)
    return None if data is None else signal_setting.Reader(data, root.path(paths.CONF)).signal()


def run(doors: gather.Doors, *, again: bool = False) -> Outcome:
    """Wait until Teleport is healthy, signal that or its failure, and record it; do nothing where that was done.

    `again` signals a launch that was signaled before, too. Raises LaunchFailed after a signal of failure,
    SignalImpossible, what `setting` and the calls raise, and LockBusy where another process does the same.
    """
    found = setting(doors.root)
    if found is None:
        return Outcome(NOTHING, notes=("TELEPORT_SIGNAL is not set in the conf, so no one waits for a signal",))
    launch = _launch(doors, found.target)
    before = launch_signal.FILE.read_or_warn(doors.root)
    is_same = before is not None and before.is_of(launch)
    if launch.state not in ("", *_LAUNCHING):
        if launch.state in _ASIDE and not is_same:
            launch_signal.FILE.write(doors.root, launch)
        return Outcome(NOTHING, notes=("this instance is not on its way into its group or the warm pool",))
    if is_same and not again:
        return Outcome(NOTHING, launch.target, launch.state or None, notes=("this launch was signaled before",))
    return jobs.run(doors.root, jobs.SIGNAL, lambda: _run(doors, found, launch), Outcome.summary)


def _run(doors: gather.Doors, found: SignalSetting, launch: Launch) -> Outcome:
    verdict = launch_health.wait(doors.root, seconds=found.seconds)
    result = SUCCESS if verdict.healthy else FAILURE
    outcome = Outcome(result, launch.target, launch.state or None, verdict.reason)
    logger.info("signaling %s to %s: %s", result, launch.target, verdict.reason)
    try:
        outcome = records.replace(outcome, notes=_send(doors, found, launch, is_healthy=verdict.healthy))
    except (errors.AwsFailed, errors.SignalImpossible) as error:
        error.advise(f"TELEPORT_SIGNAL at {found.where} says whom to signal.")
        raise
    launch_signal.FILE.write(doors.root, launch)
    if not verdict.healthy:
        raise errors.LaunchFailed(
            outcome.summary(),
            hint="Look at `teleport-bootstrap status`. After a correction, `teleport-bootstrap signal --again` signals "
            "again, to who still waits.",
        )
    return outcome


def lifecycle_state(service: imds.Imds) -> str | None:
    """Return the state in its auto scaling group that this instance is on its way to; None where nothing tells."""
    return service.get("autoscaling/target-lifecycle-state") or None


def skip(root: paths.Root, seen: Launch) -> None:
    """Count the state in its group that this instance was `seen` on its way to as signaled: no one waits for that."""
    with contextlib.suppress(errors.BootstrapError):
        found = setting(root)
        if found is not None and found.target.service == LIFECYCLE:
            launch_signal.FILE.write(root, Launch(seen.instance_id, str(found.target), seen.state, _boot(root)))


def _launch(doors: gather.Doors, target: SignalTarget) -> Launch:
    """Return what is under way; an instance of a group may be on its way out of it, too."""
    service = gather.metadata_service(doors)
    instance_id = items.read_required(service, items.INSTANCE_ID)
    if target.service != LIFECYCLE:
        return Launch(instance_id, str(target))
    # A group that was made before March 2022 may not tell.
    state = lifecycle_state(service) or ""
    return Launch(instance_id, str(target), state, _boot(doors.root))


def _boot(root: paths.Root) -> str:
    """Return the id of this boot; empty below a root directory that is not that of a running system."""
    try:
        return regular_file.read(root.path(_BOOT), follow_links=True, limit=100).decode("ascii", "replace").strip()
    except OSError:
        return ""


def _send(doors: gather.Doors, found: SignalSetting, launch: Launch, *, is_healthy: bool) -> tuple[str, ...]:
    """Send the signal; return a note where no one waits for it any more."""
    # Without a valid conf, the region is that of the instance.
    conf = gather.conf_if_readable(doors.root)
    if found.target.service == LIFECYCLE:
        return _complete(doors, conf, found, launch, is_healthy=is_healthy)
    stack, resource = found.target.stack, found.target.resource
    if stack is None or resource is None:
        tags = own_tags.read(doors, conf, launch.instance_id, (own_tags.STACK, own_tags.RESOURCE))
        stack, resource = tags[own_tags.STACK], tags[own_tags.RESOURCE]
    aws = gather.aws(doors, conf, region=found.target.region)
    status = stacks.SUCCESS if is_healthy else stacks.FAILURE
    state = aws.stacks.signal(stack, resource, launch.instance_id, status)
    return () if state is None else (f"{stack} did not wait for a signal: it is in state {state}",)


def _complete(
    doors: gather.Doors, conf: conf_file.Conf | None, found: SignalSetting, launch: Launch, *, is_healthy: bool
) -> tuple[str, ...]:
    group = own_tags.read(doors, conf, launch.instance_id, (own_tags.GROUP,))[own_tags.GROUP]
    aws = gather.aws(doors, conf)
    hook = found.target.hook or _only_hook(aws, group)
    result = auto_scaling.CONTINUE if is_healthy else auto_scaling.ABANDON
    # A group holds an instance some seconds after its start, which may be later than a fast boot.
    why = complete(aws, (group, hook, launch.instance_id), result, seconds=doors.wait_seconds)
    return (f"{why}: the hook's timeout has passed, or another one has completed the action",) if why else ()


def complete(aws: account.Aws, held: tuple[str, str, str], result: str, *, seconds: float) -> str:
    """Complete the lifecycle action of an instance that is `held`: group, hook and instance id.

    Return why that was not possible, empty where it was: the instance is waited for in vain for so many `seconds`.
    """
    group, hook, instance_id = held
    scaling = aws.auto_scaling

    def attempt() -> None:
        if not scaling.complete(group, hook, instance_id, result):
            raise retry.Again(f"{group} does not hold this instance for its hook {hook}")

    try:
        retry.until(retry.Deadline(seconds), attempt, what=f"{group} to hold this instance for {hook}")
    except retry.DeadlinePassed as passed:
        return str(passed)
    return ""


def _only_hook(aws: account.Aws, group: str) -> str:
    hooks = [each.name for each in aws.auto_scaling.hooks(group) if each.transition == auto_scaling.LAUNCHING]
    if len(hooks) == 1:
        return hooks[0]
    names = ", ".join(hooks) or "none"
    raise errors.SignalImpossible(
        f"the auto scaling group {group} has not exactly one hook for launches: {names}",
        hint="Name the hook: TELEPORT_SIGNAL=lifecycle:HOOK.",
    )
