"""The fields of what says how this host is, and how it came to be so."""

from __future__ import annotations

from teleport_bootstrap.checks import host_facts
from teleport_bootstrap.doctor import check
from teleport_bootstrap.host import probe
from teleport_bootstrap.manual.answers import changing, common
from teleport_bootstrap.manual.answers.kinds import (
    Schema,
    choice,
    every,
    flag,
    moment,
    number,
    record,
    seconds,
    shared,
    text,
    texts,
)
from teleport_bootstrap.operations import status
from teleport_bootstrap.state import events

_ROLE = text("The role of this host; null where it is not known.", or_null=True)

CONFIRMED = flag("Whether Teleport was seen healthy with it.")

_RECOVERY = record(
    {
        "components": every(
            record(
                {
                    "name": text("The component, as Teleport names it."),
                    "state": choice((probe.DEGRADED, probe.RECOVERING), "How it is."),
                    "unhealthy_since_at": moment("Since when."),
                    "unhealthy_seconds": seconds("For how long."),
                },
                "A component of Teleport.",
            ),
            "The components that are unhealthy, as far as Teleport's log says.",
        ),
        "listeners": every(
            record(
                {
                    "section": text("The section of teleport.yaml that asks for it."),
                    "port": number("The port."),
                    "answers": flag("Whether it accepts connections."),
                    "is_ssh": flag("Whether an SSH server answers there."),
                },
                "A port.",
            ),
            "The ports of this host's Teleport.",
        ),
    },
    "What works and what does not; null but where `health` is `degraded` or `recovering`.",
    or_null=True,
)

_CONF_STATES = (
    host_facts.ABSENT,
    host_facts.INVALID,
    host_facts.VALID,
    host_facts.NOT_FOLLOWED,
    host_facts.ASKS_FOR_RESTORE,
)

STATUS: dict[str, Schema] = {
    "state": choice(
        (status.HEALTHY, status.DRIFTED, status.RECOVERING, status.BROKEN, status.UNKNOWN),
        "`broken`: `findings` has an error; `recovering`: Teleport has lost touch with its cluster, and should find "
        "it again; `drifted`: `findings` has warnings; `unknown`: nothing is known to be wrong, and Teleport was not "
        "asked.",
    ),
    "role": _ROLE,
    "summary": record(
        {
            "configured": flag("Whether there is a teleport.yaml, or something was applied."),
            "running": flag("Whether systemd runs Teleport; null without systemd.", or_null=True),
            "running_since_at": moment("Since when; null where it does not run.", or_null=True),
            "cluster": text("The cluster.", or_null=True),
            "web_address": text("The URL of the proxy's web port; null where this host has none.", or_null=True),
            "joined_through": text("The auth server or the proxy that it reaches its cluster by.", or_null=True),
            "last_backup_at": moment("When the last verified backup was made here.", or_null=True),
        },
        "What an operator wants to know first.",
    ),
    "teleport": record(
        {
            "version": text("Its version."),
            "edition": text("`community` or `enterprise`; null where it is not known.", or_null=True),
            "fips": flag("Whether it is a FIPS build; null where it is not known.", or_null=True),
        },
        "The installed Teleport; null where there is none, or where its version is not known.",
        or_null=True,
    ),
    "health": common.health("What Teleport reports of itself; `not-checked` where it does not run."),
    "unit": record(
        {
            "name": text("Its name."),
            "active": text("`ActiveState` of systemd, such as `active` or `failed`; `unknown` without systemd."),
            "sub": text("`SubState` of systemd, such as `running` or `auto-restart`."),
            "main_pid": number("Its main process; null without one.", or_null=True),
        },
        "Teleport's unit; null where it is not known.",
        or_null=True,
    ),
    "recovery": _RECOVERY,
    "conf": record(
        {
            "state": choice((each.replace(" ", "-") for each in _CONF_STATES), "How it is."),
            "not_followed_because": text("Why boots do not follow it; null where they do.", or_null=True),
        },
        "The conf.",
    ),
    "applied": record(
        {
            "generation": number("Its number."),
            "confirmed": CONFIRMED,
            "made_at": common.MADE_AT,
            "made_by": text("The command and the account that made it; null where it is not known.", or_null=True),
        },
        "The generation that is applied; null for none.",
        or_null=True,
    ),
    "restore": record(
        {
            "state": choice(("pending", "under-way", "failed", "restored"), "How the restore stands."),
            "archive": text("What the conf asks to restore, or what was restored; null where unknown.", or_null=True),
            "restored_at": moment("When it was restored; null where it was not.", or_null=True),
            "can_be_undone": flag("Whether the data from before it is kept, for `restore --undo`."),
        },
        "The restore that the conf asks for, or the one that was made on this host; null for none.",
        or_null=True,
    ),
    "has_teleport_yaml": flag("Whether /etc/teleport.yaml exists."),
    "markers": texts("The role markers in /etc/teleport.d."),
    "pending": common.WAITED_FOR,
    "timers": every(
        record(
            {
                "unit": text("Its unit."),
                "enablement": text("`UnitFileState` of systemd, such as `enabled`."),
                "active": text("`ActiveState` of systemd."),
            },
            "A timer.",
        ),
        "The timers that are enabled, or should be.",
    ),
    "jobs": every(changing.JOB, "The jobs that have run here."),
    "certificates": every(
        record(
            {
                "path": text("The file."),
                "expires_at": moment("When it expires; null where that is not known.", or_null=True),
                "begins_at": moment("From when on it is valid; null where that is not known.", or_null=True),
                "unknown_because": text("Why it is not known.", or_null=True),
            },
            "A certificate.",
        ),
        "The certificates that Teleport serves.",
    ),
    "secrets": every(
        record(
            {
                "path": text("The file."),
                "parameter": text("The SSM parameter that it comes from; null for one in the conf.", or_null=True),
                "written_at": moment("When it was written; null where it is missing.", or_null=True),
                "age_seconds": number("How long ago that was.", or_null=True),
            },
            "A secret file.",
        ),
        "The secret files that the conf needs.",
    ),
    "secrets_fetched_at": moment("When they were last fetched in this boot; null for not yet.", or_null=True),
}

