"""Draws the pictures of docs/diagrams from their texts, and makes tables of them: `./dev diagrams` runs this."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.diagrams import draw, page, source


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev diagrams", description=__doc__)
    parser.add_argument("--look", metavar="DIRECTORY", type=Path, help="draw each for a light and for a dark page too")
    arguments = parser.parse_args()
    page.PAGE.write_text(page.written(), encoding="utf-8")
    for name in source.NAMES:
        diagram = source.read(name)
        (source.FOLDER / f"{name}.svg").write_text(draw.draw(diagram), encoding="utf-8")
        for theme in ("light", "dark") if arguments.look is not None else ():
            arguments.look.mkdir(parents=True, exist_ok=True)
            (arguments.look / f"{name}-{theme}.svg").write_text(draw.draw(diagram, theme), encoding="utf-8")


if __name__ == "__main__":
    main()
