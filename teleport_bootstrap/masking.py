"""The one masker: whatever this program shows, in text, JSON, the journal or a bundle, loses its secrets here.

Secrets that are known come first, in every form in which one may appear: those that this process has met (see
`secret.remember`), or those given. Then come patterns: in this program's own words only those that cannot match
anything harmless, in what other programs say also values that are named like a secret.
"""

from __future__ import annotations

import array
import base64
import functools
import json
import re
from collections.abc import Iterable, Iterator
from urllib import parse

from teleport_bootstrap import escaping, regex, secret, secret_patterns
from teleport_bootstrap.hints import Any
from teleport_bootstrap.secret import MASK

# Shorter ones are masked as whole words only: they may be part of other words.
_SHORT = 6
# The encoded form of a shorter value may be ordinary text, and the beginning of a cut one.
_ENCODABLE = 8
# Known values that every message may have; where they are secrets, they are masked in their places only.
_ORDINARY = frozenset(
    (
        *("teleport", "token", "tokens", "secret", "password", "key", "license", "cluster", "changeme", "example"),
        *("auth", "node", "proxy", "kube", "app", "db", "agent", "root", "admin", "user", "test", "none", "default"),
        *("true", "false", "null", "yes", "no", "on", "off", "local", "localhost", "https", "http", "v1", "v2", "v3"),
    )
)
# Where a long value may continue on the next line: folded by YAML, and in a difference or a quotation.
_WRAPS = (regex.compile(r"\\?\r?\n[ \t]*"), regex.compile(r"\\?\r?\n[+|>#-][ \t]*"))
_MOST_JOINED = 1024 * 1024
_PEM = regex.compile(
    r"(?P<lead>-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)"
    r"(?P<value>.{1,20000}?)(?=-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_HEADER = regex.compile(r"(?P<lead>\b(?i:bearer|basic) {1,9})(?P<value>(?=[\w.~+/=-]{0,200}?[0-9A-Z])[\w.~+/=-]{8,})")
_SIGNED = regex.compile(r"(?P<lead>\b(?i:aws4-hmac-sha256) {1,9})(?P<value>[^\n\"']+)")


class Known:
    """A set of secrets in all their forms, to be masked in texts."""

    def __init__(self, values: Iterable[str]) -> None:
        whole = {each for each in values if each}
        self.number = len(whole)
        found = {form for value in whole for form in forms(value)}
        self._forms = sorted((form for form in found if len(form) >= _SHORT), key=len, reverse=True)
        self._words = [
            re.compile(rf"(?<!\w){re.escape(form)}(?!\w)") for form in found if len(form) < _SHORT and form.strip()
        ]
        self._long = [form for form in self._forms if len(form) >= _ENCODABLE]

    def masked(self, text: str) -> tuple[str, int]:
        """Return `text` without these secrets, and how many were in it."""
        count = 0
        for form in self._forms:
            if form in text:
                count += text.count(form)
                text = text.replace(form, MASK)
        for word in self._words:
            text, number = word.subn(MASK, text)
            count += number
        for wrap in _WRAPS if "\n" in text else ():
            text, number = self._across_lines(text, wrap)
            count += number
        if "…" in text:
            text, number = self._cut_off(text)
            count += number
        return text, count

    def are_in(self, text: str) -> bool:
        """Return whether one of them is in `text` as it is."""
        return any(form in text for form in self._forms) or any(word.search(text) for word in self._words)

    def _across_lines(self, text: str, wrap: re.Pattern[str]) -> tuple[str, int]:
        """Mask those that continue on the next line, after what `wrap` matches."""
        if len(text) > _MOST_JOINED:
            return text, 0
        joined: list[str] = []
        places, at = array.array("Q"), 0
        for found in wrap.finditer(text):
            joined.append(text[at : found.start()])
            places.extend(range(at, found.start()))
            at = found.end()
        joined.append(text[at:])
        places.extend(range(at, len(text)))
        whole = "".join(joined)
        spans: list[tuple[int, int]] = []
        for form in self._long:
            start = whole.find(form)
            while start != -1:
                spans.append((places[start], places[start + len(form) - 1] + 1))
                start = whole.find(form, start + len(form))
        apart: list[tuple[int, int]] = []
        for start, end in sorted(spans):
            if apart and start < apart[-1][1]:
                apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
            else:
                apart.append((start, end))
        for start, end in reversed(apart):
            text = text[:start] + MASK + text[end:]
        return text, len(apart)

    def _cut_off(self, text: str) -> tuple[str, int]:
        """Mask the beginnings of those that were cut off with an ellipsis."""
        count = 0
        for form in self._long:
            start = text.find(form[:_SHORT])
            while start != -1:
                end = text.find("…", start, start + len(form))
                if end != -1 and text[start:end] == form[: end - start]:
                    text = text[:start] + MASK + text[end:]
                    count += 1
                start = text.find(form[:_SHORT], start + 1)
        return text, count


def mask(text: str) -> str:
    """Return `text`, which this program is about to show, without secrets."""
    text, _ = _met(secret.met()).masked(text)
    text = secret.without_passwords(text)
    # Most texts hold nothing of what a pattern looks for. Other letters than those of ASCII may match some of these.
    small = text.lower() if text.isascii() else None
    for pattern, parts in _PATTERNS:
        if small is None or not parts or any(each in small for each in parts):
            text = pattern.sub(_replaced, text)
    return text


def mask_foreign(text: str) -> str:
    """Return `text`, which another program wrote, without secrets: what is named like one is masked too."""
    text = mask(text)
    for kind, pattern in secret_patterns.PATTERNS:
        if kind == secret_patterns.NAMED:
            text = pattern.sub(_replaced_unless_harmless, text)
    return text


def without(values: Iterable[str], text: str) -> str:
    """Return `text` without `values`, which are secrets, and without what `mask` does."""
    return mask(Known(values).masked(text)[0])


def in_values(value: Any) -> Any:
    """Return `value`, of which JSON is about to be made, with every text in it masked."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {mask(key) if isinstance(key, str) else key: in_values(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [in_values(each) for each in value]
    return value


def forms(value: str) -> Iterator[str]:
    """Yield the forms in which `value` may appear in a text: as it is, escaped, quoted, encoded."""
    yield value
    for safe in ("/", ""):
        yield parse.quote(value, safe=safe, errors="surrogateescape")
        yield parse.quote_plus(value, safe=safe, errors="surrogateescape")
    yield json.dumps(value)[1:-1]
    yield json.dumps(value).replace("/", "\\/")[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    yield escaping.one_line(value)
    yield value.replace("'", "''")  # in YAML's single quotes
    yield value.replace("'", "'\\''")  # in those of a shell
    yield value.replace("'", "'\"'\"'")
    if not value.isascii():
        yield "".join(each if each.isascii() else _as_in_yaml(each) for each in value)
    if "%" in value:
        yield parse.unquote(value, errors="surrogateescape")
    data = value.encode("utf-8", "surrogateescape")
    if len(data) >= _ENCODABLE:
        yield data.hex()
        yield data.hex().upper()
        for before in range(3):
            # The part that does not depend on the bytes before and after the value.
            start, end = (0, 2, 3)[before], (before + len(data)) * 8 // 6
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                yield encode(bytes(before) + data).decode("ascii")[start:end]


def is_harmless(value: str) -> bool:
    """Return whether `value`, after a name like that of a secret, is none: a file, a parameter, an ordinary word."""
    return value.lower().rstrip(".:") in secret_patterns.HARMLESS or any(
        each.fullmatch(value) for each in (secret_patterns.PATH, secret_patterns.REFERENCE)
    )


def _as_in_yaml(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02X}" if number < 0x100 else f"\\u{number:04X}" if number < 0x10000 else f"\\U{number:08X}"


@functools.lru_cache(maxsize=4)
def _met(values: tuple[str, ...]) -> Known:
    return Known(each for each in values if each.lower() not in _ORDINARY)


def _replaced(found: re.Match[str]) -> str:
    return found[0] if found["value"].strip("*") == "" else f"{found['lead']}{MASK}"


def _replaced_unless_harmless(found: re.Match[str]) -> str:
    bare = found["value"].strip("\\\"'")
    return found[0] if not bare.strip("*…") or is_harmless(bare) else f"{found['lead']}{MASK}"


# Each with the parts of which one is in whatever it matches: see `secret_patterns`.
_PATTERNS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (_PEM, ("-----begin",)),
    (_HEADER, ("bearer", "basic")),
    (_SIGNED, ("aws4-hmac-sha256",)),
    *secret_patterns.CERTAIN,
)