HISTORY: dict[str, Schema] = {
    "generations": every(
        record(
            {
                "generation": number("Its number."),
                "current": flag("Whether it is applied."),
                **{
                    name: text(meaning, or_null=True)
                    for name, meaning in {
                        "made_by": "The command and the account that made it.",
                        "reason": "What the command was run for.",
                        "role": "The role.",
                        "unit": "Teleport's unit.",
                        "teleport_version": "The version of Teleport that it was made for.",
                        "agent_version": "The version of teleport-bootstrap that made it.",
                        "teleport_yaml_sha256": "The SHA-256 of teleport.yaml as it was written.",
                        "conf_sha256": "The SHA-256 of the conf.",
                    }.items()
                },
                "made_at": common.MADE_AT,
                "unreadable_because": text("Why the fields above are null: its record is damaged.", or_null=True),
            },
            "A generation.",
        ),
        "The generations that are kept, the newest first.",
    ),
    "events": every(
        record(
            {
                "ended_at": moment("When it ended."),
                "command": text("The command, with the options that matter; `recovery` for what a killed one left."),
                "who": text("The person who signed in, or the unit that ran it."),
                "result": choice(events.RESULTS, "How it ended."),
                "what": text("What was done, or why it failed, in words."),
                "exit_status": number("The [exit status](errors.md) of the command."),
                "generation_before": number("The generation that was applied before it.", or_null=True),
                "generation": number("The generation that was applied after it.", or_null=True),
            },
            "One thing that was done on this host.",
        ),
        "What was done on this host, the newest first; the last 200.",
    ),
}

HISTORY_DIFF: dict[str, Schema] = {
    "generation": number("The generation."),
    "before": number("What it is compared with; null where none is kept before it.", or_null=True),
    "differences": common.DIFFERENCES,
}

_CHECK: dict[str, Schema] = {
    "name": text("Its name, as --only and --skip take it."),
    "group": choice(check.GROUPS, "The group that it belongs to."),
}

DOCTOR: dict[str, Schema] = {
    "checks": every(
        record(
            {
                **_CHECK,
                "result": choice(
                    check.RESULTS, "How it has ended; `skipped` where it could not know, or does not apply."
                ),
                "found": every(
                    shared("finding"),
                    "What was found, of the severity that decided; where it was skipped, one note that says why.",
                ),
            },
            "A check.",
        ),
        "The checks that were run, in the order of the text; with --brief, those that have failed or warn.",
    ),
    "counts": record(
        {each: number(f"How many have ended as `{each}`.") for each in check.RESULTS},
        "How many have ended in which way.",
    ),
}

DOCTOR_LIST: dict[str, Schema] = {
    "all_checks": every(
        record(
            {
                **_CHECK,
                "about": text("What it looks at."),
                "needs_network": flag("Whether --offline leaves it out."),
            },
            "A check.",
        ),
        "The checks, with --list.",
    ),
}
