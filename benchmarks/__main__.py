"""`./dev bench`: measure, print the table, and write it to docs/performance.md if asked to."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import backup, boot, builds, commands, generate, large_conf, machine, page, setting, table
from benchmarks.measuring import Failed
from benchmarks.row import Row

GROUPS = {module.GROUP: module for module in (generate, commands, large_conf, boot, backup)}
ROUNDS = 21
QUICK_ROUNDS = 5


def main() -> int:
    """Do what the command line asks for, and return the exit status."""
    options = _options()
    asked = list(dict.fromkeys([*options.groups, *(options.only or [])])) or list(GROUPS)
    here = machine.this()
    try:
        found, before = _measure(asked, options)
    except Failed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 1
    if options.write:
        present = page.PAGE.read_text(encoding="utf-8") if page.PAGE.exists() else ""
        measured = page.Measured(found, here, before, _rounds(options))
        page.PAGE.write_text(page.text(measured, present), encoding="utf-8")
        print(f"bench: wrote {page.PAGE.relative_to(builds.CHECKOUT)}", file=sys.stderr)
    return 0


def _measure(asked: Sequence[str], options: argparse.Namespace) -> tuple[dict[str, list[Row]], str]:
    """Measure the groups and print the rows of each at once; return them, with the commit of before."""
    found: dict[str, list[Row]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="teleport-bootstrap-bench-", dir=options.directory) as scratch,
        setting.make(Path(scratch), options.before, rounds=_rounds(options), quick=options.quick) as made,
    ):
        if made.before is None:
            print(f"bench: git has no commit {options.before} here, so that build is left out", file=sys.stderr)
        for number, group in enumerate(asked):
            found[group] = GROUPS[group].rows(made)
            print("\n".join(table.lines(found[group], heading=number == 0)), flush=True)
        return found, "" if made.before is None else made.before.name


def _rounds(options: argparse.Namespace) -> int:
    return QUICK_ROUNDS if options.quick else ROUNDS


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench", description="Measure what an operator notices.")
    known = list(GROUPS)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"rows to measure, of {', '.join(known)}")
    parser.add_argument("--only", action="append", choices=known, metavar="GROUP", help="the same")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds instead of {ROUNDS}")
    parser.add_argument("--write", action="store_true", help="renew what was measured in docs/performance.md")
    parser.add_argument(
        "--before", default=builds.BEFORE, metavar="COMMIT", help="the build to compare with; default: %(default)s"
    )
    parser.add_argument(
        "--directory", help="where there is room for four times 5 GiB, for backup; default: that of Python"
    )
    options = parser.parse_args()
    unknown = [group for group in options.groups if group not in known]
    if unknown:
        parser.error(f"unknown group {', '.join(unknown)}: it is one of {', '.join(known)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
