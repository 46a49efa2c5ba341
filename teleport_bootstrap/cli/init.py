"""`teleport-bootstrap init`: ask what cluster to launch, and write its confs, user-data, policies and next steps."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence

from teleport_bootstrap import display, errors
from teleport_bootstrap.cli import confirmation, interview, options, result, sources
from teleport_bootstrap.finding import Finding, Line
from teleport_bootstrap.launch import answers as answers_file
from teleport_bootstrap.launch import files
from teleport_bootstrap.launch.questions import Answers
from teleport_bootstrap.operations import init

EXAMPLE = "teleport-bootstrap init ./teleport --answers ./answers.yaml"
_DIRECTORY = "teleport"
OPTIONS = (
    options.option(
        "directory", f"where to write; default: ./{_DIRECTORY}", nargs="?", metavar="DIRECTORY", default=_DIRECTORY
    ),
    options.option("--answers", "answers from a file, such as an earlier answers.yaml; - for stdin", metavar="FILE"),
    options.flag("--force", "overwrite files that differ"),
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Take the answers, and write the files; where that would overwrite some, show how they differ instead."""
    place = arguments.directory
    if not place:
        # As an empty variable in a script gives it. A path that begins with it would be in the current directory.
        raise errors.UsageError(
            "DIRECTORY is empty", hint=f"Name the directory to write to, or leave it out for ./{_DIRECTORY}."
        )
    answers, warnings = _answers(arguments)
    contents = files.make(answers)
    found = init.compare(place, contents)
    changed = [each.path for each in found if each.change == init.CHANGED]
    lines: list[str] = [display.Difference(each.diff.rstrip()) for each in found if each.diff is not None]
    trouble = None
    if changed and not arguments.force:
        trouble = errors.ConfirmationNeeded(
            f"{', '.join(changed)} in {place} would be overwritten; nothing was written",
            hint="Add --force to overwrite what differs, or name another directory.",
        )
    else:
        init.write(place, contents, found)
        lines += _written(place, found)
    left = init.leftovers(place, contents)
    notes = [f"{os.path.join(place, path)} is of other answers, and can be removed" for path in left]
    lines += [Line("warning: ", each) for each in warnings]
    if trouble is None:
        lines.append(f"next: read {os.path.join(place, files.NEXT_STEPS)}")
    data = {
        "directory": place,
        "answers": answers,
        "written": trouble is None,
        "files": [{"path": each.path, "change": each.change, "diff": each.diff} for each in found],
        "notes": notes,
    }
    status = errors.OK if trouble is None else trouble.exit_status
    return result.Result(result.lines(lines, notes), data, status, trouble=trouble, findings=warnings)


def _written(place: str, found: Sequence[init.File]) -> list[str]:
    return [
        f"unchanged: {os.path.join(place, each.path)}"
        if each.change == init.SAME
        else f"wrote {os.path.join(place, each.path)}"
        for each in found
    ]


def _answers(arguments: argparse.Namespace) -> tuple[Answers, Sequence[Finding]]:
    """Return the answers from the file or the terminal, and warnings. Raises UsageError where there is neither."""
    if arguments.answers is not None:
        reading = answers_file.read(*sources.named_data(arguments.answers))
        return reading.answers, reading.warnings
    if not confirmation.can_ask(arguments):
        raise errors.UsageError(
            "there is no terminal to ask on",
            hint="Give the answers in a file: --answers FILE. A run on a terminal writes one, answers.yaml.",
        )
    return interview.ask({**_from_environment(), **_earlier(arguments.directory)}), ()


def _from_environment() -> Mapping[str, str]:
    """Return the region that the AWS command line would use, where the environment names one."""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return {"region": region} if region else {}


def _earlier(place: str) -> Mapping[str, str]:
    """Return the answers of an earlier run in the same directory; none where they cannot be read."""
    path = os.path.join(place, files.ANSWERS)
    try:
        return answers_file.read(*sources.named_data(path)).answers
    except errors.BootstrapError:
        return {}
