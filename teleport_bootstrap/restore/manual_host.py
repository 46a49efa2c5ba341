"""A host that was configured manually: without a conf there is no plan, but the role marker names the unit."""

from __future__ import annotations

from teleport_bootstrap import roles, unit_table
from teleport_bootstrap.plan import plan_model


def from_markers(names: list[str]) -> plan_model.Applicable | None:
    """Return what a restore applies without a conf; None without exactly one role marker among `names`.

    That is the unit of the marker, a file in /etc/teleport.d, in place of the other ones; timers are left to the
    operator.
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
