"""What a restore would do, worked out and shown before any of it is done: nothing here changes anything."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import interface
from teleport_bootstrap.change import preflight, units
from teleport_bootstrap.conf import conf_file as confs
from teleport_bootstrap.conf import decision, variables
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.host import teleport
from teleport_bootstrap.instance import gather, secret_values
from teleport_bootstrap.plan import comparison, overrides, plan_model, planner, teleport_build
from teleport_bootstrap.restore import archive_configuration, manual_host, manual_yaml, origin, places, rules, this_host
from teleport_bootstrap.state import generations, manual_edits, restore_record

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wishes:
    """What the person asked for beside the archive."""

    force: bool = False
    keep_config: bool = False
    discard_edits: bool = False


@dataclass(frozen=True)
class Proposal:
    """Everything that a restore puts in place, and what a person should know before saying yes.

    `trees` are exchanged as a whole; `merged` are written beside what is there, as root's, and `named` with the owner
    that they had. `plan` is what the archive's conf gives on this instance, None where there is none: `hand` then
    stands for it. `kept_yaml` is the archive's own teleport.yaml where it stays as it is. `conf` is the archive's,
    `here` the one that lies here now, `set_aside` what that says otherwise.
    """

    origin: rules.Origin
    verified: interface.Verified
    outline: archive_configuration.Outline
    trees: tuple[str, ...]
    build: teleport_build.TeleportBuild
    document: Mapping[str, Any]
    given: confs.Conf | None = None
    conf: bytes | None = None
    here: confs.Conf | None = None
    plan: plan_model.Plan | None = None
    hand: manual_host.Configured | None = None
    instance: facts.Facts | None = None
    fetched: secret_values.Fetched = field(default_factory=lambda: secret_values.Fetched({}))
    kept_yaml: bytes | None = None
    merged: Mapping[str, bytes] = field(default_factory=dict)
    named: Mapping[str, tuple[bytes, interface.Entry]] = field(default_factory=dict)
    set_aside: tuple[str, ...] = ()
    edits: str = ""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def wanted(self) -> plan_model.Applicable:
        """What is applied beside the data."""
        if self.plan is not None:
            return self.plan.activation
        assert self.hand is not None  # noqa: S101 - one of the two is there
        return self.hand

    @property
    def account(self) -> tuple[str, str]:
        """The user and the group that the data belongs to on this host."""
        (data,) = [each for each in self.wanted.directories if each.path == paths.DATA]
        return data.owner, data.group

    @property
    def plain_http(self) -> bool:
        """Whether Teleport's web port speaks plain HTTP."""
        return self.plan is not None and self.plan.activation.deployment.plain_http


def make(
    doors: gather.Doors,
    named_build: gather.NamedBuild,
    wishes: Wishes,
    source: interface.Source,
    verified: interface.Verified,
) -> Proposal:
    """Read the deciding part of the archive and this host, judge, and plan; touch nothing.

    Raises RestoreRefused with everything that speaks against it; ManualEdit where a person has to decide; and what
    reading, planning and fetching raise.
    """
    root = doors.root
    with archive_configuration.unpacked(source, verified) as archived:
        before = manual_edits.document(manual_edits.text(archived.root, paths.TELEPORT_YAML)) or {}
        outlined = archive_configuration.outline(verified, before)
        archive_configuration.add_named(archived, source, verified, outlined)
        here = gather.conf(root)
        given, hand = _given(archived, here)
        build = gather.build(root, named_build)
        proposed = Proposal(
            origin=_origin(verified, given),
            verified=verified,
            outline=outlined,
            trees=tuple(dict.fromkeys((*(each for each in places.TREES if each in outlined.trees), *outlined.trees))),
            build=build,
            document=before,
            given=given,
            conf=archived.conf(),
            here=here,
            hand=hand,
            merged=archived.merged_files(with_environment=hand is not None),
            named=dict(_named(root, archived, outlined)),
            set_aside=tuple(_set_aside(here, given)),
        )
        proposed = replace(proposed, warnings=_judged(root, proposed, archived, wishes))
        return _planned(doors, proposed, archived, wishes, verified.header)


