"""How the parts of a bundle come about, without a host."""

from __future__ import annotations

from pathlib import Path

from teleport_bootstrap.host import clock, root
from teleport_bootstrap.support import collection


def test_a_journal_that_took_too_long_is_not_asked_again(tmp_path: Path) -> None:
    """The door to programs is closed here: asking would fail."""
    part = collection._journal(root.Root(str(tmp_path)), "journal/x.txt", [], 1.0, clock.SYSTEM.monotonic() - 1)
    assert part.text == "" and "took too long" in part.trouble
