"""All checks, in the order in which they are printed."""

from __future__ import annotations

from collections.abc import Sequence

from teleport_bootstrap import errors
from teleport_bootstrap.doctor import stored_data
from teleport_bootstrap.doctor.balancers import group as balancers
from teleport_bootstrap.doctor.check import GROUPS, Check
from teleport_bootstrap.doctor.instance import (
    clock,
    identity,
    lifecycle_hooks,
    metadata,
    metadata_options,
    role,
    security_groups,
)
from teleport_bootstrap.doctor.local import (
    binaries,
    disk,
    enterprise_license,
    firewall,
    from_status,
    memory,
    open_files,
    ports,
    randomness,
    synchronization,
    unit_files,
)
from teleport_bootstrap.doctor.network import group as network
from teleport_bootstrap.doctor.permissions import granted

CHECKS: tuple[Check, ...] = tuple(
    sorted(
        (
            *from_status.CHECKS,
            unit_files.CHECK,
            binaries.CHECK,
            enterprise_license.CHECK,
            ports.CHECK,
            firewall.CHECK,
            *disk.CHECKS,
            memory.CHECK,
            open_files.CHECK,
            randomness.CHECK,
            synchronization.CHECK,
            metadata.CHECK,
            *metadata_options.CHECKS,
            role.CHECK,
            identity.CHECK,
            clock.CHECK,
            *security_groups.CHECKS,
            lifecycle_hooks.CHECK,
            *stored_data.CHECKS,
            granted.CHECK,
            *network.CHECKS,
            *balancers.CHECKS,
        ),
        key=lambda each: list(GROUPS).index(each.group),
    )
)


def chosen(only: Sequence[str], without: Sequence[str], *, offline: bool) -> tuple[Check, ...]:
    """Return the checks that `only` names, or all, without those that `without` names.

    A name is that of a check, or of a group. Raises UsageError for another one, and where no check is
    left.
    """
    wanted = _with_names("--only", only) if only else set(CHECKS)
    left = wanted - _with_names("--skip", without)
    found = tuple(each for each in CHECKS if each in left and not (offline and each.needs_network))
    if not found:
        raise errors.UsageError("no check is left to run", hint="Name fewer with --skip, or others with --only.")
    return found


def _with_names(option: str, names: Sequence[str]) -> set[Check]:
    found: set[Check] = set()
    for name in names:
        found_here = {each for each in CHECKS if name in (each.name, each.group)}
        if not found_here:
            raise errors.UsageError(
                f"{option}: there is no check or group {name!r}",
                hint="`teleport-bootstrap doctor --list` prints all of them.",
            )
        found |= found_here
    return found
