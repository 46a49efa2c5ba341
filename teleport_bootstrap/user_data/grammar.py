"""Takes a shell script apart, as bash does, into the tree of its commands with the here-documents that they read."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from teleport_bootstrap import regex
from teleport_bootstrap.finding import Place
from teleport_bootstrap.user_data.syntax_tree import (
    BRACES,
    CASE,
    IF,
    LOOP,
    SUBSHELL,
    TEST,
    Command,
    Compound,
    Document,
    Function,
    Item,
    Pipeline,
    Redirection,
    Simple,
)
from teleport_bootstrap.user_data.text import Line, Text, Unknowable
from teleport_bootstrap.user_data.words import TEXT, Part, Scanner, Unreadable, Word

_MOST_DEPTH = 60
_OPERATOR = regex.compile(r"&&|\|\||\|&|;;&|;;|;&|[|;()&\n]")
_REDIRECTION = regex.compile(r"([0-9]+|\{[A-Za-z_][A-Za-z0-9_]*\})?(<<<|<<-|<<|<>|<&|<(?!\()|>>|>\||>&|>(?!\()|&>>|&>)")
_LOOPS = frozenset(("for", "while", "until", "select"))
_CLOSING = frozenset(("then", "else", "elif", "fi", "do", "done", "esac", "}"))
_ADVICE = "check it with `bash -n FILE`"


class Script:
    """A script that was taken apart: its commands, and the line of the file for each position in it."""

    def __init__(self, text: Text, *, is_posix: bool) -> None:
        """Raise Unknowable for a script that bash would refuse, or that is not understood here."""
        self.text = text
        self.source = text.joined
        self._starts = [0]
        for line in text.lines:
            self._starts.append(self._starts[-1] + len(line.text) + 1)
        try:
            self.items = _Parser(self, is_posix=is_posix).script()
        except Unreadable as error:
            what = f"the script cannot be read from here on: {error.message}"
            raise Unknowable(what, self.place(error.position), _ADVICE) from None

    def row(self, position: int) -> int:
        """Return the index of the line in which `position` is."""
        return max(0, min(bisect.bisect_right(self._starts, position), len(self.text.lines)) - 1)

    def start(self, row: int) -> int:
        """Return where a line begins."""
        return self._starts[row]

    def line(self, position: int) -> Line:
        """Return the line in which `position` is."""
        return self.text.lines[self.row(position)] if self.text.lines else Line("", 1)

    def place(self, position: int) -> Place:
        """Return where in the file that line begins."""
        return self.text.place(self.line(position))


class _Parser(Scanner):
    def __init__(self, script: Script, *, is_posix: bool) -> None:
        super().__init__(script.source, is_posix=is_posix)
        self._script = script
        self._documents: list[Document] = []
        self._nested = 0

    def script(self) -> tuple[Item, ...]:
        found = self._list(())
        if self.position < len(self.source):
            raise Unreadable(f"`{self.source[self.position : self.position + 1]}` is unexpected", self.position)
        return found

    # ---- tokens

    def _operator(self) -> str:
        """Return the operator that comes next, "" for a word, a redirection or the end."""
        self.blanks()
        if self.source.startswith("#", self.position):
            end = self.source.find("\n", self.position)
            self.position = len(self.source) if end < 0 else end
        if _REDIRECTION.match(self.source, self.position):
            return ""
        found = _OPERATOR.match(self.source, self.position)
        return found[0] if found else ""

    def _pass(self, operator: str) -> None:
        self.position += len(operator)
        if operator == "\n":
            self._read_documents()

    def _new_lines(self) -> None:
        while self._operator() == "\n":
            self._pass("\n")

    def _keyword(self) -> str:
        """Return the word without quotes that comes next, "" if none does."""
        if self._operator() or _REDIRECTION.match(self.source, self.position):
            return ""
        # Few words are keywords, and long ones are not read twice.
        start = self.position
        end = start
        while end < len(self.source) and end - start < 10 and self.source[end] not in " \t\n;&|()<>":
            end += 1
        found = self.source[start:end]
        return found if found.isalpha() or found in ("{", "}", "!", "[[") else ""

    def _expect(self, keyword: str) -> None:
        if self._keyword() != keyword:
            raise Unreadable(f"`{keyword}` is missing", self.position)
        self.position += len(keyword)

    def _read_documents(self) -> None:
        documents, self._documents = self._documents, []
        for document in documents:
            row = self._script.row(self.position) if self.position < len(self.source) else len(self._script.text.lines)
            self.position = self._read_document(document, row)

    def _read_document(self, document: Document, row: int) -> int:
        rows = self._script.text.lines
        found: list[Line] = []
        while row < len(rows):
            line = rows[row]
            row += 1
            joined = [line.text]
            while document.expands and _goes_on(joined[-1]) and row < len(rows):
                joined[-1] = joined[-1][:-1]
                joined.append(rows[row].text)
                row += 1
            if len(joined) > 1:
                line = line._replace(text="".join(joined), exact=False)
            if document.strips_tabs:
                tabs = len(line.text) - len(line.text.lstrip("\t"))
                line = line._replace(text=line.text[tabs:], column=line.column + tabs)
            if line.text == document.delimiter:
                break
            found.append(line)
        document.lines = tuple(found)
        return min(self._script.start(row), len(self.source)) if row < len(rows) else len(self.source)

    # ---- commands

    def _list(self, ends: Sequence[str], *, may_be_empty: bool = False) -> tuple[Item, ...]:
        """Return the commands up to one of the words or operators `ends`, or the end of the script."""
        found: list[Item] = []
        self._nested += 1
        if self._nested > _MOST_DEPTH:
            raise Unreadable("it is nested too deeply", self.position)
        while True:
            self._new_lines()
            operator = self._operator()
            if self.position >= len(self.source) or operator in (")", ";;", ";&", ";;&"):
                break
            keyword = self._keyword()
            if keyword in _CLOSING:
                if keyword not in ends:
                    raise Unreadable(f"`{keyword}` is unexpected", self.position)
                break
            found.append(self._item())
        self._nested -= 1
        if not found and self._nested and not may_be_empty:
            raise Unreadable("a command is missing, which a comment does not replace", self.position)
        return tuple(found)

    def _item(self) -> Item:
        pipelines = [("", self._pipeline())]
        while (operator := self._operator()) in ("&&", "||"):
            self._pass(operator)
            self._new_lines()
            pipelines.append((operator, self._pipeline()))
        if operator in (";", "&", "\n"):
            self._pass(operator)
        return Item(tuple(pipelines), operator == "&")

    def _pipeline(self) -> Pipeline:
        is_negated = False
        while (keyword := self._keyword()) in ("!", "time"):
            is_negated ^= keyword == "!"
            self.position += len(keyword)
        commands = [self._command()]
        while (operator := self._operator()) in ("|", "|&"):
            if operator == "|&":
                self.check_bash(operator)
            self._pass(operator)
            self._new_lines()
            commands.append(self._command())
        return Pipeline(tuple(commands), is_negated)

    def _command(self) -> Command:
        operator = self._operator()
        start = self.position
        if operator == "(":
            return self._parenthesis(start)
        if operator:
            raise Unreadable(f"`{operator.strip() or 'the end of the line'}` is unexpected", start)
        keyword = self._keyword()
        if keyword == "[[" and not self.is_posix:
            return self._test(start)
        if keyword == "function" and not self.is_posix:
            self.position += len(keyword)
            self.blanks()
            return self._function(self.word(), start)
        if keyword in ("{", "if", "case", *_LOOPS):
            self.position += len(keyword)
            return self._compound(keyword, start)
        if keyword in _CLOSING or keyword == "coproc":
            raise Unreadable(f"`{keyword}` is not read here", start)
        return self._simple(start)

    def _parenthesis(self, start: int) -> Compound:
        if self.source.startswith("((", start):
            self.check_bash("((")
            depth = 0
            for position in range(start, len(self.source)):
                depth += {"(": 1, ")": -1}.get(self.source[position], 0)
                if depth == 0:
                    self.position = position + 1
                    break
            else:
                raise Unreadable("a parenthesis never ends", start)
            return Compound(TEST, (), self._redirections(), start, self.source[start : self.position])
        self.position += 1
        body = self._list(())
        if self._operator() != ")":
            raise Unreadable("a parenthesis never ends", start)
        self.position += 1
        return Compound(SUBSHELL, (body,), self._redirections(), start, "(")

    def _test(self, start: int) -> Compound:
        self.position += 2
        found: list[Word] = []
        while True:
            operator = self._operator()
            if operator:
                found += [Word((Part(TEXT, operator),))] if operator != "\n" else []
                self._pass(operator)
                continue
            comparison = _REDIRECTION.match(self.source, self.position)
            if comparison:
                found.append(Word((Part(TEXT, comparison[0]),)))
                self.position = comparison.end()
                continue
            each = self.word()
            if not each.parts:
                raise Unreadable("`[[` never ends", start)
            if each.bare == "]]":
                return Compound(TEST, (), self._redirections(), start, "[[", tuple(found))
            found.append(each)

    def _function(self, name: Word, start: int) -> Function:
        self.blanks()
        if self._operator() == "(":
            self.position += 1
            self._operator()
            if not self.source.startswith(")", self.position):
                raise Unreadable("`)` is missing", self.position)
            self.position += 1
        self._new_lines()
        body = self._command()
        if not isinstance(body, Compound):
            raise Unreadable("a function without a body", start)
        return Function(name.typed, body, start)

    def _compound(self, keyword: str, start: int) -> Compound:
        if keyword == "{":
            body = self._list(("}",))
            self._expect("}")
            return Compound(BRACES, (body,), self._redirections(), start, keyword)
        if keyword == "if":
            return self._if(start)
        if keyword == "case":
            return self._case(start)
        names: list[Word] = []
        condition: tuple[Item, ...] = ()
        if keyword in ("while", "until"):
            condition = self._list(("do",))
        else:
            self._operator()
            if self.source.startswith("((", self.position):
                keyword = "for (("
                names += self.arithmetic_names()
            while not self._operator():
                each = self.word()
                if not each.parts:
                    break
                names.append(each)
            if self._operator() == ";":
                self.position += 1
            self._new_lines()
        self._expect("do")
        body = self._list(("done",))
        self._expect("done")
        return Compound(LOOP, (condition, body), self._redirections(), start, keyword, tuple(names))

    def _if(self, start: int) -> Compound:
        branches: list[tuple[Item, ...]] = []
        while True:
            branches.append(self._list(("then",)))
            self._expect("then")
            branches.append(self._list(("elif", "else", "fi")))
            keyword = self._keyword()
            self._expect(keyword if keyword in ("elif", "else") else "fi")
            if keyword == "else":
                branches.append(self._list(("fi",)))
                self._expect("fi")
            if keyword != "elif":
                return Compound(IF, tuple(branches), self._redirections(), start, "if")

    def _case(self, start: int) -> Compound:
        self._operator()
        subject = self.word()
        self._new_lines()
        self._expect("in")
        branches: list[tuple[Item, ...]] = []
        patterns: list[tuple[Word, ...]] = []
        goes_on = False
        while True:
            self._new_lines()
            if self._keyword() == "esac":
                self.position += len("esac")
                each_pattern = () if goes_on else tuple(patterns)
                return Compound(CASE, tuple(branches), self._redirections(), start, "case", (subject,), each_pattern)
            choices: list[Word] = []
            if self._operator() == "(":
                self.position += 1
            while (operator := self._operator()) != ")":
                if operator == "|":
                    self.position += 1
                    continue
                choice = self.word() if not operator else Word(())
                if not choice.parts:
                    raise Unreadable("`case` never ends", start)
                choices.append(choice)
            self.position += 1
            patterns.append(tuple(choices))
            branches.append(self._list(("esac",), may_be_empty=True))
            operator = self._operator()
            goes_on |= operator in (";&", ";;&")
            if operator in (";;", ";&", ";;&"):
                self.position += len(operator)

    def _redirections(self) -> tuple[Redirection, ...]:
        found = []
        while not self._operator() and (each := self._redirection()) is not None:
            found.append(each)
        return tuple(found)

    def _redirection(self) -> Redirection | None:
        found = _REDIRECTION.match(self.source, self.position)
        if found is None:
            return None
        if found[2] == "<<<":
            self.check_bash("<<<")
        self.position = found.end()
        self.blanks()
        target = self.word()
        if not target.parts:
            raise Unreadable(f"`{found[2]}` has no file", found.start())
        document = None
        if found[2] in ("<<", "<<-"):
            expands = not any(part.is_quoted for part in target.parts)
            document = Document(target.typed, expands=expands, strips_tabs=found[2] == "<<-")
            self._documents.append(document)
        return Redirection(found[1] or "", found[2], target, document)

    def _simple(self, start: int) -> Command:
        found: list[Word] = []
        redirections: list[Redirection] = []
        while not self._operator():
            redirection = self._redirection()
            if redirection is not None:
                redirections.append(redirection)
                continue
            each = self.word()
            if not each.parts:
                if self.position < len(self.source):
                    raise Unreadable(f"`{self.source[self.position]}` is unexpected", self.position)
                break
            found.append(each)
            if len(found) == 1 and not redirections and self._operator() == "(":
                return self._function(each, start)
        if not found and not redirections:
            raise Unreadable("a command is missing", start)
        return Simple(tuple(found), tuple(redirections), start)


def _goes_on(line: str) -> bool:
    """Whether a here-document goes on with the next line: an odd number of backslashes is at the end."""
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1
