"""`generate`: write the files and set the units that the conf asks for, all of them or none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from teleport_bootstrap import errors, log, paths, records, unit_table
from teleport_bootstrap.change import boot_service, needed_files, plan_files, session, unit_action, units
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.change.unit_action import UnitAction
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.finding import WARNING, Finding, note
from teleport_bootstrap.host import accounts, directory, pacing, systemd, trust
from teleport_bootstrap.instance import gather, managed_updates, own_address, secret_values, user_data
from teleport_bootstrap.operations import signal_launch
from teleport_bootstrap.plan import activation, manual_file, overrides, plan_model, planner, secret_mask, teleport_build
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import Secret
from teleport_bootstrap.state import current, generations, metadata_cache, restore_record

logger = log.Logger(__name__)

WRITTEN = "written"
KEPT = "kept"
HAND_CONFIGURED = "hand-configured"
RESTORING = "restoring"

# For SSM, and before that for credentials, where teleport-fetch-secrets.service goes on asking.
FETCHED_LATER_SECONDS = 10.0
# About a manual teleport.yaml.
_MOST_NOTES = 20


@dataclass(frozen=True)
class Outcome:
    """One of the words above, the paths that changed, what systemd was asked for, and notes.

    `removed` are those of `changed` that are no longer there, `pending` is what Teleport's unit waits for. `findings`
    say what else keeps Teleport from running.
    """

    result: str
    unit: str | None = None
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    units: tuple[UnitAction, ...] = ()
    notes: tuple[str, ...] = ()
    pending: tuple[needed_files.Pending, ...] = ()
    findings: tuple[Finding, ...] = ()


def run(doors: gather.Doors, named: gather.NamedBuild) -> Outcome:
    """Bring the machine to the state that its conf describes and return what was done.

    A teleport.yaml that is there is left alone, while markers, environment and units still follow the conf; without a
    conf nothing is touched. Raises ConfMissing where there is neither, and everything that reading, planning, fetching
    and writing raise: then nothing has changed.
    """
    _begin_signal(doors.root)
    try:
        outcome = _run(doors, named)
    except errors.BootstrapError as error:
        error.advise(boot_service.advice(doors.root, error))
        raise
    boot_service.settle(doors.root)
    return outcome


def _begin_signal(root: paths.Root) -> None:
    """Start the service that signals to a stack or a group, where the conf asks for it, be it valid or not.

    It waits until this command has ended, and is not waited for.
    """
    conf = directory.content(root, paths.CONF) if systemd.is_running(root) else None
    # Most confs say nothing of it.
    if conf is None or b"TELEPORT_SIGNAL" not in conf or not systemd.is_installed(root, unit_table.SIGNAL.service):
        return
    try:
        if signal_launch.setting(root) is not None:
            systemd.start([unit_table.SIGNAL.service])
    except errors.BootstrapError as error:
        logger.warning("no signal will be sent: %s", error.message)


def _run(doors: gather.Doors, named: gather.NamedBuild) -> Outcome:
    root = doors.root
    with session.begin(root, "generate", deadline_seconds=doors.wait_seconds):
        conf = gather.conf(root)
        exists = os.path.lexists(root.path(paths.TELEPORT_YAML))
        if conf is None:
            return _without_conf(root, exists)
        if conf.value(variables.DEBUG):
            log.set_level(log.DEBUG)
        asked = restore_record.pending(root, conf)
        if asked is not None:
            return _hand_over(root, asked)
        conf_restored = _restore_archive_conf(root, conf)
        if conf_restored:
            conf = gather.conf(root) or conf
        updater = managed_updates.enabled(root)
        other = () if updater is None else (str(updater),)
        notes = (*conf_restored, *restore_record.ignored(root, conf), *other)
        build = gather.build(root, named)
        outcome = _keep(doors, conf, build) if exists else _write(doors, conf, build)
        return records.replace(outcome, notes=(*outcome.notes, *notes))


def _restore_archive_conf(root: paths.Root, conf: conf_file.Conf) -> tuple[str, ...]:
    """Restore the archive's conf where user-data has written its own again; return notes, none where it has not.

    Where the archive's conf was edited and applied since, there is no copy of that: then the conf here is only recorded
    as rejected. Raises FileTrouble.
    """
    made = restore_record.FILE.read(root)
    here = directory.read(root, paths.CONF)
    if made is None or here is None or not _is_from_before(conf, generations.digest(here.content), made):
        return ()
    copy = directory.read(root, paths.RESTORED_CONF)
    now = current.FILE.read_or_warn(root)
    applied = current.known_generation(root, now)
    found = f"{root.path(paths.CONF)} was again the one from before the restore of {made}"
    if copy is not None and (applied is None or applied.conf_sha256 == generations.digest(copy.content)):
        with Transaction(root) as change:
            change.write(paths.CONF, copy.content, mode=0o600, owner="root", group="root")
            change.commit()
        return (f"{found}; the archive's conf was restored",)
    if now is not None:
        because = f"it is the one from before the restore of {made}"
        rejected = records.replace(now, rejected_conf_sha256=generations.digest(here.content), rejected_because=because)
        current.FILE.write(root, rejected)
        return (found,)
    return (f"{found}; it is not followed",)


def _is_from_before(conf: conf_file.Conf, digest: str, made: restore_record.Restored) -> bool:
    """Whether the conf is the one that was here before a restore."""
    if conf.value(variables.TELEPORT_RESTORE_FROM) is None:
        return False
    return digest == made.aside_sha256 or restore_record.says(conf) == made.aside_says or restore_record.is_bare(conf)


def _hand_over(root: paths.Root, asked: str) -> Outcome:
    """Leave everything to the restore, which may take longer than a boot waits; Teleport starts after it."""
    service = restore_record.RESTORE_SERVICE
    done: tuple[UnitAction, ...] = ()
    if systemd.is_running(root) and systemd.is_installed(root, service):
        systemd.start([service])
        done = unit_action.for_each(unit_action.START_REQUESTED, [service])
        way = f"see `journalctl -b -u {service}`"
    else:
        way = "run `teleport-bootstrap restore`"
    message = f"no Teleport starts before {asked} is restored"
    finding = Finding(WARNING, "restore-pending", root.path(paths.CONF), message, way)
    return Outcome(RESTORING, units=done, findings=(finding,))


def _without_conf(root: paths.Root, exists: bool) -> Outcome:
    if exists:
        return Outcome(
            HAND_CONFIGURED,
            notes=(f"{root.path(paths.TELEPORT_YAML)} is configured by hand: there is no {paths.CONF}, nothing to do",),
        )
    raise errors.ConfMissing(
        f"there is no {root.path(paths.CONF)}, so the role of this instance is unknown",
        hint=f"Its user-data should have written it (`cat {paths.CLOUD_INIT_OUTPUT}`). Write {paths.CONF}; "
        "`teleport-bootstrap variables` lists what it can say, `teleport-bootstrap validate` checks it.",
        findings=user_data.why_no_conf(root),
    )


def _keep(doors: gather.Doors, conf: conf_file.Conf, build: teleport_build.TeleportBuild) -> Outcome:
    """Apply all but teleport.yaml; waits for no network unless a file is missing that Teleport cannot start without.

    Only an all-in-one without a name asks, for a moment, for its public address.
    """
    shown = doors.root.path(paths.TELEPORT_YAML)
    there = f"{shown} exists and is left as it is; `teleport-bootstrap reconfigure` applies a changed conf"
    staying = current.instead_of_conf(doors.root)
    if staying is not None:
        # A conf that is not followed need not be valid.
        generation, why = staying
        stay = (there, current.not_followed(doors.root, generation.number, why))
        return _bring(doors.root, conf, KEPT, plan_files.Parts(generation, {}), stay)
    is_ipv6_only = metadata_cache.says_ipv6_only(doors.root) is True
    wanted = activation.on_network(activation.plan(conf, build), is_ipv6_only=is_ipv6_only)
    notes = [*wanted.notes, there]
    notes += _what_is_there(doors.root, wanted)
    notes += _judged_manual(doors.root, wanted, build)
    own_address.refresh(doors, wanted.deployment)
    moved = own_address.stale(doors.root, wanted.deployment)
    notes += [note(moved)] if moved is not None else []
    values, failure = _missing_secrets(doors, conf, wanted)
    return _bring(doors.root, conf, KEPT, plan_files.Parts(wanted, values), (*notes, *failure))


def _judged_manual(root: paths.Root, wanted: plan_model.Activation, build: teleport_build.TeleportBuild) -> list[str]:
    """Return what is wrong with a teleport.yaml that this agent did not write; it is left as it is."""
    content = directory.content(root, paths.TELEPORT_YAML)
    generation = current.known_generation(root, current.FILE.read_or_warn(root))
    if content is None or (generation is not None and generation.teleport_yaml.content.encode() == content):
        return []
    found = manual_file.judge(content, root.path(paths.TELEPORT_YAML), build, wanted.deployment)
    more = [f"{len(found) - _MOST_NOTES} more, see `teleport-bootstrap status`"] if len(found) > _MOST_NOTES else []
    return [*map(note, found[:_MOST_NOTES]), *more]


def _what_is_there(root: paths.Root, wanted: plan_model.Activation) -> list[str]:
    """Let Teleport's account read a file that an operator put there, and return notes on it."""
    shown, notes = root.path(paths.TELEPORT_YAML), []
    content = directory.content(root, paths.TELEPORT_YAML)
    if content is not None and secret_mask.holds_secret(content):
        with contextlib.suppress(errors.BootstrapError):
            trust.make_private(root, paths.TELEPORT_YAML, keep_group=True)
    group = wanted.deployment.place.group
    if group != "root" and os.path.exists(shown) and trust.let_read(root, paths.TELEPORT_YAML, group):
        notes.append(f"{shown} is readable for group {group} now, as whom its unit runs Teleport")
    if os.path.exists(shown) and os.path.getsize(shown) == 0:
        notes.append(f"{shown} is empty, so that Teleport runs as it does without one: remove it to have it made")
    return notes


