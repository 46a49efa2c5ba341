"""Taking secrets out of text that strangers will read: those that are known here, and what looks like one."""

from __future__ import annotations

import base64
import collections
import json
import re
from collections.abc import Iterable, Iterator
from urllib import parse

from teleport_bootstrap.secret import MASK, Secret

KNOWN = "a secret of this host"
PRIVATE_KEY = "a private key"
WEB_TOKEN = "a web token (JWT)"  # noqa: S105 - the name of a kind
AWS = "an AWS credential"
NAMED = "a value that is named like a secret"
LINK = "an invitation or signed link"
ENCODED = "a long encoded value"

# Shorter ones are looked for as whole words only: they would be found in the middle of others.
_SHORT = 6
# An encoding of something shorter is too short to be told from other text.
_ENCODABLE = 8
# No private key is longer; what has no end is no reason to drop a whole journal.
_KEY_LINES = 150

# Every quantifier is bounded or ends where the next match could begin: a journal may hold what was made to hold us up.
_NAME = (
    r"(?i:token|secret|passw(?:or)?d|passphrase|api[-_]?key|access[-_]?key|private[-_]?key|client[-_]?key"
    r"|authorization|credential|cookie)[\w.-]{0,60}"
)
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        PRIVATE_KEY,
        re.compile(
            r"(?P<lead>-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----)(?P<value>[A-Za-z0-9+/=\s\\:,.]{1,20000})"
            r"(?=-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)"
        ),
    ),
    (WEB_TOKEN, re.compile(r"(?P<lead>(?<![\w-]))(?P<value>eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)")),
    (AWS, re.compile(r"(?P<lead>\b)(?P<value>(?:AKIA|ASIA)[0-9A-Z]{16})\b")),
    (LINK, re.compile(r"(?P<lead>/web/(?:newuser|invite|reset|recovery(?:/\w{1,20})?)/)(?P<value>[\w-]{8,})")),
    (LINK, re.compile(r"(?P<lead>(?i:x-amz-(?:signature|credential|security-token))=)(?P<value>[^&\s\"']+)")),
    (NAMED, re.compile(r"(?P<lead>://[^/\s:@]{0,200}:)(?P<value>[^/\s@]{1,500})(?=@)")),
    (NAMED, re.compile(r"(?P<lead>\b(?i:bearer|basic) {1,9})(?P<value>[\w.~+/=-]{8,})")),
    (NAMED, re.compile(r"(?P<lead>\b(?i:tokens?)\b[^\n]{0,40}?\b)(?P<value>[0-9A-Fa-f]{32,500})\b")),
    (
        NAMED,
        re.compile(
            rf"(?P<lead>{_NAME}\\?[\"']? {{0,9}}[=:] {{0,9}})"
            r"(?P<value>\\?\"(?:[^\"\\\n]|\\.){0,1000}\"?|'[^'\n]{0,1000}'?|[^\s,;&\"'(){}\[\]]+)"
        ),
    ),
    # A line of a key or a certificate, or the token of a session; digests are hexadecimal, and stay.
    (
        ENCODED,
        re.compile(
            r"(?P<lead>(?<![\w+/-]))(?P<value>(?=[\w+/-]{0,200}?[a-z])(?=[\w+/-]{0,200}?[A-Z])(?=[\w+/-]{0,200}?[0-9])"
            r"[\w+/-]{60,}={0,2})"
        ),
    ),
)
_HEXADECIMAL = re.compile("[0-9a-f]+|[0-9A-F]+")
# What follows such a name and is none: files, parameters, and the beginning of a sentence.
_PATH = re.compile(r"/(?:etc|opt|root|run|teleport|usr|var)/[\w./<>*-]*")
_HARMLESS = frozenset(
    (
        *("true", "false", "null", "none", "yes", "no", "on", "off", "is", "was", "are", "a", "an", "the", "not"),
        *("absent", "present", "missing", "expired", "invalid", "unknown", "written", "fetched", "from", "in", "of"),
        *("and", "or", "with", "has", "needs", "for", "to"),
    )
)
_KEY_EDGE = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]*PRIVATE KEY-----")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Mask:
    """Masks text after text. `counts` is how many of each kind were masked so far, `known` is how many are known."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        whole = {each.reveal() for each in secrets if each}
        self.known = len(whole)
        self.counts: collections.Counter[str] = collections.Counter()
        forms = {form for value in whole for form in _forms(value)}
        self._forms = sorted((form for form in forms if len(form) >= _SHORT), key=len, reverse=True)
        self._words = [re.compile(rf"(?<!\w){re.escape(form)}(?!\w)") for form in forms if len(form) < _SHORT]

    def apply(self, text: str) -> str:
        """Return `text` without secrets, and with control characters in a form that no terminal obeys."""
        for form in self._forms:
            if form in text:
                self.counts[KNOWN] += text.count(form)
                text = text.replace(form, MASK)
        for word in self._words:
            text, count = word.subn(MASK, text)
            self.counts[KNOWN] += count
        for kind, pattern in _PATTERNS:
            text = pattern.sub(lambda found, kind=kind: self._replaced(kind, found), text)  # type: ignore[misc]
        return visible("".join(self._without_keys(text)))

    def survives(self, text: str) -> bool:
        """Whether a known secret is still in `text`."""
        return any(form in text for form in self._forms) or any(word.search(text) for word in self._words)

    def _replaced(self, kind: str, found: re.Match[str]) -> str:
        value = found["value"]
        bare = value.strip("\\\"'")
        if bare.strip("*") == "" or (kind == NAMED and _is_harmless(bare)):
            return found[0]
        if kind == ENCODED and _HEXADECIMAL.fullmatch(bare):
            return found[0]
        self.counts[kind] += 1
        return f"{found['lead']}{MASK}"

    def _without_keys(self, text: str) -> Iterator[str]:
        """Yield the lines of `text`, the last word of each masked that stands between the two edges of a key.

        A journal has each line of a key as an entry of its own, with a time in front, and newest entries first.
        """
        left, edge = 0, ""
        for line in text.splitlines(keepends=True):
            found = _KEY_EDGE.search(line)
            if found is not None:
                opens = left == 0 or found[1] == edge
                left, edge = (_KEY_LINES, found[1]) if opens and len(_KEY_EDGE.findall(line)) == 1 else (0, "")
                yield line
            elif left:
                left -= 1
                start, blank, last = line.rstrip("\n").rpartition(" ")
                self.counts[PRIVATE_KEY] += 1
                yield f"{start}{blank}{MASK}\n" if last else line
            else:
                yield line


def visible(text: str) -> str:
    """Return `text` with each control character, line feeds and tabs aside, as \\xNN."""
    return _CONTROL.sub(lambda found: "".join(f"\\x{byte:02x}" for byte in found[0].encode()), text)


def _is_harmless(value: str) -> bool:
    return value.lower().rstrip(".:") in _HARMLESS or _PATH.fullmatch(value) is not None or value.startswith("$")


def _forms(value: str) -> Iterator[str]:
    """Yield the ways in which `value` may stand in a text: as it is, escaped, encoded."""
    yield value
    for safe in ("/", ""):
        yield parse.quote(value, safe=safe, errors="surrogateescape")
        yield parse.quote_plus(value, safe=safe, errors="surrogateescape")
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    data = value.encode("utf-8", "surrogateescape")
    if len(data) >= _ENCODABLE:
        yield data.hex()
        yield data.hex().upper()
        for before in range(3):
            # The part of it that is the same whatever stands before and behind the value.
            start, end = (0, 2, 3)[before], (before + len(data)) * 8 // 6
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                yield encode(bytes(before) + data).decode("ascii")[start:end]
