"""teleport.yaml and overrides as they may be shown: operators write tokens, passwords and keys into them.

Every document that a command shows goes through this module: `masked` for a text, `document` for values, `in_message`
for what is said about a document. Only the secret itself is masked: of a URL its password, of a header its value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import yaml

from teleport_bootstrap import masking, records, regex
from teleport_bootstrap.finding import Line
from teleport_bootstrap.hints import Any, NamedTuple
from teleport_bootstrap.plan import yaml_reading
from teleport_bootstrap.secret import MASK, looks_secret, passwords, remember, without_passwords

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
_PEM = regex.compile(_BEGIN)
_PEM_BLOCK = regex.compile(_BEGIN + r".*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)", re.DOTALL)
_FILE = regex.compile(r"/[\w./@-]+")
# May name a file by its path instead of holding the secret.
_NAMES_FILE = regex.compile(r"file|path|dir|token|key|cert|licen|keytab", re.I)
_STATIC_TOKEN = regex.compile(r"(?P<lead>[A-Za-z]+(?:,[A-Za-z]+)*:)(?P<value>.+)", re.DOTALL)
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
# The same in one line of a text that is not YAML: in a list, and a header.
_LISTED = regex.compile(
    r"(?P<lead>[\"'\[ ]--(?P<name>[A-Za-z][\w-]{0,60})[\"']?\s{0,9},\s{0,9}[\"']?)"
    r"(?P<value>[^\s\"',\]-][^\s\"',\]]{0,2000})"
)
_ANY_BEARER = regex.compile(
    r"(?P<lead>\b(?:bearer|basic)\s{1,9})(?P<value>(?=[^\s\"']{0,200}?\d)[^\s\"',\]}]{6,2000})", re.I
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
# In one line of a text that is not YAML: a list, and a header with its value.
_LIST = regex.compile(r"(?P<name>[\w.-]{1,60})[\"']?\s{0,9}:\s{0,9}\[(?P<value>[^\[\]{}]{1,2000})")
_PAIR = regex.compile(
    r"\bname[\"']?:\s{0,9}[\"']?(?P<name>[\w-]{1,80})[\"']?\s{0,9},\s{0,9}[\"']?value[\"']?:\s{0,9}(?P<value>[^,}]{1,2000})"
)
_HARMLESS = frozenset(("", "true", "false", "yes", "no", "on", "off", "null", "~", "|", ">", MASK))
# Joining by these proves what a host is; their "token" is the name of a resource.
_BY_TOKEN = ("token", "")

_ENDED = regex.compile(r"(?:[ \t]*(?:#[^\n]*|\.\.\.)?(?:\n|\Z))*[ \t]*")
_NEXT_DOCUMENT = regex.compile(r"^(?=---[ \t\r\n])", re.MULTILINE)

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


class _Covered(NamedTuple):
    """A text with its secrets masked, and these."""

    text: str
    secrets: tuple[str, ...]


class _At(NamedTuple):
    """Where a scalar is: the keys above it, the scalars beside it in its mapping, and those before it in its list."""

    keys: tuple[str, ...] = ()
    beside: Mapping[str, str] = {}
    first: tuple[str, ...] = ()
    before: str = ""

    def below(self, key: str, beside: Mapping[str, str]) -> _At:
        return _At((*self.keys, key), beside)

    def after(self, texts: Sequence[str], index: int) -> _At:
        """Return where `texts[index]` is, in a list at this place."""
        return self._replace(first=tuple(texts[: min(index, _FIRST)]), before=texts[index - 1] if index else "")


def masked(text: str, *, as_yaml: bool = False) -> str:
    """Return `text`, which may be no valid YAML, with its secrets masked; with `as_yaml`, masks are in quotes."""
    found = _masked(text, as_yaml=as_yaml)
    _learn(found.secrets)
    return found.text


def secrets_in(text: str) -> tuple[str, ...]:
    """Return the secrets in `text`, also those in its comments and in a text that is not valid YAML."""
    found = tuple(dict.fromkeys(_masked(text).secrets))
    _learn(found)
    return found


def learn(content: bytes | str) -> None:
    """Remember the secrets of a document that was read, so that nothing that is shown from now on holds one."""
    secrets_in(content.decode("utf-8", "replace") if isinstance(content, bytes) else content)


def holds_secret(content: bytes | str) -> bool:
    """Return whether a file with `content` holds a secret."""
    return bool(secrets_in(content.decode("utf-8", "replace") if isinstance(content, bytes) else content))


def document(value: Any) -> Any:
    """Return the values of a document with its secrets masked."""
    return _with_masks(value, _At())


def secrets_of(value: Any) -> tuple[str, ...]:
    """Return the secrets in the values of a document."""
    found = tuple(dict.fromkeys(each for found in _covered_in(value, _At()) for each in found.secrets))
    _learn(found)
    return found


def in_message(text: str, secrets: Iterable[str]) -> str:
    """Return what is said about a document, without its `secrets` and without whatever else may not be shown."""
    known = [form for each in secrets for form in (each, *each.splitlines()) if form.strip()]
    if not isinstance(text, Line):
        return masking.without(known, text)
    found = text.finding
    subject, message, remedy = (masking.without(known, each) for each in (found.subject, found.message, found.remedy))
    return Line(text.mark, records.replace(found, subject=subject, message=message, remedy=remedy))


def _learn(secrets: Iterable[str]) -> None:
    for each in secrets:
        if each.strip().lower() not in _HARMLESS:
            remember(each)


# --- one scalar ---


def _is_secret_name(name: str) -> bool:
    if _NOT_SECRET.fullmatch(name):
        return False
    return name.lower() in _EXACTLY or looks_secret(name) or _MORE.search(name) is not None


def _is_secret_header(name: str) -> bool:
    return _is_secret_name(name.replace("-", "_")) or _HEADER.search(name) is not None


def _cover(text: str, at: _At) -> _Covered | None:
    """Return the scalar `text` with its secrets masked, None where it has none."""
    if text.strip().lower() in _HARMLESS:
        return None
    key = at.keys[-1] if at.keys else ""
    if _PEM.search(text):
        return _Covered(MASK, (text,))
    named = next((each for each in reversed(at.keys) if _is_secret_name(each)), None)
    if key == "token_name" and at.beside.get("method", "") not in _BY_TOKEN:
        named = None
    if named is not None:
        return _under_secret_key(text, key, named)
    in_headers = any("header" in each.lower() for each in at.keys)
    if (key == "value" and _is_secret_header(at.beside.get("name", ""))) or (in_headers and _is_secret_header(key)):
        return _Covered(MASK, (text, *_parts(text)))
    return _argument(text, at) or _header(text, in_headers=in_headers) or _inside(text)


def _argument(text: str, at: _At) -> _Covered | None:
    """Return an argument of a program that follows an option for a secret, masked; None for any other text."""
    if at.before in _USER_OPTIONS and ":" in text and any(map(_CURL.fullmatch, at.first)):
        name, _, password = text.partition(":")
        return _Covered(f"{name}:{MASK}", (password,)) if password else None
    if text.startswith("-p") and len(text) > len("-p") and any(map(_MYSQL.fullmatch, at.first)):
        return _Covered(f"-p{MASK}", (text[len("-p") :],))
    option = _OPTION.fullmatch(at.before)
    if option is None or not _is_secret_name(option["name"].replace("-", "_")) or text.startswith("-"):
        return None
    return None if _FILE.fullmatch(text) and _NAMES_FILE.search(option["name"]) else _Covered(MASK, (text,))


def _header(text: str, *, in_headers: bool) -> _Covered | None:
    """Return a header, or the credentials in one, with its value masked; None for any other text."""
    line = _HEADER_LINE.fullmatch(text)
    if line is not None and not line["value"].startswith("//") and _is_secret_header(line["name"]):
        return _Covered(text[: line.start("value")] + MASK, (line["value"], *_parts(line["value"])))
    if line is not None and (scheme := _BEARER.fullmatch(line["value"])) is not None:
        return _Covered(text[: line.start("value")] + scheme["lead"] + MASK, (scheme["value"],))
    scheme = _SCHEME.fullmatch(text) if in_headers else None
    return None if scheme is None else _Covered(scheme["lead"] + MASK, (scheme["value"],))


def _parts(header: str) -> tuple[str, ...]:
    """Return the credentials in the value of a header, which may be shown without the scheme before them."""
    found = _SCHEME.fullmatch(header)
    return () if found is None else (found["value"],)


def _under_secret_key(text: str, key: str, named: str) -> _Covered | None:
    """Return a scalar under a key that is named like a secret; `key` is the nearest one."""
    if _FILE.fullmatch(text) and (_NAMES_FILE.search(key) or _NAMES_FILE.search(named)):
        return None
    static = _STATIC_TOKEN.fullmatch(text) if named == "tokens" else None
    if static is not None:
        if _FILE.fullmatch(static["value"]):
            return None
        return _Covered(static["lead"] + MASK, (static["value"],))
    return _Covered(MASK, (text,))


def _inside(text: str) -> _Covered | None:
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
        is_plain = value.lower() in _HARMLESS or _FILE.fullmatch(value) is not None
        if is_plain or not _is_secret_name(setting["name"]):
            shown, at = shown + left[at : setting.start("value")], setting.start("value")
            continue
        found.append(value)
        shown, at = shown + left[at : setting.start("value")] + MASK, setting.end("value")
    found = [each for each in found if each.strip("*")]
    return _Covered(shown + left[at:], tuple(found)) if found else None


def _in_arguments(text: str) -> tuple[str, list[str]]:
    """Return a command in one text, without its secrets, and these."""
    found: list[str] = []

    def cover(match: re.Match[str]) -> str:
        value = match["value"]
        if match.re.pattern == _OPTION_AND_VALUE.pattern:
            name = match["name"].replace("-", "_")
            if not _is_secret_name(name) or value.lower() in _HARMLESS or _FILE.fullmatch(value):
                return match[0]
        if value.strip("*"):
            found.append(value)
        return match["lead"] + MASK

    for pattern, word in ((_OPTION_AND_VALUE, "--"), (_USER_AND_PASSWORD, "curl")):
        text = pattern.sub(cover, text) if word in text else text
    return text, found


# --- values ---


def _beside(value: Mapping[Any, Any]) -> dict[str, str]:
    return {str(key): str(each) for key, each in value.items() if isinstance(each, str)}


def _in_key(key: Any) -> _Covered | None:
    """Return a key with the secrets masked that were put into it, None where it has none."""
    return (_header(key, in_headers=False) or _inside(key)) if isinstance(key, str) and len(key) > _SHORT_KEY else None


def _shown_key(key: Any) -> Any:
    covered = _in_key(key)
    return key if covered is None else covered.text


def _with_masks(value: Any, at: _At) -> Any:
    if isinstance(value, dict):
        beside = _beside(value)
        return {_shown_key(key): _with_masks(each, at.below(str(key), beside)) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        texts = [each if isinstance(each, str) else "" for each in value]
        return [_with_masks(each, at.after(texts, index)) for index, each in enumerate(value)]
    if value is None or isinstance(value, bool):
        return value
    covered = _cover(str(value), at)
    return value if covered is None else covered.text


def _covered_in(value: Any, at: _At) -> Iterator[_Covered]:
    if isinstance(value, dict):
        beside = _beside(value)
        for key, each in value.items():
            of_key = _in_key(key)
            if of_key is not None:
                yield of_key
            yield from _covered_in(each, at.below(str(key), beside))
    elif isinstance(value, (list, tuple)):
        texts = [each if isinstance(each, str) else "" for each in value]
        for index, each in enumerate(value):
            yield from _covered_in(each, at.after(texts, index))
    elif value is not None and not isinstance(value, bool):
        covered = _cover(str(value), at)
        if covered is not None:
            yield covered


# --- text ---


def _masked(text: str, *, as_yaml: bool = False) -> _Covered:
    """Return a text with its secrets masked, those of each document in it: only the first one counts for Teleport."""
    parts = [_masked_document(each, as_yaml=as_yaml) for each in _NEXT_DOCUMENT.split(text)]
    return _Covered("".join(each.text for each in parts), tuple(secret for each in parts for secret in each.secrets))


def _masked_document(text: str, *, as_yaml: bool) -> _Covered:
    root = yaml_reading.node(text)
    if not isinstance(root, (yaml.MappingNode, yaml.SequenceNode)):
        return _line_by_line(text)
    pieces, secrets, end = [], [], 0
    spans = {(node.start_mark.index, node.end_mark.index): (node, covered) for node, covered in _scalars(root, _At())}
    for (start, stop), (node, covered) in sorted(spans.items(), key=lambda item: item[0]):
        if start < end:
            continue
        between = _comments(text[end:start])
        source = text[start:stop]
        blank = source[len(source.rstrip()) :] if getattr(node, "style", None) in ("|", ">") else ""
        quoted = as_yaml or (getattr(node, "style", None) in ("'", '"') and covered.text != MASK)
        pieces += [between.text, (json.dumps(covered.text, ensure_ascii=False) if quoted else covered.text) + blank]
        secrets += [*between.secrets, *covered.secrets]
        end = stop
    # The reader stops where the first node ends: a second one, which is an error, is not in the tree.
    stop = max(end, root.end_mark.index)
    between = _comments(text[end:stop])
    rest = (_comments if _ENDED.fullmatch(text, stop) else _line_by_line)(text[stop:])
    secrets += [*between.secrets, *rest.secrets]
    return _nothing("".join((*pieces, between.text, rest.text)), secrets)


def _nothing(text: str, secrets: Iterable[str]) -> _Covered:
    """Return a text with those values masked that YAML takes for nothing, below a key that is named like a secret."""
    found = list(secrets)

    def cover(match: re.Match[str]) -> str:
        if not _is_secret_name(match["name"]):
            return match[0]
        found.append(match["value"])
        return match["lead"] + json.dumps(MASK)

    return _Covered(_TAKEN_FOR_NOTHING.sub(cover, text), tuple(found))


def _scalars(
    node: Any, at: _At, done: set[tuple[int, str, tuple[str, ...]]] | None = None, depth: int = 0
) -> Iterator[tuple[Any, _Covered]]:
    """Yield each scalar that has a secret, and how it is shown; what is nested too deeply is masked as a whole.

    What an alias repeats is read again only where other keys are above it: nested aliases would have no end.
    """
    done = set() if done is None else done
    if not isinstance(node, yaml.ScalarNode):
        telling = {each for each in at.keys if _is_secret_name(each) or "header" in each.lower()}
        place = (id(node), at.keys[-1] if at.keys else "", tuple(sorted(telling)))
        if place in done:
            return
        done.add(place)
    if depth > yaml_reading.DEEPEST:
        yield node, _Covered(MASK, ())
    elif isinstance(node, yaml.MappingNode):
        beside = {
            key.value: each.value
            for key, each in node.value
            if isinstance(key, yaml.ScalarNode) and isinstance(each, yaml.ScalarNode)
        }
        for key, each in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            of_key = _in_key(name)
            if of_key is not None:
                yield key, of_key
            yield from _scalars(each, at.below(name, beside), done, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        texts = [each.value if isinstance(each, yaml.ScalarNode) else "" for each in node.value]
        for index, each in enumerate(node.value):
            yield from _scalars(each, at.after(texts, index), done, depth + 1)
    elif isinstance(node, yaml.ScalarNode):
        covered = _cover(node.value, at)
        if covered is not None:
            yield node, covered


def _comments(text: str) -> _Covered:
    """Return what is between two masks, with the secrets of settings that are commented out masked."""
    if "#" not in text:
        return _Covered(text, ())
    shown: list[str] = []
    secrets: list[str] = []
    block: list[str] = []
    for line in (*text.splitlines(keepends=True), ""):
        if line.lstrip().startswith("#"):
            block.append(line)
            continue
        if block:
            found = _line_by_line("".join(each.lstrip()[1:] for each in block))
            leads = [each[: len(each) - len(each.lstrip()) + 1] for each in block]
            shown += map("".join, zip(leads, found.text.splitlines(keepends=True)))
            secrets += found.secrets
            block = []
        before, mark, comment = line.partition(" #")
        inside = _inside(comment) if mark else None
        shown.append(line if inside is None else before + mark + inside.text)
        secrets += inside.secrets if inside is not None else ()
    return _Covered("".join(shown), tuple(secrets))


def _line_by_line(text: str) -> _Covered:
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
        starts = _PEM.search(line) is not None
        if in_key or starts:
            in_key = "-----END" not in line
            lead = line[: len(line) - len(line.lstrip())] if not starts else line[: line.index("-----BEGIN")]
            before = _inside(lead) or _Covered(lead, ())
            secrets += (line[len(lead) :].strip(), *before.secrets)
            shown.append(before.text + MASK + end)
            continue
        key = found["key"].strip("\"'") if found is not None else ""
        if found is not None and (_is_secret_name(key) or (is_header and key == "value")):
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
        is_header = key == "name" and found is not None and _is_secret_header(found["value"].strip(" \"'"))
        inside = _flow(line)
        header = re.fullmatch(r"(?P<lead>[\s\-\"']*)(?P<rest>[A-Za-z0-9-]+:\s.*)", line, re.DOTALL)
        covered = _cover(header["rest"].strip().strip("\"'"), _At()) if header and inside is None else None
        if inside is not None:
            secrets += inside.secrets
            shown.append(inside.text)
        elif covered is not None and header is not None:
            secrets += covered.secrets
            shown.append(header["lead"] + covered.text + end)
        else:
            shown.append(line)
    return _nothing("".join(shown), secrets)


def _flow(line: str) -> _Covered | None:
    """Return what `_inside` does, with lists and headers masked that stand in one line with their names."""
    bare = _WITHOUT_COLON.fullmatch(line)
    if bare is not None and _is_secret_name(bare["name"]) and not _FILE.fullmatch(bare["value"]):
        return _Covered(bare["lead"] + MASK + line[bare.end("value") :], (bare["value"],))
    secrets: list[str] = []

    def cover(found: re.Match[str]) -> str:
        name, value = found["name"], found["value"]
        if not (_is_secret_header if found.re.pattern == _PAIR.pattern else _is_secret_name)(name):
            return found[0]
        texts = [each for each in _bare(f"[{value}]") if not _FILE.fullmatch(each.rpartition(":")[2])]
        secrets.extend(texts)
        whole = found[0]
        for each in sorted(texts, key=len, reverse=True):
            whole = whole.replace(each, MASK)
        return whole

    def cover_value(found: re.Match[str]) -> str:
        if found.re.pattern == _LISTED.pattern and (
            not _is_secret_name(found["name"].replace("-", "_")) or _FILE.fullmatch(found["value"])
        ):
            return found[0]
        secrets.append(found["value"])
        return found["lead"] + MASK

    rest = _LISTED.sub(cover_value, _PAIR.sub(cover, _LIST.sub(cover, line)))
    rest = _ANY_BEARER.sub(cover_value, rest)
    inside = _inside(rest) or _Covered(rest, ())
    secrets += inside.secrets
    return _Covered(inside.text, tuple(secrets)) if secrets else None


def _bare(value: str) -> Iterator[str]:
    """Yield a value as it is in a text that is not YAML: a list, quotes, or a static token."""
    for each in value.strip("[]").split(",") if value.startswith("[") else [value]:
        bare = each.strip().strip("\"'")
        if bare:
            yield bare
            static = _STATIC_TOKEN.fullmatch(bare)
            if static is not None and not _FILE.fullmatch(static["value"]):
                yield static["value"]


def _is_below(line: str, indent: int) -> bool:
    body = line.strip().lstrip("# ")
    depth = len(line) - len(line.lstrip(" #"))
    return not body or depth > indent or (depth == indent and body.startswith("- "))


def _is_harmless(value: str, key: str) -> bool:
    """Return whether a value under such a key is not a secret: a switch, the path of a file, a comment."""
    bare = value.strip("\"'")
    is_file = _FILE.fullmatch(bare) is not None and _NAMES_FILE.search(key) is not None
    return is_file or bare.lower() in _HARMLESS or value.startswith("#")
