"""docs/errors.md: every error by its exit status, made from the catalogue.

python3 -m teleport_bootstrap.manual errors > docs/errors.md
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors

_INTRODUCTION = """\
# Errors by code

<!-- Made by `python3 -m teleport_bootstrap.manual errors`; change it there. -->

Each failure has a code and an exit status, and a second line that says what to do next. `--format json` prints them,
and the journal keeps them:

    journalctl TELEPORT_BOOTSTRAP_CODE=aws-denied
    journalctl -t teleport-bootstrap -p err

By what one sees instead of by code: [troubleshooting.md](troubleshooting.md).

| exit status | meaning |
|---|---|"""

# What to do, by exit status; the hint of each error says it for the very case.
ADVICE = {
    errors.INTERNAL: (
        "Nothing you did. Run the command again with `--log-level debug`, and report what it prints with the "
        "bundle that `teleport-bootstrap collect-logs` makes."
    ),
    errors.CONF_OR_USAGE: (
        "Trying again will not help. `teleport-bootstrap validate` lists every problem of the conf with line and "
        "column, `teleport-bootstrap render --explain` shows where each value comes from, and `--help` what a "
        "command takes."
    ),
    errors.METADATA: (
        "Try `teleport-bootstrap metadata instance-id`. Look whether the metadata service is enabled for this "
        "instance (`aws ec2 describe-instances`, `MetadataOptions`), whether a firewall rule is in the way, and, "
        "inside a container, whether the hop limit is more than 1."
    ),
    errors.AWS: (
        "The message names the call and the resource. Compare the instance role with [the policies of the "
        "guide](guide.md#iam), the parameter names with [joining.md](joining.md), and the clock with "
        "`timedatectl`. Timers try again by themselves."
    ),
    errors.TELEPORT: (
        "Look at `teleport version`, and at what the conf asks for: enterprise and FIPS need their own builds. "
        "`teleport-bootstrap render` shows the file that was refused."
    ),
    errors.FILES: (
        "The message names the path. Look at `df -h`, `df -i`, mount options and the owner; what decides about "
        "root's work has to belong to root alone."
    ),
    errors.BUSY: "Somebody else is at work, and the message says who. Wait for them; nothing was changed.",
    errors.UNITS: "Look at `systemctl status` and `journalctl -b` of the unit that the message names.",
    errors.PENDING: (
        "Mostly this ends by itself: the units wait, and timers ask again. `teleport-bootstrap status` says what "
        "is awaited and where it comes from; `teleport-bootstrap fetch-secrets` asks at once."
    ),
    errors.UNCONFIRMED: "Look at the change with `--dry-run`, then agree with `--yes`. Nothing was changed.",
    errors.MANUAL_EDIT: (
        "Decide about the edit: `teleport-bootstrap adopt` keeps it as an override, `--discard-edits` loses it. "
        "Nothing was changed."
    ),
    errors.ROLLED_BACK: (
        "Teleport runs with the old configuration. The message has its last words with the new one; correct the "
        "conf and run `teleport-bootstrap reconfigure` again."
    ),
    errors.UNHEALTHY_AFTER_ROLLBACK: (
        "The trouble is not (only) in the new configuration. Look at `teleport-bootstrap status` and at "
        "`journalctl -b` of Teleport's unit."
    ),
    errors.ARCHIVE: (
        "Do not restore from this file. `teleport-bootstrap backup list` shows the others, `backup verify` checks"
        " one, and a new one is made by `teleport-bootstrap backup`."
    ),
    errors.CERTIFICATE: (
        "What was valid before is still there, and the timers try again. The message names certbot's log; look at"
        " Route 53 and at the bucket of the certificates."
    ),
    errors.UNSEALED: "Carry out the command below each line, then run `teleport-bootstrap seal` again.",
    errors.UNHEALTHY: "`teleport-bootstrap status` says what is not well.",
}


def page() -> str:
    """Return the page, ending with a line feed."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _INTRODUCTION
    for status, meaning in errors.MEANINGS.items():
        yield f"| {status} | {meaning} |"
    catalogue = list(errors.catalogue())
    for status, meaning in errors.MEANINGS.items():
        kinds = [kind for kind in catalogue if kind.exit_status == status]
        if kinds:
            yield f"\n## {status}: {meaning}\n\n{ADVICE[status]}\n\n| code | what it says |\n|---|---|"
            for kind in kinds:
                yield f"| `{kind.code}` | {' '.join((kind.__doc__ or '').split())} |"
