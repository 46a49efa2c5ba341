"""Plans a restore: reads the archive and this host, checks both, and returns what to do; changes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import interface
from teleport_bootstrap.change import needed_files, plan_files, units
from teleport_bootstrap.conf import conf_file as confs
from teleport_bootstrap.conf import decision, variables
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.finding import Finding, errors_in, note
from teleport_bootstrap.hints import Any
from teleport_bootstrap.instance import gather, secret_values
from teleport_bootstrap.plan import comparison, overrides, plan_model, planner, provenance, teleport_build
from teleport_bootstrap.records import dataclass, field, replace
from teleport_bootstrap.restore import (
    adopted_facts,
    archive_configuration,
    archived_edits,
    archived_host,
    places,
    rules,
    this_host,
)
from teleport_bootstrap.restore.archive_configuration import Contents, Outline
from teleport_bootstrap.state import generations, manual_edits


@dataclass(frozen=True)
class Wishes:
    """What the operator asked for besides the archive."""

    force: bool = False
    keep_config: bool = False
    discard_edits: bool = False
    allow_incomplete: bool = False


@dataclass(frozen=True)
class Proposal:
    """Everything that a restore writes, and what the operator should know before agreeing.

    `trees` are replaced as a whole. `merged` files are added as root's, `named` files with their previous owner.
    `plan` is made from `conf` for this instance; without a conf it is None, and `manual` stands for it. `document` is
    the archive's teleport.yaml; `kept_yaml` is its text if it is restored unchanged. `conf_bytes` is the text of the
    archive's conf, `here` the present conf of this host, `set_aside` how that differs. `adopted` is the override of
    `adopt` without facts of the old instance, None where it stays as it is; `as_edited` is what would be written if all
    of it stayed. `about_archive` are warnings on the archive
    and this host, `about_plan` those on what is written.
    """

    origin: rules.Origin
    verified: interface.Verified
    outline: Outline
    trees: tuple[str, ...]
    build: teleport_build.TeleportBuild
    document: Mapping[str, Any]
    conf: confs.Conf | None = None
    conf_bytes: bytes | None = None
    here: confs.Conf | None = None
    plan: plan_model.Plan | None = None
    manual: plan_model.Applicable | None = None
    instance: facts.Facts | None = None
    fetched: secret_values.Fetched = field(default_factory=lambda: secret_values.Fetched({}))
    kept_yaml: bytes | None = None
    merged: Mapping[str, bytes] = field(default_factory=dict)
    named: Mapping[str, tuple[bytes, interface.Entry]] = field(default_factory=dict)
    set_aside: tuple[str, ...] = ()
    adopted: adopted_facts.Left | None = None
    edits: str = ""
    as_edited: Mapping[str, Any] = field(default_factory=dict)
    about_archive: tuple[str, ...] = ()
    about_plan: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the operator should know before agreeing."""
        return (*self.about_archive, *self.about_plan)

    def holds(self, path: str) -> bool:
        """Whether the archive holds the file `path`, or may hold it in what was not read yet."""
        return self.outline.has(path) or path in self.named

    @property
    def is_partial(self) -> bool:
        """Whether it was made before the data of the archive was read."""
        return self.outline.is_partial

    @property
    def applicable(self) -> plan_model.Applicable:
        """What is applied in addition to the data."""
        if self.plan is not None:
            return self.plan.activation
        assert self.manual is not None  # noqa: S101 - there is always one of the two
        return self.manual

    @property
    def account(self) -> tuple[str, str]:
        """The user and the group that the data belongs to on this host."""
        (data,) = [each for each in self.applicable.directories if each.path == paths.DATA]
        return data.owner, data.group


