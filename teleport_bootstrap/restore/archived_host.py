"""The host that an archive was made on: where the archive comes from, and its conf or, without one, its role."""

from __future__ import annotations

from teleport_bootstrap import errors, paths, roles, unit_table
from teleport_bootstrap.archive import interface
from teleport_bootstrap.backup import data_directory, storage
from teleport_bootstrap.conf import conf_file as confs
from teleport_bootstrap.conf import decision
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.records import replace
from teleport_bootstrap.restore import rules
from teleport_bootstrap.restore.archive_configuration import Contents, Outline
from teleport_bootstrap.state import restore_record


def conf_or_manual_host(
    archived: Contents, local_conf: confs.Conf | None
) -> tuple[confs.Conf | None, plan_model.Applicable | None]:
    """Return the conf to plan from, the archive's or else this host's, or a manual host to restore without a conf."""
    conf = archived.conf()
    if conf is not None:
        return conf, None
    manual = _manual_host(archived.markers())
    if archived.read(paths.TELEPORT_YAML) is not None and manual is not None:
        return None, manual
    if local_conf is not None and not restore_record.is_bare(local_conf):
        return local_conf, None
    raise errors.RestoreRefused(
        f"{archived.name} has neither {paths.CONF} nor {paths.TELEPORT_YAML} with a role marker, so the role of this "
        "instance is not known",
        hint=f"Write {paths.CONF} on this instance, then restore again. Nothing was changed.",
    )


def _manual_host(names: list[str]) -> plan_model.Applicable | None:
    """Return what a restore applies without a conf and so without a plan; None without exactly one role marker.

    `names` are those in /etc/teleport.d. The unit of the marker starts in place of the other ones; timers are left to
    the operator.
    """
    found = [place for place in roles.PLACES if f"role.{place.marker}" in names]
    if len(found) != 1:
        return None
    (place,) = found
    others = tuple(unit for unit in unit_table.TELEPORT_SERVICES if unit != place.unit)
    return plan_model.Applicable(
        unit=place.unit,
        files=(),
        absent=(),
        directories=plan_model.directories(place),
        units=plan_model.Units(enable=(place.unit,), disable=others, start=(place.unit,), stop=others),
        secrets=(),
        gates=(),
    )


def origin(verified: interface.Verified, conf: confs.Conf | None, outlined: Outline) -> rules.Origin:
    """Return what the header says, with role and cluster from the conf, which is what the restore follows."""
    header = replace(
        rules.origin_of(verified.name, verified.header),
        links_out=verified.links_outside,
        first_links_out=tuple(interface.printable(f"/{path}") for path in verified.first_links_outside[:_LINKS_SHOWN]),
        missing=tuple(f"/{note.describe()}" for note in verified.missing[:_MISSING_SHOWN]),
        missing_in_all=verified.missing_in_all,
        misses_needed=_misses_needed(verified, outlined),
    )
    if conf is None:
        return header
    decided = decision.decide(conf, fips=False)
    return replace(header, role=decided.role.value, cluster=decided.cluster or header.cluster)


_LINKS_SHOWN = 5


_MISSING_SHOWN = 20


def _misses_needed(verified: interface.Verified, outlined: Outline) -> bool:
    """Whether something is missing that is more than a record of the past: an identity, a database, a key, the conf."""
    if verified.missing_in_all > len(verified.missing):
        return True  # not all names are known
    recorded = tuple(f"{each}/log" for each in outlined.data)
    return any(
        data_directory.is_needed(path, outlined.data) or not any(storage.is_in(path, each) for each in recorded)
        for path in (f"/{note.path}" for note in verified.missing)
    )
