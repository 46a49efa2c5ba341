"""teleport.yaml as it may be shown: operators write tokens into it and into its overrides."""

from __future__ import annotations

import re

from teleport_bootstrap.secret import MASK, looks_secret

# A key and what follows it on its line, also in a comment.
_KEY = re.compile(r"(?P<lead>[ #]*(?:- +)*)(?P<key>[\"']?[A-Za-z0-9_.-]+[\"']?):(?P<value>(?: .*)?)$", re.ASCII)

# Begins a block of text on the lines below.
_BLOCK = ("|", ">")
_HARMLESS = ("", "true", "false", "yes", "no", "null", "~")


def masked(text: str) -> str:
    """Return YAML `text` with a mask for each scalar under a key that is named like a secret; file paths stay."""
    shown = []
    below: int | None = None  # the indentation of the secret key whose value is on the following lines
    for line in text.splitlines(keepends=True):
        found = _KEY.match(line)
        if below is not None and not _is_below(line, below):
            below = None
        if found is not None and looks_secret(found["key"]):
            value = found["value"].strip()
            goes_on = not value or value.startswith(_BLOCK)
            below = len(found["lead"]) if goes_on else None
            shown.append(line if goes_on or _is_harmless(value) else f"{found['lead']}{found['key']}: {MASK}\n")
        elif below is not None and found is None and not _is_harmless(line.strip().lstrip("- ")):
            lead = line[: len(line) - len(line.lstrip(" -"))]
            shown.append(f"{lead}{MASK}\n")
        else:
            shown.append(line)
    return "".join(shown)


def _is_below(line: str, indent: int) -> bool:
    body = line.strip()
    depth = len(line) - len(line.lstrip())
    return not body or depth > indent or (depth == indent and body.startswith("- "))


def _is_harmless(value: str) -> bool:
    """Return whether a value under such a key is not a secret: a switch, the path of a file, a comment."""
    bare = value.strip("\"'")
    return bare.startswith("/") or bare.lower() in _HARMLESS or value.startswith("#")