def check_header(
    root: paths.Root,
    named_build: gather.NamedBuild,
    wishes: Wishes,
    source: interface.Source,
    *,
    header: Mapping[str, Any],
    data: tuple[str, ...],
) -> None:
    """Raise RestoreRefused for what the header of an archive and this host say; `data` are its data directories.

    Role and cluster are those of the archive's conf, which comes later: what the header says of them decides nothing,
    and is named beside other reasons.
    """
    build = gather.build(root, named_build)
    outlined = archive_configuration.of_header(source.size or 0, data)
    here = this_host.inspect(root, build, gather.conf(root), outlined, account=None, files={})
    origin = rules.origin_of(source.name, header)

    def refusals(origin: rules.Origin) -> tuple[Finding, ...]:
        return errors_in(rules.check(origin, here, force=wishes.force, allow_incomplete=wishes.allow_incomplete))

    if refusals(replace(origin, role=None, cluster=None)):
        raise rules.refused(source.name, refusals(origin))


def make(
    doors: gather.Doors,
    named_build: gather.NamedBuild,
    wishes: Wishes,
    verified: interface.Verified,
    *,
    is_partial: bool = False,
) -> Proposal:
    """Return the plan for restoring the `verified` archive on this host.

    If it `is_partial`, only its configuration was read yet, and `complete` makes a whole one of the result.
    Raises RestoreRefused with all findings, ManualEdit if the operator must decide about edits, and what reading,
    planning and fetching raise.
    """
    root = doors.root
    with archive_configuration.unpacked(verified) as archived:
        before = manual_edits.document(manual_edits.text(archived.root, paths.TELEPORT_YAML)) or {}
        outlined = archive_configuration.outline(verified, before, is_partial=is_partial)
        archive_configuration.add(archived, verified, outlined.named.__contains__)
        here = gather.conf(root)
        conf, manual = archived_host.conf_or_manual_host(archived, here)
        build = gather.build(root, named_build)
        proposed = Proposal(
            origin=archived_host.origin(verified, conf, outlined),
            verified=verified,
            outline=outlined,
            trees=_trees(outlined),
            build=build,
            document=before,
            conf=conf,
            conf_bytes=archived.read(paths.CONF),
            here=here,
            manual=manual,
            merged=archived.merged_files(with_environment=manual is not None),
            named=dict(_named_files(root, archived, outlined)),
            set_aside=tuple(_set_aside(here, conf)),
        )
        proposed = replace(proposed, about_archive=_check(root, proposed, archived, wishes))
        return _planned(doors, proposed, archived, wishes)


def complete(
    root: paths.Root, early: Proposal, wishes: Wishes, verified: interface.Verified, *, is_unpacked: bool
) -> Proposal:
    """Return the `early` proposal, made from a part of the archive, with what all of it says.

    `is_unpacked`: what it replaces is on the disks of this host already, beside what it replaces.

    Raises as `make`, and ArchiveUnsafe for an archive that has more configuration after its data.
    """
    with archive_configuration.unpacked(verified) as archived:
        outlined = archive_configuration.outline(verified, early.document)
        archive_configuration.add(archived, verified, outlined.named.__contains__)
        proposed = replace(
            early,
            origin=archived_host.origin(verified, early.conf, outlined),
            verified=verified,
            outline=outlined,
            trees=_trees(outlined),
            merged=archived.merged_files(with_environment=early.manual is not None),
            named=dict(_named_files(root, archived, outlined)),
        )
        proposed = replace(proposed, about_archive=_check(root, proposed, archived, wishes, is_unpacked=is_unpacked))
        plan, instance = early.plan, early.instance
        if plan is None or instance is None:
            difference = archived_edits.difference(archived, None, {})
            if difference and not wishes.keep_config:
                raise archived_edits.refused(archived, difference, has_conf=False)
            return replace(proposed, edits=difference)
        difference = archived_edits.difference(
            archived, dict(early.as_edited), archived_edits.replaced_names(verified.header, instance, plan)
        )
        if difference and not (wishes.keep_config or wishes.discard_edits):
            raise archived_edits.refused(archived, difference, has_conf=True)
        needed_files.require_named(root, plan, early.build, coming=proposed.holds)
        for each in plan.activation.secrets:
            if each.parameter and not each.may_be_pending and each.path not in early.fetched.values:
                _require_archived(proposed, each.path)
        return replace(proposed, edits=difference)


