"""Secrets in text that is not valid YAML, and in what YAML takes for nothing: found line by line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from teleport_bootstrap import regex
from teleport_bootstrap.plan import secret_values
from teleport_bootstrap.secret import MASK

# The same in one line of a text that is not YAML: in a list, and a header.
_LISTED = regex.compile(
    r"(?P<lead>[\"'\[ ]--(?P<name>[A-Za-z][\w-]{0,60})[\"']?\s{0,9},\s{0,9}[\"']?)"
    r"(?P<value>[^\s\"',\]-][^\s\"',\]]{0,2000})"
)
_ANY_BEARER = regex.compile(
    r"(?P<lead>\b(?:bearer|basic)\s{1,9})(?P<value>(?=[^\s\"']{0,200}?\d)[^\s\"',\]}]{6,2000})", re.I
)
# In one line of a text that is not YAML: a list, and a header with its value.
_LIST = regex.compile(r"(?P<name>[\w.-]{1,60})[\"']?\s{0,9}:\s{0,9}\[(?P<value>[^\[\]{}]{1,2000})")
_PAIR = regex.compile(
    r"\bname[\"']?:\s{0,9}[\"']?(?P<name>[\w-]{1,80})[\"']?\s{0,9},\s{0,9}[\"']?value[\"']?:\s{0,9}(?P<value>[^,}]{1,2000})"
)
# What YAML takes for a comment or an anchor, where a value was meant: `password: #1a2b`.
_TAKEN_FOR_NOTHING = regex.compile(
    r"^(?P<lead>[ #]*(?:- +)*[\"']?(?P<name>[A-Za-z0-9_.-]+)[\"']?: +)(?P<value>[#&](?=\S*\d)\S{5,})[ \t]*$",
    re.MULTILINE,
)
# The colon was forgotten.
_WITHOUT_COLON = regex.compile(
    r"(?P<lead>[ #]*(?:- +)*(?P<name>[A-Za-z0-9]+_[A-Za-z0-9_]+)[ \t]+)(?P<value>(?=\S*\d)\S{6,})\s*"
)
# A key and what follows it on its line, in a text that is not YAML.
_KEY = regex.compile(r"(?P<lead>[ #]*(?:- +)*)(?P<key>[\"']?[A-Za-z0-9_.-]+[\"']?):(?P<value>(?: .*)?)$", re.ASCII)


def masked(text: str) -> secret_values.Covered:
    """Return a text that is not valid YAML with what looks like a secret masked; its lines stay as many."""
    shown: list[str] = []
    secrets: list[str] = []
    below: int | None = None  # the indentation of the secret key whose value is on the following lines
    in_key = False
    is_header = False  # whether the line before named a header whose value is secret
    for line in text.splitlines(keepends=True):
        end = line[len(line.rstrip("\r\n")) :]
        found = _KEY.match(line.rstrip("\r\n"))
        if below is not None and not _is_below(line, below):
            below = None
        starts = secret_values.PEM.search(line) is not None
        if in_key or starts:
            in_key = "-----END" not in line
            lead = line[: len(line) - len(line.lstrip())] if not starts else line[: line.index("-----BEGIN")]
            before = secret_values.inside(lead) or secret_values.Covered(lead, ())
            secrets += (line[len(lead) :].strip(), *before.secrets)
            shown.append(before.text + MASK + end)
            continue
        key = found["key"].strip("\"'") if found is not None else ""
        if found is not None and (secret_values.is_secret_name(key) or (is_header and key == "value")):
            value = found["value"].strip()
            goes_on = not value or value[0] in "|>" or value.startswith("#")
            below = len(found["lead"]) if goes_on else None
            if not goes_on and not _is_harmless(value, found["key"]):
                secrets += _bare(value)
                shown.append(f"{found['lead']}{found['key']}: {MASK}{end}")
                continue
        elif below is not None and found is None:
            value = line.strip().lstrip("#- ")
            if value and not _is_harmless(value, "token"):
                lead = line[: len(line) - len(line.lstrip("# -"))]
                secrets += _bare(value)
                shown.append(f"{lead}{MASK}{end}")
                continue
        is_header = key == "name" and found is not None and secret_values.is_secret_header(found["value"].strip(" \"'"))
        inside = _flow(line)
        header = re.fullmatch(r"(?P<lead>[\s\-\"']*)(?P<rest>[A-Za-z0-9-]+:\s.*)", line, re.DOTALL)
        covered = (
            secret_values.cover(header["rest"].strip().strip("\"'"), secret_values.At())
            if header and inside is None
            else None
        )
        if inside is not None:
            secrets += inside.secrets
            shown.append(inside.text)
        elif covered is not None and header is not None:
            secrets += covered.secrets
            shown.append(header["lead"] + covered.text + end)
        else:
            shown.append(line)
    return without_nothing("".join(shown), secrets)


def _flow(line: str) -> secret_values.Covered | None:
    """Return what `inside` does, with lists and headers masked too that stand in one line with their names."""
    bare = _WITHOUT_COLON.fullmatch(line)
    if (
        bare is not None
        and secret_values.is_secret_name(bare["name"])
        and not secret_values.FILE.fullmatch(bare["value"])
    ):
        return secret_values.Covered(bare["lead"] + MASK + line[bare.end("value") :], (bare["value"],))
    secrets: list[str] = []

    def cover(found: re.Match[str]) -> str:
        name, value = found["name"], found["value"]
        if not (secret_values.is_secret_header if found.re.pattern == _PAIR.pattern else secret_values.is_secret_name)(
            name
        ):
            return found[0]
        texts = [each for each in _bare(f"[{value}]") if not secret_values.FILE.fullmatch(each.rpartition(":")[2])]
        secrets.extend(texts)
        whole = found[0]
        for each in sorted(texts, key=len, reverse=True):
            whole = whole.replace(each, MASK)
        return whole

    def cover_value(found: re.Match[str]) -> str:
        if found.re.pattern == _LISTED.pattern and (
            not secret_values.is_secret_name(found["name"].replace("-", "_"))
            or secret_values.FILE.fullmatch(found["value"])
        ):
            return found[0]
        secrets.append(found["value"])
        return found["lead"] + MASK

    rest = _LISTED.sub(cover_value, _PAIR.sub(cover, _LIST.sub(cover, line)))
    rest = _ANY_BEARER.sub(cover_value, rest)
    inside = secret_values.inside(rest) or secret_values.Covered(rest, ())
    secrets += inside.secrets
    return secret_values.Covered(inside.text, tuple(secrets)) if secrets else None


def _bare(value: str) -> Iterator[str]:
    """Yield a value as it is in a text that is not YAML: a list, quotes, or a static token."""
    for each in value.strip("[]").split(",") if value.startswith("[") else [value]:
        bare = each.strip().strip("\"'")
        if bare:
            yield bare
            static = secret_values.STATIC_TOKEN.fullmatch(bare)
            if static is not None and not secret_values.FILE.fullmatch(static["value"]):
                yield static["value"]


def _is_below(line: str, indent: int) -> bool:
    body = line.strip().lstrip("# ")
    depth = len(line) - len(line.lstrip(" #"))
    return not body or depth > indent or (depth == indent and body.startswith("- "))


def _is_harmless(value: str, key: str) -> bool:
    """Return whether a value under such a key is not a secret: a switch, the path of a file, a comment."""
    bare = value.strip("\"'")
    is_file = secret_values.FILE.fullmatch(bare) is not None and secret_values.NAMES_FILE.search(key) is not None
    return is_file or bare.lower() in secret_values.HARMLESS or value.startswith("#")


def without_nothing(text: str, secrets: Iterable[str]) -> secret_values.Covered:
    """Return a text with those values masked that YAML takes for nothing, below a key that is named like a secret."""
    found = list(secrets)

    def cover(match: re.Match[str]) -> str:
        if not secret_values.is_secret_name(match["name"]):
            return match[0]
        found.append(match["value"])
        return match["lead"] + json.dumps(MASK)

    return secret_values.Covered(_TAKEN_FOR_NOTHING.sub(cover, text), tuple(found))
