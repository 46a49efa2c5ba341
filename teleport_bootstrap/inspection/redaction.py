"""Masks secrets in text for outsiders: those that this host holds, and whatever looks like one."""

from __future__ import annotations

import collections
import re
from collections.abc import Iterable, Iterator

from teleport_bootstrap import escaping, masking, regex, secret, secret_patterns
from teleport_bootstrap.secret import MASK, Secret

KNOWN = "a secret of this host"

# No private key is longer; a missing end line must not mask the rest of a journal.
_KEY_LINES = 150

_HEXADECIMAL = regex.compile("[0-9a-f]+|[0-9A-F]+")
_KEY_EDGE = regex.compile(r"-----(BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
# The last word of a line of a key, and how many other lines may be in between.
_KEY_WORD = regex.compile(r"(?!/)[A-Za-z0-9+/]+={0,2}")
_MOST_OTHERS = 3


class Mask:
    """Masks several texts. `counts` has the number masked so far of each kind, `known` the number of known secrets."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._known = masking.Known(each.reveal() for each in secrets if each)
        self.known = self._known.number
        self.counts: collections.Counter[str] = collections.Counter()

    def apply(self, text: str) -> str:
        """Return `text` with secrets masked and control characters escaped."""
        text, count = self._known.masked(text)
        if count:
            self.counts[KNOWN] += count
        text = secret.URL.sub(self._without_password, text)
        for kind, pattern in secret_patterns.PATTERNS:
            text = pattern.sub(lambda found, kind=kind: self._replaced(kind, found), text)  # type: ignore[misc]
        return escaping.several_lines("".join(self._without_keys(text)))

    def survives(self, text: str) -> bool:
        """Whether a known secret is still in `text`."""
        return self._known.are_in(text)

    def _replaced(self, kind: str, found: re.Match[str]) -> str:
        value = found["value"]
        bare = value.strip("\\\"'")
        if bare.strip("*") == "" or (kind == secret_patterns.NAMED and masking.is_harmless(bare)):
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