def _require_archived(proposed: Proposal, path: str) -> None:
    if not proposed.holds(path):
        raise errors.RestoreRefused(
            f"{path} could not be fetched from SSM, and {proposed.origin.name} does not hold it",
            hint="Try again when SSM answers. Nothing was changed.",
        )


def _trees(outlined: Outline) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(each for each in places.TREES if each in outlined.trees), *outlined.trees)))


def _named_files(
    root: paths.Root, archived: Contents, outlined: Outline
) -> Iterator[tuple[str, tuple[bytes, interface.Entry]]]:
    """Yield the files to write elsewhere; certificates that the distribution maintains stay as they are here."""
    for path, entry in sorted(outlined.named.items()):
        if not (path.startswith(places.FOR_CERTIFICATES) and os.path.exists(root.path(path))):
            yield path, (archived.read(path) or b"", entry)


def _check(
    root: paths.Root, proposed: Proposal, archived: Contents, wishes: Wishes, *, is_unpacked: bool = False
) -> tuple[str, ...]:
    if proposed.conf is None:
        account = proposed.account
    else:
        place = decision.decide(proposed.conf, fips=False).place
        account = place.user, place.group
    files = {path: content for path, (content, _) in proposed.named.items()}
    here = this_host.inspect(
        root, proposed.build, proposed.here, proposed.outline, account=account, files=files, is_unpacked=is_unpacked
    )
    findings = rules.check(proposed.origin, here, force=wishes.force, allow_incomplete=wishes.allow_incomplete)
    refusals = errors_in(findings)
    if refusals:
        raise rules.refused(archived.name, refusals)
    warnings: list[str] = [note(replace(each, remedy="")) for each in findings]
    now, data = archived.current(), archived.read(paths.CONF)
    if now is not None and data is not None and generations.digest(data) == now.rejected_conf_sha256:
        why = now.rejected_because
        warnings.append(f"the archive's conf was not applied on the old host ({why}); it is applied here")
    return tuple(warnings)


def _planned(doors: gather.Doors, proposed: Proposal, archived: Contents, wishes: Wishes) -> Proposal:
    root, conf = doors.root, proposed.conf
    kept = archived.read(paths.TELEPORT_YAML) if wishes.keep_config else None
    # Of the configuration alone it is not known what was applied on the old host.
    is_known = not proposed.is_partial or archived_edits.says_edited(proposed.verified.header)
    if conf is None:
        difference = archived_edits.difference(archived, None, {}) if is_known else ""
        if difference and not wishes.keep_config:
            raise archived_edits.refused(archived, difference, has_conf=False)
        units.require(root, proposed.applicable.unit)
        return replace(proposed, kept_yaml=archived.read(paths.TELEPORT_YAML), edits=difference)
    instance = gather.instance(conf, doors)
    files = archived.overrides() if proposed.conf_bytes is not None else gather.overrides(root)
    overrides.check(files)
    plan = planner.plan(conf, instance, proposed.build, files)
    # An edit that was adopted is not lost, even where a fact of the old instance is then left out.
    difference = ""
    if is_known:
        difference = archived_edits.difference(
            archived, plan.document, archived_edits.replaced_names(proposed.verified.header, instance, plan)
        )
    as_edited = plan.document
    is_same = proposed.origin.instance == instance.instance_id
    left: adopted_facts.Left | None = None
    if proposed.conf_bytes is not None and not (is_same or wishes.keep_config):
        left = adopted_facts.leave_out(files, proposed.verified.header)
    if left is not None:
        plan = planner.plan(conf, instance, proposed.build, left.files)
    if difference and not (wishes.keep_config or wishes.discard_edits):
        raise archived_edits.refused(archived, difference, has_conf=True)
    units.require(root, plan.activation.unit)

    notes = needed_files.require_named(root, plan, proposed.build, coming=proposed.holds)
    _check_with_teleport(root, archived, plan, kept)
    fetched = _fetched(doors, conf, plan, instance.region, proposed.holds)
    return replace(
        proposed,
        plan=plan,
        instance=instance,
        fetched=fetched,
        kept_yaml=kept,
        adopted=left,
        edits=difference,
        as_edited=as_edited,
        about_plan=(
            *comparison.dangers(dict(proposed.document), plan.document),
            *(_kept_names(proposed.document, plan.document) if kept is not None else ()),
            *(() if is_same else _carried_names(plan, instance)),
        ),
        notes=(*plan.notes, *notes, *fetched.notes, *(() if left is None else (left.describe(),))),
    )