def _missing_secrets(
    doors: gather.Doors, conf: conf_file.Conf, wanted: plan_model.Activation
) -> tuple[dict[str, Secret], tuple[str, ...]]:
    values = secret_values.from_conf(wanted.secrets, conf)
    missing = [
        each
        for each in wanted.secrets
        if each.parameter and not each.may_be_pending and not needed_files.is_present(doors.root, each.path)
    ]
    if not missing:
        return values, ()
    try:
        region = gather.region_of(doors, conf)
        fetched = secret_values.fetch_or_keep(tuple(missing), region, wanted.deployment.fips, doors)
    except errors.BootstrapError as error:
        names = ", ".join(doors.root.path(each.path) for each in missing)
        return values, (f"{names} is missing, and could not be fetched: {error.message}. {error.hint}",)
    return {**values, **fetched.values}, fetched.notes


def make_plan(
    doors: gather.Doors, conf: conf_file.Conf, build: teleport_build.TeleportBuild, *, is_boot: bool
) -> tuple[plan_model.Plan, facts.Facts, secret_values.Fetched]:
    """Return the plan of this instance, its facts, and the secrets with all notes; raises what these raise.

    What the conf alone decides is checked before any wait for the network. If it `is_boot`, there is only a short wait
    for SSM where a service goes on fetching after this command.
    """
    root = doors.root
    files = ready(root, conf, build)
    instance = gather.instance(conf, doors)
    plan, missing = judged(root, conf, instance, build, files)
    wanted = plan.activation
    asked = wanted.secrets
    if is_boot and needed_files.has_fetch_service(root) and all(each.may_be_pending for each in wanted.secrets):
        doors = before_fetch_service(doors)
        asked = () if conf.value(variables.TELEPORT_FETCH_SPREAD_SECONDS) else asked
    fetched = secret_values.fetch_or_keep(asked, instance.region, wanted.deployment.fips, doors)
    values = {**secret_values.from_conf(wanted.secrets, conf), **fetched.values}
    return plan, instance, secret_values.Fetched(values, (*plan.notes, *missing, *fetched.notes))


