"""A conf of 20,000 lines, beside bash, which sources the same file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import measuring
from benchmarks.measuring import Side
from benchmarks.row import Row
from benchmarks.setting import Setting

GROUP = "conf"
COMMAND = f"./dev bench --only {GROUP}"
LINES = 20_000


def _assigned(number: int) -> str:
    """Return a variable that is assigned again and again, as by a script that appends to its conf."""
    return f'TELEPORT_DOMAIN_NAME="teleport-{number}.example.com" # the name of attempt {number}\n'


def _comments(number: int) -> str:
    """Return what a conf that is documented at length consists of."""
    return "\n" if number % 10 == 0 else f"# {number}: what the variable below is for, and who may change it\n"


def _mixed(number: int) -> str:
    """Return each way of quoting in turn, with a comment in front."""
    host = f"auth-{number}.example.com"
    return (
        f"# {number}\n",
        f"TELEPORT_AUTH_SERVER_LB='{host}'\n",
        f"export TELEPORT_AUTH_SERVER_LB={host}\n",
        f'TELEPORT_AUTH_SERVER_LB="{host}"\n',
    )[number % 4]


_SHAPES: dict[str, Callable[[int], str]] = {
    f"a conf of {LINES:,} assignments with comments against bash sourcing it": _assigned,
    f"a conf of {LINES:,} lines of comments against bash sourcing it": _comments,
    f"a conf of {LINES:,} lines, quoted in all ways, against bash sourcing it": _mixed,
}
NAMES = tuple(_SHAPES)


def rows(setting: Setting) -> list[Row]:
    """Measure each shape; raises measuring.Failed."""
    return [_row(setting, name, shape) for name, shape in _SHAPES.items()]


def _row(setting: Setting, name: str, shape: Callable[[int], str]) -> Row:
    path = setting.scratch / "large-conf"
    path.write_text("".join(_lines(shape)), encoding="utf-8")
    bash = Side((_bash(), "-c", '. "$1"', "bash", str(path)), setting.environ())
    sides = {**setting.agent("validate", str(path)), "bash": bash}
    # Each run takes long enough for few rounds.
    figures = measuring.in_turn(setting.runner, sides, max(3, setting.rounds // 3))
    return Row(
        name,
        figures.milliseconds("this"),
        figures.milliseconds("bash"),
        figures.ratio("this", "bash"),
        8.0,
        "ms",
        COMMAND,
        before=figures.ratio("before", "bash") if "before" in figures else None,
        spread=figures.spread("this", "bash"),
    )


def _lines(shape: Callable[[int], str]) -> Iterator[str]:
    yield "USE_ACM=true\nTELEPORT_EXTERNAL_HOSTNAME=teleport.example.com\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
    yield from (shape(number) for number in range(LINES))
    yield "TELEPORT_DOMAIN_NAME=teleport.example.com\n"


def _bash() -> str:
    return shutil.which("bash") or str(Path("/bin/bash"))
