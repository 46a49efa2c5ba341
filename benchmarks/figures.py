"""How figures of a row are written, on the terminal and on the page."""

from __future__ import annotations

from typing import Optional

from benchmarks.row import Row


def quantity(value: float, unit: str) -> str:
    """Return a value with its unit, with as many digits as mean anything."""
    digits = 1 if value < 10 or unit == "MiB" else 0
    if unit == "s":
        digits = 2
    return f"{value:,.{digits}f} {unit}"


def compared(row: Row) -> str:
    """Return what the target limits: a ratio, or a quantity where there is none."""
    return _limited(row.figure, row)


def before(row: Row) -> str:
    """Return the same for the build of before; empty where it was not measured."""
    return "" if row.before is None else _limited(row.before, row)


def target(row: Row) -> str:
    """Return the target; empty where there is none."""
    if row.target is None:
        return ""
    return f"≤ {row.target:g}" if row.ratio is not None else f"≤ {row.target:g} {row.unit}"


def verdict(row: Row) -> str:
    """Return whether the target is met; empty where there is none."""
    return {True: "met", False: "not met", None: ""}[row.is_met]


def both(row: Row) -> str:
    """Return the two quantities that are compared."""
    ours = quantity(row.ours, row.unit)
    return ours if row.against is None else f"{ours} {row.word} {quantity(row.against, row.unit)}"


def spread(pair: Optional[tuple[float, float]]) -> str:
    """Return the quartiles; empty where there are none."""
    return "" if pair is None else f"{_ratio(pair[0])} to {_ratio(pair[1])}"


def _limited(value: float, row: Row) -> str:
    return quantity(value, row.unit) if row.ratio is None else _ratio(value)


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
