"""Where the commands of a group read and print: files, pipes, and what `$(command)` takes.

A pipe is a file without a name of its own, which is read when the command before it has been followed.
"""

from __future__ import annotations

from collections.abc import Sequence

from teleport_bootstrap.hints import TYPE_CHECKING
from teleport_bootstrap.user_data import redirections, scopes
from teleport_bootstrap.user_data.calls import Call
from teleport_bootstrap.user_data.holes import is_marked
from teleport_bootstrap.user_data.syntax_tree import Redirection
from teleport_bootstrap.user_data.text import Line, Text, Unknowable, Write

if TYPE_CHECKING:
    from teleport_bootstrap.user_data.shell import Reader

_DEEPEST = 12
# Each takes a round of a loop, of which no more are followed.
_MOST_LINES = 1000
_OUT = (">", ">>", ">|", "&>", "&>>")


class Redirected:
    """The commands inside read and print where the redirections of their group say."""

    def __init__(self, reader: Reader, given: Sequence[Redirection]) -> None:
        self._reader, self._given = reader, given

    def __enter__(self) -> None:
        files = self._reader.files
        self._kept = files.output, files.input, len(files.opened)
        for each in self._given:
            redirect(self._reader, each)

    def __exit__(self, *_: object) -> None:
        files = self._reader.files
        if self._given:
            # Without them, `exec` inside changes what follows too.
            files.output, files.input, count = self._kept
            del files.opened[count:]


def redirect(reader: Reader, each: Redirection) -> None:
    """Have what follows read from a file, or print to it. Raises Unknowable."""
    files = reader.files
    is_output = each.descriptor in ("", "1")
    if each.operator in _OUT and is_output:
        path, typed = redirections.target(reader, each)
        files.output = path
        if path is None:
            files.check_write(path, typed, reader.place)
            return
        redirections.check_shell(reader, each, path)
        files.check_open(path, reader.place, appends=">>" in each.operator)
        files.opened.append((path, ">>" in each.operator))
        if ">>" not in each.operator:
            files.write(path, typed, (), reader.place, appends=False)
    elif each.operator == ">&" and redirections.is_stream(each):
        files.output = files.output if not is_output or each.target.bare == "1" else None
    elif each.operator.startswith("<") and each.operator != "<&":
        if not each.descriptor.strip("0"):
            files.input = _source(reader, each)
    else:
        redirections.redirect(reader, each)


def _source(reader: Reader, each: Redirection) -> str | None:
    is_file = each.operator in ("<", "<>") and not redirections.is_process(each)
    path = redirections.target(reader, each)[0] if is_file else None
    if is_file and (path is None or reader.files.read(path) is None):
        return path
    stream = reader.files.new_stream()
    try:
        lines = redirections.content(reader, path) if is_file else redirections.literal_input(reader, each)
    except Unknowable as error:
        reader.files.forget(stream, error)
        return stream
    reader.files.write(stream, "", (Write(reader.text.path, lines),), reader.place, appends=False)
    return stream


def substituted(reader: Reader, source: str) -> str | None:
    """Return what `$(source)` becomes, None where that is not known. Raises Unknowable where it writes the conf."""
    files = reader.files
    if files.capturing >= _DEEPEST:
        return None
    kept = files.output, files.input, reader.place, reader.row, len(reader.findings)
    before = files.state()
    stream = files.output = files.new_stream()
    files.capturing += 1
    found: tuple[Line, ...] | None = None
    try:
        with reader.subshell(), scopes.Unchecked(reader, is_so=not reader.is_posix):
            reader.run_below(Text(reader.text.path, _lines_of(reader, source)))
        found = tuple(line for write in files.content(stream, reader.place) for line in write.lines)
    except Unknowable as error:
        if files.is_conf_touched:
            raise
        del error
    finally:
        files.capturing -= 1
        files.output, files.input, reader.place, reader.row, count = kept
        files.restore(before)
        if found is None:
            del reader.findings[count:]
    if found is None or any(line.unknown or line.empty for line in found):
        return None
    while found and not found[-1].text:
        found = found[:-1]
    reader.substituted[source] = tuple(line.number for line in found)
    return "\n".join(line.text for line in found)


def _lines_of(reader: Reader, source: str) -> tuple[Line, ...]:
    """Return the lines of commands between parentheses, each where it stands in the script as far as that is told."""
    found: list[Line] = []
    row = reader.row
    for number, each in enumerate(source.split("\n")):
        there = reader.line_of(row + number)
        is_there = there.text.endswith(each) if number else each in there.text
        number_there = there.number if is_there or each in there.text else reader.line_of(row).number
        found.append(Line(each, number_there, exact=False))
    return tuple(found)


def read(reader: Reader, call: Call) -> bool | None:
    """Follow `read`: return whether it finds a line, None where that is not known."""
    options = ""
    given = [each.value for _, each in call.words[1:]]
    delimiter = "\n"
    while given and (given[0] or "").startswith("-"):
        option = (given.pop(0) or "")[1:]
        options += option
        if option.endswith("d") and given:
            delimiter = given.pop(0) or ""
        elif option.endswith("p") and given:
            given.pop(0)
    names = [each or "" for each in given] or ["REPLY"]
    # Another shell than bash may know no other option than -r.
    is_plain = (
        not set(options) - set("r" if reader.is_posix else "rdsep")
        and delimiter in ("", "\n")
        and all(map(str.isidentifier, names))
    )
    with Redirected(reader, call.command.redirections):
        line = _record(reader, is_whole=not delimiter) if is_plain else None
        separators = call.environment.get("IFS", None if reader.variables.splits_otherwise else " \t\n")
    if line is None or separators is None or ("\\" in line[0] and "r" not in options):
        for name in names:
            reader.assign(name, None)
        return None
    content, is_ended, rows = line
    for name, value in zip(names, _split(content, separators, len(names))):
        reader.assign(name, value)
        if value is not None and value.count("\n") == len(rows) - 1 and not reader.conditions:
            reader.variables.rows[name] = rows
    return is_ended


def _record(reader: Reader, *, is_whole: bool) -> tuple[str, bool, tuple[int, ...]] | None:
    """Take the next line of the standard input, or all of it, with the numbers of its lines; None if not known."""
    files = reader.files
    writes = files.read(files.input)
    if writes is None or files.input is None:
        return None
    lines = [(write.path, line) for write in writes for line in write.lines]
    if len(lines) > _MOST_LINES:
        return None
    taken = lines if is_whole else lines[:1]
    if any(line.unknown or line.empty or is_marked(line.text) for _, line in taken):
        return None
    rest = tuple(Write(path, (line,)) for path, line in lines[len(taken) :])
    files.replace(files.input, rest)
    content = "\n".join(line.text for _, line in taken)
    if is_whole:
        content += "\n" if taken and taken[-1][1].ends else ""
    is_ended = bool(taken) and taken[-1][1].ends and not is_whole
    return content, is_ended, tuple(line.number for _, line in taken)


def _split(content: str, separators: str, count: int) -> list[str | None]:
    """Return the values of `count` variables."""
    blanks = "".join(each for each in separators if each in " \t\n")
    if len(separators) == 1 and not blanks:
        found = content.split(separators, count - 1)
        # Of separators at the end, one is taken away or none, as there are others in the last value.
        last = None if len(found) == count and found[-1].endswith(separators) else found[-1]
        return [*found[:-1], last, *[""] * (count - len(found))]
    if separators not in ("", " \t\n") and count > 1:
        return [None] * count
    content = content.strip(blanks)
    found = content.split(None, count - 1) if count > 1 and separators else [content]
    return [*found, *[""] * (count - len(found))]
