"""What the conf would change on this host, and what is already so. Nothing is written, and SSM is not asked."""

from __future__ import annotations

import os

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import journal, needed_files, units
from teleport_bootstrap.host import clock, systemd
from teleport_bootstrap.instance import gather, last_facts, secret_values
from teleport_bootstrap.operations import generate, reconfigure_proposal
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.records import dataclass, replace
from teleport_bootstrap.state import access, current

# How a file is.
SAME = "as it is"
NEW = "new"
CHANGED = "changed"
REMOVED = "removed"
# How a secret is, besides SAME, NEW and CHANGED. What SSM has is only known when it is fetched.
FETCHED = "there, fetched again"
MISSING = "missing, to be fetched"

# What becomes of Teleport, besides units.RELOAD and units.RESTART.
START = "start"
NOTHING = "nothing"

RECONFIGURE = "teleport-bootstrap reconfigure"
GENERATE = "teleport-bootstrap generate"
FETCH = "teleport-bootstrap fetch-secrets"


@dataclass(frozen=True)
class File:
    """A file of the plan, what becomes of it, in one of the words above, and the difference."""

    path: str
    change: str
    diff: str = ""


@dataclass(frozen=True)
class SecretFile:
    """A secret file, where its content comes from, how it is, in one of the words above, and when it was written."""

    path: str
    parameter: str | None
    variable: str | None
    state: str
    written_at: str | None


@dataclass(frozen=True)
class HostPlan:
    """The plan for this host, and how it differs from what is here.

    `generation` is the one that is applied, None where this agent has applied nothing. `action` says what becomes of
    Teleport's unit, `command` is the one that carries all of this out, empty where nothing is to be done. `edits` is a
    manual edit of teleport.yaml that would be lost, as a difference. `not_followed_because` says why boots do not
    follow the conf, empty where they do.
    """

    plan: plan_model.Plan
    generation: int | None
    is_confirmed: bool
    files: tuple[File, ...]
    secrets: tuple[SecretFile, ...]
    due: units.Due
    action: str
    command: str
    dangers: tuple[str, ...]
    edits: str
    not_followed_because: str

    @property
    def unit(self) -> str:
        """Teleport's unit."""
        return self.plan.activation.unit


def is_configured(root: paths.Root) -> bool:
    """Whether this host has a configuration already, so that a plan for a fresh machine would be wrong.

    Raises FileTrouble where this account cannot know that.
    """
    access.require(root, "plan")
    return any(os.path.lexists(root.path(path)) for path in (paths.CURRENT, paths.TELEPORT_YAML))


def make(doors: gather.Doors, named: gather.NamedBuild) -> HostPlan:
    """Return the plan for this host; raises what reading and planning raise, and ConfMissing without a conf.

    Without the metadata service the facts are those of the last change.
    """
    root = doors.root
    conf = gather.conf(root)
    if conf is None:
        raise errors.ConfMissing(
            f"there is no {root.path(paths.CONF)} to plan from",
            hint=f"Write {paths.CONF}, or name another conf with --conf.",
        )
    build = gather.build(root, named, conf)
    overriding = generate.ready(root, conf, build)
    instance = last_facts.instance(conf, doors)
    plan, missing = generate.judged(root, conf, instance, build, overriding)
    known = secret_values.Fetched(secret_values.from_conf(plan.activation.secrets, conf), (*plan.notes, *missing))
    fetched_later = [each.path for each in plan.activation.secrets if each.parameter]
    proposed = reconfigure_proposal.judged(root, conf, build, (plan, instance, known), may_come=fetched_later)
    return _host_plan(root, proposed)


def _host_plan(root: paths.Root, proposed: reconfigure_proposal.Proposal) -> HostPlan:
    wanted, now = proposed.plan.activation, proposed.now
    is_confirmed = now is None or now.confirmed
    changes = proposed.changes_something or not is_confirmed
    secrets = tuple(_secret(root, each, proposed) for each in wanted.secrets)
    due = units.due_here(root, wanted.units)
    staying = current.instead_of_conf(root)
    return HostPlan(
        plan=replace(proposed.plan, notes=tuple(dict.fromkeys((*proposed.notes, *_unfinished(root))))),
        generation=None if now is None else now.generation,
        is_confirmed=is_confirmed,
        files=tuple(_files(root, proposed)),
        secrets=secrets,
        due=due,
        action=_action(root, proposed, due, changes=changes),
        command=_command(due, secrets, changes=changes),
        dangers=proposed.dangers if changes else (),
        edits=proposed.edits,
        not_followed_because="" if staying is None else staying[1],
    )


def _files(root: paths.Root, proposed: reconfigure_proposal.Proposal) -> list[File]:
    differences = {each.path: each.diff for each in proposed.differences}
    found = []
    for each in proposed.plan.files:
        is_there = os.path.lexists(root.path(each.path))
        change = SAME if each.path not in differences else CHANGED if is_there else NEW
        found.append(File(each.path, change, differences.get(each.path, "")))
    planned = {each.path for each in found}
    return [*found, *(File(path, REMOVED, diff) for path, diff in differences.items() if path not in planned)]


def _secret(root: paths.Root, file: plan_model.SecretFile, proposed: reconfigure_proposal.Proposal) -> SecretFile:
    is_there = needed_files.is_present(root, file.path)
    if file.parameter is not None:
        state = FETCHED if is_there else MISSING
    else:
        state = SAME if file.path not in proposed.secrets_change else CHANGED if is_there else NEW
    written = needed_files.changed_at(root, file.path) if is_there else None
    at = None if written is None else clock.iso(written)
    return SecretFile(file.path, file.parameter, file.variable, state, at)


def _action(root: paths.Root, proposed: reconfigure_proposal.Proposal, due: units.Due, *, changes: bool) -> str:
    unit = proposed.plan.activation.unit
    if unit in due.start:
        return START
    if not changes:
        return NOTHING
    # A change that nothing has confirmed is finished with a restart.
    return proposed.action if proposed.changes_something or not systemd.is_running(root) else units.RESTART


def _command(due: units.Due, secrets: tuple[SecretFile, ...], *, changes: bool) -> str:
    if changes:
        return RECONFIGURE
    if due.enable or due.disable or due.start or due.stop:
        return GENERATE
    return FETCH if any(each.state == MISSING for each in secrets) else ""


def _unfinished(root: paths.Root) -> list[str]:
    """Return a note where another command is changing this host, or was interrupted."""
    found = journal.FILE.read_or_warn(root)
    if found is None or found.committed:
        return []
    return ["a change of this host is under way, or was interrupted: the next command that writes undoes it first"]
