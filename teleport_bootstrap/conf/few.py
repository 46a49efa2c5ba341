"""What is said of a conf, in the order of its lines, as much of it as anyone reads: the first, and how many more."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

from teleport_bootstrap.finding import ERROR, Finding, Place, in_order_of_place
from teleport_bootstrap.hints import NamedTuple

MOST = 200


class Remark(NamedTuple):
    """A finding before it is made, which takes longer than to find it."""

    line: int
    column: int
    subject: str
    message: str
    remedy: str


def first(remarks: Iterable[Remark], severity: str, code: str, path: str) -> tuple[list[Finding], int]:
    """Return the first of `remarks` as findings, and the number of those that are left out."""
    number = 0

    def counted() -> Iterable[Remark]:
        nonlocal number
        for number, each in enumerate(remarks, 1):  # noqa: B007 - it counts
            yield each

    chosen = heapq.nsmallest(MOST, counted(), key=lambda each: (each.line, each.column))
    found = [
        Finding(severity, code, each.subject, each.message, each.remedy, Place(path, each.line, each.column))
        for each in chosen
    ]
    return found, number - len(found)


def shortened(findings: Sequence[Finding], left_out: int) -> tuple[Finding, ...]:
    """Return the first of `findings`, in the order of their places, and one that counts those that are `left_out` too.

    All of them are of one severity.
    """
    found = in_order_of_place(findings)
    left_out += max(0, len(found) - MOST)
    if not left_out:
        return found
    shown, severity = found[:MOST], found[0].severity
    what = "problem" if severity == ERROR else "warning"
    message = f"{left_out} more {what}{'s' if left_out > 1 else ''} in this file"
    remedy = f"only the first {len(shown)} are shown; correct them first, or check that this file is a conf"
    return (*shown, Finding(severity, "conf-more", "", message, remedy, shown[-1].place))
