"""The fields of the commands that change this host, or what is outside of it."""

from __future__ import annotations

from teleport_bootstrap.change import units
from teleport_bootstrap.cli import adopt
from teleport_bootstrap.cluster.certificate import install, rotation
from teleport_bootstrap.manual.answers import common
from teleport_bootstrap.manual.answers.kinds import (
    Schema,
    choice,
    document,
    every,
    flag,
    moment,
    number,
    record,
    text,
    texts,
)
from teleport_bootstrap.operations import generate, reconfigure, restore, rollback, signal_launch

GENERATE: dict[str, Schema] = {
    "result": choice(
        (generate.WRITTEN, generate.KEPT, generate.HAND_CONFIGURED, generate.RESTORING),
        "`written` or `kept` is what became of teleport.yaml; `hand-configured`: there is no conf, and nothing was "
        "touched; `restoring`: a restore goes first.",
    ),
    "unit": text("Teleport's unit; null where it is not known.", or_null=True),
    "changed": common.CHANGED,
    "removed": texts("Those of `changed` that were removed."),
    "units": common.UNITS,
    "pending": common.WAITED_FOR,
}

_HOST_CHANGE: dict[str, Schema] = {
    "action": choice((units.RELOAD, units.RESTART), "How Teleport reads the change."),
    "unit": text("Teleport's unit."),
    "differences": common.DIFFERENCES,
    "secrets": texts("The paths of the secret files that get another content."),
    "edits": common.EDITS,
}
_PROPOSAL = record(
    _HOST_CHANGE,
    "What would change; null where nothing would. What is dangerous about it is in `findings`, with the code `danger`.",
    or_null=True,
)

RECONFIGURE: dict[str, Schema] = {
    "result": choice(
        (reconfigure.UNCHANGED, reconfigure.PROPOSED, reconfigure.APPLIED),
        "`proposed` with `--dry-run`; `unchanged`: the conf asks for what is there.",
    ),
    "generation": common.GENERATION,
    "changed": common.CHANGED,
    "units": common.UNITS,
    "health": common.health(),
    "pending": common.WAITED_FOR,
    "proposal": _PROPOSAL,
}

ROLLBACK: dict[str, Schema] = {
    "result": choice(
        (rollback.APPLIED, rollback.PROPOSED),
        "`proposed` with `--dry-run`.",
    ),
    "generation": common.GENERATION,
    "changed": common.CHANGED,
    "units": common.UNITS,
    "health": common.health(),
    "proposal": record(
        {"generation": number("The generation to return to."), **_HOST_CHANGE},
        "What would change. What is dangerous about it is in `findings`, with the code `danger`.",
    ),
}

_RESTORE_PROPOSAL = record(
    {
        "archive": text("Where the archive is."),
        "made_at": common.MADE_AT,
        "cluster": text("The cluster of the archive.", or_null=True),
        "role": text("The role of the host that it is from.", or_null=True),
        "host": text("The name of that host.", or_null=True),
        "archive_teleport_version": text("The version of Teleport there.", or_null=True),
        "teleport_version": text("The version of Teleport here; null where none is installed.", or_null=True),
        **common.MISSING,
        "unit": text("Teleport's unit."),
        "replaced": every(
            record(
                {
                    "path": text("The directory."),
                    "size_bytes": number("How much the archive has of it."),
                    "entries": number("How many files, directories and links those are."),
                },
                "A directory.",
            ),
            "The directories that are replaced.",
        ),
        "written": texts("The other files that are written."),
        "keeps_teleport_yaml": flag("Whether teleport.yaml is restored as it is in the archive, not regenerated."),
        "edits": common.EDITS,
        "set_aside": texts("What of this host's conf is put aside, in words."),
    },
    "What would be restored, null where nothing was proposed. What to know before is in `findings`.",
    or_null=True,
)

RESTORE: dict[str, Schema] = {
    "result": choice(
        (
            *(restore.NOTHING, restore.PROPOSED),
            *(restore.RESTORED, restore.UNDONE, restore.DISCARDED),
        ),
        "`proposed` with `--dry-run`; `nothing`: the conf asks for a restore that is not made any more.",
    ),
    "archive": text("What was restored, undone or discarded; null for nothing.", or_null=True),
    "generation": common.GENERATION,
    "units": common.UNITS,
    "health": common.health(),
    "kept": texts("Where the directories from before are kept."),
    "removed": texts("The directories that `--discard-undo` removed."),
    "proposal": _RESTORE_PROPOSAL,
}

