"""docs/doctor.md: what `doctor` looks at, from its table of checks.

python3 -m teleport_bootstrap.manual doctor > docs/doctor.md
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.doctor import check, running, table

_INTRODUCTION = f"""\
# What `doctor` checks

<!-- Made by `python3 -m teleport_bootstrap.manual doctor`; change it there. -->

For operators whose cluster is not reached, or who want to know before anyone notices: what the command looks at, and
how to read what it prints.

```sh simulated
teleport-bootstrap doctor
teleport-bootstrap doctor --offline
teleport-bootstrap doctor --only instance --skip role
teleport-bootstrap doctor --list
```

It checks this host and, with the credentials of the instance role, what has to stand around it. It only reads, so that
it may be run in production at any time. All checks run at the same time, each for {check.SECONDS:.0f} seconds at most
and all for {running.ALL_SECONDS:.0f}, also where nothing answers.

Each check ends in one of four ways:

| word | meaning |
|---|---|
| `pass` | it is as it has to be |
| `warn` | it works, but not for ever, or not in every case |
| `fail` | Teleport cannot work with it; what to do stands below it, as a command where there is one |
| `skipped` | it does not apply to this conf, or could not be known; the line says why |

What failed or warns is printed first, with its remedy, and then a line for each check.

What follows from another fault is skipped, not failed: without credentials one check fails, and the others say that
they could not ask AWS. So mend what failed, from top to bottom, and run it again.

| exit status | meaning |
|---|---|
| {errors.OK} | no check has failed or warned |
| {errors.CHECK_FAILED} | a check has failed |
| {errors.CHECK_WARNED} | none has failed, but one has warned |

What the role has to be allowed so that nothing is skipped is a part of its policy:

```sh simulated
teleport-bootstrap iam-policy --part doctor
```

[`--format json`](json.md#doctor) prints the same for programs.

## The checks

`--only` and `--skip` take the names of checks and of groups, and can be repeated. `--offline` leaves out those that
need the network. `--brief` runs them all, and reports those that have failed or warn.
"""


def page() -> str:
    """Return the page, ending with a line feed."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _INTRODUCTION.rstrip("\n")
    for group, title in check.GROUPS.items():
        of_group = [each for each in table.CHECKS if each.group == group]
        if of_group:
            yield f"\n### {title}: `{group}`\n\n| check | looks at | network |\n|---|---|---|"
            for each in of_group:
                yield f"| `{each.name}` | {each.looks_at} | {'yes' if each.needs_network else 'no'} |"
