"""What a shell script writes to the conf: by a here-document, `echo` or `printf`, directly or through another file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from teleport_bootstrap import regex
from teleport_bootstrap.finding import Finding, Place
from teleport_bootstrap.user_data import commands, expansion, printing, text, words
from teleport_bootstrap.user_data.commands import Command
from teleport_bootstrap.user_data.expansion import Expanded
from teleport_bootstrap.user_data.text import Line, Text, Unknowable, Write
from teleport_bootstrap.user_data.words import Part, Token

_HERE_DOCUMENT = "write the values themselves, with a here-document: cat > /etc/teleport.d/conf <<'EOF'"
_ASSIGNMENT = regex.compile(r"([A-Za-z_]\w*)(\+?)=(.*)", re.DOTALL)
_DECLARING = frozenset(("export", "readonly", "local", "declare", "typeset"))
# Each sets the variables among its arguments in its own way.
_SETTING = frozenset(("read", "mapfile", "readarray", "getopts", "for", "select", "unset"))
# They give another command their arguments.
_PREFIXES = frozenset(("sudo", "command", "exec", "builtin", "env", "nohup", "time", "!"))
# With the conf among their arguments, they leave it as it is.
_HARMLESS = frozenset(
    (
        *("chmod", "chown", "chgrp", "ls", "stat", "cat", "grep", "test", "[", "[[", "source", ".", "restorecon"),
        *("head", "tail", "wc", "sha256sum", "md5sum", "teleport-bootstrap", "logger", "mkdir", "sync", "touch"),
        *("echo", "printf"),
    )
)
_SHELLS = frozenset(("sh", "bash", "dash", "/bin/sh", "/bin/bash", "/usr/bin/bash", "/usr/bin/sh"))
_COPYING = frozenset(("cp", "mv", "install"))
_ENDS = {"if": "fi", "for": "done", "while": "done", "until": "done", "case": "esac", "select": "done"}
_NEVER_SURE = frozenset(("for", "while", "until", "case", "select", "else", "elif"))

Content = Callable[[], "tuple[Write, ...]"]


class Reader:
    """Reads one script; `findings` are warnings about what was taken for granted."""

    def __init__(self, script: Text, target: str, before: tuple[Write, ...] = ()) -> None:
        """`before` is what the conf holds when the script begins."""
        self._script = script
        self._target = target
        self._values: dict[str, str | None] = {}
        self._files: dict[str, tuple[Write, ...]] = {target: before}
        self._blocks: list[str] = []
        self._ends_group = False
        self._place = Place(script.path)
        self.findings: list[Finding] = []

    def writes(self) -> tuple[Write, ...]:
        """Return what the conf holds when it has ended, in order. Raises Unknowable."""
        for line, command in commands.read(self._script):
            self._place = self._script.place(line)
            self._step(command)
        return self._files[self._target]

    def _step(self, command: Command) -> None:
        given = self._after_assignments(self._after_keywords(list(command.words)), is_alone=not command.outputs)
        while given and ((first := self._literal(given[0])) in _PREFIXES or (first or "").startswith("-")):
            given = given[1:]
        names = [self._literal(each) for each in given]
        for operator, argument in command.outputs:
            self._redirected(argument, given, command, appends=">>" in operator)
        if names[:1] == ["tee"]:
            appends = "-a" in names or "--append" in names
            for path in names[1:]:
                if path is not None and not path.startswith("-"):
                    self._write(path, lambda: self._as_write(self._piped(command)), appends=appends)
        elif names[:1] and names[0] in _SHELLS:
            self._other_shell(names[0] or "", names)
        elif any(self._target in (each or "") for each in names[1:]):
            self._with_conf(names[0] or "", names)

    def _other_shell(self, name: str, names: Sequence[str | None]) -> None:
        """Follow the commands that a shell is given as an argument."""
        if "-c" in names[1:-1]:
            given = names[list(names).index("-c") + 1]
            number = self._place.line or 1
            lines = tuple(Line(each, number, exact=False) for each in (given or "").split("\n"))
            for _, command in commands.read(Text(self._script.path, lines)):
                self._step(command)
        elif any(self._target in (each or "") for each in names[1:]):
            self._with_conf(name, names)

    def _redirected(self, argument: Token, given: Sequence[Token], command: Command, *, appends: bool) -> None:
        path = self._literal(argument)
        if path is not None:
            self._write(path, lambda: self._as_write(self._output(given, command)), appends=appends)
        elif "teleport.d" in _as_typed(argument):
            what = f"`{_as_typed(argument)}` may be the conf, which only running the script tells"
            raise Unknowable(what, self._place)

    def _with_conf(self, name: str, names: Sequence[str | None]) -> None:
        """Follow what another command does with the conf among its arguments."""
        if name in _COPYING and names[-1] == self._target:
            copied = self._files.get(names[-2] or "")
            if copied is None:
                what = f"`{name}` makes the conf of a file that this script does not write"
                raise Unknowable(what, self._place, _HERE_DOCUMENT)
            self._write(self._target, lambda: copied, appends=False)
        elif name == "rm":
            self._write(self._target, tuple, appends=False)
        elif name not in _HARMLESS and name not in _COPYING:
            what = f"`{name or 'a command'}` may change the conf, which only running the script tells"
            raise Unknowable(what, self._place, "write the values themselves into the conf")

    def _after_keywords(self, given: list[Token]) -> list[Token]:
        """Follow `if`, loops and the like, and return the command without these words."""
        self._ends_group = any(_as_typed(each) == ")" for each in given)
        while given:
            name = _as_typed(given[0])
            if name in _ENDS:
                self._blocks.append(name)
                if name in _SETTING:
                    return given
            elif name in ("else", "elif") and self._blocks:
                self._blocks[-1] = name
            elif name in _ENDS.values() and self._blocks:
                self._blocks.pop()
                self._ends_group = True
            elif name in ("}", ")"):
                self._ends_group = True
            elif name not in ("then", "do", "{", "(", "function"):
                return given
            given = given[1:]
        return given

    def _after_assignments(self, given: list[Token], *, is_alone: bool) -> list[Token]:
        """Note the assignments that `given` begins with, and return the command that follows them."""
        name = _as_typed(given[0]) if given else ""
        if name in _SETTING:
            self._values.update(dict.fromkeys(filter(str.isidentifier, map(_as_typed, given[1:]))))
        found: dict[str, str | None] = {}
        position = 1 if name in _DECLARING else 0
        while position < len(given):
            token = given[position]
            first = token.parts[0] if token.parts else Part(words.BARE, "")
            assignment = _ASSIGNMENT.fullmatch(first.text) if first.kind == words.BARE else None
            if assignment is None and name not in _DECLARING:
                break
            if assignment is not None:
                value = self._literal(Token("", (Part(words.BARE, assignment[3]), *token.parts[1:])))
                before = self._values.get(assignment[1], "") if assignment[2] else ""
                found[assignment[1]] = None if value is None or before is None else before + value
            position += 1
        # Before a command, they are for it alone.
        if is_alone and position == len(given):
            is_sure = not self._blocks
            self._values.update({name: value if is_sure else None for name, value in found.items()})
        return given[position:]

    # ---- what is written

    def _write(self, path: str, content: Content, *, appends: bool) -> None:
        is_conf = path == self._target
        if is_conf:
            unsure = next((each for each in self._blocks if each in _NEVER_SURE), None)
            if unsure is not None:
                what = f"the conf is written inside `{unsure}`, so that only running the script tells what is in it"
                raise Unknowable(what, self._place)
            if self._blocks:
                what = f"the conf is written inside `{self._blocks[-1]}`, and read here as if that runs"
                self.findings.append(text.warning(what, self._place))
        try:
            found = content()
        except Unknowable:
            if is_conf:
                raise
            self._files.pop(path, None)
            return
        self._files[path] = (*(self._files.get(path, ()) if appends else ()), *found)

    def _as_write(self, lines: tuple[Line, ...]) -> tuple[Write, ...]:
        return (Write(self._script.path, lines),)

    def _output(self, given: Sequence[Token], command: Command) -> tuple[Line, ...]:
        """Return what a command prints. Raises Unknowable."""
        if self._ends_group:
            raise Unknowable("a group of commands writes the conf, which is not read here", self._place, _HERE_DOCUMENT)
        name = self._literal(given[0]) if given else ""
        if name in ("", ":", "true") and not given[1:]:
            return ()
        if name == "cat" and all(_as_typed(each) == "-" for each in given[1:]):
            return self._piped(command)
        if name in ("echo", "printf"):
            return self._printed(name, given[1:])
        what = f"`{_as_typed(given[0])}` writes the conf, and what it writes only running it tells"
        raise Unknowable(what, self._place, _HERE_DOCUMENT)

    def _piped(self, command: Command) -> tuple[Line, ...]:
        """Return what a command reads from its standard input. Raises Unknowable."""
        document = command.document
        if document is not None:
            return tuple(self._expanded(document.lines)) if document.expands else document.lines
        if command.before is not None and command.before.words:
            return self._output(command.before.words, command.before)
        raise Unknowable("the conf comes from a file, which only running the script tells", self._place, _HERE_DOCUMENT)

    def _expanded(self, lines: Sequence[Line]) -> Sequence[Line]:
        found: list[Line] = []
        rest = iter(lines)
        for line in rest:
            joined = line.text
            while _continues(joined) and (following := next(rest, None)) is not None:
                joined = joined[:-1] + following.text
            value = expansion.expand(joined, self._values)
            is_same = line.exact and value.text == line.text
            found.append(Line(value.text, line.number, line.column, is_same, value.unknown, value.empty))
        return found

    def _printed(self, name: str, given: Sequence[Token]) -> tuple[Line, ...]:
        """Return what `echo` or `printf` prints. Raises Unknowable."""
        values = list(map(self._value, given))
        content = printing.printed(name, [each.text for each in values])
        if content is None:
            raise Unknowable(f"the format of this `{name}` is not read here", self._place, _HERE_DOCUMENT)
        unknown = tuple(piece for each in values for piece in each.unknown)
        empty = tuple(piece for each in values for piece in each.empty)
        number = self._place.line or 1
        *lines, last = content.split("\n")
        found = [Line(each, number, 0, False, unknown, empty) for each in lines]
        return (*found, Line(last, number, 0, False, unknown, empty, ends=False)) if last else tuple(found)

    # ---- words

    def _literal(self, token: Token) -> str | None:
        """Return a word as the shell passes it on, None where that is not known."""
        found = self._value(token)
        return None if found.unknown else found.text

    def _value(self, token: Token) -> Expanded:
        parts = list(map(self._part, token.parts))
        return Expanded(
            "".join(each.text for each in parts),
            tuple(piece for each in parts for piece in each.unknown),
            tuple(piece for each in parts for piece in each.empty),
        )

    def _part(self, part: Part) -> Expanded:
        if part.kind == words.SINGLE:
            return Expanded(part.text)
        return expansion.expand(part.text, self._values, in_quotes=part.kind == words.DOUBLE)


def _as_typed(token: Token) -> str:
    return "".join(part.text for part in token.parts)


def _continues(line: str) -> bool:
    """Whether a here-document goes on with the next line: an odd number of backslashes is at the end."""
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1
