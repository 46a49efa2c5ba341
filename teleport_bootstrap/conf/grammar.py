"""The grammar of the conf: shell-style assignments, as data.

What is accepted means exactly what bash makes of it when it reads the file with an empty environment (after one
leading byte order mark and the carriage return of each line end are taken away); everything else is refused with its
place, what it is, and what to write instead. Nothing is ever run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from teleport_bootstrap import paths
from teleport_bootstrap.conf import few, lexer, plain, refusals, resync, source
from teleport_bootstrap.conf.lexer import Fault, Lexer, Piece, Refused, Word
from teleport_bootstrap.conf.source import Source
from teleport_bootstrap.finding import Finding, Place, in_order_of_place
from teleport_bootstrap.hints import NamedTuple
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import looks_secret


class Assignment(NamedTuple):
    """One `NAME=value` as bash would carry it out.

    `line` and `column` are where the name begins, both from 1, columns in characters. `references` are the names that
    the value was made from.
    """

    name: str
    value: str
    line: int
    column: int
    references: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parsed:
    """Every assignment of a file in its order, also those that a later one overrides, and all that is refused.

    Where there are problems, the assignments are those that can be understood in spite of them. Of many problems, the
    last ones are `left_out`.
    """

    assignments: tuple[Assignment, ...]
    problems: tuple[Finding, ...]
    left_out: int = 0


def parse(data: bytes, path: str = paths.CONF) -> Parsed:
    """Return what `data`, the content of the conf `path`, says; raises nothing, whatever it is.

    Takes time linear in the number of bytes.
    """
    return _Parser(source.read(data, path)).parse()


_ASSIGNMENT = re.compile("([A-Za-z_][A-Za-z0-9_]*)=")
_SWALLOWED = re.compile(r"\n[ \t]*(?:export[ \t]+)?[A-Za-z_][A-Za-z0-9_]*=")
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_BLANK_AND_EQUALS = re.compile("[ \t]+=")


def _assigned_name(word: Word | None) -> str:
    """Return the name that `word` assigns, empty if it is not an assignment."""
    found = _ASSIGNMENT.match(word.opening()) if word is not None else None
    return found[1] if found else ""


class _Parser:
    def __init__(self, conf: Source) -> None:
        self._source = conf
        self._lexer = Lexer(conf.text)
        self._problems: list[Finding] = []
        self._left_out = conf.left_out
        self._assignments: list[Assignment] = []
        self._values: dict[str, str | None] = {}  # None: assigned, but refused
        self._room = source.MOST_BYTES_IN_ALL_VALUES
        self._judged = (0, False)  # a line, and whether it may hold a secret
        self._swallowing: int | None = None  # where a quote begins that goes over what looks like another assignment

    def parse(self) -> Parsed:
        while not self._lexer.at_end:
            self._plain_lines()
            if not self._lexer.at_end:
                self._statement()
        problems = in_order_of_place([*self._source.problems, *self._problems])
        left_out = self._left_out + len(problems[few.MOST :])
        return Parsed(tuple(self._assignments), problems[: few.MOST], left_out)

    def _plain_lines(self) -> None:
        """Read as many lines as follow that have nothing, or one plain assignment."""
        text, position = self._lexer.text, self._lexer.position
        while True:
            line = plain.LINE.match(text, position)
            if line is None:
                nothing = plain.NOTHING.match(text, position)
                if nothing is None:
                    break
                position = nothing.end()
            elif self._assign_plain(line[1], line[line.lastindex or 0], line.start(1)):
                position = line.end()
            else:
                break
        self._lexer.position = position

    def _statement(self) -> None:
        """Read one line: its plain assignments, and the rest word by word.

        Of an export, bash expands everything before it assigns any, so that only one alone is plain.
        """
        text = self._lexer.text
        export = plain.EXPORT.match(text, self._lexer.position)
        position = plain.behind_blanks(text, self._lexer.position) if export is None else export.end()
        last = None
        while True:
            word = plain.WORD.match(text, position)
            end = None if word is None else plain.END.match(text, word.end())
            if word is None or (export is not None and end is None) or not self._assign_parts(word):
                break
            if end is not None:
                self._lexer.position = end.end()
                return
            last, position = position, plain.behind_blanks(text, word.end())
        if last is not None:
            self._lexer.position = last
        self._line(None if last is None else self._lexer.word())

    def _assign_parts(self, word: re.Match[str]) -> bool:
        """Assign what `word`, a match of `plain.WORD`, says; return whether it is plain indeed."""
        meant = plain.value(word[2], self._values)
        return meant is not None and self._assign_plain(word[1], meant[0], word.start(), meant[1])

    def _assign_plain(self, name: str, value: str, position: int, references: tuple[str, ...] = ()) -> bool:
        """Assign `value`, unless `name` or its size are refused; return whether they are not."""
        size = len(value) if value.isascii() else source.size(value)
        if size > source.MOST_BYTES_IN_VALUE or size > self._room or refusals.for_special_name(name) is not None:
            return False
        self._room -= size
        self._values[name] = value
        line, column = self._source.line_and_column(position)
        self._assignments.append(Assignment(name, value, line, column, references))
        return True

    def _line(self, last: Word | None) -> None:
        """Read one line, as continuations and quotes that go on make it; `last` is its assignment before."""
        separators = 0
        while True:
            try:
                self._command(last)
                return
            except Refused as refused:
                name = _assigned_name(refused.word)
                if refused.word is not None:
                    self._note_swallowed_assignment(refused.word)
                if name:
                    self._values[name] = None
                if refused.fault.refusal is not refusals.SEPARATOR:
                    self._refuse(self._with_cause(refused.fault), name)
                    # Where nothing more is reported, it does not matter what one mistake was.
                    is_reported = len(self._problems) < few.MOST
                    resync.skip(self._lexer, refused.fault, refused.resume, blocks=is_reported)
                    return
                # Continue behind it, so that the rest of the line is checked too, but report it once.
                self._lexer.position += 1
                last = None
                separators += 1
                if separators == 1:
                    self._refuse(refused.fault)

    def _command(self, last: Word | None) -> None:
        """Read assignments, or export and assignments, up to the end of the line; `last` is the assignment before."""
        while True:
            word = self._lexer.word()
            if word is None:
                return
            name = _assigned_name(word)
            if name:
                self._assign([(name, word)], exported=False)
                last = word
            elif word.literal() == "export":
                if last is not None:
                    raise Refused(Fault(refusals.EXPORT_AFTER_ASSIGNMENT, word.position))
                self._export(word)
                return
            else:
                raise Refused(Fault(self._command_refusal(word, last), word.position))

    def _export(self, export: Word) -> None:
        """Read what follows `export`. Bash expands all of it before it assigns any, unlike plain assignments."""
        exported: list[tuple[str, Word]] = []
        empty = True
        try:
            for word in iter(self._lexer.word, None):
                empty = False
                name = _assigned_name(word)
                if name:
                    exported.append((name, word))
                else:
                    self._refuse_exported(word)
        finally:
            self._assign(exported, exported=True)
        if empty:
            self._refuse(Fault(refusals.EXPORT_NOTHING, export.position))

    def _refuse_exported(self, word: Word) -> None:
        opening = word.opening()
        refusal = refusals.for_near_assignment(opening) or refusals.EXPORT_QUOTED
        if word.literal() is not None and _NAME.fullmatch(opening):
            refusal = refusals.EXPORT_NAME
        elif opening.startswith("-"):
            refusal = refusals.EXPORT_OPTION
        self._refuse(Fault(refusal, word.position))

    def _assign(self, written: Sequence[tuple[str, Word]], *, exported: bool) -> None:
        for _, word in written:
            self._note_swallowed_assignment(word)
        results = [(name, self._assignment(name, word, exported=exported)) for name, word in written]
        for name, assignment in results:
            self._values[name] = None if assignment is None else assignment.value
            if assignment is not None:
                self._assignments.append(assignment)

    def _assignment(self, name: str, word: Word, *, exported: bool) -> Assignment | None:
        """Return what `word` assigns, or None after reporting what is wrong with it."""
        pieces = _value_pieces(name, word)
        faults = list(word.faults)
        special = refusals.for_special_name(name)
        if special is not None:
            faults.append(Fault(special, word.position))
        faults.extend(_expansion_faults(pieces, exported=exported))
        references: list[str] = []
        texts: list[str] = []
        understood = True
        for piece in pieces:
            if piece.kind != lexer.REFERENCE:
                texts.append(piece.text)
                continue
            references.append(piece.text)
            if piece.text not in self._values:
                named = "" if self._may_be_secret(piece.position, name) else piece.text
                faults.append(Fault(refusals.reference(named), piece.position))
            value = self._values.get(piece.text)
            understood = understood and value is not None
            texts.append(value or "")
        size = sum(map(source.size, texts))
        if size > min(source.MOST_BYTES_IN_VALUE, self._room):
            faults.append(Fault(refusals.VALUE_SIZE, word.position))
        for fault in faults:
            self._refuse(fault, name)
        if faults or not understood:
            return None
        self._room -= size
        line, column = self._source.line_and_column(word.position)
        return Assignment(name, "".join(texts), line, column, tuple(references))

    def _command_refusal(self, word: Word, last: Word | None) -> refusals.Refusal:
        """Return why `word`, which bash would run as a command, is refused; `last` is the assignment before it."""
        literal, opening = word.literal(), word.opening()
        if literal in refusals.COMMAND_WORDS:
            return refusals.COMMAND_WORDS[literal]
        empty_before = last is not None and (last.literal() or "").endswith("=")
        is_name = literal is not None and _NAME.fullmatch(opening) is not None
        blank_follows = is_name and _BLANK_AND_EQUALS.match(self._lexer.text, self._lexer.position)
        if empty_before or opening.startswith("=") or blank_follows:
            return refusals.BLANK_AROUND_EQUALS
        text = "".join(piece.text for piece in word.pieces if piece.kind != lexer.REFERENCE)
        return (
            refusals.for_near_assignment(opening)
            or (refusals.QUOTED_NAME if _ASSIGNMENT.match(text) else None)
            or (refusals.COMMAND if last is None else refusals.COMMAND_AFTER_ASSIGNMENT)
        )

    def _note_swallowed_assignment(self, word: Word) -> None:
        if self._swallowing is not None:
            return
        begins = word.position
        for piece in word.pieces:
            if piece.kind != lexer.QUOTED:
                continue
            if self._lexer.text[piece.position] in "'\"":
                begins = piece.position
            if _SWALLOWED.search(piece.text):
                self._swallowing = begins
                return

    def _with_cause(self, fault: Fault) -> Fault:
        """Return `fault`, or instead of an unclosed quote the earlier one that is probably its cause."""
        unclosed = fault.refusal in (refusals.UNTERMINATED_SINGLE, refusals.UNTERMINATED_DOUBLE)
        if self._swallowing is None or not unclosed:
            return fault
        line, _ = self._source.line_and_column(fault.position)
        return Fault(refusals.swallowing_quote(line), self._swallowing)

    def _may_be_secret(self, position: int, name: str) -> bool:
        """Whether the text at `position` may be part of a secret, and must not be quoted."""
        line, _ = self._source.line_and_column(position)
        if line != self._judged[0]:
            self._judged = (line, looks_secret(self._source.line(line)))
        return looks_secret(name) or self._judged[1]

    def _refuse(self, fault: Fault, name: str = "") -> None:
        if len(self._problems) >= few.MOST:
            self._left_out += 1
            return
        message = fault.refusal.message
        if name and not message.startswith("an assignment"):
            message = f"{message} (in the value of {name})"
        place = Place(self._source.path, *self._source.line_and_column(fault.position))
        self._problems.append(source.refused(message, fault.refusal.hint, place, name))


def _value_pieces(name: str, word: Word) -> list[Piece]:
    """Return the pieces of `word` without `NAME=`; the positions of the pieces stay true."""
    rest = len(name) + 1
    pieces = []
    for piece in word.pieces:
        if rest < len(piece.text) or rest == 0:
            pieces.append(Piece(piece.kind, piece.text[rest:], piece.position + rest))
            rest = 0
        else:
            rest -= len(piece.text)
    return pieces


def _expansion_faults(pieces: list[Piece], *, exported: bool) -> list[Fault]:
    """Return what bash would expand of the unquoted text of a value: `~` in places, and braces after export."""
    faults = []
    before = "="  # the character before, as bash sees it; "" where it is quoted or a reference
    for piece in pieces:
        if piece.kind != lexer.BARE:
            before = ""
            continue
        for tilde in re.finditer("~", piece.text):
            offset = tilde.start()
            previous = piece.text[offset - 1] if offset else before
            # Behind a quote or a reference bash leaves it alone, but that is too fine a point to rely on.
            if previous in ("", "=", ":"):
                faults.append(Fault(refusals.TILDE, piece.position + offset))
        if exported and "{" in piece.text:
            faults.append(Fault(refusals.BRACES, piece.position + piece.text.index("{")))
        before = piece.text[-1:] or before
    return faults