def before_fetch_service(doors: gather.Doors) -> gather.Doors:
    """Return the doors for the attempt that `generate` makes where teleport-fetch-secrets.service goes on after it.

    It waits for a short time only. Where SSM throttles the requests of a fleet, that service asks again in its turn.
    """
    wait_seconds = min(doors.wait_seconds, FETCHED_LATER_SECONDS)
    return records.replace(doors, wait_seconds=wait_seconds, crowd=pacing.Crowd(patience_seconds=0.0))


def ready(
    root: paths.Root, conf: conf_file.Conf, build: teleport_build.TeleportBuild
) -> tuple[overrides.Override, ...]:
    """Return the overrides of this host, for which its unit and accounts are there; raises what keeps it from that."""
    place = activation.plan(conf, build).deployment.place
    units.require(root, place.unit)
    accounts.ids(root, place.user, place.group)
    files = gather.overrides(root)
    overrides.check(files)
    return files


def judged(
    root: paths.Root,
    conf: conf_file.Conf,
    instance: facts.Facts,
    build: teleport_build.TeleportBuild,
    files: Sequence[overrides.Override],
) -> tuple[plan_model.Plan, tuple[str, ...]]:
    """Return the plan with the overrides `files`, and notes on files that it names.

    Raises what `planner.plan` raises, and FileTrouble where a file is missing that Teleport cannot start without.
    """
    plan = planner.plan(conf, instance, build, files)
    return plan, (*needed_files.require_named(root, plan, build), *needed_files.describe_blocking(root, plan))


