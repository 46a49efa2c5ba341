"""How the parts of a bundle come about, without a host."""

from __future__ import annotations

from pathlib import Path

from teleport_bootstrap import paths
from teleport_bootstrap.host import clock
from teleport_bootstrap.inspection import bundle_parts


def test_a_journal_that_took_too_long_is_not_asked_again(tmp_path: Path) -> None:
    """The door to programs is closed here: asking would fail."""
    part = bundle_parts._journal(paths.Root(str(tmp_path)), "journal/x.txt", [], 1.0, clock.SYSTEM.monotonic() - 1)
    assert part.text == "" and "took too long" in part.trouble