def _named(
    root: paths.Root, archived: archive_configuration.Contents, outlined: archive_configuration.Outline
) -> Iterator[tuple[str, tuple[bytes, interface.Entry]]]:
    """Yield the files to be written elsewhere; of what this host's distribution keeps, its own stay."""
    for path, entry in sorted(outlined.named.items()):
        if not (places.is_bundle(path) and os.path.exists(root.path(path))):
            yield path, (archived.named_file(path) or b"", entry)


def _given(
    archived: archive_configuration.Contents, here: confs.Conf | None
) -> tuple[confs.Conf | None, manual_host.Configured | None]:
    """Return the conf to plan from: the archive's, else the one here, else what stands for it on a host without."""
    given = archived.settings()
    if given is not None:
        return given, None
    hand = manual_host.by_markers(archived.markers())
    if archived.teleport_yaml() is not None and hand is not None:
        return None, hand
    if here is not None and not restore_record.is_bare(here):
        return here, None
    raise errors.RestoreRefused(
        f"{archived.name} has no {paths.CONF}, and no {paths.TELEPORT_YAML} with a role marker either: nothing says "
        "what this instance should be",
        hint=f"Write {paths.CONF} on this instance, then restore again. Nothing was changed.",
    )


def _origin(verified: interface.Verified, given: confs.Conf | None) -> rules.Origin:
    """Return what the header says; of role and cluster, what the archive's conf says counts more: it is followed."""
    said = replace(
        origin.of(verified.name, verified.header),
        links_out=verified.links_outside,
        first_links_out=tuple(interface.shown(f"/{path}") for path in verified.first_links_outside[:_LINKS_SHOWN]),
    )
    if given is None:
        return said
    decided = decision.decide(given, fips=False)
    return replace(said, role=decided.role.value, cluster=decided.cluster or said.cluster)


_LINKS_SHOWN = 5


def _judged(
    root: paths.Root, proposed: Proposal, archived: archive_configuration.Contents, wishes: Wishes
) -> tuple[str, ...]:
    place = (
        decision.decide(proposed.given, fips=False).place if proposed.given is not None else proposed.hand.place  # type: ignore[union-attr]
    )
    files = {path: content for path, (content, _) in proposed.named.items()}
    needs = this_host.Needs(proposed.outline, place, files)
    looked = this_host.look(root, proposed.build, proposed.here, needs)
    verdict = rules.judge(proposed.origin, looked, force=wishes.force)
    if verdict.refusals:
        raise errors.RestoreRefused(
            "\n".join(
                [f"{archived.name} is not restored here:", *(refusal.describe() for refusal in verdict.refusals)]
            ),
            hint="Nothing was changed.",
        )
    return (*verdict.warnings, *_not_followed(archived))


def _not_followed(archived: archive_configuration.Contents) -> Iterator[str]:
    now, data = archived.current(), archived.conf()
    if now is not None and data is not None and generations.digest(data) == now.rejected_conf_sha256:
        yield f"the archive's conf was not followed on the old host ({now.rejected_because}), and is followed here"


def _planned(
    doors: gather.Doors,
    proposed: Proposal,
    archived: archive_configuration.Contents,
    wishes: Wishes,
    header: Mapping[str, Any],
) -> Proposal:
    root, given = doors.root, proposed.given
    kept = archived.teleport_yaml() if wishes.keep_config else None
    if given is None:
        difference = manual_yaml.found(archived, None, {})
        if difference and not wishes.keep_config:
            raise _refused(archived, difference, can_discard=False)
        units.require(root, proposed.wanted.unit)
        return replace(proposed, kept_yaml=archived.teleport_yaml(), edits=difference)
    instance = gather.instance(given, doors)
    files = archived.overrides() if archived.conf() is not None else gather.overrides(root)
    overrides.check(files)
    plan = planner.plan(given, instance, proposed.build, files)
    difference = manual_yaml.found(archived, plan.document, _replaced(header, instance, plan))
    if difference and not (wishes.keep_config or wishes.discard_edits):
        raise _refused(archived, difference, can_discard=True)
    units.require(root, plan.activation.unit)

    def coming(path: str) -> bool:
        return proposed.outline.has(path) or path in proposed.named

    notes = preflight.require(root, plan, coming=coming)
    _ask_teleport(root, archived, plan, kept)
    fetched = _fetched(doors, given, plan, instance.region, coming)
    return replace(
        proposed,
        plan=plan,
        instance=instance,
        fetched=fetched,
        kept_yaml=kept,
        edits=difference,
        warnings=(
            *proposed.warnings,
            *comparison.dangers(dict(proposed.document), plan.document),
            *(_kept_names(proposed, plan) if kept is not None else ()),
        ),
        notes=(*plan.notes, *notes, *fetched.notes),
    )


