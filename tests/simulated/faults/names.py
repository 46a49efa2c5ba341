"""The names of calls and files without what chance and the time put into them."""

from __future__ import annotations

import re

_CHANCE = re.compile(
    r"[0-9]{8}T[0-9]{6}Z(?:-[0-9]+)?"  # a time
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|[0-9a-f]{16,64}"
    r"|(?<=\.)[0-9a-f]{8}(?=\.)"
    r"|(?<=[._-])(?!verified)[a-z0-9_]{8}(?=$|[\"/>])"  # of tempfile
)


def without_chance(name: str) -> str:
    return _CHANCE.sub("*", name)