def _kept_names(kept: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    """Yield a warning for each line of a kept teleport.yaml that names the old host; `document` is the planned one."""
    section, planned = kept.get("teleport"), document.get("teleport", {})
    for key in ("nodename", "advertise_ip"):
        value, right = section.get(key) if isinstance(section, dict) else None, str(planned.get(key))
        if value is not None and value != right:
            yield f"teleport.{key} in the kept teleport.yaml is {value}, the old host's; here it would be {right}"


def _carried_names(plan: plan_model.Plan, instance: facts.Facts) -> Iterator[str]:
    """Yield a warning for each override that says of this host what is true of one instance only."""
    section = plan.document.get("teleport")
    for key in ("nodename", "advertise_ip"):
        value = section.get(key) if isinstance(section, dict) else None
        origin = next(
            (each for each in provenance.origins(plan.tree, ("teleport", key)) if str(each).startswith("override ")),
            None,
        )
        if value is not None and origin is not None and value != instance.address:
            yield (
                f"teleport.{key} is {value}, from {origin}, as on the old host. If it holds for that host only, "
                "remove it there after the restore, and run `teleport-bootstrap reconfigure`"
            )


def _check_with_teleport(root: paths.Root, archived: Contents, plan: plan_model.Plan, kept: bytes | None) -> None:
    """Let the installed Teleport check teleport.yaml before anything is stopped."""
    content = kept if kept is not None else plan.teleport_yaml.content.encode()
    staged = archived.root.path("/checked.yaml")
    with (
        errors.file_trouble_at(staged),
        open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file,
    ):
        file.write(content)
    plan_files.check_with_teleport(
        root, staged, content.decode("utf-8", "replace"), plan.tree if kept is None else None
    )


def _fetched(
    doors: gather.Doors, conf: confs.Conf, plan: plan_model.Plan, region: str, coming: Callable[[str], bool]
) -> secret_values.Fetched:
    """Return the secrets of the plan; if SSM does not answer, the archive's files are used."""
    wanted = plan.activation
    values = secret_values.from_conf(wanted.secrets, conf)
    try:
        found = secret_values.fetch(wanted.secrets, region, wanted.deployment.fips, doors)
    except errors.BootstrapError as error:
        missing = [
            each for each in wanted.secrets if each.parameter and not each.may_be_pending and not coming(each.path)
        ]
        if missing:
            raise
        found = secret_values.Fetched({}, (f"could not fetch from SSM; using the archive's files: {error.message}",))
    return secret_values.Fetched({**values, **found.values}, found.notes)


def _set_aside(local_conf: confs.Conf | None, conf: confs.Conf | None) -> Iterator[str]:
    """Yield the variables of this host's conf that the restored conf changes or lacks."""
    if local_conf is None or local_conf is conf:
        return
    for name, setting in local_conf.settings.items():
        if name == variables.TELEPORT_RESTORE_FROM.name:
            continue
        other = None if conf is None else conf.settings.get(name)
        if other is None:
            yield f"{name} is not in the archive's conf"
        elif other.value != setting.value:
            yield f"{name} has another value in the archive's conf"
