"""What a shell script writes to the conf, followed command by command without running any of them.

Every command is taken to succeed, unless it is one of which the opposite is known. What depends on a condition is read
as if it runs where that is the only way to a conf, with a warning; otherwise it raises Unknowable.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from teleport_bootstrap import regex
from teleport_bootstrap.finding import Finding, Place
from teleport_bootstrap.user_data import (
    assignments,
    calls,
    compounds,
    expansion,
    pipelines,
    programs,
    scopes,
    streams,
    syntax_tree,
    text,
    words,
)
from teleport_bootstrap.user_data.expansion import Expanded, Variables
from teleport_bootstrap.user_data.files import Files
from teleport_bootstrap.user_data.grammar import Script
from teleport_bootstrap.user_data.syntax_tree import SUBSHELL, TEST, Compound, Function, Item, Pipeline, Simple
from teleport_bootstrap.user_data.text import Line, Text, Unknowable, Write
from teleport_bootstrap.user_data.words import Unreadable, Word

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
        self.variables.is_posix = self.is_posix
        self.variables.substitute, self.variables.assign = self._substituted, self.assign
        self.variables.set_arguments(())
        # In which lines of the file stands what `$(...)` has printed, and arrays before they are assigned.
        self.substituted: dict[str, tuple[int, ...]] = {}
        self.arrays: dict[str, tuple[str, ...] | None] = {}
        self.functions: dict[str, Function | None] = {}
        self.options: set[str] = {"e", "u"} & set(options)
        # Conditions on which what is read now depends: None for what is read as if it runs.
        self.conditions: list[str | None] = []
        self.exit_trap: Text | None = None
        # How many loops are being followed in this function.
        self.loops = 0
        self.place = Place(script.path)
        self.row = 0
        self.documents: dict[str, int] = {}
        self.directories: list[str | None] = []
        self._script: Script | None = None
        self._depth: int = 0 if parent is None else parent._depth + 1
        self._steps: list[int] = [0] if parent is None else parent._steps
        self._stack: list[dict[str, expansion.Saved]] = []

    def writes(self) -> tuple[Write, ...]:
        """Return what the conf holds when it has ended, in order. Raises Unknowable."""
        self.follow()
        return self.files.conf()

    def follow(self) -> bool | None:
        """Follow the whole script, and then what `trap` has for its end; return whether it succeeds."""
        outcome = self.run_text(self.text)
        if self.exit_trap is not None:
            self.run_text(self.exit_trap)
            outcome = None
        return outcome

    def take(
        self, variables: Variables, environment: Mapping[str, str | None], arguments: Sequence[str | None]
    ) -> None:
        """Take what another shell gets from the one that starts it: what is exported or set for it, and arguments."""
        substitute = self.variables.substitute
        self.variables = variables.for_command()
        self.variables.is_posix, self.variables.substitute, self.variables.assign = (
            self.is_posix,
            substitute,
            self.assign,
        )
        for name, value in environment.items():
            self.variables.set(name, value)
            self.variables.exported.add(name)
        known = tuple(each for each in arguments if each is not None)
        self.variables.set_arguments(known if len(known) == len(arguments) else None)

    def follow_in(self, parent: Reader) -> bool | None:
        """Follow it as another shell does that `parent` starts, on the conditions of that."""
        self.conditions = list(parent.conditions)
        try:
            return self.follow()
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

    def run_text(self, content: Text) -> bool | None:
        """Follow `content` in this shell, and return whether it succeeds; None where that is not known."""
        for line in content.lines:
            if "\0" in line.text:
                what = "the script has a NUL character, which not every shell leaves out"
                raise Unknowable(what, content.place(line))
        script = Script(content, is_posix=self.is_posix)
        kept, self._script = self._script, script
        try:
            return self.run_list(script.items)
        except scopes.Ended as ended:
            if kept is not None and not ended.is_function:
                raise
            return ended.outcome
        except Unreadable as error:
            raise Unknowable(f"this cannot be read: {error.message}", self.place) from None
        finally:
            self._script = kept

    # ---- the order of commands

    def run_list(self, items: Sequence[Item]) -> bool | None:
        """Follow commands, and return whether the last one succeeds; None where that is not known."""
        outcome: bool | None = True
        for item in items:
            outcome = self._item(item)
        return outcome

    def _item(self, item: Item) -> bool | None:
        if item.is_background:
            with self.subshell(), self.when("a command in the background (`&`)", is_never=True):
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
                # After `a && b`, `||` begins what `else` does.
                is_else = operator == "||" and any(each == "&&" for each, _ in item.pipelines)
                with self.when(f"what follows `{operator}`", is_never=is_else):
                    found = self._pipeline(pipeline, is_checked=not is_last)
                # `a && true` and `a || false` end as `a` does, the others in one way only.
                outcome = found if found is (operator == "||") else None
            else:
                outcome = self._pipeline(pipeline, is_checked=not is_last)
        return outcome

    def _pipeline(self, pipeline: Pipeline, *, is_checked: bool) -> bool | None:
        if (is_checked or pipeline.is_negated) and "e" in self.options:
            with scopes.Unchecked(self):
                return self._pipeline(pipeline, is_checked=True)
        *before, last = pipeline.commands
        outcome = pipelines.run(self, pipeline.commands) if before else self.command(last)
        if pipeline.is_negated:
            return None if outcome is None else not outcome
        # What has failed in a group of this shell has ended the script already, unless it was checked there.
        is_group = not before and isinstance(last, Compound) and last.kind not in (SUBSHELL, TEST)
        if outcome is False and not is_checked and not is_group and "e" in self.options:
            self.end(is_function=False, outcome=False)
        elif outcome is False and not is_checked and not is_group and "ERR" in self.options:
            self.files.may_end(self.place)
        return outcome

    def command(self, command: syntax_tree.Command) -> bool | None:
        """Follow one command, and return whether it succeeds; None where that is not known."""
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
            return self._simple(command)
        with streams.Redirected(self, command.redirections):
            return compounds.run(self, command)

    def condition(self, items: Sequence[Item]) -> bool | None:
        """Follow a condition, whose failure does not end the script."""
        with scopes.Unchecked(self):
            return self.run_list(items)

    def when(self, what: str | None, *, is_never: bool = False, is_really: bool = True) -> scopes.Condition:
        return scopes.Condition(self, what or "", is_never=is_never, is_really=is_really)

    def subshell(self) -> scopes.Subshell:
        return scopes.Subshell(self)

    def end(self, *, is_function: bool, outcome: bool | None = None) -> None:
        """The script, or the function, ends here; where that depends on something, it may."""
        if not self.conditions:
            raise scopes.Ended(is_function=is_function, outcome=outcome)
        self.files.may_end(self.place)

    def _substituted(self, source: str) -> str | None:
        return streams.substituted(self, source)

    def end_loop(self, *, goes_on: bool, levels: str) -> None:
        """The round of a loop ends here, or of one further out; where that depends on something, it may."""
        if not self.loops:
            return
        if self.conditions or not levels.isdecimal():
            self.files.may_end(self.place)
            return
        raise scopes.LoopEnded(goes_on=goes_on, levels=min(int(levels), self.loops))

    # ---- one command

    def _simple(self, command: Simple) -> bool | None:
        given, outcome, environment = self._after_assignments(command)
        call = calls.Call(tuple(self.fields(given)), command, environment)
        name = call.name
        if call.words and name is not None and name in self.functions:
            with streams.Redirected(self, command.redirections):
                return self._call(name, self.functions[name], call)
        for variable in environment if name in ("eval", "source", ".") else ():
            self.assign(variable, None)
        return programs.run(self, call) if call.words or command.redirections else outcome

    def fields(self, given: Sequence[Word]) -> Iterator[tuple[Word, Expanded]]:
        """Yield each word that a command gets, with the one that it comes from."""
        for word in given:
            is_open = len(word.parts) == 1 and word.parts[0].kind != words.TEXT
            many = self.variables.several(word) if is_open else None
            if many is not None:
                for each in many:
                    yield word, Expanded(each)
                continue
            found = self.variables.field(word)
            self.check(self.variables.word(word) if found is None and "u" in self.options else found or _NOTHING)
            if found is not None:
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

    def _call(self, name: str, function: Function | None, call: calls.Call) -> bool | None:
        """Follow a function with its arguments."""
        if function is None:
            what = f"the function `{text.short(name)}` is defined under a condition, and what it does is not known"
            if "teleport.d" in self.text.joined:
                raise Unknowable(what, self.place)
            return None
        if self._depth + len(self._stack) > _DEEPEST:
            raise Unknowable(f"the function `{text.short(name)}` calls itself, which is not followed here", self.place)
        kept = self.place, self.row, self.loops
        before = {each: self.variables.saved(each) for each in (*"123456789", *call.environment)}
        arguments = self.variables.arguments
        given = [each.value for _, each in call.words[1:]]
        known = tuple(each for each in given if each is not None)
        self.variables.set_arguments(known if len(known) == len(given) else None)
        self._stack.append({})
        self.loops = 0
        for variable, value in call.environment.items():
            self.assign(variable, value)
        try:
            return self.command(function.body)
        except scopes.Ended as ended:
            if not ended.is_function:
                raise
            return ended.outcome
        finally:
            self.place, self.row, self.loops = kept
            for variable, had in {**self._stack.pop(), **before}.items():
                self.variables.restore(variable, had)
            self.variables.arguments = arguments

    # ---- variables

    def _after_assignments(self, command: Simple) -> tuple[Sequence[Word], bool | None, dict[str, str | None]]:
        """Follow the assignments before a command; return its words, whether they succeed, and those for it alone."""
        position = 0
        outcome: bool | None = True
        environment: dict[str, str | None] = {}
        for word in command.words:
            assignment = self.assignment(word)
            if assignment is None:
                break
            outcome = None if any(part.kind == words.OPAQUE for part in word.parts) else outcome
            position += 1
            if not self._is_before_command(command):
                self.assign(*assignment, word)
                continue
            environment[assignment[0]] = assignment[1]
            if self.is_posix:
                # After some of the commands of a shell it stays, and shells do not agree of which.
                self.assign(assignment[0], None)
        return command.words[position:], outcome, environment

    def _is_before_command(self, command: Simple) -> bool:
        """Whether the assignments are for the command that follows them alone."""
        return any(not assignments.FORM.match(each.typed) for each in command.words)

    def assignment(self, word: Word) -> tuple[str, str | None] | None:
        """Return the name and the value that a word assigns, None where it is not one."""
        return assignments.assignment(self, word)

    def assign(self, name: str, value: str | None, word: Word | None = None) -> None:
        """Set a variable, to something that is not known where that depends on a condition."""
        assignments.assign(self, name, value, word)

    def make_local(self, name: str) -> None:
        """Note what a variable has outside the function that makes it its own."""
        if self._stack and name not in self._stack[-1]:
            self._stack[-1][name] = self.variables.saved(name)

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


_NOTHING = Expanded("")


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
