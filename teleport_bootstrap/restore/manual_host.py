"""A host that was configured manually: without a conf there is no plan, but the role marker names the unit."""

from __future__ import annotations

from dataclasses import dataclass

from teleport_bootstrap import paths, roles, unit_table
from teleport_bootstrap.plan import plan_model


@dataclass(frozen=True)
class ManualHost:
    """What a restore applies for a teleport.yaml without a conf: only the unit that its role marker stands for."""

    place: roles.Place
    files: tuple[plan_model.PlannedFile, ...] = ()
    absent: tuple[str, ...] = ()
    secrets: tuple[plan_model.SecretFile, ...] = ()
    gates: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """Teleport's unit for the role."""
        return self.place.unit

    @property
    def directories(self) -> tuple[plan_model.PlannedDirectory, ...]:
        """The directories that must exist."""
        return (
            plan_model.PlannedDirectory(paths.DATA, 0o700, self.place.user, self.place.group),
            plan_model.PlannedDirectory(paths.STATE, 0o700),
        )

    @property
    def units(self) -> plan_model.Units:
        """Enables and starts this unit, and stops the other ones; timers are left to the operator."""
        others = tuple(unit for unit in unit_table.TELEPORT_SERVICES if unit != self.unit)
        return plan_model.Units(enable=(self.unit,), disable=others, start=(self.unit,), stop=others)


def from_markers(names: list[str]) -> ManualHost | None:
    """Return the host that the one role marker among `names`, files in /etc/teleport.d, stands for, else None."""
    found = [place for place in roles.PLACES if f"role.{place.marker}" in names]
    return ManualHost(found[0]) if len(found) == 1 else None
