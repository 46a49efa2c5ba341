"""What a shell script writes to the conf, followed command by command without running any of them.

Every command is taken to succeed, unless it is one of which the opposite is known. What depends on a condition is read
as if it runs where that is the only way to a conf, with a warning; otherwise it raises Unknowable.
"""

from __future__ import annotations

import collections
import posixpath
from collections.abc import Iterator, Sequence

from teleport_bootstrap import regex
from teleport_bootstrap.finding import Finding, Place
from teleport_bootstrap.user_data import calls, expansion, programs, redirections, scopes, syntax_tree, text, words
from teleport_bootstrap.user_data.expansion import Expanded, Variables
from teleport_bootstrap.user_data.files import Files
from teleport_bootstrap.user_data.grammar import Script
from teleport_bootstrap.user_data.syntax_tree import Compound, Function, Item, Pipeline, Simple
from teleport_bootstrap.user_data.text import Line, Text, Unknowable, Write
from teleport_bootstrap.user_data.words import Part, Unreadable, Word

_ASSIGNMENT = regex.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^\]]*\])?(\+?)=(.*)", 16)  # DOTALL
_INTERPRETER = regex.compile(r"#![ \t]*(?:/usr)?(?:/local)?/bin/(?:env[ \t]+(?:-S[ \t]*)?)?([a-z0-9.]+)[ \t]*(.*)")
_SHELLS = frozenset(("sh", "bash", "dash"))
_DEEPEST = 25
_MOST_STEPS = 5_000


