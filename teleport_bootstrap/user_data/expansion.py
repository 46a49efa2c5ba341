"""What the shell makes of a text in which it expands variables: in a here-document, or between double quotes."""

from __future__ import annotations

from collections.abc import Mapping

from teleport_bootstrap import regex
from teleport_bootstrap.records import dataclass

# A value that only running the script tells.
UNKNOWN = None

_SPECIAL = regex.compile(r"\\.|\\\Z|`|\$\(\(?|\$\{[^}\n]*\}?|\$[A-Za-z_]\w*|\$[0-9@*#?!$-]")
_PLAIN = regex.compile(r"\$\{?([A-Za-z_]\w*)\}?")
# What a script of user-data gets without setting it.
_GIVEN = frozenset(
    (
        *(
            "PATH",
            "HOME",
            "PWD",
            "OLDPWD",
            "SHLVL",
            "USER",
            "LOGNAME",
            "LANG",
            "HOSTNAME",
            "INSTANCE_ID",
            "RANDOM",
            "IFS",
        ),
        *("UID", "EUID", "PPID", "SECONDS", "LINENO", "HOSTTYPE", "MACHTYPE", "OSTYPE", "SHELL", "TERM", "BASH"),
        *("BASH_VERSION", "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID"),
    )
)
_WITH_DEFAULT = regex.compile(r"\$\{([A-Za-z_]\w*)(:?)-([^${}`\\\"']*)\}")


@dataclass(frozen=True)
class Expanded:
    """The text as the shell writes it, and what in it is not known, as it is written in the script.

    Where something is not known, `text` has nothing in its place, as where a variable is not set: `empty` are these.
    """

    text: str
    unknown: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()


def expand(text: str, values: Mapping[str, str | None], *, in_quotes: bool = False) -> Expanded:
    """Return what becomes of `text`. `values` are those of variables, None for one that only running tells.

    A name that is not among them is not set, unless it is one that cloud-init or bash gives to every script.
    `in_quotes` is for double quotes, where a backslash before one protects it too.
    """
    parts: list[str] = []
    unknown: list[str] = []
    empty: list[str] = []
    position = 0
    while True:
        found = _SPECIAL.search(text, position)
        if found is None:
            parts.append(text[position:])
            break
        parts.append(text[position : found.start()])
        piece, position = found[0], found.end()
        if piece.startswith("\\"):
            protected = piece[1:]
            is_special = protected in ("$", "`", "\\") or (in_quotes and protected == '"')
            parts.append(protected if is_special else piece)
        elif piece == "`" or piece.startswith("$("):
            end = _end_of_command(text, found.start())
            unknown.append(text[found.start() : end])
            position = end
        else:
            name = _PLAIN.fullmatch(piece)
            value = _value(piece, values)
            if value is not None:
                parts.append(value)
            elif name is not None and name[1] not in values and name[1] not in _GIVEN:
                empty.append(piece)
            else:
                unknown.append(piece)
    return Expanded("".join(parts), tuple(unknown), tuple(empty))


def _value(piece: str, values: Mapping[str, str | None]) -> str | None:
    plain = _PLAIN.fullmatch(piece)
    if plain is not None:
        return values.get(plain[1])
    default = _WITH_DEFAULT.fullmatch(piece)
    if default is not None and default[1] in values:
        value = values[default[1]]
        return default[3] if value == "" and default[2] else value
    return None


def _end_of_command(text: str, start: int) -> int:
    """Return where the command substitution that begins at `start` ends, or the end of the text."""
    if text[start] == "`":
        end = text.find("`", start + 1)
        return len(text) if end < 0 else end + 1
    depth = 0
    for position in range(start + 1, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return position + 1
    return len(text)
