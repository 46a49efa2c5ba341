"""A row of the table: what was measured, beside what, and the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Row:
    """One comparison.

    `ours` and `against` are medians in `unit`. What the target limits is `ratio`, or `ours` where there is no ratio.
    `before` is the same figure of the build of before, and `spread` are the quartiles of the ratios of all pairs,
    or of our own figures where there is no ratio. `word` stands between the two quantities.
    """

    name: str
    ours: float
    against: Optional[float]
    ratio: Optional[float]
    target: Optional[float]
    unit: str
    command: str
    before: Optional[float] = None
    spread: Optional[tuple[float, float]] = None
    word: str = "against"

    @property
    def figure(self) -> float:
        """What the target limits."""
        return self.ours if self.ratio is None else self.ratio

    @property
    def is_met(self) -> Optional[bool]:
        """Whether the figure, rounded as it is shown, is within the target; None where there is no target."""
        digits = 2 if self.ratio is not None or self.unit == "s" else 1
        return None if self.target is None else round(self.figure, digits) <= self.target
