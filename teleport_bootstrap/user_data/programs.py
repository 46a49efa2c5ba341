"""What the programs that a script calls do to files, as far as the conf is concerned."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from teleport_bootstrap import regex
from teleport_bootstrap.hints import TYPE_CHECKING, NamedTuple
from teleport_bootstrap.user_data import (
    builtins_of_shell,
    calls,
    conditions,
    copies,
    filters,
    redirections,
    streams,
    text,
)
from teleport_bootstrap.user_data.calls import Call
from teleport_bootstrap.user_data.expansion import Expanded
from teleport_bootstrap.user_data.text import Line, Text, Unknowable
from teleport_bootstrap.user_data.words import Word

if TYPE_CHECKING:
    from teleport_bootstrap.user_data.shell import Reader

# With the conf or its directory among their arguments, they leave it as it is.
_HARMLESS = frozenset(
    (
        *("chmod", "chown", "chgrp", "ls", "stat", "cat", "grep", "test", "[", "source", ".", "restorecon", "cd"),
        *("head", "tail", "wc", "sha256sum", "md5sum", "teleport-bootstrap", "logger", "sync", "touch"),
        *("echo", "printf", "setfacl", "id", "file", "diff", "cmp", "exit"),
        *("rmdir", "pushd", "popd", "egrep", "fgrep", "true", ":", "read", "mapfile", "readarray", "return", "export"),
        *("local", "declare", "typeset", "readonly", "unset", "semanage", "chattr"),
    )
)
# They read no commands from their standard input.
_READERS = frozenset(("cat", "tee", "read", "mapfile", "readarray", "logger", "grep", "wc", "base64", "sed", "awk"))
# They may read a part of their standard input, or all of it.
_TAKE_INPUT = frozenset(("head", "ssh", "xargs"))
_SUCCEED = frozenset((":", "true", "echo", "printf", "tee", "touch", "chmod", "chown", "sleep", "sync", "umask", "set"))
_SHELLS = frozenset(("sh", "bash", "dash"))
_RUNNERS = frozenset((*_SHELLS, "su", "eval", "source", "."))
_SHEBANG = regex.compile(r"(?!#!)|#!.*\b(?:ba|da)?sh\b")
_MAY_END = frozenset(("reboot", "shutdown", "poweroff", "halt"))


class _Shell(NamedTuple):
    """Another shell: its name, "" where the first line of its script has that, and the letters of its options."""

    name: str
    options: frozenset[str] = frozenset()


def run(reader: Reader, call: Call) -> bool | None:
    """Follow one command; return whether it succeeds, None where that is not known. Raises Unknowable."""
    found = calls.without_prefixes(reader, call)
    is_exec = found is not call and any(
        word.typed == "exec" for word, _ in call.words[: len(call.words) - len(found.words)]
    )
    call = found
    if is_exec and not call.words:
        for each in call.command.redirections:
            streams.redirect(reader, each)
        return True
    if _runs_commands(reader, call):
        with streams.Redirected(reader, call.command.redirections):
            outcome = _effect(reader, call)
    else:
        redirections.outputs(reader, call)
        outcome = _effect(reader, call)
    if is_exec:
        reader.end(is_function=False)
    reader.files.end_input()
    if call.name in _TAKE_INPUT:
        reader.files.forget(reader.files.input)
    return outcome


def _runs_commands(reader: Reader, call: Call) -> bool:
    """Whether what a command prints is what the commands print that it runs."""
    name = call.name
    if name is None or not call.words or name in _RUNNERS:
        return name in _RUNNERS
    return "/" in call.words[0][1].text and reader.files.as_script(reader.path(call.words[0][1].text)) is not None


def _effect(reader: Reader, call: Call) -> bool | None:
    """Follow what a command does but for its output."""
    if not call.words:
        return True
    name = call.name
    if name in builtins_of_shell.ALL:
        return builtins_of_shell.run(reader, name or "", call)
    if name in ("[", "test"):
        return conditions.of_test(call, is_posix=reader.is_posix)
    if name is not None and name in _FOLLOWED:
        _FOLLOWED[name](reader, call)
    elif name in _SHELLS:
        return _shell(reader, name or "", call)
    elif name not in _HARMLESS and not filters.reads_only(call) and not filters.in_place(reader, call):
        _other(reader, call)
    if name in _MAY_END:
        reader.files.may_end(reader.place)
    if name == "false":
        return False
    is_sure = name in _SUCCEED or (name == "mkdir" and any(each.text == "-p" for _, each in call.words))
    return True if is_sure or (name == "cat" and len(call.words) == 1) else None


def _tee(reader: Reader, call: Call) -> None:
    """Follow `tee` with each of its files. Raises Unknowable."""
    names = call.words[1:]
    options = [each.text for _, each in names if each.text.startswith("-")]
    if any(each.startswith("--") and each not in ("--", "--append", "--ignore-interrupts") for each in options):
        _other(reader, call)
        return
    appends = any(each == "--append" or (not each.startswith("--") and "a" in each) for each in options)
    for word, each in names:
        if each.value is None or not each.text.startswith("-"):
            path = None if each.value is None else reader.path(each.text)
            redirections.write(
                reader, path, word.typed, lambda: redirections.standard_input(reader, call), appends=appends
            )


def _truncate(reader: Reader, call: Call) -> None:
    """Follow `truncate -s 0 FILE`."""
    given = [each.value for _, each in call.words[1:]]
    size = "".join(each or "?" for each in given[:-1])
    if size not in ("-s0", "--size0", "--size=0") or given[-1] is None:
        _other(reader, call)
        return
    reader.files.write(reader.path(given[-1]), given[-1], (), reader.place, appends=False)


def _su(reader: Reader, call: Call) -> None:
    """Follow the commands of `su -c`."""
    words = list(call.words[1:])
    places = [number for number, (_, each) in enumerate(words[:-1]) if each.value in ("-c", "--command", "-lc")]
    if not places:
        _other(reader, call)
        return
    _follow_text(reader, call, _Shell("sh"), words[places[0] + 1 :])


def _dd(reader: Reader, call: Call) -> None:
    """Follow `dd`, which copies its standard input where no option says more."""
    given = [each.text.partition("=") for _, each in call.words[1:]]
    names = {name: value for name, _, value in given}
    if any(each.value is None for _, each in call.words[1:]) or set(names) - {"of", "status"} or "of" not in names:
        _other(reader, call)
        return
    path = reader.path(names["of"])
    redirections.write(reader, path, names["of"], lambda: redirections.standard_input(reader, call), appends=False)


def _shell(reader: Reader, name: str, call: Call) -> bool | None:
    """Follow the commands that another shell is given, as an argument, a file, or its standard input.

    Return whether they succeed, None where that is not known.
    """
    words = list(call.words[1:])
    arguments: Sequence[tuple[Word, Expanded]] = ()
    shell = _Shell("bash" if name == "bash" else "sh")
    while words and (words[0][1].value or "").startswith(("-", "+")):
        option, words = words[0][1], words[1:]
        if option.text.startswith("-") and not option.text.startswith("--"):
            shell = shell._replace(options=shell.options | {*option.text[1:]})
        if "n" in shell.options:
            raise Unknowable(f"after `{name} -n` the shell runs nothing", reader.place, "leave it out")
        if not option.text.startswith("--") and "c" in option.text and words:
            return _follow_text(reader, call, shell, words)
        if option.text in ("-o", "+o", "-O"):
            words = words[1:]
        if option.text == "-s":
            arguments, words = words, []
    if words:
        name_of = words[0][1].value
        content = reader.files.as_script(reader.path(name_of)) if name_of is not None else None
        outcome = None if content is None else _follow(reader, content, shell, call, words[1:])
        calls.check_mentions(reader, call)
        return outcome
    try:
        lines = redirections.standard_input(reader, call)
    except Unknowable:
        calls.check_mentions(reader, call)
        return None
    return _follow(reader, Text(reader.text.path, lines), shell, call, arguments)


def _follow_text(reader: Reader, call: Call, shell: _Shell, words: Sequence[tuple[Word, Expanded]]) -> bool | None:
    word, given = words[0][0], words[0][1].value
    if given is None:
        if "teleport.d" in word.typed:
            what = "what this shell runs is known only when the script runs, and names the conf"
            raise Unknowable(what, reader.place, "write the values themselves into the conf")
        return None
    first = reader.number_of(word.start)
    is_same = reader.number_of(word.end) - first == given.count("\n")
    lines = tuple(
        Line(each, reader.line_of(first + number if is_same else first).number, exact=False)
        for number, each in enumerate(given.split("\n"))
    )
    return _follow(reader, Text(reader.text.path, lines), shell, call, words[2:])


def _follow(
    reader: Reader, content: Text, shell: _Shell, call: Call, arguments: Sequence[tuple[Word, Expanded]]
) -> bool | None:
    if any(line.unknown for line in content.lines):
        if "teleport.d" in content.joined:
            what = "what this shell runs is known only when the script runs, and names the conf"
            raise Unknowable(what, reader.place, "write the values themselves into the conf")
        return None
    below = type(reader)(content, reader.target, parent=reader, name=shell.name)
    below.options |= shell.options & {"e", "u"}
    below.take(reader.variables, call.environment, [each.value for _, each in arguments])
    kept = reader.files.directory
    outcome = below.follow_in(reader)
    reader.files.directory = kept
    return outcome


def _other(reader: Reader, call: Call) -> None:
    """Raise Unknowable where a program that is not known here has to do with the conf."""
    calls.check_mentions(reader, call)
    first = call.words[0]
    if first[1].value is not None and "/" in first[1].text:
        content = reader.files.as_script(reader.path(first[1].text))
        # A program in another language is of no interest, unless it names the conf.
        if content is not None and (_SHEBANG.match(content.joined) or "teleport.d" in content.joined):
            _follow(reader, content, _Shell(""), call, call.words[1:])
    for each in call.command.redirections:
        is_read = each.document is not None and call.name not in _READERS
        if is_read and any("teleport.d" in line.text for line in (each.document.lines if each.document else ())):
            what = f"`{text.short(first[0].typed)}` reads commands that name the conf, which are not read here"
            raise Unknowable(what, reader.place, text.HERE_DOCUMENT)


_FOLLOWED: dict[str, Callable[[Reader, Call], None]] = {
    "tee": _tee,
    "dd": _dd,
    "truncate": _truncate,
    "su": _su,
    **copies.FOLLOWED,
}
