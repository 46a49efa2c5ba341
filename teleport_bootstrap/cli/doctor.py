"""`teleport-bootstrap doctor`: check this host and what stands around it, and say how to mend what is wrong."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence

from teleport_bootstrap import display, errors, paths
from teleport_bootstrap.backup.stores import destination
from teleport_bootstrap.cli import backup_place, options, result
from teleport_bootstrap.doctor import check, running, table
from teleport_bootstrap.doctor.check import FAIL, GROUPS, PASS, SKIPPED, WARN, Check, Outcome
from teleport_bootstrap.doctor.subject import CALL_SECONDS, Subject
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import underway
from teleport_bootstrap.instance import gather
from teleport_bootstrap.state import access

EXAMPLE = "teleport-bootstrap doctor --only instance --skip role"

OPTIONS = (
    options.option(
        "--only", "run this check, or those of this group; can be repeated", action="append", metavar="NAME"
    ),
    options.option("--skip", "leave out this check or group; can be repeated", action="append", metavar="NAME"),
    options.flag("--offline", "run only the checks that need no network"),
    options.flag("--brief", "report only the checks that have failed or warn"),
    options.flag("--list", "print the checks and what each looks at, and run none"),
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Run the checks, all at the same time; the status says whether one has failed or warns."""
    root = options.root(arguments)
    chosen = table.chosen(arguments.only or (), arguments.skip or (), offline=arguments.offline)
    if arguments.list:
        return result.Result(list(_listed(chosen)), {"all_checks": [_declared(each) for each in chosen]})
    access.require(root, "doctor")
    subject = Subject(gather.Doors(root, os.environ, CALL_SECONDS), lambda: _backups(root))
    with underway.displayed(f"running {len(chosen)} checks", running.ALL_SECONDS) as progress:
        outcomes = running.run(chosen, subject, lambda left: progress.because(_waiting(left, len(chosen))))
    results = [each.result for each in outcomes]
    reported = [each for each in outcomes if each.result in (FAIL, WARN)] if arguments.brief else outcomes
    data = {
        "checks": [_data(each) for each in reported],
        "counts": {each: results.count(each) for each in check.RESULTS},
        "findings": [found for each in outcomes if each.result in (FAIL, WARN) for found in each.findings],
    }
    return result.Result(list(_lines(outcomes, is_brief=arguments.brief)), data, _status(results))


def _backups(root: paths.Root) -> tuple[destination.Destination, str | None]:
    place = backup_place.of_host(root)
    return place.destination(root), place.expected_owner


def _status(results: Sequence[str]) -> int:
    if FAIL in results:
        return errors.CHECK_FAILED
    return errors.CHECK_WARNED if WARN in results else errors.OK


def _waiting(left: Sequence[Check], all_of_them: int) -> str:
    names = ", ".join(each.name for each in left[:4]) + (", …" if len(left) > 4 else "")
    return f"{all_of_them - len(left)} have ended" + (f", waiting for {names}" if left else "")


def _lines(outcomes: Sequence[Outcome], *, is_brief: bool) -> Iterator[str]:
    """Yield one sentence, then what failed or warns with what to do about it, then a line for each check."""
    yield _sentence([each.result for each in outcomes])
    width = max(len(each.check.name) for each in outcomes)
    attention = [each for result in (FAIL, WARN) for each in outcomes if each.result == result]
    if attention:
        yield from ("", display.Heading("Needs attention"))
    for each in attention:
        yield from _of_outcome(each, width, with_remedy=True)
    if is_brief:
        return
    for group, title in GROUPS.items():
        of_group = [each for each in outcomes if each.check.group == group]
        if of_group:
            yield from ("", display.Heading(title))
        for each in of_group:
            yield from _of_outcome(each, width, with_remedy=each.result == SKIPPED)


def _sentence(results: Sequence[str]) -> str:
    counts = [(results.count(FAIL), "failed"), (results.count(WARN), "warned"), (results.count(PASS), "passed")]
    ended = ", ".join(f"{number} {word}" for number, word in counts if number)
    skipped = results.count(SKIPPED)
    left = f"{skipped} skipped, which do not apply here or could not know" if skipped else ""
    return f"{len(results)} checks: {'; '.join(filter(None, (ended, left)))}."


def _of_outcome(outcome: Outcome, width: int, *, with_remedy: bool) -> Iterator[str]:
    word = f"  {outcome.result:<7}  {outcome.check.name:<{width}}"
    if not outcome.findings:
        yield f"{word}  {outcome.check.looks_at}"
    for each in outcome.findings:
        place = f"{each.place}: " if each.place is not None else ""
        yield f"{word}  {place}{each.message}"
        if each.remedy and with_remedy:
            yield f"{' ' * (len(word) + 2)}→ {each.remedy}"


def _listed(checks: Sequence[Check]) -> Iterator[str]:
    width = max(len(each.name) for each in checks)
    for group, title in GROUPS.items():
        of_group = [each for each in checks if each.group == group]
        if of_group:
            yield from ("", display.Heading(f"{group}: {title}"))
        for each in of_group:
            yield f"  {each.name:<{width}}  {each.looks_at}"


def _declared(each: Check) -> dict[str, Any]:
    return {"name": each.name, "group": each.group, "about": each.looks_at, "needs_network": each.needs_network}


def _data(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.check.name,
        "group": outcome.check.group,
        "result": outcome.result,
        "found": outcome.findings,
    }
