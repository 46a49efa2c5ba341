"""Try all states of all commands, or of those whose names begin with the arguments: `./dev power-loss`."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from tests.simulated.agent import CHECKOUT
from tests.simulated.power_loss import check, commands, report

PAGE = CHECKOUT / "docs" / "power-loss.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev power-loss", description=__doc__)
    parser.add_argument("command", nargs="*", help="the beginning of a command's name")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(CHECKOUT)}")
    parser.add_argument("--keep-syncs", action="store_true", help="do not leave out each sync in turn")
    parser.add_argument("--moments", type=int, help="take so many moments of each command, evenly spread")
    options = parser.parse_args()
    chosen = [name for name in commands.COMMANDS if name.startswith(tuple(options.command) or "")]
    lines = []
    for name in chosen:
        with contextlib.ExitStack() as resources:
            scratch = Path(resources.enter_context(tempfile.TemporaryDirectory(dir=check.memory())))
            run = commands.COMMANDS[name](commands.World(scratch, resources))
            line = report.of(name, run, syncs=not options.keep_syncs, moments=options.moments)
        print(line.text, flush=True)
        for bad in line.figures.bad[:20]:
            print(f"  {bad}")
        for each in line.unexplained:
            print(f"  the sync of {each} could be left out, as far as the model knows")
        lines.append(line)
    if options.write:
        if len(lines) < len(commands.COMMANDS):
            parser.error("--write takes all commands")
        PAGE.write_text(report.page(lines))
    return 1 if any(line.figures.bad for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
