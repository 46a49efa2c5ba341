"""The pins of the cluster's certificate authority, as the auth server's own `tctl` tells them."""

from __future__ import annotations

import re

from teleport_bootstrap import errors
from teleport_bootstrap.plan import pins

# `tctl status` prints a table: a name, blanks, a value. During a rotation there are several rows, or a name is given
# once and the pins stand beside or below each other. Releases differ in the colon and in what stands between pins.
_ROW = re.compile(r"\W*CA pins?(?=[\s:|]|$)[\s:|]*(.*)", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,|\u2502]+")


def from_status(output: str) -> tuple[str, ...]:
    """Return the pins in what `tctl status` printed, sorted, so that a new order is no change.

    Raises TctlFailed where there are none, or where something else stands in a pin's place.
    """
    found: list[str] = []
    continues = False
    for line in output.splitlines():
        row = _ROW.fullmatch(line)
        words = [word for word in _BETWEEN.split(row.group(1) if row else line) if word.strip("-")]
        # Below a row stand more pins, or what has nothing to do with it.
        continues = bool(row) or (continues and bool(words) and all(each.startswith("sha256:") for each in words))
        if continues:
            found += words
    listed = tuple(sorted(set(pins.listed("\n".join(found).lower()))))
    if not listed:
        raise errors.TctlFailed(
            "`tctl status` shows no CA pin" if not found else "`tctl status` shows something else in a CA pin's place",
            hint="Look at it with `tctl status` on this host; a pin is sha256: and 64 hexadecimal digits.",
        )
    return listed


def content(listed: tuple[str, ...]) -> str:
    """Return the value of the parameter that holds the pins: one a line."""
    return "\n".join(listed)
