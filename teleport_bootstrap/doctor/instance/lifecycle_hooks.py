"""Whether the hooks that the conf names are those of the auto scaling group, and wait long enough."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.aws import auto_scaling
from teleport_bootstrap.conf import conf_file, signal_setting, variables
from teleport_bootstrap.conf.signal_target import LIFECYCLE
from teleport_bootstrap.doctor import commands
from teleport_bootstrap.doctor.check import INSTANCE, Check
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.ec2 import items
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding
from teleport_bootstrap.instance import own_tags

# The timer looks each minute, give or take ten seconds; then a command starts. Heartbeats follow, with which even so
# short a timeout lasts for longer than the longest drain: a group waits a hundred times as long.
_FIRST_LOOK_SECONDS = 90


def _run(subject: Subject) -> Iterator[Finding]:
    wanted = tuple(_hooks(subject.conf))
    if not wanted:
        yield Finding(NOTE, "hook", "", "the conf names no lifecycle hook")
        return
    instance_id = items.read_required(subject.metadata, items.INSTANCE_ID)
    group = own_tags.read(subject.doors, subject.conf, instance_id, (own_tags.GROUP,))[own_tags.GROUP]
    hooks = {each.name: each for each in subject.aws.auto_scaling.hooks(group)}
    for name, transition, variable in wanted:
        hook = hooks.get(name)
        if hook is None or hook.transition != transition:
            what = "has no hook" if hook is None else f"has for {hook.transition} the hook"
            message = f"{group} {what} {name}, which {variable} names for {transition}"
            yield Finding(ERROR, "hook-missing", name, message, _remedy(subject.region, group, name, transition))
        else:
            yield from _timeout(subject, group, hook)


def _hooks(conf: conf_file.Conf) -> Iterator[tuple[str, str, str]]:
    """Yield the name of each hook, with the transition that it is for and the variable."""
    target, drain = conf.value(variables.TELEPORT_SIGNAL), conf.value(variables.TELEPORT_DRAIN_HOOK)
    if target is not None and target.service == LIFECYCLE and target.hook is not None:
        yield target.hook, auto_scaling.LAUNCHING, variables.TELEPORT_SIGNAL.name
    if drain is not None:
        yield drain, auto_scaling.TERMINATING, variables.TELEPORT_DRAIN_HOOK.name


def _timeout(subject: Subject, group: str, hook: auto_scaling.Hook) -> Iterator[Finding]:
    seconds = subject.conf.value(variables.TELEPORT_SIGNAL_SECONDS)
    seconds = signal_setting.SECONDS if seconds is None else seconds
    remedy = _remedy(subject.region, group, hook.name, hook.transition)
    waits = f"the hook {hook.name} of {group} waits for {hook.timeout_seconds} s"
    if hook.transition == auto_scaling.LAUNCHING and hook.timeout_seconds <= seconds:
        message = (
            f"{waits}, and Teleport may take {seconds:.0f} s to become healthy: the group gives up without a reason"
        )
        yield Finding(WARNING, "hook-timeout", hook.name, message, f"set TELEPORT_SIGNAL_SECONDS to less, or {remedy}")
    elif hook.transition == auto_scaling.TERMINATING and hook.timeout_seconds < _FIRST_LOOK_SECONDS:
        message = (
            f"{waits}, and the agent looks for it each minute: the instance may end before its sessions are asked to"
        )
        yield Finding(WARNING, "hook-timeout", hook.name, message, remedy)
    else:
        yield Finding(NOTE, "hook", hook.name, f"{group} has the hook {hook.name}")


def _remedy(region: str, group: str, name: str, transition: str) -> str:
    named = ("--auto-scaling-group-name", group, "--lifecycle-hook-name", name, "--lifecycle-transition", transition)
    put = commands.aws(region, "autoscaling", "put-lifecycle-hook", *named, "--heartbeat-timeout", "1800")
    return f"run {commands.quoted(put)}"


CHECK = Check("lifecycle-hooks", INSTANCE, "the hooks of the auto scaling group that wait for Teleport", _run)
