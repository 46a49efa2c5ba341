"""Masks a conf for outsiders, including its comments and syntax errors."""

from __future__ import annotations

import re

from teleport_bootstrap.conf import variables
from teleport_bootstrap.secret import MASK

_ASSIGNMENT = re.compile(r"(?P<lead>\s*#?\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)=)(?P<value>.*)", re.DOTALL)


def masked(text: str) -> str:
    """Return `text` with every value masked except those of known variables that are not secret.

    A line that is not an assignment, such as the rest of a quoted value, may belong to a secret and is masked whole.
    """
    return "".join(f"{_line(line)}\n" for line in text.splitlines())


def _line(line: str) -> str:
    found = _ASSIGNMENT.fullmatch(line)
    if found is None:
        return line if not line.strip() or _is_comment_of_words(line) else MASK
    name = found["name"]
    if not found["value"].strip():
        return line
    harmless = name in variables.BY_NAME and not variables.is_secret_name(name)
    # Another assignment, or a comment, may follow on the same line.
    if harmless and "=" not in found["value"]:
        value, mark, comment = found["value"].partition(" #")
        return line if not mark or _is_comment_of_words(f"#{comment}") else f"{found['lead']}{value} # {MASK}"
    return f"{found['lead']}{MASK}"


def _is_comment_of_words(line: str) -> bool:
    """Whether a comment consists of words; a token has digits, or is very long."""
    return line.lstrip().startswith("#") and not any(
        len(word) > 20 or any(each.isdigit() for each in word) for word in line.split()
    )
