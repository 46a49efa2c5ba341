"""What the commands of a script print and read: redirections, pipes, here-documents, `echo` and `printf`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from teleport_bootstrap.hints import TYPE_CHECKING
from teleport_bootstrap.user_data import calls, filters, printing, text
from teleport_bootstrap.user_data.calls import Call
from teleport_bootstrap.user_data.expansion import Expanded
from teleport_bootstrap.user_data.syntax_tree import Redirection
from teleport_bootstrap.user_data.text import Line, Unknowable, Write
from teleport_bootstrap.user_data.words import Word

if TYPE_CHECKING:
    from teleport_bootstrap.user_data.shell import Reader


_STDIN = ("/dev/stdin", "/proc/self/fd/0", "/dev/fd/0")
# They print nothing unless an option asks them to.
_SILENT = frozenset(
    (
        *(
            "mkdir",
            "chmod",
            "chown",
            "chgrp",
            "cp",
            "mv",
            "rm",
            "install",
            "touch",
            "ln",
            "sleep",
            "sync",
            "cd",
            "[",
            ":",
        ),
        *(
            "export",
            "local",
            "declare",
            "readonly",
            "unset",
            "shift",
            "set",
            "read",
            "mapfile",
            "exit",
            "return",
            "true",
        ),
        *("false", "test", "umask", "trap", "rmdir", "shopt", "break", "continue", "let", "restorecon", "setfacl"),
    )
)


def redirect(reader: Reader, redirection: Redirection) -> None:
    """Follow a redirection of another stream than the output of the command. Raises Unknowable for the conf."""
    if redirection.document is not None or redirection.operator in ("<", "<<<", "<&"):
        return
    path, typed = target(reader, redirection)
    if path == reader.target or (path is None and "teleport.d" in typed):
        what = "another stream than the output of the command writes the conf, which is not read here"
        raise Unknowable(what, reader.place, text.HERE_DOCUMENT)
    reader.files.forget(path)


def target(reader: Reader, redirection: Redirection) -> tuple[str | None, str]:
    """Return the path of the file that a redirection names, None where that is not known, and how it is written."""
    found = reader.variables.field(redirection.target)
    known = found.value if found is not None else None
    return (None if known is None else reader.path(known)), redirection.target.typed


def is_stream(redirection: Redirection) -> bool:
    """Whether a redirection goes to a stream that is open, such as `>&2`."""
    name = redirection.target.bare
    return redirection.operator == ">&" and (name.rstrip("-").isdigit() or name == "-")


def is_process(redirection: Redirection) -> bool:
    """Whether a redirection reads what a command prints, as `< <(command)` does."""
    parts = redirection.target.parts
    return len(parts) == 1 and not parts[0].is_quoted and parts[0].text.startswith("<(")


def outputs(reader: Reader, call: Call) -> None:
    """Write what the command prints to the files that it is redirected to; the last one gets it."""
    last: Redirection | None = None
    is_elsewhere = False
    for each in call.command.redirections:
        if each.operator not in (">", ">>", ">|", ">&", "&>", "&>>"):
            if each.operator == "<>":
                redirect(reader, each)
            continue
        if is_stream(each):
            if each.descriptor in ("", "1") and each.target.bare != "1":
                _write_output(reader, call, last, is_empty=True)
                last, is_elsewhere = None, True
        elif each.descriptor in ("", "1"):
            _write_output(reader, call, last, is_empty=True)
            last = each
        else:
            redirect(reader, each)
    _write_output(reader, call, last)
    if last is None and not is_elsewhere and reader.files.output is not None:
        write(reader, reader.files.output, "", lambda: output(reader, call), appends=True, is_open=True)


def check_shell(reader: Reader, redirection: Redirection, path: str) -> None:
    """Raise Unknowable where a redirection to the conf does not do the same in every shell."""
    if path == reader.target and ((reader.is_posix and "&" in redirection.operator) or "C" in reader.options):
        what = f"what `{redirection.operator}` does here is not the same in every shell"
        raise Unknowable(what, reader.place, text.HERE_DOCUMENT)


def _write_output(reader: Reader, call: Call, redirection: Redirection | None, *, is_empty: bool = False) -> None:
    if redirection is None:
        return
    path, typed = target(reader, redirection)
    check_shell(reader, redirection, path or "")
    appends = ">>" in redirection.operator
    reader.files.check_open(path, reader.place, appends=appends)
    reader.files.opened.append((path, appends))
    try:
        write(reader, path, typed, lambda: () if is_empty else output(reader, call), appends=appends, is_open=True)
    finally:
        reader.files.opened.pop()
    if redirection.operator == ">" and "C" in reader.options:
        # It is not written where it exists.
        reader.files.forget(path)


def write(
    reader: Reader,
    path: str | None,
    typed: str,
    content: Callable[[], tuple[Line, ...]],
    *,
    appends: bool,
    is_open: bool = False,
) -> None:
    """Write `content` to a file, which the shell has opened where it `is_open`. Raises Unknowable for the conf."""
    if not is_open:
        reader.files.check_open(path, reader.place, appends=appends)
    if path != reader.target:
        reader.files.check_write(path, typed, reader.place)
    try:
        found = (Write(reader.text.path, content()),)
    except Unknowable as error:
        if path == reader.target:
            raise
        reader.files.forget(path, error)
        return
    if not found[0].lines and appends:
        return
    reader.files.write(path, typed, found, reader.place, appends=appends)


# ---- what is printed, and what is read


def output(reader: Reader, call: Call) -> tuple[Line, ...]:
    """Return what a command prints. Raises Unknowable."""
    call = calls.without_prefixes(reader, call)
    name = call.name
    arguments = call.words[1:]
    if not call.words:
        return ()
    if name in _SILENT and not any(each.text.startswith("-") and "v" in each.text for _, each in arguments):
        return ()
    if name == "tee" or (name == "cat" and not arguments):
        return standard_input(reader, call)
    if name == "cat" and all(
        each.value is not None and (each.text == "-" or not each.text.startswith("-")) for _, each in arguments
    ):
        return text.whole_lines(line for _, each in arguments for line in file(reader, call, each.text))
    if name in ("echo", "printf"):
        return _printed(reader, name, arguments)
    found = filters.filtered(reader, call)
    if found is not None:
        return found
    what = f"`{text.short(call.words[0][0].typed)}` writes the conf, and what it writes only running it tells"
    raise Unknowable(what, reader.place, text.HERE_DOCUMENT)


def file(reader: Reader, call: Call, name: str) -> tuple[Line, ...]:
    """Return the lines of a file that a command reads; `-` is its standard input. Raises Unknowable."""
    if name == "-" or name in _STDIN:
        return standard_input(reader, call)
    return content(reader, reader.path(name))


def content(reader: Reader, path: str | None) -> tuple[Line, ...]:
    """Return the lines of a file or pipe. Raises Unknowable."""
    writes = reader.files.content(path, reader.place)
    return tuple(line for write in writes for line in write.lines)


def standard_input(reader: Reader, call: Call) -> tuple[Line, ...]:
    """Return what a command reads from its standard input. Raises Unknowable."""
    readable = [
        each for each in call.command.redirections if each.operator.startswith("<") and not each.descriptor.strip("0")
    ]
    if readable and readable[-1].operator == "<" and is_process(readable[-1]):
        return literal_input(reader, readable[-1])
    if readable and readable[-1].operator == "<":
        found = reader.value(readable[-1].target).value
        if found is not None:
            return content(reader, reader.files.input if found in _STDIN else reader.path(found))
    elif readable and readable[-1].operator in ("<<", "<<-", "<<<"):
        return literal_input(reader, readable[-1])
    elif not readable:
        reader.files.is_input_read = True
        return content(reader, reader.files.input)
    what = "the conf comes from something that only running the script tells"
    raise Unknowable(what, reader.place, text.HERE_DOCUMENT)


def literal_input(reader: Reader, redirection: Redirection) -> tuple[Line, ...]:
    """Return the lines of a here-document, or of the text after `<<<`. Raises Unknowable."""
    document = redirection.document
    if document is not None:
        return reader.document(document.lines) if document.expands else document.lines
    if is_process(redirection):
        source = redirection.target.typed[2:-1]
        found = reader.variables.substitute(source)
        if found is None:
            what = f"`{text.short(redirection.target.typed)}` is known only when it runs"
            raise Unknowable(what, reader.place, text.HERE_DOCUMENT)
        numbers = reader.substituted[source]
        return tuple(Line(each, number, exact=False) for each, number in zip(found.split("\n"), numbers))
    value = reader.value(redirection.target)
    return _lines(reader, f"{value.text}\n", value.unknown, value.empty, redirection.target)


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
    numbers = [reader.line_of(first + number if is_same else first).number for number in range(len(lines))]
    alone = word.parts[0].name if word is not None and len(word.parts) == 1 else ""
    rows = reader.variables.rows.get(alone, ())
    if alone and len(rows) == len(lines) > 1:
        numbers = list(rows)
    found = []
    for number, each in enumerate(lines):
        found.append(
            Line(each, numbers[number], 0, False, unknown, empty, ends=not (last and number == len(lines) - 1))
        )
    return tuple(found)
