"""Masks secrets in text for outsiders: those that this host holds, and whatever looks like one."""

from __future__ import annotations

import base64
import collections
import json
import re
from collections.abc import Iterable, Iterator
from urllib import parse

from teleport_bootstrap import escaping, secret
from teleport_bootstrap.inspection import secret_patterns
from teleport_bootstrap.secret import MASK, Secret

KNOWN = "a secret of this host"

# Shorter ones are masked as whole words only: they may be part of other words.
_SHORT = 6
# The encoded form of a shorter value may be ordinary text.
_ENCODABLE = 8
# No private key is longer; a missing end line must not mask the rest of a journal.
_KEY_LINES = 150

_HEXADECIMAL = re.compile("[0-9a-f]+|[0-9A-F]+")
# Values after a secret's name that are not secret: files, parameters, ordinary words.
_PATH = re.compile(r"/(?:(?:etc|home|opt|root|run|srv|teleport|tmp|usr|var)(?:/[\w./<>*-]*)?)?")
_REFERENCE = re.compile(r"\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\}|\()?")
_HARMLESS = frozenset(
    (
        *("true", "false", "null", "none", "yes", "no", "on", "off", "is", "was", "are", "a", "an", "the", "not"),
        *("absent", "present", "missing", "expired", "invalid", "unknown", "written", "fetched", "from", "in", "of"),
        *("and", "or", "with", "has", "needs", "for", "to", "token", "tokens", "license", "no", "denied", "found"),
    )
)
_KEY_EDGE = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
# The last word of a line of a key, and how many other lines may be in between.
_KEY_WORD = re.compile(r"(?!/)[A-Za-z0-9+/]+={0,2}")
_MOST_OTHERS = 3


class Mask:
    """Masks several texts. `counts` has the number masked so far of each kind, `known` the number of known secrets."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        whole = {each.reveal() for each in secrets if each}
        self.known = len(whole)
        self.counts: collections.Counter[str] = collections.Counter()
        forms = {form for value in whole for form in _forms(value)}
        self._forms = sorted((form for form in forms if len(form) >= _SHORT), key=len, reverse=True)
        self._words = [re.compile(rf"(?<!\w){re.escape(form)}(?!\w)") for form in forms if len(form) < _SHORT]

    def apply(self, text: str) -> str:
        """Return `text` with secrets masked and control characters escaped."""
        for form in self._forms:
            if form in text:
                self.counts[KNOWN] += text.count(form)
                text = text.replace(form, MASK)
        for word in self._words:
            text, count = word.subn(MASK, text)
            self.counts[KNOWN] += count
        text = secret.URL.sub(self._without_password, text)
        for kind, pattern in secret_patterns.PATTERNS:
            text = pattern.sub(lambda found, kind=kind: self._replaced(kind, found), text)  # type: ignore[misc]
        return escaping.several_lines("".join(self._without_keys(text)))

    def survives(self, text: str) -> bool:
        """Whether a known secret is still in `text`."""
        return any(form in text for form in self._forms) or any(word.search(text) for word in self._words)

    def _replaced(self, kind: str, found: re.Match[str]) -> str:
        value = found["value"]
        bare = value.strip("\\\"'")
        if bare.strip("*") == "" or (kind == secret_patterns.NAMED and _is_harmless(bare)):
            return found[0]
        if kind == secret_patterns.ENCODED and _HEXADECIMAL.fullmatch(bare):
            return found[0]
        self.counts[kind] += 1
        return f"{found['lead']}{MASK}"

    def _without_password(self, found: re.Match[str]) -> str:
        rest = found["rest"]
        password = secret.password_of(rest)
        if password is None or password.strip("*") == "":
            return found[0]
        self.counts[secret_patterns.NAMED] += 1
        start = 0 if rest.startswith(f"{password}@") else rest.index(":") + 1
        return f"://{rest[:start]}{MASK}{rest[start + len(password) :]}"

    def _without_keys(self, text: str) -> Iterator[str]:
        """Yield the lines of `text`; in each line of a private key, the last word is masked.

        A journal has each line of a key as its own entry, with a timestamp, and newest entries first; its first or last
        line may have been cut off.
        """
        lines = text.splitlines(keepends=True)
        edges: dict[int, str] = {}
        for index, line in enumerate(lines):
            found = _KEY_EDGE.findall(line) if "PRIVATE KEY" in line else []
            if found:
                edges[index] = found[0] if len(found) == 1 else ""
        chosen: set[int] = set()
        opened: int | None = None
        for place, kind in edges.items():
            chosen.update(_of_key(lines, edges, place, 1), _of_key(lines, edges, place, -1))
            if opened is not None and {edges[opened], kind} == {"BEGIN", "END"} and place - opened <= _KEY_LINES:
                chosen.update(range(opened + 1, place))
                opened = None
            else:
                opened = place
        for index, line in enumerate(lines):
            start, blank, last = line.rstrip("\n").rpartition(" ")
            if index in chosen and last not in ("", MASK):
                self.counts[secret_patterns.PRIVATE_KEY] += 1
                yield f"{start}{blank}{MASK}" + ("\n" if line.endswith("\n") else "")
            else:
                yield line


def _of_key(lines: list[str], edges: dict[int, str], edge: int, step: int) -> Iterator[int]:
    """Yield the indexes of lines like those of a key, starting at its first or last line `edge`."""
    others = 0
    for index in range(edge + step, edge + step * _KEY_LINES, step):
        if not 0 <= index < len(lines) or index in edges or others > _MOST_OTHERS:
            return
        start, _, last = lines[index].rstrip("\n").rpartition(" ")
        if _KEY_WORD.fullmatch(last) and (start.endswith(":") or not start.strip(" #-|")):
            others = 0
            yield index
        else:
            others += 1


def _is_harmless(value: str) -> bool:
    return value.lower().rstrip(".:") in _HARMLESS or any(each.fullmatch(value) for each in (_PATH, _REFERENCE))


def _forms(value: str) -> Iterator[str]:
    """Yield the forms in which `value` may appear in a text: as it is, escaped, encoded."""
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
            # The part that does not depend on the bytes before and after the value.
            start, end = (0, 2, 3)[before], (before + len(data)) * 8 // 6
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                yield encode(bytes(before) + data).decode("ascii")[start:end]
