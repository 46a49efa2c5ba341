"""The fields of the commands that are run for what they print."""

from __future__ import annotations

from teleport_bootstrap.change import units
from teleport_bootstrap.manual.answers import common, host_state
from teleport_bootstrap.manual.answers.kinds import (
    Schema,
    anything,
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
from teleport_bootstrap.operations import host_plan
from teleport_bootstrap.permissions import need, written
from teleport_bootstrap.roles import Role

VALIDATE: dict[str, Schema] = {
    "conf": text("The conf that was checked."),
    "valid": flag("Whether `findings` has no error."),
    "assignments": every(
        record(
            {
                "name": text("The variable."),
                "value": text("Its value; a mask for a secret."),
                "line": number("The line, from 1."),
            },
            "An assignment.",
        ),
        "The assignments of the conf; none where its grammar is wrong.",
    ),
    "next_command": text(
        "The command that applies the conf of this host; null where it is applied or invalid, and for another conf.",
        or_null=True,
    ),
}

VARIABLES: dict[str, Schema] = {
    "variables": every(
        record(
            {
                "name": text("Its name."),
                "type": text("What its value is."),
                "roles": every({"enum": [each.value for each in Role]}, "The roles that read it."),
                "help": text("What it is for."),
                "required": text("When it must be set, in words; null where it need not be.", or_null=True),
                "default": text("What holds where it is not set, in words; null for nothing.", or_null=True),
                "secret": flag("Whether its value is never shown."),
                "since": text("The version of Teleport that has what it sets; null for all.", or_null=True),
            },
            "A variable.",
        ),
        "The variables, in the order of [conf-reference.md](conf-reference.md).",
    )
}

VARIABLES_EXAMPLE: dict[str, Schema] = {
    "role": choice((each.value for each in Role), "With `--example`, in place of `variables`: the role."),
    "content": text("A conf to start from."),
}

_ORIGIN = record(
    {
        "source": text("In words: an override, a variable, an item of the metadata, `default`."),
        "file": text("The file, where it comes from one.", or_null=True),
        "line": number("The line, from 1.", or_null=True),
        "column": number("The column, from 1.", or_null=True),
    },
    "Where a value comes from.",
)
_TEXT_YAML = document("The planned teleport.yaml, with masks for secrets but with `--show-secrets`.")
# Of these two, an answer has one.
RENDER: dict[str, Schema] = {"teleport_yaml": _TEXT_YAML}
RENDER_EXPLAIN: dict[str, Schema] = {
    "values": every(
        record(
            {
                "path": text("Its path in teleport.yaml."),
                "value": anything("The value; null for one that was removed."),
                "removed": flag("Whether an override deleted it."),
                "origins": every(_ORIGIN, "Where it comes from."),
            },
            "A value.",
        ),
        "With `--explain`, in place of `teleport_yaml`: the values, in the order of the document.",
    )
}

_OWNED = {
    "path": text("The path."),
    "mode": text("The mode, four octal digits."),
    "owner": text("The account."),
    "group": text("The group."),
}
_SECRET_SOURCE = {
    "parameter": text("The SSM parameter that it comes from.", or_null=True),
    "variable": text("The variable of the conf that it comes from.", or_null=True),
}

_HERE = record(
    {
        "applied": record(
            {"generation": number("Its number."), "confirmed": host_state.CONFIRMED},
            "The generation that is applied; null for none.",
            or_null=True,
        ),
        "not_followed_because": text("Why boots do not follow the conf; null where they do.", or_null=True),
        "next_command": text("The command that carries the plan out; null where nothing is to be done.", or_null=True),
        "action": choice(
            (host_plan.NOTHING, host_plan.START, units.RELOAD, units.RESTART), "What becomes of Teleport's unit."
        ),
        "unit": text("That unit."),
        "files": every(
            record(
                {
                    "path": text("The path."),
                    "change": choice(("unchanged", "new", "changed", "removed"), "What becomes of it."),
                    "diff": text("A unified diff; null where it stays as it is.", or_null=True),
                },
                "A file.",
            ),
            "The files of the plan, and those that would be removed.",
        ),
        "secrets": every(
            record(
                {
                    "path": text("The path."),
                    **_SECRET_SOURCE,
                    "state": choice(
                        ("unchanged", "new", "changed", "present", "missing"),
                        "What becomes of it; `present` and `missing` are fetched from SSM, which is not asked here.",
                    ),
                    "written_at": moment("When it was written; null where it is missing.", or_null=True),
                },
                "A secret file.",
            ),
            "The secret files.",
        ),
        "systemd": record(
            {**common.SYSTEMD, "missing": texts("Not installed.")}, "What would be asked of systemd for units."
        ),
        "edits": common.EDITS,
    },
    "What would change on this host; null in a plan for a fresh machine.",
    or_null=True,
)

PLAN: dict[str, Schema] = {
    "role": text("The role."),
    "teleport_yaml": document("The planned teleport.yaml, with masks for secrets."),
    "overrides": texts("The override files that were merged into it."),
    "files": every(
        record({**_OWNED, "content": text("The content, with masks for secrets.")}, "A file."),
        "The files to write, secrets left out.",
    ),
    "secrets": every(
        record(
            {
                **_OWNED,
                **_SECRET_SOURCE,
                "may_be_pending": flag("Whether the rest is applied before the file exists, and the unit waits."),
            },
            "A secret file.",
        ),
        "The secret files to write.",
    ),
    "directories": every(record(_OWNED, "A directory."), "The directories to make."),
    "markers": texts("The role markers in /etc/teleport.d."),
    "absent": texts("The files that must not exist, such as other markers."),
    "systemd": record(common.SYSTEMD, "The units, as they are wanted."),
    "here": _HERE,
}

IAM_POLICY: dict[str, Schema] = {
    "role": text("The role that the policy is for."),
    "form": choice(written.FORMS, "What it is written for."),
    "content": text("The policy, as it is written."),
    "needs": every(
        record(
            {
                "part": choice(need.PARTS, "The part of the instance."),
                "action": text("The action, such as `ssm:GetParameters`."),
                "resources": texts("The ARNs; `${AWS::AccountId}` and the like stand for what is not known."),
                "call": text("What makes the request."),
                "conditions": every(
                    record(
                        {
                            "operator": text("The operator of IAM."),
                            "key": text("The key, such as `kms:ViaService`."),
                            "values": texts("The values."),
                        },
                        "A condition.",
                    ),
                    "The conditions.",
                ),
            },
            "A permission.",
        ),
        "What is needed, and why.",
    ),
}

INSTALL_CHECK: dict[str, Schema] = {
    "teleport_version": text("The installed Teleport.", or_null=True),
    "running": flag("Whether the unit of its own package runs it."),
    "main_pid": number("The main process; null where it does not run.", or_null=True),
    "teleport_yaml": text("The configuration that it was started with."),
    "data_directory": text("Where its data is."),
    "configured": flag("Whether there is a conf already."),
    "role": text("The role of the proposed conf; null where the configuration cannot be read.", or_null=True),
    "conf": text("The proposed conf; null where the configuration cannot be read.", or_null=True),
    "to_fill": texts("The variables that the configuration does not answer."),
    "overridden": texts("The paths in teleport.yaml that `adopt` would keep as an override."),
    "unit": text("The unit of the role; null where the configuration cannot be read.", or_null=True),
    "restart_because": text("Why Teleport has to be restarted; null where it goes on.", or_null=True),
    "can_be_adopted": flag("Whether nothing stands against it; what does is in `findings`."),
    "steps": texts("What to do, in this order."),
}

METADATA: dict[str, Schema] = {
    "item": text("The item."),
    "value": text("Its value; null where this instance has none.", or_null=True),
}

SEAL: dict[str, Schema] = {"sealed": flag("True: the image holds nothing that belongs to one instance.")}

BACKUP_LIST: dict[str, Schema] = {
    "place": text("The directory, or s3://BUCKET/PREFIX."),
    "backups": every(
        record(
            {
                "archive": text("Where the archive is."),
                "name": text("Its name there."),
                "cluster": text("The cluster, as in the name."),
                "host": text("The host, as in the name."),
                "made_at": moment("When it was made."),
                "size_bytes": number("Its size."),
                "compression": text("How it is compressed: `zstd` or `gzip`."),
                "verified": flag("Whether it was verified after it was made."),
                "incomplete": flag("Whether something is missing in it."),
            },
            "An archive.",
        ),
        "The archives there, the newest first.",
    ),
}

BACKUP_VERIFY: dict[str, Schema] = {
    "archive": text("Where the archive is."),
    **common.ARCHIVE,
    "notes_count": number("How many notes it has; `findings` has the first hundred."),
    "links_outside_count": number("How many symbolic links lead out of what is archived."),
    "header": common.HEADER,
}
