"""docs/errors.md: exit statuses, and every error by its exit status, from the catalogue.

python3 -m teleport_bootstrap.manual errors > docs/errors.md
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors

_INTRODUCTION = """\
# Exit statuses and error codes

<!-- Made by `python3 -m teleport_bootstrap.manual errors`; change it there. -->

For scripts that test how a command ended, and for operators who have an error code and want to know what to do.

Each failure has a code and an exit status, and a hint that says what to do next. [`--format json`](json.md) prints
them, and the journal keeps them:

```sh run
journalctl TELEPORT_BOOTSTRAP_CODE=aws-denied
journalctl -t teleport-bootstrap -p err
```

The status of a command that changes a host says what it did to the host, also where its output is lost. A command that
is run for what it prints, such as `render`, ends with 6 where that cannot be written.

To start from a symptom instead of a code, see [troubleshooting.md](troubleshooting.md).

## Exit statuses

| exit status | meaning |
|---|---|"""

# What to do, by exit status; the hint of each error is more specific.
ADVICE = {
    errors.INTERNAL: (
        "This is not your mistake. Run the command again with `--log-level debug`, and report its output together "
        "with the bundle that `teleport-bootstrap collect-logs` creates."
    ),
    errors.CONF_OR_USAGE: (
        "Retrying does not help. `teleport-bootstrap validate` lists every problem of the conf with line and column, "
        "`teleport-bootstrap render --explain` shows where each value comes from, and `--help` shows the options of a "
        "command."
    ),
    errors.METADATA: (
        "Run `teleport-bootstrap metadata instance-id`. Check that the metadata service is enabled for this instance "
        "(`aws ec2 describe-instances`, `MetadataOptions`), that no firewall rule blocks it, and, in a container, that "
        "the hop limit is more than 1."
    ),
    errors.AWS: (
        "The message names the call and the resource. Compare the instance role with [the policies of the "
        "guide](guide.md#create-iam-roles), the parameter names with [joining.md](joining.md), and the clock with "
        "`timedatectl`. Timers retry automatically."
    ),
    errors.TELEPORT: (
        "Compare `teleport version` with what the conf asks for: enterprise and FIPS need their own builds. "
        "`teleport-bootstrap render` shows the file that Teleport rejected."
    ),
    errors.FILES: (
        "The message names the path. Check `df -h`, `df -i`, the mount options and the owner. Files that control what "
        "root does must belong to root, and no other user may write to them."
    ),
    errors.BUSY: "The message names the process or host that holds the lock. Wait until it ends; nothing was changed.",
    errors.UNITS: "Check `systemctl status` and `journalctl -b` of the unit that the message names.",
    errors.PENDING: (
        "This usually resolves itself: the units wait, and timers retry. `teleport-bootstrap status` lists what is "
        "pending and where it comes from; `teleport-bootstrap fetch-secrets` retries at once."
    ),
    errors.UNCONFIRMED: "Review the change with `--dry-run`, then confirm it with `--yes`. Nothing was changed.",
    errors.MANUAL_EDIT: (
        "Decide about the edit: `teleport-bootstrap adopt` keeps it as an override, `--discard-edits` drops it. "
        "Nothing was changed."
    ),
    errors.ROLLED_BACK: (
        "Teleport runs with the previous configuration. The message has the last journal lines of the attempt. Correct "
        "the conf and run `teleport-bootstrap reconfigure` again."
    ),
    errors.UNHEALTHY_AFTER_ROLLBACK: (
        "The new configuration is not the only cause. Check `teleport-bootstrap status` and `journalctl -b` of "
        "Teleport's unit."
    ),
    errors.ARCHIVE: (
        "Do not restore from this file. `teleport-bootstrap backup list` shows the others, `teleport-bootstrap backup "
        "verify` checks one, and `teleport-bootstrap backup` creates a new one."
    ),
    errors.CERTIFICATE: (
        "The certificate that was valid before is still in use, and the timers retry. The message names certbot's log; "
        "check Route 53 and the bucket of the certificates."
    ),
    errors.RESOURCES: (
        "Compare `ulimit -a`, `free -m` and the limits of the unit (`systemctl show`) with what "
        "other commands need. A change that was under way is completed or undone by the next command."
    ),
    errors.UNSEALED: "Run the command below each line, then run `teleport-bootstrap seal` again.",
    errors.INCOMPLETE: (
        "The message lists what is missing and why; the archive holds everything else. Correct that, and make the "
        "backup again. A timer's run counts as incomplete in `teleport-bootstrap status`, and not as a success; see "
        "[backup.md](backup.md#when-a-backup-is-incomplete)."
    ),
    errors.CHECK_FAILED: (
        "Each line that begins with `fail` has what to do below it. Mend them from top to bottom: the later ones may "
        "follow from the first. [doctor.md](doctor.md) lists the checks."
    ),
    errors.CHECK_WARNED: "Each line that begins with `warn` has what to do below it; nothing is broken today.",
    errors.UNHEALTHY: "`teleport-bootstrap status` reports what is wrong.",
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
            yield f"\n## {status}: {meaning}\n\n{ADVICE[status]}\n\n| code | meaning |\n|---|---|"
            for kind in kinds:
                yield f"| `{kind.code}` | {' '.join((kind.__doc__ or '').split())} |"