def _write(doors: gather.Doors, conf: conf_file.Conf, build: teleport_build.TeleportBuild) -> Outcome:
    root = doors.root
    plan, instance, fetched = make_plan(doors, conf, build, is_boot=True)
    generation = generations.make(root, plan, build, made_by="generate", reason="there was no teleport.yaml")
    kept = current.known_generation(root, current.FILE.read_or_warn(root))
    is_same = kept is not None and generations.says_the_same(kept, generation)
    number = kept.number if kept is not None and is_same else generation.number
    # Confirmed at once: while an instance boots, nothing waits for Teleport's health; `status` reports it later.
    parts = plan_files.Parts(
        plan.activation, fetched.values, plan.teleport_yaml, instance, current.Current(number), plan.tree
    )
    if not is_same:
        generations.save(root, generation)
    try:
        outcome = _bring(root, conf, WRITTEN, parts, fetched.notes)
    finally:
        current.settle(root)
    generations.prune(root, current=number)
    return outcome


def _bring(
    root: paths.Root, conf: conf_file.Conf, what: str, parts: plan_files.Parts, notes: tuple[str, ...]
) -> Outcome:
    wanted = parts.wanted
    with Transaction(root) as change:
        plan_files.stage(change, conf, parts)
        changed = change.commit()
    for path in changed:
        logger.debug("changed %s", root.path(path))
    done = units.apply(root, wanted.units, units_changed=plan_files.units_changed(changed))
    needed_files.fetch_missing(root, wanted)
    pending = needed_files.describe_pending(root, wanted)
    shown = plan_files.without_bookkeeping(changed)
    removed = tuple(path for path in shown if path in wanted.absent)
    return Outcome(what, wanted.unit, shown, removed, done, notes, pending)
