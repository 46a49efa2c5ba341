"""From the results of a run: a table for the terminal, and docs/reliability.md."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.simulated.faults import commands, files, network, programs
from tests.simulated.faults.cases import FILES, NETWORK, PROGRAMS

Row = dict[str, Any]

KINDS = {NETWORK: "services", PROGRAMS: "programs", FILES: "files"}
TAGS = {
    "loss": "losses",
    "leak": "secrets shown",
    "late": "waits beyond 1.1 times the deadline",
    "memory": "memory beyond its limit",
    "status": "unexpected exit statuses",
    "defect": "tracebacks and internal errors",
    "state": "hosts in an unexpected state",
    "leftover": "files left over",
    "stray": "redirects followed",
    "escape": "control characters printed",
    "output": "endless output",
    "runner": "failures of the test itself",
}
_LARGE = ("backup (", "backup verify", "restore")


def counted(rows: Iterable[Row]) -> list[Row]:
    """Return the results of faults that did happen."""
    return [row for row in rows if row["outcome"] != "not reached"]


def problems(rows: Iterable[Row]) -> Counter[str]:
    """Return how many cases have a problem of each kind."""
    found: Counter[str] = Counter()
    for row in rows:
        found.update({each.partition(":")[0] for each in row["problems"]})
    return found


def table(rows: list[Row], expected: dict[str, Counter[str]]) -> str:
    """Return a line for each command: of each kind how many of how many were run, and the problems."""
    lines = [f"{'command':<28}" + "".join(f"{KINDS[kind]:>14}" for kind in KINDS) + f"{'problems':>10}"]
    for command in commands.COMMANDS:
        mine = [row for row in rows if row["case"]["command"] == command.name]
        cells = []
        for kind in KINDS:
            run = sum(row["case"]["kind"] == kind for row in mine)
            cells.append(f"{run} of {expected.get(command.name, Counter())[kind]}")
        bad = sum(bool(row["problems"]) for row in mine)
        lines.append(f"{command.name:<28}" + "".join(f"{cell:>14}" for cell in cells) + f"{bad:>10}")
    lines.append("")
    lines += [f"{number} {TAGS.get(tag, tag)}" for tag, number in problems(rows).most_common()] or ["no problems"]
    return "\n".join(lines)


def page(rows: list[Row], expected: dict[str, Counter[str]], commit: str) -> str:
    """Return docs/reliability.md for results of the code of `commit`."""
    happened = counted(rows)
    total = sum(sum(each.values()) for each in expected.values())
    found = problems(happened)
    small = [row for row in happened if not row["case"]["command"].startswith(_LARGE)]
    worst = max((row["late"] for row in happened), default=0.0)
    outcomes = Counter(row["outcome"] for row in happened)
    lines = [
        "# Reliability",
        "",
        "For those who depend on this program: what happens to a host when something outside fails.",
        "`./dev faults --write` generates this page.",
        "",
        "The test finds each call that a command makes to something outside, and lets it fail in each way that such",
        "a call can fail: an exchange with a service, a program that is run, a system call on a file. After each fault",
        "it looks at the exit status, the messages, the time, the memory, every file below the root directory, and at",
        "what AWS holds.",
        "",
        f"Run on the program of commit {commit}: {len(rows):,} of {total:,} cases, {_how(len(rows), total)}.",
        f"In {len(rows) - len(happened):,} of them the call did not come up again.",
        "",
        "| | |",
        "|---|---|",
        f"| faults injected | {len(happened):,} |",
        *(f"| {text} | {found.get(tag, 0):,} |" for tag, text in TAGS.items()),
        f"| longest run, beyond the time without a fault, as a part of its deadline | {worst:.2f} |",
        f"| most memory, without backup and restore | {_most(small)} |",
        f"| most memory, of backup and restore | {_most([row for row in happened if row not in small])} |",
        "",
        "## What became of the host",
        "",
        "| the host is | faults |",
        "|---|---|",
    ]
    meanings = {
        "new": "as after an undisturbed run",
        "old": "as before the command",
        "new after the next run": "as after an undisturbed run, once the command has run again",
        "other": "configured from an answer that could not be told from a good one",
    }
    lines += [f"| {meaning} | {outcomes.get(outcome, 0):,} |" for outcome, meaning in meanings.items()]
    lines += [
        "",
        "## By command",
        "",
        "Faults injected in services, programs and files; the most memory; the longest run where a service fails, and",
        "the deadline for that.",
        "",
        "| command | services | programs | files | memory | longest | deadline | problems |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for command in commands.COMMANDS:
        mine = [row for row in happened if row["case"]["command"] == command.name]
        kinds = Counter(row["case"]["kind"] for row in mine)
        longest = max((row["seconds"] for row in mine if row["case"]["kind"] == NETWORK), default=0.0)
        cells = [f"{kinds[kind]:,}" for kind in KINDS]
        cells += [_most(mine), f"{longest:.1f} s", f"{command.seconds:.0f} s"]
        lines.append(f"| `{command.name}` | {' | '.join(cells)} | {sum(bool(row['problems']) for row in mine)} |")
    lines += [
        "",
        "## Faults",
        "",
        _listed("Of an exchange with a service", network.FAULTS),
        "",
        _listed("Of a program", programs.FAULTS),
        "",
        _listed("Of a system call", dict.fromkeys([files.KILLED, *itertools.chain(*files.TROUBLE.values())])),
        "",
    ]
    open_cases = [row for row in happened if row["problems"]]
    if open_cases:
        lines += ["## Open", "", "| case | problem |", "|---|---|"]
        lines += [f"| {_cell(row['name'])} | {_cell(row['problems'][0])} |" for row in open_cases[:50]]
        lines += [f"\n{len(open_cases) - 50:,} more."] if len(open_cases) > 50 else []
        lines.append("")
    return "\n".join(lines)


def _how(run: int, total: int) -> str:
    return "all that there are" if run >= total else "a sample, in turns of each kind of call of each command"


def _listed(start: str, names: Iterable[str]) -> str:
    text, lines = f"{start}: {', '.join(names)}.", [""]
    for word in text.split(" "):
        if len(lines[-1]) + len(word) >= 118:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")[:140]


def _most(rows: Iterable[Row]) -> str:
    return f"{max((row['peak_mib'] for row in rows), default=0.0):.0f} MiB"
