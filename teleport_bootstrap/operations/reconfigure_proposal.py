"""What `reconfigure` would do, computed and shown before any of it is done."""

from __future__ import annotations

from collections.abc import Collection

from teleport_bootstrap import errors, paths
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.instance import gather, secret_values, user_data
from teleport_bootstrap.operations import generate, host_change
from teleport_bootstrap.plan import plan_model, teleport_build
from teleport_bootstrap.records import dataclass, fields
from teleport_bootstrap.state import current, restore_record


@dataclass(frozen=True)
class Proposal(host_change.HostChange):
    """The plan, what it changes on this host, and notes."""

    conf: conf_file.Conf
    build: teleport_build.TeleportBuild
    instance: facts.Facts
    plan: plan_model.Plan
    fetched: secret_values.Fetched
    notes: tuple[str, ...]

    @property
    def changes_something(self) -> bool:
        """Whether any file would change, the content of a secret file, or what counts as applied, as after `adopt`."""
        is_recorded = self.generation is None or self.generation.document == self.plan.document
        return bool(self.differences or self.secrets_change or not is_recorded)


def make(doors: gather.Doors, named: gather.NamedBuild, *, discard_edits: bool = False) -> Proposal:
    """Read, check, fetch and plan; touch nothing. Raises what these raise, and ConfMissing without a conf.

    With `discard_edits`, a comment in teleport.yaml is a difference too.
    """
    root = doors.root
    conf = gather.conf(root)
    if conf is None:
        raise errors.ConfMissing(
            f"there is no {root.path(paths.CONF)} to reconfigure from",
            hint=f"Write {paths.CONF}, then run `teleport-bootstrap reconfigure` again.",
            findings=user_data.why_no_conf(root),
        )
    asked = restore_record.pending(root, conf)
    if asked is not None:
        raise restore_record.refusal(root, "reconfigure", asked)
    build = gather.build(root, named)
    plan, instance, fetched = generate.make_plan(doors, conf, build, is_boot=False)
    return judged(root, conf, build, (plan, instance, fetched), discard_edits=discard_edits)


def judged(
    root: paths.Root,
    conf: conf_file.Conf,
    build: teleport_build.TeleportBuild,
    made: tuple[plan_model.Plan, facts.Facts, secret_values.Fetched],
    *,
    discard_edits: bool = False,
    may_come: Collection[str] = (),
) -> Proposal:
    """Compare what was `made`, as `generate.make_plan` returns it, with this host; touch nothing, and ask no one.

    `may_come` are secret files that SSM has, as far as is known: there is no warning about waiting for one of them.
    """
    plan, instance, fetched = made
    now = current.FILE.read(root)
    change = host_change.compare(
        root,
        now,
        host_change.Wanted(plan.activation, plan.teleport_yaml, plan.document, fetched.values),
        also_comments=discard_edits,
        may_come=may_come,
    )
    is_held = now is not None and now.rejected_conf_sha256 == conf.sha256
    held = (
        [f"{root.path(paths.CONF)} was given up before, and was not edited since: {now.rejected_because}"]
        if now and is_held
        else []
    )
    described = {each.name: getattr(change, each.name) for each in fields(host_change.HostChange)}
    return Proposal(
        **{**described, "dangers": (*held, *change.dangers)},
        conf=conf,
        build=build,
        instance=instance,
        plan=plan,
        fetched=fetched,
        notes=(*fetched.notes, *restore_record.ignored(root, conf)),
    )
