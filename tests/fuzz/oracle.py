"""What holds for every target: errors are those of the catalogue, and what they say can be shown to anyone."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from teleport_bootstrap import errors
from teleport_bootstrap.finding import Finding

# No input holds it but where a target has put it, and then it is a secret. It looks like the tokens that people use.
PLANTED = "se5ame0opens0the0gate"

# What no message may hold: it would move the cursor, end a line or hide text. `cli` lets line feeds and tabs through.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# A message that repeats an input is a page that is never read, and a way to fill the journal.
LONGEST_MESSAGE = 100_000


class Fault(AssertionError):
    """A fault that a target has found."""


def holds(what: bool, said: Any = "") -> None:
    """Raise Fault unless `what` is true; not an assert statement, which `python -O` leaves out."""
    if not what:
        raise Fault(f"{said!r}"[:4000])


def same(one: Any, other: Any) -> None:
    """Raise Fault unless the two are equal and of one type."""
    if type(one) is not type(other) or one != other:
        raise Fault(f"\n  {one!r}\n  {other!r}"[:4000])


@contextlib.contextmanager
def catalogue(*others: type[Exception]) -> Iterator[None]:
    """Let the body raise errors of the catalogue that can be shown, and `others`, which end it; nothing else."""
    try:
        yield
    except errors.BootstrapError as error:
        showable(error)
    except others:
        pass


def showable(error: errors.BootstrapError) -> None:
    """Raise Fault where an error is a defect of this program, or says what must not be shown."""
    if error.exit_status == errors.INTERNAL:
        raise Fault(f"a defect: {error.message}") from error
    plain(error.message)
    plain(error.hint)
    findings(error.findings)


def findings(found: Iterable[Finding]) -> None:
    """Raise Fault where a finding says what must not be shown."""
    for each in found:
        for text in (each.message, each.remedy, each.subject, str(each.place or "")):
            plain(text)
        holds(each.message != "", each)


def plain(text: str) -> None:
    """Raise Fault where a text has a control character, holds the planted secret, or has no end."""
    control = _CONTROL.search(text)
    holds(control is None, text)
    secretless(text)
    holds(len(text) <= LONGEST_MESSAGE, f"{len(text)} characters: {text[:200]}")


def secretless(shown: Any) -> None:
    """Raise Fault where the text of `shown` holds the planted secret."""
    text = shown if isinstance(shown, str) else repr(shown)
    holds(PLANTED not in text, text)
