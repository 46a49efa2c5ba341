"""How the parts of a bundle are collected, without a host."""

from __future__ import annotations

from pathlib import Path

from teleport_bootstrap import paths
from teleport_bootstrap.host import clock
from teleport_bootstrap.inspection import bundle_parts


def test_skips_journals_after_the_deadline(tmp_path: Path) -> None:
    """Starting a program would fail this test."""
    part = bundle_parts._journal(paths.Root(str(tmp_path)), "journal/x.txt", [], 1.0, clock.SYSTEM.monotonic() - 1)
    assert part.text == "" and "took too long" in part.trouble
