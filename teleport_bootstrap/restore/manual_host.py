"""A host that was configured by hand: there is no conf, and so nothing is planned, but its unit is known."""

from __future__ import annotations

from dataclasses import dataclass

from teleport_bootstrap import paths, roles, unit_table
from teleport_bootstrap.plan import plan_model


@dataclass(frozen=True)
class Configured:
    """What is applied where a teleport.yaml came without a conf: the unit that its marker is for, and no more."""

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
        """The directories that have to be there."""
        return (
            plan_model.PlannedDirectory(paths.DATA, 0o700, self.place.user, self.place.group),
            plan_model.PlannedDirectory(paths.STATE, 0o700),
        )

    @property
    def units(self) -> plan_model.Units:
        """What is asked of systemd: this unit, and none of the others; timers are the operator's."""
        others = tuple(unit for unit in unit_table.TELEPORT_SERVICES if unit != self.unit)
        return plan_model.Units(enable=(self.unit,), disable=others, start=(self.unit,), stop=others)


def by_markers(names: list[str]) -> Configured | None:
    """Return what the role markers among `names`, files of /etc/teleport.d, stand for; None where that is not clear."""
    found = [place for place in roles.PLACES if f"role.{place.marker}" in names]
    return Configured(found[0]) if len(found) == 1 else None
