"""What several answers have in common."""

from __future__ import annotations

from teleport_bootstrap.change import unit_action
from teleport_bootstrap.cli import answer, result
from teleport_bootstrap.finding import ERROR, NOTE, WARNING
from teleport_bootstrap.host import probe
from teleport_bootstrap.manual.answers.kinds import (
    Schema,
    choice,
    document,
    every,
    flag,
    moment,
    number,
    record,
    shared,
    text,
    texts,
)

FINDING = record(
    {
        "severity": choice((ERROR, WARNING, NOTE), "`error` stops what was asked for, or keeps Teleport from serving."),
        "code": text(
            "A stable word for programs, null for what has none. The codes of `error` are those of "
            "[errors.md](errors.md).",
            or_null=True,
        ),
        "subject": text("What it is about: a variable, a path in teleport.yaml, a file, a unit.", or_null=True),
        "message": text("What is wrong; a first line that says it, and where there are more, the details."),
        "remedy": text("What to write or to run instead.", or_null=True),
        "file": text("The file that it is in.", or_null=True),
        "line": number("The line, from 1.", or_null=True),
        "column": number("The column, from 1.", or_null=True),
    },
    "A problem, a warning or a note.",
)

UNIT_ACTION = record(
    {
        "unit": text("The unit of systemd."),
        "action": choice(
            unit_action.ALL,
            "What was done. Nothing waited for what is `-requested`; `left-out` and `not-enabled` were not done.",
        ),
        "reason": text("Why, where the action does not say it.", or_null=True),
    },
    "What was asked of systemd for one unit.",
)

PENDING = record(
    {
        "path": text("The file."),
        "unit": text("The unit that waits for it."),
        "parameter": text("The SSM parameter that it comes from; null for a certificate.", or_null=True),
        "is_published": flag("Whether an auth server of the cluster publishes that parameter."),
        "obstacle": text("Why what is there now cannot be used; null where the file is missing.", or_null=True),
        "next_command": text("The command that does now what a timer does for it."),
    },
    "A file that Teleport's unit waits for.",
)

SYSTEMD = {
    "disable": texts("To disable."),
    "stop": texts("To stop."),
    "enable": texts("To enable."),
    "start": texts("To start."),
}

MISSING = {
    "incomplete": flag("Whether something is missing in the archive that belongs in it."),
    "missing": every(
        record({"path": text("The path."), "reason": text("Why it is missing.")}, "What is missing."),
        "The first hundred paths that are missing.",
    ),
    "missing_count": number("How many are missing."),
}

ARCHIVE = {
    "verified": flag("Whether all of the archive was read, and is as it was written."),
    "digest": text("The SHA-256 of the content, in hexadecimal."),
    "size_bytes": number("The size of the archive."),
    "compression": text("How it is compressed: `zstd` or `gzip`."),
    "entries": number("How many files, directories and links it holds."),
    "files": number("How many of them are files."),
    "content_bytes": number("How much the files hold."),
    **MISSING,
}
HEADER = document("The header of the archive: [backup-format.md](backup-format.md).")

HEALTH = (*result.HEALTH_WORDS, *probe.WORDS)

ENVELOPE: dict[str, Schema] = {
    "version": {"const": answer.VERSION, "description": "The version of this description."},
    "command": text("The command, as in `backup list`; null where the command line was not understood.", or_null=True),
    "exit_status": number("The [exit status](errors.md) of the command."),
    "error": shared("finding", "Why the command failed, or did a part only; null otherwise.", or_null=True),
    "findings": every(shared("finding"), "Everything that it found, in the order of the text."),
}

DEFINITIONS = {"finding": FINDING, "unit_action": UNIT_ACTION, "pending": PENDING}

CHANGED = texts("The paths of the files that were written or removed.")
GENERATION = number("The number of the generation that is applied; null for none.", or_null=True)
UNITS = every(shared("unit_action"), "What was asked of systemd, in this order.")
WAITED_FOR = every(shared("pending"), "The files that Teleport's unit waits for.")
DIFFERENCES = every(
    record({"path": text("The path."), "diff": text("A unified diff.")}, "A file."),
    "The files that change, secrets left out.",
)
MADE_AT = moment("When it was made.", or_null=True)
EDITS = text("How a manual edit of teleport.yaml would be lost, as a unified diff; null without one.", or_null=True)


def health(meaning: str = "") -> Schema:
    """Return the schema of the word for Teleport's health."""
    return choice(
        HEALTH,
        meaning
        or "What Teleport reported at the end; `waiting` where its unit waits for files, `not-checked` where "
        "nothing was asked.",
    )
