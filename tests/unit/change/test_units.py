"""What systemd is asked for: only what is not so already."""

from __future__ import annotations

from teleport_bootstrap.change import units
from teleport_bootstrap.host.systemd import State
from teleport_bootstrap.plan import plan_model

WANTED = plan_model.Units(enable=("a", "t"), disable=("b", "c"), start=("a", "t"), stop=("b", "c"))


def test_issue_15_row_10_only_units_that_are_not_as_wanted_are_due() -> None:
    states = {
        "a": State("inactive", "enabled"),
        "b": State("active", "enabled"),
        "c": State("failed", "disabled"),
    }
    assert units.due(WANTED, states) == units.Due(disable=("b",), stop=("b",), enable=(), start=("a",), missing=("t",))


def test_issue_15_row_10_nothing_is_due_where_all_units_are_as_wanted() -> None:
    on, off = State("active", "enabled"), State("inactive", "disabled")
    assert units.due(WANTED, {"a": on, "t": on, "b": off, "c": off}) == units.Due()
