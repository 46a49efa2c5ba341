"""What the commands of a script print and read: redirections, pipes, here-documents, `echo` and `printf`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from teleport_bootstrap.hints import TYPE_CHECKING
from teleport_bootstrap.user_data import calls, printing, text
from teleport_bootstrap.user_data.calls import Call
from teleport_bootstrap.user_data.expansion import Expanded
from teleport_bootstrap.user_data.syntax_tree import Redirection, Simple
from teleport_bootstrap.user_data.text import Line, Unknowable, Write
from teleport_bootstrap.user_data.words import Word

if TYPE_CHECKING:
    from teleport_bootstrap.user_data.shell import Reader


def redirect(reader: Reader, redirection: Redirection, *, is_group: bool) -> None:
    """Raise Unknowable where a redirection of something else than a simple command may write the conf."""
    if redirection.document is not None or redirection.operator in ("<", "<<<", "<&"):
        return
    path, typed = _target(reader, redirection)
    if path == reader.target or (path is None and "teleport.d" in typed):
        what = "a group of commands" if is_group else "another stream than the output of the command"
        raise Unknowable(f"{what} writes the conf, which is not read here", reader.place, text.HERE_DOCUMENT)
    reader.files.forget(path)


def _target(reader: Reader, redirection: Redirection) -> tuple[str | None, str]:
    found = reader.variables.field(redirection.target)
    known = found.value if found is not None else None
    return (None if known is None else reader.path(known)), redirection.target.typed


def _is_stream(redirection: Redirection) -> bool:
    """Whether a redirection goes to a stream that is open, such as `>&2`."""
    name = redirection.target.bare
    return redirection.operator == ">&" and (name.rstrip("-").isdigit() or name == "-")


def outputs(reader: Reader, call: Call) -> None:
    """Write what the command prints to the files that it is redirected to; the last one gets it."""
    last: Redirection | None = None
    for each in call.command.redirections:
        if each.operator not in (">", ">>", ">|", ">&", "&>", "&>>"):
            if each.operator == "<>":
                redirect(reader, each, is_group=False)
            continue
        if _is_stream(each):
            if each.descriptor in ("", "1") and each.target.bare != "1":
                _write_output(reader, call, last, is_empty=True)
                last = None
        elif each.descriptor in ("", "1"):
            _write_output(reader, call, last, is_empty=True)
            last = each
        else:
            redirect(reader, each, is_group=False)
    _write_output(reader, call, last)


def _write_output(reader: Reader, call: Call, redirection: Redirection | None, *, is_empty: bool = False) -> None:
    if redirection is None:
        return
    path, typed = _target(reader, redirection)
    is_conf = path == reader.target
    if is_conf and ((reader.is_posix and "&" in redirection.operator) or "C" in reader.options):
        what = f"what `{redirection.operator}` does here is not the same in every shell"
        raise Unknowable(what, reader.place, text.HERE_DOCUMENT)
    appends = ">>" in redirection.operator
    write(reader, path, typed, lambda: () if is_empty else output(reader, call), appends=appends)


def write(
    reader: Reader, path: str | None, typed: str, content: Callable[[], tuple[Line, ...]], *, appends: bool
) -> None:
    reader.files.check_write(path, typed, reader.place) if path != reader.target else None
    try:
        found = (Write(reader.text.path, content()),)
    except Unknowable:
        if path == reader.target:
            raise
        reader.files.forget(path)
        return
    reader.files.write(path, typed, found, reader.place, appends=appends)


# ---- what is printed, and what is read


def output(reader: Reader, call: Call) -> tuple[Line, ...]:
    """Return what a command prints. Raises Unknowable."""
    call = calls.without_prefixes(reader, call)
    name = call.name
    arguments = call.words[1:]
    if not call.words or (name in (":", "true") and name not in reader.functions):
        return ()
    if name in ("cat", "tee") and name not in reader.functions:
        if name == "tee" or not arguments:
            return standard_input(reader, call)
        if all(each.value is not None and (each.text == "-" or not each.text.startswith("-")) for _, each in arguments):
            found: list[Line] = []
            for _, each in arguments:
                found += standard_input(reader, call) if each.text == "-" else _of_file(reader, each.text)
            return tuple(found)
    if name in ("echo", "printf") and name not in reader.functions:
        return _printed(reader, name, arguments)
    what = f"`{text.short(call.words[0][0].typed)}` writes the conf, and what it writes only running it tells"
    raise Unknowable(what, reader.place, text.HERE_DOCUMENT)


def _of_file(reader: Reader, name: str) -> tuple[Line, ...]:
    content = reader.files.content(reader.path(name), reader.place)
    return tuple(line for write in content for line in write.lines)


def standard_input(reader: Reader, call: Call) -> tuple[Line, ...]:
    """Return what a command reads from its standard input. Raises Unknowable."""
    readable = [
        each for each in call.command.redirections if each.operator.startswith("<") and not each.descriptor.strip("0")
    ]
    if readable:
        last = readable[-1]
        if last.document is not None:
            return reader.document(last.document.lines) if last.document.expands else last.document.lines
        if last.operator == "<<<" and not reader.is_posix:
            value = reader.value(last.target)
            return _lines(reader, f"{value.text}\n", value.unknown, value.empty, last.target)
        found = reader.value(last.target).value
        if last.operator == "<" and found is not None:
            return _of_file(reader, found)
    elif isinstance(call.before, Simple):
        before = Call(tuple(reader.fields(call.before.words)), call.before, None)
        is_plain = all(each.operator.startswith("<") or (each.descriptor == "2") for each in call.before.redirections)
        if before.words and before.name not in reader.functions and is_plain:
            return output(reader, before)
    what = "the conf comes from something that only running the script tells"
    raise Unknowable(what, reader.place, text.HERE_DOCUMENT)


def _printed(reader: Reader, name: str, arguments: Sequence[tuple[Word, Expanded]]) -> tuple[Line, ...]:
    """Return what `echo` or `printf` prints. Raises Unknowable."""
    content = printing.printed(name, [each.text for _, each in arguments], is_posix=reader.is_posix)
    is_form_known = name == "echo" or not arguments or not arguments[0][1].unknown
    if content is None or not is_form_known:
        what = f"what this `{name}` prints is not read here, or not the same in every shell"
        raise Unknowable(what, reader.place, text.HERE_DOCUMENT)
    unknown = tuple(piece for _, each in arguments for piece in each.unknown)
    empty = tuple(piece for _, each in arguments for piece in each.empty)
    return _lines(reader, content, unknown, empty, arguments[-1][0] if arguments else None)


def _lines(
    reader: Reader, content: str, unknown: tuple[str, ...], empty: tuple[str, ...], word: Word | None
) -> tuple[Line, ...]:
    """Return the lines of what is printed, each at the line of the word that has it, where that can be told."""
    *lines, last = content.split("\n")
    if last:
        lines.append(last)
    first, end = (reader.number_of(word.start), reader.number_of(word.end)) if word is not None else (reader.row,) * 2
    is_same = end - first + 1 == len(lines)
    found = []
    for number, each in enumerate(lines):
        line = reader.line_of(first + number if is_same else first)
        found.append(Line(each, line.number, 0, False, unknown, empty, ends=not (last and number == len(lines) - 1)))
    return tuple(found)
