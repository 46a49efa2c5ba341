"""The pins of the cluster's certificate authority, as the auth server's own `tctl` prints them."""

from __future__ import annotations

import re

from teleport_bootstrap import errors
from teleport_bootstrap.instance import secret_values

# `tctl status` prints a table: a name, blanks, a value. During a rotation there are several rows, or one name with
# several pins beside or below each other. Releases differ in the colon and in the separator between pins.
_ROW = re.compile(r"\W*CA pins?(?=[\s:|]|$)[\s:|]*(.*)", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,|\u2502]+")


def from_status(output: str) -> tuple[str, ...]:
    """Return the pins in the output of `tctl status`, sorted, so that a new order is not a change.

    Raises TctlFailed where there are no pins, or where a row of pins holds something else.
    """
    found: list[str] = []
    continues = False
    for line in output.splitlines():
        row = _ROW.fullmatch(line)
        words = [word for word in _BETWEEN.split(row.group(1) if row else line) if word.strip("-")]
        # The next line may hold more pins, or something unrelated.
        continues = bool(row) or (continues and bool(words) and all(each.startswith("sha256:") for each in words))
        if continues:
            found += words
    listed = tuple(sorted(set(secret_values.pins_in("\n".join(found).lower()))))
    if not listed:
        raise errors.TctlFailed(
            "`tctl status` shows no CA pin" if not found else "`tctl status` shows a CA pin that is invalid",
            hint="Run `tctl status` on this host; a pin is sha256: and 64 hexadecimal digits.",
        )
    return listed


def content(listed: tuple[str, ...]) -> str:
    """Return the value of the parameter that holds the pins: one per line."""
    return "\n".join(listed)
