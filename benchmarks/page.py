"""docs/performance.md, written whole by `./dev bench --write`."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks import aws_cli, figures
from benchmarks.builds import CHECKOUT
from benchmarks.machine import Machine
from benchmarks.row import Row

PAGE = CHECKOUT / "docs/performance.md"

_HEAD = """\
# Performance

<!-- Made by `./dev bench --write`; change it in benchmarks/page.py. -->

For those who want to know what this agent costs at boot, on a node and for a backup, and for those who change it.

Each command is measured as a whole process, with all processes that it starts, in turn with what it is compared with,
in one run. A figure is the ratio of two medians, so it hardly depends on the machine: 0.5 is half as much, 2 is twice
as much. The time is that of the processor, user and system together, unless a section says otherwise. The spread is
that of the ratios of all pairs, between their quartiles.

- **This build** is the checkout, laid out as the packages install it: run with `-I` and `-B`, its bytecode compiled.
- **Before** is an earlier commit in the same way, with the libraries of its own requirements: by default the last one
  that asked SSM with botocore.
- **Target** is what this project wants to keep to.

`./dev bench` measures everything, and each row names the command that measures it. `--before COMMIT` compares with
another commit, `--quick` takes fewer rounds and small backups, `--write` renews what was measured in this page.
"""

TEXTS = {
    "generate": f"""\
## The first boot: `generate`

What stands between user-data and Teleport. The services are simulated, on the loopback interface, for all sides: the
instance metadata service, and SSM with license, token and CA pin. The other side is
[a script]({{script}}) that does what the shell scripts of the public images do with the same conf: it sources the conf,
asks for each metadata item with curl, with a token each, and for each parameter with the AWS command line, and writes
`teleport.yaml` with here-documents. Neither side starts units here, or the installed Teleport.

The AWS command line is version {aws_cli.VERSION} from PyPI: a pinned program that every machine can install. The
images have version 2. Debian's package of version 2 is measured too; it takes longer to start than version 1, so the
targets are for the stricter comparison.
""",
    "commands": """\
## Commands

`metadata` prints an instance's address for a label of Teleport, which each node reads once an hour. A person waits
for `validate`, `render` and `status`. The bare interpreter runs the program `pass`; `import requests` is a program of
that one statement. Both end as every program in Python does: the interpreter takes all modules apart. This agent ends
without that, which is a tenth of what `import requests` takes, and loads only those parts of requests that it uses
([what a command loads](architecture.md#what-a-command-loads)).
""",
    "conf": """\
## A large conf

User-data that appends to the conf at each boot makes it grow, and the shell that used to source it did not mind.
`validate` reads a conf of 20,000 lines of three kinds here, and bash sources the same file. Of `validate`, 10 ms are
the interpreter. Each takes long, so these are a third of the rounds.
""",
    "boot": """\
## The whole boot

The time on the clock from the end of cloud-final, which runs user-data, to Teleport's first answer that it is ready,
on a booted Debian 12 with systemd, cloud-init and our package, in a container: the median of 7 boots, or of 2 with
`--quick`. Each role
has its own user-data; the metadata service and SSM are simulated on the machine's loopback interface. The processes
of the machine run before all others of the computer, so that other work hardly changes the figures.

- **This agent** is `teleport-generate-config.service` from its start to its end, with the `systemctl` commands that it
  runs, and what our units run before Teleport. The answers of Teleport's own `version` and `configure --test`, which
  `generate` waits for, take no time here.
- **systemd** starts our service after cloud-final, and Teleport's unit after our service.
- **Teleport** is a stand-in, ready as soon as it has started: what it takes says nothing about a real one.

""",
    "backup": """\
## Backup and restore

The whole commands on a host with that much in Teleport's data directory, beside what a person would type: `tar` and
`zstd` with the same level and holes, and `sha256sum` of each file. `backup` also reads its archive again and compares
each file with the manifest, so a second comparison has the other side verify its archive too, as far as these
programs can. A row "on the clock" is what a person waits; memory is that of all processes together. The files of both
sides are in the computer's memory already. With `--quick` there is so little that the start of the commands counts
most.

Two targets are out of reach for a program in Python. Of few files, the start counts alone: the interpreter with
requests, which asks the metadata service, takes ten times what the other side takes in all. Of many files, a loop that
only opens, looks at, reads and digests each file takes 15 µs for one, half of the other side's 30 µs; this agent takes
50 µs with the header, the line of the manifest and the second reading.
""",
}

_SCRIPT = "../benchmarks/images_way.sh"

_END = """\
## Fleets

What many instances that start at once ask of SSM, and how long that takes, is simulated: [fleets](fleets.md).
"""


@dataclass(frozen=True)
class Measured:
    """The rows of each group of a run, the machine, the commit of before if it was measured, and the rounds."""

    groups: Mapping[str, Sequence[Row]]
    machine: Machine
    before: str
    rounds: int


def text(measured: Measured, present: str) -> str:
    """Return the page: the sections of what was measured, and those of other groups as they are in `present`."""
    kept = sections(present)
    parts = [_HEAD]
    for group, words in TEXTS.items():
        if group in measured.groups:
            parts.append(_section(words, measured.groups[group], measured))
        elif title(group) in kept:
            parts.append(kept[title(group)])
    return "\n".join([*parts, _END])


def title(group: str) -> str:
    """Return the line that begins the section of a group."""
    return TEXTS[group].partition("\n")[0]


def sections(page: str) -> dict[str, str]:
    """Return the sections of a page by their title, which is their first line."""
    found = re.split(r"^(?=## )", page, flags=re.MULTILINE)[1:]
    return {each.partition("\n")[0]: each.rstrip("\n") + "\n" for each in found}


def _section(words: str, rows: Sequence[Row], measured: Measured) -> str:
    machine = measured.machine
    has_before = measured.before and any(row.before is not None for row in rows)
    before = f"; before is commit `{measured.before[:12]}`" if has_before else ""
    place = (
        f"Measured on {machine.day} on {machine.cores} cores ({machine.processor}) with {machine.mebibytes:,} MiB, "
        f"{machine.system}, kernel {machine.kernel}, Python {machine.python}, at a load of {machine.load:.1f} from "
        f"other work, with {measured.rounds} rounds asked for{before}."
    )
    lines = textwrap.wrap(place, 118, break_long_words=False, break_on_hyphens=False)
    return "\n".join([words.format(script=_SCRIPT), *lines, "", *_table(rows), ""])


def _table(rows: Sequence[Row]) -> Iterator[str]:
    columns = [column for column in _COLUMNS if any(column.cell(row) for row in rows)]
    yield f"| {' | '.join(column.title for column in columns)} |"
    yield "|---" * len(columns) + "|"
    for row in rows:
        yield f"| {' | '.join(column.cell(row).replace('|', BAR) for column in columns)} |"


BAR = chr(92) + "|"


@dataclass(frozen=True)
class _Column:
    title: str
    cell: Callable[[Row], str]


# A column in which a section has nothing is left out.
_COLUMNS = (
    _Column("what", lambda row: row.name),
    _Column("this build", lambda row: f"**{figures.compared(row)}**"),
    _Column("before", figures.before),
    _Column("target", figures.target),
    _Column("is it met", figures.verdict),
    _Column("spread", lambda row: figures.spread(row.spread)),
    _Column("medians", figures.both),
    _Column("measured by", lambda row: f"`{row.command}`"),
)
