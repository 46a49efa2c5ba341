"""`teleport-bootstrap status`: show what is configured and what runs, on one screen."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from teleport_bootstrap import display, errors, paths
from teleport_bootstrap.checks import host_facts
from teleport_bootstrap.cli import options, result, status_sentence, watching
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Line
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import clock
from teleport_bootstrap.operations import metrics, status
from teleport_bootstrap.state import access, jobs

EXAMPLE = "teleport-bootstrap status --format json"
FORMS = (*options.FORMS, options.PROMETHEUS)
OPTIONS = (
    options.option(
        "--watch",
        "redraw it on the terminal every SECONDS, by default 2, until Ctrl-C",
        nargs="?",
        const=2.0,
        type=options.seconds,
        metavar="SECONDS",
    ),
    options.option(
        "--output", "where to write --format prometheus, as one step; see docs/monitoring.md", metavar="FILE"
    ),
)

_STATUSES = {
    status.HEALTHY: errors.OK,
    status.UNKNOWN: errors.OK,
    status.DRIFTED: errors.DRIFTED,
    status.RECOVERING: errors.DRIFTED,
    status.BROKEN: errors.UNHEALTHY,
}
_MARKS = {ERROR: "- ", WARNING: "~ "}


def run(arguments: argparse.Namespace) -> result.Result:
    """Report, and end with a status for each of healthy, drifted or recovering, and broken.

    Where Teleport was not asked, as in an image under construction, nothing is wrong as far as that can be known.
    """
    root = options.root(arguments)
    access.require(root, "status")
    if arguments.output is not None and arguments.format != options.PROMETHEUS:
        raise errors.UsageError(
            "--output is for numbers for monitoring", hint="Add --format prometheus, or redirect the output."
        )
    if arguments.watch is not None and arguments.format != "text":
        form = arguments.format
        raise errors.UsageError(
            f"--watch is for a terminal, and prints no {'JSON' if form == 'json' else 'numbers for monitoring'}",
            hint=f"Run `status --format {form}` again and again instead.",
        )
    if arguments.format == options.PROMETHEUS:
        return _metrics(root, arguments.output)
    if arguments.watch is None:
        return _result(root)
    return watching.watch(lambda: _result(root), arguments.watch)


def _metrics(root: paths.Root, path: str | None) -> result.Result:
    """Return the numbers, or nothing where they are written to the file `path`.

    The status is that of collecting them: the state is one of the numbers.
    """
    text = metrics.text(root)
    if path is None:
        return result.Result(display.Block(text), {})
    metrics.write(path, text)
    return result.Result("", {})


def answer(root: paths.Root) -> dict[str, Any]:
    """Return what `status --format json` prints."""
    return _result(root).answer("status")


def _result(root: paths.Root) -> result.Result:
    report = status.report(root)
    return result.Result(list(_lines(root, report)), report, _STATUSES[report["state"]])


def _lines(root: paths.Root, report: dict[str, Any]) -> Iterator[str]:
    """Yield one sentence, then what needs attention, each with its reason and what to run, then everything else."""
    yield _first(root, report)
    attention = [each for severity in (ERROR, WARNING) for each in report["findings"] if each.severity == severity]
    if attention:
        yield from ("", display.Heading("Needs attention:"), *(Line(_MARKS[each.severity], each) for each in attention))
    yield from ("", *(f"{name + ':':<16}{value}" for name, value in _rows(report)))
    notes = [each for each in report["findings"] if each.severity == NOTE]
    if notes:
        yield from ("", *(Line("note: ", each) for each in notes))


def _first(root: paths.Root, report: dict[str, Any]) -> str:
    if not report["summary"].configured:
        return status_sentence.nothing(root.path(paths.CONF), exists=report["conf"]["state"] != host_facts.ABSENT)
    version = report["teleport"]["version"] if report["teleport"] else None
    now = clock.SYSTEM.wall()
    return status_sentence.sentence(report["state"], report["role"], version, report["summary"], now)


def _rows(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    not_asked = f" ({result.NOT_CHECKED})" if report["state"] == status.UNKNOWN else ""
    yield "state", f"{report['state']}{not_asked}"
    yield "role", report["role"] or "unknown"
    conf = report["conf"]
    yield "conf", ": ".join(filter(None, (conf["state"].replace("-", " "), conf["not_followed_because"])))
    if report["restore"]:
        yield "restore", _restore(report["restore"])
    yield "teleport.yaml", "present" if report["has_teleport_yaml"] else "absent"
    yield "generation", _generation(report["applied"])
    yield "marker", ", ".join(report["markers"]) or "none"
    unit = report["unit"] or {"name": "unknown", "active": "unknown", "sub": "unknown", "main_pid": None}
    yield "unit", f"{unit['name']}, {unit['active']}{' (auto-restart)' if unit['sub'] == 'auto-restart' else ''}"
    yield "main pid", str(unit["main_pid"] or "none")
    yield "Teleport", _build(report["teleport"]) if report["teleport"] else "not installed, or unknown"
    yield "health", report["health"].replace("-", " ")
    if report["recovery"] is not None:
        for each in report["recovery"].components:
            yield "unhealthy", f"{each.name}, {each.state}, since {each.since}"
        yield "works", "; ".join(report["recovery"].works) or "nothing that could be asked here"
    for each in report["timers"]:
        yield "timer", f"{each['unit']}, {each['enablement']}, {each['active']}"
    for job in report["jobs"]:
        last = f"last succeeded {job.last_success}" if job.last_success else "never succeeded"
        yield (
            "job",
            f"{job.name}, {last}" + ("" if job.outcome == jobs.SUCCEEDED else f", {job.outcome} {job.last_run}"),
        )
    for each in report["certificates"]:
        expiry = f"expires {each.expires}" if each.expires else f"expiry unknown: {each.unknown}"
        yield "certificate", f"{each.path}, {expiry}"
    for each in report["secrets"]:
        age = "absent" if each["age_seconds"] is None else f"written {_ago(each['age_seconds'])}"
        yield "secret", f"{each['path']}, {age}" + (f", from SSM {each['parameter']}" if each["parameter"] else "")
    if any(each["parameter"] for each in report["secrets"]):
        yield (
            "fetched",
            report["secrets_fetched_at"] or "not known to have succeeded in this boot; SSM is not asked here",
        )


def _build(found: dict[str, Any]) -> str:
    fips = {None: "FIPS not known", True: "FIPS", False: ""}[found["fips"]]
    kind = " ".join(filter(None, (found["edition"], fips)))
    return f"{found['version']} ({kind})" if kind else str(found["version"])


def _restore(found: dict[str, Any]) -> str:
    archive = found["archive"] or "an unknown archive"
    if found["state"] != "restored":
        return f"{found['state'].replace('-', ' ')}: {archive}"
    kept = "; the data from before it is kept until `teleport-bootstrap restore --discard-undo`"
    return f"{archive}, at {found['restored_at'] or 'an unknown time'}{kept if found['can_be_undone'] else ''}"


def _generation(found: dict[str, Any] | None) -> str:
    if found is None:
        return "none"
    made = f", {found['made_at']}, {found['made_by']}" if found["made_at"] else ""
    return f"{found['generation']}{made}{'' if found['confirmed'] else ', not confirmed'}"


def _ago(seconds: int) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} seconds ago"
