"""A conf as it may be shown to strangers, comments and mistakes included."""

from __future__ import annotations

import re

from teleport_bootstrap.conf import secrecy, variables
from teleport_bootstrap.secret import MASK

_ASSIGNMENT = re.compile(r"(?P<lead>\s*#?\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)=)(?P<value>.*)", re.DOTALL)


def shown(text: str) -> str:
    """Return `text` with every value masked that is not one of a variable known to be harmless.

    A line that is no assignment, such as the rest of a quoted value, may be part of anything, and is masked whole.
    """
    return "".join(f"{_line(line)}\n" for line in text.splitlines())


def _line(line: str) -> str:
    found = _ASSIGNMENT.fullmatch(line)
    if found is None:
        return line if not line.strip() or _is_comment_of_words(line) else MASK
    name = found["name"]
    if not found["value"].strip():
        return line
    harmless = name in variables.BY_NAME and not secrecy.is_secret_name(name)
    # Behind a blank, another assignment may follow on the same line, or a comment.
    if harmless and "=" not in found["value"]:
        value, mark, comment = found["value"].partition(" #")
        return line if not mark or _is_comment_of_words(f"#{comment}") else f"{found['lead']}{value} # {MASK}"
    return f"{found['lead']}{MASK}"


def _is_comment_of_words(line: str) -> bool:
    """Whether a comment is made of words; a token that somebody keeps there has digits, or is very long."""
    return line.lstrip().startswith("#") and not any(
        len(word) > 20 or any(each.isdigit() for each in word) for word in line.split()
    )
