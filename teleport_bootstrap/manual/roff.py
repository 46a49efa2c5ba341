"""Text for manual pages, in the macros of man(7), which groff and mandoc both read."""

from __future__ import annotations

import datetime
import os
import re
import time
from collections.abc import Iterable

import teleport_bootstrap

# These would come out as other characters, or mean something, in a manual page.
_AS_TYPED = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq"}
_IN_PROSE = {"\\": "\\e", "^": "\\(ha", "~": "\\(ti", "`": "\\(ga"}
_COLUMNS = 78

# Behind the heading of a page: no words of a command are torn apart or spread.
AS_IT_IS = (".nh", ".ad l")


def typed(text: str) -> str:
    """Return `text` so that it is shown, and copied, exactly as it is."""
    return _mapped(text, _AS_TYPED)


def bold(text: str) -> str:
    """Return `text` as something to be typed."""
    return f"\\fB{typed(text)}\\fR"


def variable(text: str) -> str:
    """Return `text` as something in whose place a value is typed."""
    return f"\\fI{typed(text)}\\fR"


def prose(markdown: str) -> str:
    """Return sentences in Markdown, with no more than `code` and [links](to) in them, each beginning a line."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(markdown.split()))
    parts = re.split(r"`([^`]+)`", text)
    lines = []
    for sentence in _sentences(parts):
        lines += _filled(sentence)
    return "\n".join(_guarded(line) for line in lines)


def heading(name: str, section: int, title: str) -> str:
    """Return the first line of a page."""
    version = f"teleport-bootstrap {teleport_bootstrap.__version__}"
    return f'.TH {typed(name).upper()} {section} "{_today()}" "{version}" "{title}"'


def section(title: str) -> str:
    """Return the beginning of a section."""
    return f".SH {_quoted(title)}"


def subsection(title: str) -> str:
    """Return the beginning of a part of a section."""
    return f".SS {_quoted(title)}"


def entry(term: str, *paragraphs: str) -> str:
    """Return a term, which is roff already, and what is said of it, which is Markdown."""
    first, *others = [prose(each) for each in paragraphs if each] or ["\\&"]
    return "\n".join([".TP", _guarded(term), first, *(f".IP\n{each}" for each in others)])


def example(lines: Iterable[str]) -> str:
    """Return lines to be typed or read exactly so."""
    return "\n".join([".PP", ".RS 4", ".EX", *(_guarded(typed(line)) for line in lines), ".EE", ".RE"])


def _sentences(parts: list[str]) -> list[str]:
    """Return roff for text whose every other part is code, broken behind each sentence."""
    roff = "".join(bold(part) if number % 2 else _mapped(part, _IN_PROSE) for number, part in enumerate(parts))
    return re.split(r"(?<=[.:?!]) (?=[A-Z\\])", roff)


def _filled(sentence: str) -> list[str]:
    lines = [""]
    for word in sentence.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > _COLUMNS:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _guarded(line: str) -> str:
    """A line that begins with a dot or an apostrophe would be taken for a macro."""
    return f"\\&{line}" if line.startswith((".", "'")) else line


def _quoted(text: str) -> str:
    return f'"{typed(text)}"'


def _mapped(text: str, characters: dict[str, str]) -> str:
    return "".join(characters.get(each, each) if ord(each) < 128 else f"\\[u{ord(each):04X}]" for each in text)


def _today() -> str:
    """The date of the page: the build's own where it has one, so that two builds of one commit are the same."""
    moment = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime("%Y-%m-%d")
