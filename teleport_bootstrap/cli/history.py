"""`teleport-bootstrap history`: list what was applied and done on this host, and how generations differ."""

from __future__ import annotations

import argparse
import re

from teleport_bootstrap import display, errors, paths, regex
from teleport_bootstrap.cli import options, result
from teleport_bootstrap.finding import WARNING, Finding, Line
from teleport_bootstrap.hints import Any
from teleport_bootstrap.operations import generation_differences
from teleport_bootstrap.state import access, current, events

EXAMPLE = "teleport-bootstrap history --diff 4"

_RANGE = regex.compile(r"(?:(?P<old>[0-9]{1,9})\.\.)?(?P<new>[0-9]{1,9})", re.ASCII)


def _range(text: str) -> tuple[int | None, int]:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError("a generation such as 4, or two such as 2..4")
    return None if match["old"] is None else int(match["old"]), int(match["new"])


OPTIONS = (
    options.option("--diff", "how generation N differs from the one before, or from M", metavar="[M..]N", type=_range),
)


def run(arguments: argparse.Namespace) -> result.Result:
    """List the generations that are kept and the events, newest first, or show how generations differ."""
    root = options.root(arguments)
    access.require(root, "history")
    return _list(root) if arguments.diff is None else _difference(root, *arguments.diff)


def _list(root: paths.Root) -> result.Result:
    rows, lines = [], []
    for row, each in current.history(root):
        rows.append(row)
        mark = "*" if row["current"] else " "
        shown = (
            f"{each.made_at}  {each.role}, Teleport {each.teleport_version}, {each.made_by}"
            if each
            else row["unreadable_because"]
        )
        lines.append(f"{mark} {row['generation']:>4}  {shown}")
    lines = lines or ["nothing has been applied yet"]
    done, findings = _done(root)
    if done:
        lines += ["", "What was done:", *(f"  {each.ended_at}  {each.line}" for each in done)]
    if findings:
        lines += ["", *(Line("warning: ", each) for each in findings)]
    return result.Result(lines, {"generations": rows, "events": done}, findings=findings)


def _done(root: paths.Root) -> tuple[tuple[events.Event, ...], tuple[Finding, ...]]:
    """Return what was done here, the newest first, and why that is unknown."""
    try:
        return events.read(root)[::-1], ()
    except errors.FileTrouble as error:
        return (), (Finding(WARNING, error.code, root.path(paths.EVENTS), error.message, error.hint),)


def _difference(root: paths.Root, old: int | None, new: int) -> result.Result:
    before, found = generation_differences.between(root, old, new)
    than = "nothing, since none is kept before it" if before is None else f"generation {before}"
    lines = [f"generation {new} compared with {than}:", *(display.Difference(each.diff.rstrip()) for each in found)]
    if not found:
        lines.append("the files are the same")
    data: dict[str, Any] = {"generation": new, "before": before, "differences": found}
    return result.Result(lines, data)
