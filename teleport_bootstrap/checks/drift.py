"""What has changed on this host since something was last applied: edits, timers, and what nobody has confirmed."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from teleport_bootstrap import errors, paths
from teleport_bootstrap.host import clock, systemd
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.state import current, generations, jobs, manual_edits, new_generation


def since_applied(
    root: paths.Root, now: current.Current | None, generation: generations.Generation | None
) -> tuple[str, ...]:
    """Return a line for each way in which this host is not what generation `generation` made it; none without one."""
    if now is None or generation is None:
        return ()
    return (*_of_trust(now, generation), *_of_conf(root, now, generation), *_of_files(root, generation))


def _of_trust(now: current.Current, generation: generations.Generation) -> list[str]:
    if now.confirmed:
        return []
    back = ", and `teleport-bootstrap restore --undo` goes back" if generation.made_by.startswith("restore ") else ""
    return [
        f"nobody has seen Teleport well with generation {now.generation} yet: `teleport-bootstrap reconfigure` "
        f"looks{back}"
    ]


def _of_conf(root: paths.Root, now: current.Current, generation: generations.Generation) -> list[str]:
    shown = root.path(paths.CONF)
    try:
        digest = new_generation.conf_digest(root)
    except errors.BootstrapError:
        return []  # told as what is wrong with the conf
    if digest is None:
        return [f"{shown} is gone"]
    if digest == now.rejected_conf_sha256:
        return [f"{shown} is not followed until it is edited again: {now.rejected_because}"]
    if digest != generation.conf_sha256:
        return [f"{shown} has been edited since: `teleport-bootstrap reconfigure` applies it"]
    return []


def _of_files(root: paths.Root, generation: generations.Generation) -> list[str]:
    found = []
    if manual_edits.text(root, paths.TELEPORT_YAML) not in (None, generation.teleport_yaml.content):
        found.append(
            f"{root.path(paths.TELEPORT_YAML)} has been edited since: `teleport-bootstrap adopt` keeps the edit, "
            "`teleport-bootstrap reconfigure --discard-edits` undoes it"
        )
    for each in generation.files:
        content = manual_edits.text(root, each.path)
        if content != each.content:
            state = "gone" if content is None else "not what was applied"
            found.append(f"{root.path(each.path)} is {state}: `teleport-bootstrap reconfigure` mends it")
    found += [
        f"{root.path(path)} should not be there: `teleport-bootstrap reconfigure` removes it"
        for path in generation.absent
        if manual_edits.text(root, path) is not None
    ]
    return found


def of_timers(
    root: paths.Root, wanted: plan_model.Applicable, states: dict[str, systemd.State], names: Iterable[str]
) -> list[str]:
    """Return a line for each of the timers `names` that is installed and not enabled, not running, or failing."""
    found = []
    for timer in names:
        if not systemd.is_installed(root, timer) or timer not in wanted.units.enable:
            continue
        state, service = states.get(timer, systemd.State()), states.get(service_of(timer), systemd.State())
        if state.enablement != "enabled":
            found.append(f"{timer} is {state.enablement}: `systemctl enable --now {timer}`")
        elif state.active != "active":
            found.append(f"{timer} is {state.active}: `systemctl start {timer}`")
        if is_failing(service):
            found.append(f"{service_of(timer)} fails: see `journalctl -b -u {service_of(timer)}`")
    return found


def of_jobs(ran: Iterable[jobs.Job], timers: Collection[str]) -> list[str]:
    """Return a line for each job that one of `timers` starts, and that has failed or is overdue.

    Others are leftovers: of a role that this host had before, or of a command typed once.
    """
    now = clock.SYSTEM.wall()
    found = (job.trouble(now) for job in ran if job.timer in timers)
    return [line for line in found if line is not None]


def service_of(timer: str) -> str:
    """Return the service that `timer` starts."""
    return f"{timer.rpartition('.')[0]}.service"


def is_failing(state: systemd.State) -> bool:
    """Whether a service has failed, or does so again and again: between two attempts it is `activating`."""
    return state.active == "failed" or state.sub == "auto-restart"
