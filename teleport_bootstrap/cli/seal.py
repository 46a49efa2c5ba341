"""`teleport-bootstrap seal`: prove that an image holds nothing that belongs to one instance; fail otherwise."""

from __future__ import annotations

import argparse
import dataclasses
import sys

from teleport_bootstrap import escaping
from teleport_bootstrap.cli import options, result
from teleport_bootstrap.inspection import image

EXAMPLE = "teleport-bootstrap seal --root /mnt/image"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: none of its own; nothing is ever removed by it."""


def run(arguments: argparse.Namespace) -> result.Result:
    """Judge, and raise ImageNotSealed where something blocks."""
    root = options.root(arguments)
    found = image.judge(root)
    notes = [each for each in found if not each.blocks]
    for each in notes:
        print(escaping.one_line(f"note: {each.path}: {each.what} ({each.remedy})"), file=sys.stderr)  # noqa: T201
    if len(notes) != len(found):
        raise image.refusal(root, found)
    return result.Result(
        f"{root.directory} holds nothing that belongs to one instance",
        {"sealed": True, "notes": [dataclasses.asdict(each) for each in notes]},
    )
