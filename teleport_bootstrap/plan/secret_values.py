"""What is secret in one value of teleport.yaml or an override, by the keys above it and by what it looks like."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence

from teleport_bootstrap import regex
from teleport_bootstrap.hints import Any, NamedTuple
from teleport_bootstrap.secret import MASK, looks_secret, passwords, without_passwords

# Words for secrets beyond those of a conf's variables.
_MORE = regex.compile(
    r"authorization|cookie|passcode|private|licen[cs]e|jwt|(?:^|_)(?:psk|sas|otp|pw|dsn)(?:_|$)", re.I
)
# What is named like a secret and is none: sections with other settings in them, names, numbers, what is public.
_NOT_SECRET = regex.compile(
    r"(?:\w+_)?key_?pairs?|ca_key_params|key_?ring|token_label|proxy_checks_host_keys|kex_algos|public_keys?"
    r"|\w*_(?:ttl|size|period|interval|timeout|algorithms?|type|label|expiry|expires|enabled|mode)",
    re.I,
)
_EXACTLY = frozenset(("pin", "jwks"))
_HEADER = regex.compile(r"auth|sign", re.I)
_HEADER_LINE = regex.compile(r"(?P<name>[A-Za-z0-9-]{1,80}):\s*(?P<value>\S.*)", re.DOTALL)
_SCHEME = regex.compile(r"(?P<lead>(?:bearer|basic|digest|token)\s+)(?P<value>\S.{3,})", re.I | re.DOTALL)
_BEARER = regex.compile(r"(?P<lead>(?:bearer|basic)\s+)(?P<value>\S{4,})", re.I)
# Most keys are words, in which nothing can be.
_SHORT_KEY = 8
_BEGIN = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
PEM = regex.compile(_BEGIN)
FILE = regex.compile(r"/[\w./@-]+")
# May name a file by its path instead of holding the secret.
NAMES_FILE = regex.compile(r"file|path|dir|token|key|cert|licen|keytab", re.I)
STATIC_TOKEN = regex.compile(r"(?P<lead>[A-Za-z]+(?:,[A-Za-z]+)*:)(?P<value>.+)", re.DOTALL)
# A setting in a text: of a connection string, a query, JSON, or a comment.
_SETTING = regex.compile(
    r"(?P<lead>[\"']?(?P<name>[\w.-]{1,60})[\"']?(?:\s{0,9}=\s{0,9}|\s{0,9}:\s{1,9}|\":))"
    # Blanks are part of a value in quotes.
    r"(?P<quote>[\"'])?(?P<value>(?(quote)(?:(?!(?P=quote))[^\\\n]|\\.){1,2000}(?=(?P=quote))|(?!))"
    r"|(?:(?:bearer|basic|digest)\s{1,9})?[^\s\"'&;,{}\[\]#]{1,2000})",
    re.I,
)
# An account with its password before a host, where a URL without its scheme is, or a driver's own notation.
_ACCOUNT = regex.compile(
    r"(?P<lead>(?:(?:[\w+.-]{1,40}:)?//[^\s:/@]{0,100}|[\w.%+-]{1,100}):)"
    r"(?P<value>[^\s/][^/]{0,2000})@(?!sha\d{3}:)[\w\[(.:-]\S{0,2000}"
)
# Arguments of a program: an option and its value, apart or in one text.
_OPTION = regex.compile(r"--?(?P<name>[A-Za-z][\w-]{0,60})")
_OPTION_AND_VALUE = regex.compile(
    r"(?P<lead>(?<![\w-])--(?P<name>[A-Za-z][\w-]{0,60})\s{1,9}(?P<quote>[\"'])?)"
    r"(?P<value>(?(quote)(?:(?!(?P=quote)).){1,2000}(?=(?P=quote))|[^\s\"';&|()-][^\s\"';&|()]{0,2000}))"
)
_USER_AND_PASSWORD = regex.compile(
    r"(?P<lead>(?<![\w-])(?:-u|--user|--proxy-user)[\s=]{0,9}[\"']?[^\s:=\"']{1,100}:)(?P<value>[^\s\"';&|]{1,2000})"
)
_USER_OPTIONS = frozenset(("-u", "--user", "--proxy-user", "-U"))
_CURL = regex.compile(r"(?:.*/)?curl[\w-]{0,20}")
# These take a password in the same argument: `-pPASSWORD`.
_MYSQL = regex.compile(r"(?:.*/)?(?:mysql|mariadb)[\w-]{0,40}")
# Among so many arguments at the beginning is the name of the program, maybe after `sudo` or `env`.
_FIRST = 4
HARMLESS = frozenset(("", "true", "false", "yes", "no", "on", "off", "null", "~", "|", ">", MASK))
# Joining by these proves what a host is; their "token" is the name of a resource.
_BY_TOKEN = ("token", "")


class Covered(NamedTuple):
    """A text with its secrets masked, and these."""

    text: str
    secrets: tuple[str, ...]


class At(NamedTuple):
    """Where a scalar is: the keys above it, the scalars beside it in its mapping, and those before it in its list."""

    keys: tuple[str, ...] = ()
    beside: Mapping[str, str] = {}
    first: tuple[str, ...] = ()
    before: str = ""

    def below(self, key: str, beside: Mapping[str, str]) -> At:
        return At((*self.keys, key), beside)

    def after(self, texts: Sequence[str], index: int) -> At:
        """Return where `texts[index]` is, in a list at this place."""
        return self._replace(first=tuple(texts[: min(index, _FIRST)]), before=texts[index - 1] if index else "")


@functools.lru_cache(maxsize=256)
def is_secret_name(name: str) -> bool:
    if _NOT_SECRET.fullmatch(name):
        return False
    return name.lower() in _EXACTLY or looks_secret(name) or _MORE.search(name) is not None


def is_secret_header(name: str) -> bool:
    return is_secret_name(name.replace("-", "_")) or _HEADER.search(name) is not None


def cover(text: str, at: At) -> Covered | None:
    """Return the scalar `text` with its secrets masked, None where it has none."""
    if text.strip().lower() in HARMLESS:
        return None
    key = at.keys[-1] if at.keys else ""
    if PEM.search(text):
        return Covered(MASK, (text,))
    named = next((each for each in reversed(at.keys) if is_secret_name(each)), None)
    if key == "token_name" and at.beside.get("method", "") not in _BY_TOKEN:
        named = None
    if named is not None:
        return _under_secret_key(text, key, named)
    in_headers = any("header" in each.lower() for each in at.keys)
    if (key == "value" and is_secret_header(at.beside.get("name", ""))) or (in_headers and is_secret_header(key)):
        return Covered(MASK, (text, *_parts(text)))
    return _argument(text, at) or in_header(text, in_headers=in_headers) or inside(text)


def _argument(text: str, at: At) -> Covered | None:
    """Return an argument of a program that follows an option for a secret, masked; None for any other text."""
    if at.before in _USER_OPTIONS and ":" in text and any(map(_CURL.fullmatch, at.first)):
        name, _, password = text.partition(":")
        return Covered(f"{name}:{MASK}", (password,)) if password else None
    if text.startswith("-p") and len(text) > len("-p") and any(map(_MYSQL.fullmatch, at.first)):
        return Covered(f"-p{MASK}", (text[len("-p") :],))
    option = _OPTION.fullmatch(at.before)
    if option is None or not is_secret_name(option["name"].replace("-", "_")) or text.startswith("-"):
        return None
    return None if FILE.fullmatch(text) and NAMES_FILE.search(option["name"]) else Covered(MASK, (text,))


def in_header(text: str, *, in_headers: bool) -> Covered | None:
    """Return a header, or the credentials in one, with its value masked; None for any other text."""
    line = _HEADER_LINE.fullmatch(text)
    if line is not None and not line["value"].startswith("//") and is_secret_header(line["name"]):
        return Covered(text[: line.start("value")] + MASK, (line["value"], *_parts(line["value"])))
    if line is not None and (scheme := _BEARER.fullmatch(line["value"])) is not None:
        return Covered(text[: line.start("value")] + scheme["lead"] + MASK, (scheme["value"],))
    scheme = _SCHEME.fullmatch(text) if in_headers else None
    return None if scheme is None else Covered(scheme["lead"] + MASK, (scheme["value"],))


def _parts(header: str) -> tuple[str, ...]:
    """Return the credentials in the value of a header, which may be shown without the scheme before them."""
    found = _SCHEME.fullmatch(header)
    return () if found is None else (found["value"],)


def _under_secret_key(text: str, key: str, named: str) -> Covered | None:
    """Return a scalar under a key that is named like a secret; `key` is the nearest one."""
    if FILE.fullmatch(text) and (NAMES_FILE.search(key) or NAMES_FILE.search(named)):
        return None
    static = STATIC_TOKEN.fullmatch(text) if named == "tokens" else None
    if static is not None:
        if FILE.fullmatch(static["value"]):
            return None
        return Covered(static["lead"] + MASK, (static["value"],))
    return Covered(MASK, (text,))


def inside(text: str) -> Covered | None:
    """Return a text with the passwords of its URLs and the secrets of its settings masked."""
    found = list(passwords(text)) if "://" in text else []
    left = without_passwords(text)
    account = _ACCOUNT.fullmatch(left)
    if account is not None:
        found.append(account["value"])
        left = account["lead"] + MASK + left[account.end("value") :]
    left, more = _in_arguments(left)
    found += more
    shown, at = "", 0
    while (setting := _SETTING.search(left, at)) is not None:
        value = setting["value"]
        is_plain = value.lower() in HARMLESS or FILE.fullmatch(value) is not None
        if is_plain or not is_secret_name(setting["name"]):
            shown, at = shown + left[at : setting.start("value")], setting.start("value")
            continue
        found.append(value)
        shown, at = shown + left[at : setting.start("value")] + MASK, setting.end("value")
    found = [each for each in found if each.strip("*")]
    return Covered(shown + left[at:], tuple(found)) if found else None


def _in_arguments(text: str) -> tuple[str, list[str]]:
    """Return a command in one text, without its secrets, and these."""
    found: list[str] = []

    def cover(match: re.Match[str]) -> str:
        value = match["value"]
        if match.re.pattern == _OPTION_AND_VALUE.pattern:
            name = match["name"].replace("-", "_")
            if not is_secret_name(name) or value.lower() in HARMLESS or FILE.fullmatch(value):
                return match[0]
        if value.strip("*"):
            found.append(value)
        return match["lead"] + MASK

    for pattern, word in ((_OPTION_AND_VALUE, "--"), (_USER_AND_PASSWORD, "curl")):
        text = pattern.sub(cover, text) if word in text else text
    return text, found


def in_key(key: Any) -> Covered | None:
    """Return a key with the secrets masked that were put into it, None where it has none."""
    return (in_header(key, in_headers=False) or inside(key)) if isinstance(key, str) and len(key) > _SHORT_KEY else None
