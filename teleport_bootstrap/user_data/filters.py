"""What programs print that change what they read, where that follows from their arguments: base64, sed and the like.

Source: their pages in the manual, for the options that are read here.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Sequence

from teleport_bootstrap import regex
from teleport_bootstrap.hints import TYPE_CHECKING
from teleport_bootstrap.user_data import cloud_config, redirections
from teleport_bootstrap.user_data.calls import Call
from teleport_bootstrap.user_data.holes import is_marked
from teleport_bootstrap.user_data.text import Line

if TYPE_CHECKING:
    from teleport_bootstrap.user_data.shell import Reader

_SUBSTITUTION = regex.compile(
    r"s(?P<mark>[/|#,@:!~+%])(?P<old>(?:(?!(?P=mark)).)*)(?P=mark)(?P<new>(?:(?!(?P=mark)).)*)(?P=mark)(?P<flags>g?)"
)
_DELETION = regex.compile(r"/(\^?[^/\\.*\[\]$^]*\$?)/d")
_VARIABLE = regex.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_PIECE = regex.compile(r"\\([.$*\[\]/^&-])|([^\\\[])", re.DOTALL)
_PLAIN_NEW = regex.compile(r"[^\\&]*")
_OPTIONS = regex.compile(r"-[iEr]+|--in-place")
_IN_PLACE = regex.compile(r"-[A-Za-z]*i|--in-place")
# Where there is more after its end, `base64` goes on and Python does not.
_ONE_BASE64 = regex.compile(r"[A-Za-z0-9+/\s]*=*\s*")
_MOST_STARS = 2
_LONGEST = 1000
_SETS = {"[:upper:]": "A-Z", "[:lower:]": "a-z", "[:space:]": " \t\n\r", "[:digit:]": "0-9"}
_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\r": "\r", "\\\\": "\\"}


def filtered(reader: Reader, call: Call) -> tuple[Line, ...] | None:
    """Return what a program prints, None for one that is not read here. Raises Unknowable."""
    arguments = [each.value for _, each in call.words[1:]]
    if call.name is None or None in arguments:
        return None
    found = _FILTERS.get(call.name)
    return None if found is None else found(reader, call, [each or "" for each in arguments])


def edited(reader: Reader, expressions: Sequence[str], lines: Sequence[Line]) -> tuple[Line, ...] | None:
    """Return lines as the expressions of `sed` change them, None for such that are not read here. Raises Unknowable."""
    found: list[Line] | None = list(lines)
    for expression in expressions:
        pieces = [expression.strip()]
        if _SUBSTITUTION.fullmatch(pieces[0]) is None:
            pieces = [each.strip() for each in re.split("[;\n]", expression) if each.strip()]
        for each in pieces:
            found = None if found is None else _edited(reader, each, found)
    return None if found is None else tuple(found)


def _edited(reader: Reader, expression: str, lines: Sequence[Line]) -> list[Line] | None:
    deletion = _DELETION.fullmatch(expression)
    if deletion is not None:
        pattern = deletion[1]
        plain = re.escape(pattern.strip("^$"))
        start, end = "^" if pattern.startswith("^") else "", "$" if pattern.endswith("$") else ""
        return [each for each in lines if not re.search(f"{start}{plain}{end}", each.text)]
    substitution = _SUBSTITUTION.fullmatch(expression)
    old = None if substitution is None else _as_expression(substitution["old"])
    if substitution is None or old is None or not _PLAIN_NEW.fullmatch(substitution["new"]):
        return None
    if substitution["flags"] and "*" in old:
        # `sed` replaces nothing between two places, and Python does.
        return None
    # From each place on, each star is tried with each length.
    stars = old.count("*")
    reader.files.spend(sum(len(each.text) ** (stars + 1) for each in lines) if stars else 0, reader.place)
    return _replaced(old, substitution["new"], 0 if substitution["flags"] else 1, lines)


def _as_expression(old: str) -> str | None:
    """Return a pattern of `sed` as an expression of Python, None for one that is not read here."""
    pieces: list[str] = []
    if not old or is_marked(old) or "".join(found[0] for found in _PIECE.finditer(old)) != old:
        return None
    for found in _PIECE.finditer(old):
        character, is_escaped = found[1] or found[2], bool(found[1])
        is_anchor = (character == "^" and found.start() == 0) or (character == "$" and found.end() == len(old))
        is_special = not is_escaped and (character == "." or is_anchor or (character == "*" and bool(pieces)))
        pieces.append(character if is_special else re.escape(character))
    return "".join(pieces) if pieces.count("*") <= _MOST_STARS and pieces[:2] != ["^", "*"] else None


def _replaced(old: str, new: str, count: int, lines: Sequence[Line]) -> list[Line] | None:
    found: list[Line] = []
    for each in lines:
        # What a point matches of other text than ASCII, the locale says.
        if ("*" in old and len(each.text) > _LONGEST) or ("." in old and not each.text.isascii()):
            return None
        text = re.sub(old, lambda _: new, each.text, count=count)
        # What a template fills in may hold what is looked for.
        if text != each.text and (is_marked(each.text) or each.unknown):
            return None
        found.append(each if text == each.text else each._replace(text=text, exact=False))
    return found


def _sed(reader: Reader, call: Call, arguments: Sequence[str]) -> tuple[Line, ...] | None:
    expressions, files = of_sed(arguments)
    if expressions is None or len(files) > 1:
        return None
    lines = redirections.file(reader, call, files[0]) if files else redirections.standard_input(reader, call)
    return edited(reader, expressions, lines)


def of_sed(arguments: Sequence[str]) -> tuple[list[str] | None, list[str]]:
    """Return the expressions of `sed`, None where an option is not read here, and the names of its files."""
    given = list(arguments)
    expressions: list[str] = []
    files: list[str] = []
    is_extended = False
    while given:
        each = given.pop(0)
        if each in ("-e", "--expression") and given:
            expressions.append(given.pop(0))
        elif _OPTIONS.fullmatch(each):
            is_extended |= bool({"E", "r"} & {*each}) and not each.startswith("--")
        elif each.startswith("-") and each != "-":
            return None, []
        elif not each.startswith("-"):
            files.append(each)
    if not expressions and files:
        expressions.append(files.pop(0))
    # These characters mean something more in such expressions only.
    is_plain = not is_extended or not any(each in "+?(){}|" for expression in expressions for each in expression)
    return expressions if is_plain else None, files


def _base64(reader: Reader, call: Call, arguments: Sequence[str]) -> tuple[Line, ...] | None:
    options = [each for each in arguments if each.startswith("-")]
    files = [each for each in arguments if not each.startswith("-")]
    if len(files) > 1 or not set(options) <= {"-d", "--decode", "-di", "-id", "-D"} or not options:
        return None
    lines = redirections.file(reader, call, files[0]) if files else redirections.standard_input(reader, call)
    if not _ONE_BASE64.fullmatch("".join(line.text for line in lines)):
        return None
    return _bytes(lines, lambda data: base64.b64decode(data, validate=False))


def _gunzip(reader: Reader, call: Call, arguments: Sequence[str]) -> tuple[Line, ...] | None:
    is_reading = call.name in ("gunzip", "zcat") or set(arguments) & {"-d", "-dc", "-cd", "--decompress"}
    if not is_reading or any(not each.startswith("-") for each in arguments):
        return None
    return _bytes(redirections.standard_input(reader, call), cloud_config.unpacked)


def _bytes(lines: Sequence[Line], change: Callable[[bytes], bytes]) -> tuple[Line, ...] | None:
    """Return the lines of what becomes of bytes: other bytes than text stand in a line as they are, one for each."""
    if any(line.unknown or is_marked(line.text) for line in lines):
        return None
    joined = "".join(f"{line.text}\n" if line.ends else line.text for line in lines)
    try:
        data = change(joined.encode("latin-1" if _is_of_bytes(lines) else "utf-8", "surrogateescape"))
    except (binascii.Error, ValueError, OSError, EOFError, zlib.error):
        return None
    try:
        content = data.decode("utf-8")
    except UnicodeDecodeError:
        return (Line(data.decode("latin-1"), lines[0].number, _OF_BYTES, exact=False, ends=False),)
    number = lines[0].number if lines else 1
    found = [Line(each, number, exact=False) for each in content.split("\n")]
    return tuple(found[:-1]) if content.endswith("\n") else (*found[:-1], found[-1]._replace(ends=False))


# The column of a line of bytes, which no text has.
_OF_BYTES = -1


def _is_of_bytes(lines: Sequence[Line]) -> bool:
    return len(lines) == 1 and lines[0].column == _OF_BYTES


def _envsubst(reader: Reader, call: Call, arguments: Sequence[str]) -> tuple[Line, ...] | None:
    """Fill in variables that are exported; those that are not set become nothing."""
    if len(arguments) > 1 or any(each.startswith("-") for each in arguments):
        return None
    chosen = {first or second for first, second in _VARIABLE.findall(arguments[0])} if arguments else None
    variables = reader.variables
    found: list[Line] = []
    for line in redirections.standard_input(reader, call):
        unknown, empty = list(line.unknown), list(line.empty)

        def replace(name: re.Match[str], unknown: list[str] = unknown, empty: list[str] = empty) -> str:
            variable = name[1] or name[2]
            if chosen is not None and variable not in chosen:
                return name[0]
            value: str | None = ""
            if variable in call.environment:
                value = call.environment[variable]
            elif variable in variables.exported:
                value = variables.values.get(variable, "")
            elif variables.is_blurred or variables.is_given(variable):
                value = None
            else:
                empty.append(name[0])
            if value is None:
                unknown.append(name[0])
            return value or ""

        text = _VARIABLE.sub(replace, line.text)
        is_same = text == line.text and line.exact
        found.append(line._replace(text=text, exact=is_same, unknown=tuple(unknown), empty=tuple(empty)))
    return tuple(found)


def _tr(reader: Reader, call: Call, arguments: Sequence[str]) -> tuple[Line, ...] | None:
    is_deletion = arguments[:1] == ["-d"]
    sets = [_members(each) for each in arguments[1 if is_deletion else 0 :]]
    if len(sets) != (1 if is_deletion else 2) or None in sets:
        return None
    first, second = sets[0] or "", (sets[1] or "") if len(sets) > 1 else ""
    if (not is_deletion and not second) or arguments[0].startswith("-") is not is_deletion:
        return None
    second = second.ljust(len(first), second[-1:] or " ")
    table = {ord(each): None if is_deletion else second[number] for number, each in enumerate(first)}
    lines = redirections.standard_input(reader, call)
    if any(is_marked(line.text) or line.unknown for line in lines):
        return None
    joined = "".join(f"{line.text}\n" if line.ends else line.text for line in lines).translate(table)
    number = lines[0].number if lines else 1
    pieces = joined.split("\n")
    numbers = [line.number for line in lines] if len(pieces) == len(lines) + 1 else [number] * len(pieces)
    numbers += [number] * (len(pieces) - len(numbers))
    found = [Line(each, place, exact=False) for each, place in zip(pieces, numbers)]
    return tuple(found[:-1]) if not pieces[-1] else (*found[:-1], found[-1]._replace(ends=False))


def _members(written: str) -> str | None:
    """Return the characters of a set of `tr`, None for a form that is not read here."""
    for name, members in {**_SETS, **_ESCAPES}.items():
        written = written.replace(name, members)
    if "\\" in written or "[" in written or not written.isascii():
        return None
    return re.sub(
        "([a-zA-Z0-9])-([a-zA-Z0-9])", lambda found: "".join(map(chr, range(ord(found[1]), ord(found[2]) + 1))), written
    )


def _cut(reader: Reader, call: Call, arguments: Sequence[str]) -> tuple[Line, ...] | None:
    found = re.fullmatch(r"(?:-d ?(.)|--delimiter=(.)) (?:-f ?|--fields=)([0-9]{1,3})", " ".join(arguments))
    if found is None or not found[0].isascii():
        return None
    delimiter, field = found[1] or found[2], int(found[3])
    lines = redirections.standard_input(reader, call)
    if any(is_marked(line.text) or line.unknown for line in lines) or not field:
        return None
    return tuple(line._replace(text=_field(line.text, delimiter, field), exact=False) for line in lines)


def _field(content: str, delimiter: str, field: int) -> str:
    pieces = content.split(delimiter)
    if len(pieces) == 1:
        return content
    return pieces[field - 1] if field <= len(pieces) else ""


def _part_of_path(reader: Reader, call: Call, arguments: Sequence[str]) -> tuple[Line, ...] | None:
    """Print what `basename` or `dirname` does of one path."""
    path = arguments[0].rstrip("/") if len(arguments) == 1 else ""
    if not path or path.startswith("-") or "//" in path or is_marked(path):
        return None
    directory, _, name = path.rpartition("/")
    found = name if call.name == "basename" else directory or ("/" if path.startswith("/") else ".")
    return (Line(found, reader.line_of(reader.row).number, exact=False),)


def _numbers(reader: Reader, _: Call, arguments: Sequence[str]) -> tuple[Line, ...] | None:
    """Print what `seq` does of one or two numbers."""
    if not 1 <= len(arguments) <= 2 or not all(each.isdecimal() and len(each) < 4 for each in arguments):
        return None
    number = reader.line_of(reader.row).number
    first, last = (int(each) for each in ("1", *arguments)[-2:])
    return tuple(Line(str(each), number, exact=False) for each in range(first, last + 1))


_FILTERS: dict[str, Callable[[Reader, Call, Sequence[str]], tuple[Line, ...] | None]] = {
    "sed": _sed,
    "base64": _base64,
    "gunzip": _gunzip,
    "gzip": _gunzip,
    "zcat": _gunzip,
    "envsubst": _envsubst,
    "tr": _tr,
    "cut": _cut,
    "seq": _numbers,
    "basename": _part_of_path,
    "dirname": _part_of_path,
}


def reads_only(call: Call) -> bool:
    """Whether a program changes none of the files that it is given."""
    given = [each.value for _, each in call.words[1:]]
    is_in_place = call.name == "sed" and any(each is None or _IN_PLACE.match(each) for each in given)
    is_path = all(each is None or "teleport.d" not in each or each.startswith("/") for each in given)
    return call.name in _FILTERS and not is_in_place and is_path and None not in given


def in_place(reader: Reader, call: Call) -> bool:
    """Follow `sed -i`; return whether that was done. Raises Unknowable."""
    arguments = [each.value for _, each in call.words[1:]]
    if call.name != "sed" or None in arguments or not any(_IN_PLACE.match(each or "") for each in arguments):
        return False
    expressions, names = of_sed([each or "" for each in arguments])
    if expressions is None or not names:
        return False
    for name in names:
        path = reader.path(name)
        before = reader.files.read(path)
        if path is None or not before:
            return False
        after = [(write.path, edited(reader, expressions, write.lines)) for write in before]
        if any(lines is None for _, lines in after):
            return False
        reader.files.change(path, tuple((origin, lines or ()) for origin, lines in after), reader.place)
    return True