ADOPT: dict[str, Schema] = {
    "result": choice((adopt.ADOPTED, adopt.NOTHING), "`nothing`: teleport.yaml has no manual edit."),
    "path": text("The override file that was written.", or_null=True),
    "content": text("What it holds, with masks for secrets.", or_null=True),
    "next_command": text("The command that records the edit as applied.", or_null=True),
}

FETCH_SECRETS: dict[str, Schema] = {"changed": common.CHANGED, "units": common.UNITS}

PUBLISH_TOKENS: dict[str, Schema] = {
    "published": texts("The names of the parameters that were written."),
    "pins_changed": flag("Whether the CA pins had changed."),
    "join_resource": text("The token resource of Teleport that was corrected.", or_null=True),
    "not_published_because": text("Why there was nothing to publish from here.", or_null=True),
}

SIGNAL: dict[str, Schema] = {
    "result": choice(
        (signal_launch.SUCCESS, signal_launch.FAILURE, signal_launch.DRAINED, signal_launch.NOTHING),
        "`nothing`: no one waits for a signal, or it was sent before. `drained`: Teleport was stopped.",
    ),
    "target": text("Who was told, as TELEPORT_SIGNAL says it.", or_null=True),
    "state": text("The state that the instance is on its way to in its group, such as `InService`.", or_null=True),
    "reason": text("Why, in a line."),
}

_INSTALL_RESULT = choice(
    (install.INSTALLED, install.UNCHANGED, install.NOTHING), "`nothing`: this host serves with no such certificate."
)
CERTIFICATE: dict[str, Schema] = {
    "result": choice(
        dict.fromkeys(
            (
                *(rotation.OBTAINED, rotation.RENEWED, rotation.PUBLISHED, rotation.PRESENT, rotation.ELSEWHERE),
                *(rotation.NOTHING, install.INSTALLED, install.UNCHANGED, install.NOTHING),
            )
        ),
        "`installed` and `unchanged` are those of `install`. `published`: an earlier run had obtained it; `present`: "
        "it is valid for long enough; `elsewhere`: another host does it.",
    ),
    "detail": text("The same in words, with names and dates."),
    "written": texts("The keys that were written to the bucket."),
    "installed": record(
        {
            "result": _INSTALL_RESULT,
            "detail": text("The same in words."),
            "changed": common.CHANGED,
            "units": common.UNITS,
        },
        "What was installed on this host; null where it does not serve with the certificate.",
        or_null=True,
    ),
}

FIRST_ADMIN: dict[str, Schema] = {
    "user": text("The name of the user."),
    "roles": texts("The roles of Teleport that it has."),
    "logins": texts("The accounts of hosts that it may log in to."),
    "link": text("The link for the password, a secret: the first one to open it becomes this user."),
    "expires_at": moment("When the link ends; null where Teleport did not say it.", or_null=True),
}

BACKUP_CREATE: dict[str, Schema] = {
    "archive": text("Where the archive is."),
    "name": text("Its name there."),
    **common.ARCHIVE,
    "units": common.UNITS,
    "removed": texts("The older archives that `--keep` removed."),
    "header": common.HEADER,
}

INIT: dict[str, Schema] = {
    "directory": text("Where the files are."),
    "answers": document("The answers, by the names of the questions, those that were not given with their default."),
    "written": flag("Whether the files were written: false where one differs, and `--force` was not given."),
    "files": every(
        record(
            {
                "path": text("Its path in the directory."),
                "change": choice(("new", "changed", "unchanged"), "What becomes of it."),
                "diff": text("How it differs from the one that is there, as a unified diff.", or_null=True),
            },
            "A file.",
        ),
        "The files, what to do next at the end.",
    ),
}

COLLECT_LOGS: dict[str, Schema] = {
    "path": text("The bundle."),
    "size_bytes": number("Its size."),
    "entries": every(
        record(
            {
                "name": text("Its name in the bundle."),
                "size_bytes": number("Its size."),
                "masked": number("How many secrets were masked in it."),
            },
            "A file.",
        ),
        "The files in it.",
    ),
    "masked": every(
        record({"kind": text("The kind of secret."), "count": number("How often it was masked.")}, "A kind."),
        "What was masked. What could not be collected or masked is in `findings`.",
    ),
}

JOB = record(
    {
        "name": text("The job."),
        "last_run_at": moment("When it began last."),
        "last_success_at": moment("When it last succeeded; null where it never did.", or_null=True),
        "outcome": text("`succeeded`, `incomplete` or `failed`."),
        "detail": text("What it did, or why it failed, in words."),
    },
    "A job that a timer starts.",
)