class Reader:
    """Reads one script; `findings` are warnings about what was taken for granted."""

    files: Files
    place: Place

    def __init__(
        self, script: Text, target: str, before: tuple[Write, ...] = (), *, parent: Reader | None = None, name: str = ""
    ) -> None:
        """`before` is what the conf holds when the script begins. `name` is that of the shell, where it is known."""
        self.text = script
        self.target = target
        name, options = (name, "") if name else _interpreter(script)
        self.is_posix = name != "bash"
        self.findings: list[Finding] = [] if parent is None else parent.findings
        self.files = Files(target, before, self.findings) if parent is None else parent.files
        self.variables = Variables()
        self.functions: dict[str, Function | None] = {}
        self.options: set[str] = {"e", "u"} & set(options)
        # Conditions on which what is read now depends: None for what is read as if it runs.
        self.conditions: list[str | None] = []
        self.place = Place(script.path)
        self.row = 0
        self.documents: dict[str, int] = {}
        self._script: Script | None = None
        self._depth: int = 0 if parent is None else parent._depth + 1
        self._steps: list[int] = [0] if parent is None else parent._steps
        self._stack: list[dict[str, str | None]] = []

    def writes(self) -> tuple[Write, ...]:
        """Return what the conf holds when it has ended, in order. Raises Unknowable."""
        self.follow()
        return self.files.conf()

    def follow(self) -> None:
        """Follow the whole script."""
        self.run_text(self.text)

    def follow_in(self, parent: Reader) -> None:
        """Follow it as another shell does that `parent` starts, on the conditions of that."""
        self.conditions = list(parent.conditions)
        try:
            self.follow()
        finally:
            parent.files.directory = None

    def run_below(self, content: Text) -> None:
        """Follow what `eval` or `source` runs in this shell."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Unknowable("it calls itself, which is not followed here", self.place)
        kept = self.place, self.row
        self.run_text(content)
        self.place, self.row = kept
        self._depth -= 1

    def run_text(self, content: Text) -> None:
        """Follow `content` in this shell."""
        script = Script(content, is_posix=self.is_posix)
        kept, self._script = self._script, script
        try:
            self._list(script.items)
        except scopes.Ended as ended:
            if kept is not None and not ended.is_function:
                raise
        except Unreadable as error:
            raise Unknowable(f"this cannot be read: {error.message}", self.place) from None
        finally:
            self._script = kept

    # ---- the order of commands

    def _list(self, items: Sequence[Item]) -> bool | None:
        """Follow commands, and return whether the last one succeeds; None where that is not known."""
        outcome: bool | None = True
        for item in items:
            outcome = self._item(item)
        return outcome

    def _item(self, item: Item) -> bool | None:
        if item.is_background:
            with self._subshell(), self._when("a command in the background (`&`)", is_never=True):
                self._pipelines(item)
            return True
        return self._pipelines(item)

    def _pipelines(self, item: Item) -> bool | None:
        outcome: bool | None = True
        for operator, pipeline in item.pipelines:
            is_last = pipeline is item.pipelines[-1][1]
            if operator and outcome is not None:
                if outcome == (operator == "&&"):
                    outcome = self._pipeline(pipeline, is_checked=not is_last)
            elif operator:
                with self._when(f"what follows `{operator}`"):
                    found = self._pipeline(pipeline, is_checked=not is_last)
                # `a && true` and `a || false` end as `a` does, the others in one way only.
                outcome = found if found is (operator == "||") else None
            else:
                outcome = self._pipeline(pipeline, is_checked=not is_last)
        return outcome

    def _pipeline(self, pipeline: Pipeline, *, is_checked: bool) -> bool | None:
        outcome: bool | None = True
        before: syntax_tree.Command | None = None
        is_alone = len(pipeline.commands) == 1
        for command in pipeline.commands:
            if is_alone:
                outcome = self._command(command, None)
            else:
                with self._subshell():
                    outcome = self._command(command, before)
            before = command
        if pipeline.is_negated:
            return None if outcome is None else not outcome
        if outcome is False and not is_checked and "e" in self.options:
            self.end(is_function=False)
        return outcome

    def _command(self, command: syntax_tree.Command, before: syntax_tree.Command | None) -> bool | None:
        self._steps[0] += 1
        if self._steps[0] > _MOST_STEPS:
            raise Unknowable("the script runs too many commands to follow them here", self.place)
        if self._script is not None:
            self.place = self._script.place(command.start)
            self.row = self._script.row(command.start)
        if isinstance(command, Function):
            self.functions[command.name] = command
            if self.conditions:
                self.functions[command.name] = None
            return True
        if isinstance(command, Simple):
            return self._simple(command, before)
        for each in command.redirections:
            redirections.redirect(self, each, is_group=True)
        return self._compound(command)

    def _compound(self, command: Compound) -> bool | None:
        if command.kind == syntax_tree.BRACES:
            return self._list(command.branches[0])
        if command.kind == syntax_tree.SUBSHELL:
            with self._subshell():
                return self._list(command.branches[0])
        if command.kind == syntax_tree.IF:
            return self._if(command)
        if command.kind == syntax_tree.TEST:
            for name in expansion.names(_NAME.findall(command.word)):
                self.variables.set(name, None)
            return None
        for name in expansion.names([each.typed for each in command.names]):
            self.variables.set(name, None)
        with self._when(f"`{command.word}`", is_never=True):
            for branch in command.branches:
                self._list(branch)
            if command.kind == syntax_tree.LOOP:
                # Once more, as what the first round has left is what the next one finds.
                for branch in command.branches:
                    self._list(branch)
        return None

    def _if(self, command: Compound) -> bool | None:
        branches = collections.deque(command.branches)
        is_first, has_run = True, False
        while len(branches) > 1 and not has_run:
            condition, body = branches.popleft(), branches.popleft()
            with self._when(None if is_first else "`elif`", is_never=not is_first, is_really=not is_first):
                outcome = self._list_unchecked(condition)
            if outcome is not False:
                is_sure = outcome is True and is_first
                word = "`if`" if is_first else "`elif`"
                with self._when(word, is_never=not is_first, is_really=not is_sure):
                    self._list(body)
                has_run = is_sure
                is_first = is_first and is_sure
        if branches and not has_run:
            with self._when("`else`", is_never=True, is_really=not is_first):
                return self._list(branches[0])
        return True if has_run else None

    def _list_unchecked(self, items: Sequence[Item]) -> bool | None:
        """Follow a condition, whose failure does not end the script."""
        kept = "e" in self.options
        self.options.discard("e")
        outcome = self._list(items)
        if kept:
            self.options.add("e")
        return outcome

    def _when(self, what: str | None, *, is_never: bool = False, is_really: bool = True) -> scopes.Condition:
        return scopes.Condition(self, what or "", is_never=is_never, is_really=is_really)

    def _subshell(self) -> scopes.Subshell:
        return scopes.Subshell(self)

    def end(self, *, is_function: bool) -> None:
        """The script, or the function, ends here; where that depends on something, it may."""
        if not self.conditions:
            raise scopes.Ended(is_function=is_function)
        self.files.may_end(self.place)

    # ---- one command

    def _simple(self, command: Simple, before: syntax_tree.Command | None) -> bool | None:
        given, outcome = self._after_assignments(command)
        call = calls.Call(tuple(self.fields(given)), command, before)
        name = call.name
        function = self.functions.get(name or "") if call.words else None
        if name is not None and name in self.functions:
            self._call(name, function, call)
            for each in command.redirections:
                redirections.redirect(self, each, is_group=True)
            return None
        return programs.run(self, call) if call.words or command.redirections else outcome

    def fields(self, given: Sequence[Word]) -> Iterator[tuple[Word, Expanded]]:
        for word in given:
            found = self.variables.field(word)
            if found is not None:
                self.check(found)
                yield word, found

    def check(self, value: Expanded) -> None:
        """Raise Unknowable where a variable that is not set ends the script."""
        if value.empty and "u" in self.options:
            what = f"`{text.short(value.empty[0])}` is not set, and after `set -u` that ends the script"
            raise Unknowable(what, self.place, "set the variable before")

    def value(self, word: Word) -> Expanded:
        """Return what a word becomes as a value, or as the name of a file."""
        found = self.variables.word(word)
        self.check(found)
        return found

    def document(self, lines: Sequence[Line]) -> tuple[Line, ...]:
        """Return the lines of a here-document that is expanded."""
        try:
            found = self.variables.lines(lines, is_posix=self.is_posix)
        except Unreadable as error:
            raise Unknowable(f"the here-document cannot be read: {error.message}", self.place) from None
        for each in found:
            self.check(Expanded("", (), each.empty))
        return found

    def _call(self, name: str, function: Function | None, call: calls.Call) -> None:
        """Follow a function with its arguments."""
        if function is None:
            what = f"the function `{text.short(name)}` is defined under a condition, and what it does is not known"
            if "teleport.d" in self.text.joined:
                raise Unknowable(what, self.place)
            return
        if self._depth + len(self._stack) > _DEEPEST:
            raise Unknowable(f"the function `{text.short(name)}` calls itself, which is not followed here", self.place)
        kept = self.place, self.row, {each: self.variables.values.get(each, _UNSET) for each in "123456789"}
        arguments = [each.value for _, each in call.words[1:]]
        is_sure = None not in arguments
        for number, each in enumerate("123456789"):
            self.variables.values[each] = None if not is_sure else (*arguments, *("",) * 9)[number]
        self._stack.append({})
        try:
            self._command(function.body, None)
        except scopes.Ended as ended:
            if not ended.is_function:
                raise
        finally:
            self.place, self.row, before = kept
            self._restore({**self._stack.pop(), **before})

    def _restore(self, values: dict[str, str | None]) -> None:
        """Give variables what they had before a function."""
        for name, value in values.items():
            if value is _UNSET:
                self.variables.values.pop(name, None)
            else:
                self.variables.values[name] = value

    # ---- variables

    def _after_assignments(self, command: Simple) -> tuple[Sequence[Word], bool | None]:
        """Follow the assignments before a command; return its words, and whether they succeed."""
        position = 0
        outcome: bool | None = True
        for word in command.words:
            assignment = self.assignment(word)
            if assignment is None:
                break
            outcome = None if any(part.kind == words.OPAQUE for part in word.parts) else outcome
            position += 1
            if not self._is_before_command(command):
                self.assign(*assignment)
            elif self.is_posix:
                # After some of the commands of a shell it stays, and shells do not agree of which.
                self.assign(assignment[0], None)
        return command.words[position:], outcome

    def _is_before_command(self, command: Simple) -> bool:
        """Whether the assignments are for the command that follows them alone."""
        return any(not _ASSIGNMENT.match(each.typed) for each in command.words)

    def assignment(self, word: Word) -> tuple[str, str | None] | None:
        """Return the name and the value that a word assigns, None where it is not one."""
        first = word.parts[0] if word.parts else Part(words.TEXT, "", True)
        found = None if first.is_quoted or first.kind != words.TEXT else _ASSIGNMENT.fullmatch(first.text)
        if found is None:
            return None
        value = self.value(Word((Part(words.TEXT, found[4]), *word.parts[1:]))).value
        if found[2] or any(part.text.startswith("(") and part.kind == words.OPAQUE for part in word.parts):
            return found[1], None
        if found[3]:
            before = self.variables.values.get(found[1], "")
            value = None if value is None or before is None or self.is_posix else before + value
        return found[1], value

    def assign(self, name: str, value: str | None) -> None:
        """Set a variable, to something that is not known where that depends on a condition."""
        self.variables.set(name, None if self.conditions else value)
        if "a" in self.options:
            self.variables.exported.add(name)

    def make_local(self, name: str) -> None:
        """Note what a variable has outside the function that makes it its own."""
        if self._stack and name not in self._stack[-1]:
            self._stack[-1][name] = self.variables.values.get(name, _UNSET)

    @property
    def is_in_function(self) -> bool:
        """Whether a function is followed."""
        return bool(self._stack)

    def path(self, name: str) -> str | None:
        """Return the absolute path of a file that a command names, None where that is not known."""
        if not name.startswith("/"):
            if self.files.directory is None:
                return None
            name = posixpath.join(self.files.directory, name)
        return f"/{posixpath.normpath(name).lstrip('/')}"

    def number_of(self, position: int) -> int:
        """Return the row of a position in what is followed now."""
        return self._script.row(position) if self._script is not None else 0

    def line_of(self, row: int) -> Line:
        """Return a line of what is followed now."""
        lines = self._script.text.lines if self._script is not None else ()
        return lines[min(row, len(lines) - 1)] if lines else Line("", 1)


_UNSET = "\0 not set"


_NAME = regex.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _interpreter(script: Text) -> tuple[str, str]:
    """Return the shell that runs a script, and its options. Raises Unknowable for another program."""
    for line in script.lines[:2]:
        if line.text.startswith("#!"):
            found = _INTERPRETER.fullmatch(line.text.rstrip())
            if found is None or found[1] not in _SHELLS:
                what = f"`{text.short(line.text.strip())}` is not a shell that is read here"
                raise Unknowable(what, script.place(line), "write the conf in a script that begins with #!/bin/bash")
            return found[1], found[2] if found[2].startswith("-") else ""
    return "sh", ""