def _refused(archived: archive_configuration.Contents, difference: str, *, can_discard: bool) -> errors.ManualEdit:
    if can_discard:
        return manual_yaml.refusal(archived.name, difference, known=archived.generation() is not None)
    return errors.ManualEdit(
        f"the host that {archived.name} is of was configured by hand: it has a teleport.yaml and no conf",
        hint="Add --keep-config to restore that file as it is; where it names the host's own addresses, change them "
        "afterwards. Nothing was changed.",
    )


def _replaced(header: Mapping[str, Any], instance: facts.Facts, plan: plan_model.Plan) -> dict[str, str]:
    """Return the name and address of the old instance, with those of this one."""
    said = header.get("instance")
    old: Mapping[str, Any] = said if isinstance(said, Mapping) else {}
    section = plan.document.get("teleport")
    node_name = section.get("nodename") if isinstance(section, dict) else None
    pairs = ((old.get("private_address"), instance.local_ipv4), (old.get("node_name"), node_name))
    return {before: now for before, now in pairs if isinstance(before, str) and before and isinstance(now, str)}


def _kept_names(proposed: Proposal, plan: plan_model.Plan) -> Iterator[str]:
    section = plan.document.get("teleport", {})
    return manual_yaml.old_names(
        dict(proposed.document), str(section.get("advertise_ip")), str(section.get("nodename"))
    )


def _ask_teleport(
    root: paths.Root, archived: archive_configuration.Contents, plan: plan_model.Plan, kept: bytes | None
) -> None:
    """Let the installed Teleport judge the file before anything is stopped for it."""
    binary = teleport.find(root)
    if binary is None:
        return
    staged = archived.root.path("/checked.yaml")
    with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(kept if kept is not None else plan.teleport_yaml.content.encode())
    teleport.check(binary, staged, root.path(paths.TELEPORT_YAML))


def _fetched(
    doors: gather.Doors, given: confs.Conf, plan: plan_model.Plan, region: str, coming: Callable[[str], bool]
) -> secret_values.Fetched:
    """Return the secrets of the plan; where SSM does not answer, those of the archive do."""
    wanted = plan.activation
    values = secret_values.from_conf(wanted.secrets, given)
    try:
        found = secret_values.fetch(wanted.secrets, region, wanted.deployment.fips, doors)
    except errors.BootstrapError as error:
        missing = [
            each for each in wanted.secrets if each.parameter and not each.may_be_pending and not coming(each.path)
        ]
        if missing:
            raise
        found = secret_values.Fetched({}, (f"SSM gave nothing, and the archive's files count: {error.message}",))
    return secret_values.Fetched({**values, **found.values}, found.notes)


def _set_aside(here: confs.Conf | None, given: confs.Conf | None) -> Iterator[str]:
    """Yield the variables of the conf here that the conf to follow says otherwise, or not at all."""
    if here is None or here is given:
        return
    for name, setting in here.settings.items():
        if name == variables.TELEPORT_RESTORE_FROM.name:
            continue
        other = None if given is None else given.settings.get(name)
        if other is None:
            yield f"{name} is not in the archive's conf"
        elif other.value != setting.value:
            yield f"{name} is another one in the archive's conf"
