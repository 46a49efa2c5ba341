"""Patterns of the shell, as regular expressions."""

from __future__ import annotations

import re

# What a star matches is looked for in each place, so that text of another length than names have would take time.
_LONGEST = 120
_MOST_STARS = 2


def expression(pattern: str, content: str) -> str | None:
    """Return the expression for a pattern without quotes, for use in `content`; None where that is not read here."""
    stars = pattern.count("*")
    # How many characters a `?` matches of other text than ASCII depends on the locale.
    is_clear = not any(each in pattern for each in "[\\(|") and ("?" not in pattern or content.isascii())
    if stars > _MOST_STARS or (stars and len(content) > _LONGEST) or not is_clear:
        return None
    special = {"*": "(?s:.*)", "?": "(?s:.)"}
    return "".join(special.get(each, re.escape(each)) for each in pattern)


def matches(pattern: str, content: str) -> bool | None:
    """Return whether a pattern matches all of a text, None for one that is not read here."""
    found = expression(pattern, content)
    return None if found is None else re.fullmatch(found, content) is not None
