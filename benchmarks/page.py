"""docs/performance.md, written whole by `./dev bench --write`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
- **Before** is commit `{before}`, in the same way, with the libraries of its own requirements. It asked SSM with
  botocore.
- **Target** is what this project wants to keep to.

`{command}` measures everything, and each row names the command that measures it alone. `--before COMMIT` compares with
another commit, `--quick` takes fewer rounds and small backups.
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
for `validate`, `render` and `status`. The bare interpreter runs the program `pass`; `import requests` is what any
client of the metadata service written in Python takes at least.
""",
    "conf": """\
## A large conf

User-data that appends to the conf at each boot makes it grow, and the shell that used to source it did not mind.
`validate` reads a conf of 20,000 lines of three kinds here, and bash sources the same file. Of `validate`, 10 ms are
the interpreter.
""",
    "boot": """\
## The whole boot

The time on the clock from the end of cloud-final, which runs user-data, to Teleport's first answer that it is ready,
on a booted Debian 12 with systemd, cloud-init and our package, in a container: the median of several boots. Each role
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

`backup create` beside `tar` with the same compressor and `sha256sum`, and `restore` beside `tar -x` with `sha256sum
-c`: time on the clock, with both sides' files in memory already.
""",
}

_SCRIPT = "../benchmarks/images_way.sh"


@dataclass(frozen=True)
class Measured:
    """A whole run: the rows of each group, the machine, the commit of before if it was measured, and the rounds."""

    groups: Mapping[str, Sequence[Row]]
    machine: Machine
    before: str
    rounds: int


def text(measured: Measured) -> str:
    """Return the page."""
    return "\n".join(_parts(measured))


def _parts(measured: Measured) -> Iterator[str]:
    yield _HEAD.format(before=measured.before[:12] or "(not in this clone)", command="./dev bench --write")
    machine = measured.machine
    yield (
        f"Measured on {machine.day} on {machine.cores} cores ({machine.processor}) with {machine.mebibytes:,} MiB, "
        f"{machine.system}, kernel {machine.kernel},\nPython {machine.python}, in {measured.rounds} rounds; "
        f"the load of the machine was {machine.load:.1f} at the beginning.\n"
    )
    for group, rows in measured.groups.items():
        yield TEXTS[group].format(script=_SCRIPT)
        yield "\n".join(_table(rows)) + "\n"
    yield _END


_END = """\
## Fleets

What many instances that start at once cost SSM, and how long that takes, is simulated: see `./dev help`.
"""


def _table(rows: Sequence[Row]) -> Iterator[str]:
    yield "| | this build | before | target | | spread | medians | measured by |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        cells = (
            row.name,
            f"**{figures.compared(row)}**",
            figures.before(row),
            figures.target(row),
            figures.verdict(row),
            figures.spread(row.spread),
            figures.both(row),
            f"`{row.command}`",
        )
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
