"""Text for manual pages, in the macros of man(7), which groff and mandoc both read."""

from __future__ import annotations

import datetime
import os
import re
import time
from collections.abc import Iterable

import teleport_bootstrap

# These characters would be changed or interpreted in a manual page.
_AS_TYPED = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq"}
_IN_PROSE = {"\\": "\\e", "^": "\\(ha", "~": "\\(ti", "`": "\\(ga"}
_COLUMNS = 78

# After the heading of a page: commands are neither hyphenated nor justified.
AS_IT_IS = (".nh", ".ad l")


def typed(text: str) -> str:
    """Return `text` so that it is displayed and copied exactly as it is."""
    return _mapped(text, _AS_TYPED)


def bold(text: str) -> str:
    """Return `text` as literal input."""
    return f"\\fB{typed(text)}\\fR"


def variable(text: str) -> str:
    """Return `text` as the placeholder of a value."""
    return f"\\fI{typed(text)}\\fR"


def prose(markdown: str) -> str:
    """Return Markdown sentences, which may hold `code` and [links](to) only, each on its own line."""
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
    """Return an entry of a list: `term` in roff, and its paragraphs in Markdown."""
    first, *others = [prose(each) for each in paragraphs if each] or ["\\&"]
    return "\n".join([".TP", _guarded(term), first, *(f".IP\n{each}" for each in others)])


def example(lines: Iterable[str]) -> str:
    """Return literal lines."""
    return "\n".join([".PP", ".RS 4", ".EX", *(_guarded(typed(line)) for line in lines), ".EE", ".RE"])


def _sentences(parts: list[str]) -> list[str]:
    """Return roff for text whose every second part is code, split after each sentence."""
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
    """Return `line` so that a dot or an apostrophe at its beginning is not read as a macro."""
    return f"\\&{line}" if line.startswith((".", "'")) else line


def _quoted(text: str) -> str:
    return f'"{typed(text)}"'


def _mapped(text: str, characters: dict[str, str]) -> str:
    return "".join(characters.get(each, each) if ord(each) < 128 else f"\\[u{ord(each):04X}]" for each in text)


def _today() -> str:
    """Return the date of the page: that of the build if set, so that builds of a commit are identical."""
    moment = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime("%Y-%m-%d")
