"""Words of a conf, as bash would split it: pieces of text, quoted or not, and references to variables.

Anything that bash would expand, other than a plain `$NAME` or `${NAME}`, is refused here; nothing is expanded yet.
A backslash before a line feed disappears everywhere but in single quotes and comments, even within a name.
"""

from __future__ import annotations

import re

from teleport_bootstrap.conf import refusals
from teleport_bootstrap.conf.refusals import Refusal
from teleport_bootstrap.conf.words import BARE, QUOTED, REFERENCE, Fault, Piece, Refused, Word

_CONTINUATION = "\\\n"
_BLANKS = re.compile(r"(?:[ \t]|\\\n)+")
_CONTROL = re.compile("[\x01-\x08\x0b-\x1f\x7f]")  # null bytes are reported when the file is read
_BARE_RUN = re.compile(r"""[^ \t\n'"\\$`|&;()<>\x01-\x08\x0b-\x1f\x7f]+""")
_DOUBLE_QUOTED_RUN = re.compile(r"""[^"\\$`\x01-\x08\x0b-\x1f\x7f]+""")
_NAME_START = re.compile("[A-Za-z_]")
_NAME_RUN = re.compile("[A-Za-z0-9_]+")
_WHOLE_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_METACHARACTERS = "|&;()<>"
_MOST_PARENTHESES = 200


class Lexer:
    """Reads a text word by word. `position` is where reading goes on; set it to skip text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self._found: dict[str, tuple[int, int]] = {}
        self._unbalanced_until = 0

    @property
    def at_end(self) -> bool:
        """Whether everything has been read."""
        return self.position >= len(self.text)

    def find(self, what: str, start: int) -> int:
        """Return where `what` is found at or after `start`, or the length of the text.

        Remembers the last answer for each `what`, so that many calls with growing `start` take linear time together.
        """
        earlier_start, position = self._found.get(what, (0, -1))
        if not earlier_start <= start <= position:
            found = self.text.find(what, start)
            position = found if found >= 0 else len(self.text)
            self._found[what] = (start, position)
        return position

    def line_end(self, position: int) -> int:
        """Return where the line that `position` lies on ends: its line feed, or the end of the text."""
        return self.find("\n", position)

    def word(self) -> Word | None:
        """Return the next word of this line, or None at the end of the line, which is then read too.

        Raises `Refused` at what is neither word nor line end, with the position there.
        """
        blanks = _BLANKS.match(self.text, self.position)
        if blanks:
            self.position = blanks.end()
        if self.text.startswith("#", self.position):
            self.position = self.line_end(self.position)
        character = self.text[self.position : self.position + 1]
        if character in ("", "\n"):
            self.position += len(character)
            return None
        if character in _METACHARACTERS:
            raise Refused(Fault(self._metacharacter(self.position), self.position))
        return self._word()

    def _word(self) -> Word:
        start = self.position
        pieces: list[Piece] = []
        faults: list[Fault] = []
        while not self.at_end:
            position, character = self.position, self.text[self.position]
            bare = _BARE_RUN.match(self.text, position)
            if bare:
                pieces.append(Piece(BARE, bare[0], position))
                self.position = bare.end()
            elif character in " \t\n":
                break
            elif character in _METACHARACTERS:
                if character == "(" and pieces:
                    before = Word(start, tuple(pieces), ())
                    raise Refused(Fault(_parenthesis(before), position), before)
                break
            elif character == "'":
                self._single_quoted(pieces, faults)
            elif character == '"':
                self._double_quoted(pieces, faults)
            elif character == "\\":
                self._backslash(pieces, faults)
            elif character == "$":
                self._dollar(pieces, faults, in_quotes=False)
            else:
                self._unsupported(faults)
        return Word(start, tuple(pieces), tuple(faults))

    def _metacharacter(self, position: int) -> Refusal:
        two = self.text[position : position + 2]
        if two in ("&&", "||"):
            return refusals.AND_OR
        if two in ("<(", ">("):
            return refusals.PROCESS_SUBSTITUTION
        if two == "<<" and self.text[position + 2 : position + 3] != "<":
            return refusals.HERE_DOCUMENT
        return {
            ";": refusals.SEPARATOR,
            "&": refusals.REDIRECTION if two == "&>" else refusals.BACKGROUND,
            "|": refusals.PIPE,
            "<": refusals.REDIRECTION,
            ">": refusals.REDIRECTION,
            "(": refusals.SUBSHELL,
            ")": refusals.PARENTHESIS,
        }[two[0]]

    def _single_quoted(self, pieces: list[Piece], faults: list[Fault]) -> None:
        start = self.position
        end = self.find("'", start + 1)
        if end == len(self.text):
            before = Word(start, tuple(pieces), tuple(faults))
            raise Refused(Fault(refusals.UNTERMINATED_SINGLE, start), before, self.line_end(start))
        content = self.text[start + 1 : end]
        control = _CONTROL.search(content)
        if control:
            faults.append(_control(control[0], start + 1 + control.start()))
        pieces.append(Piece(QUOTED, content, start))
        self.position = end + 1

    def _double_quoted(self, pieces: list[Piece], faults: list[Fault]) -> None:
        start = self.position
        self.position += 1
        pieces.append(Piece(QUOTED, "", start))  # so that "" counts as a piece
        while not self.at_end:
            position, character = self.position, self.text[self.position]
            run = _DOUBLE_QUOTED_RUN.match(self.text, position)
            if run:
                pieces.append(Piece(QUOTED, run[0], position))
                self.position = run.end()
            elif character == '"':
                self.position += 1
                return
            elif character == "\\":
                following = self.text[position + 1 : position + 2]
                if following != "\n":  # a line feed disappears together with its backslash
                    kept = following if following and following in '$`"\\' else "\\"
                    pieces.append(Piece(QUOTED, kept, position))
                    self.position += 2 if kept == following else 1
                else:
                    self.position += 2
            elif character == "$":
                self._dollar(pieces, faults, in_quotes=True)
            else:
                self._unsupported(faults)
        before = Word(start, tuple(pieces), tuple(faults))
        raise Refused(Fault(refusals.UNTERMINATED_DOUBLE, start), before, self.line_end(start))

    def _backslash(self, pieces: list[Piece], faults: list[Fault]) -> None:
        start = self.position
        following = self.text[start + 1 : start + 2]
        self.position += 2
        if following == "\n":
            return
        if not following:
            faults.append(Fault(refusals.BACKSLASH_AT_END, start))
            return
        if _CONTROL.match(following):
            faults.append(_control(following, start + 1))
        pieces.append(Piece(QUOTED, following, start))

    def _after_continuations(self, position: int) -> int:
        while self.text.startswith(_CONTINUATION, position):
            position += 2
        return position

    def _dollar(self, pieces: list[Piece], faults: list[Fault], *, in_quotes: bool) -> None:
        start = self.position
        after = self._after_continuations(start + 1)
        following = self.text[after : after + 1]
        if _NAME_START.match(following):
            name, self.position = self._name(after)
            pieces.append(Piece(REFERENCE, name, start))
        elif following == "{":
            name, end = self._name(self._after_continuations(after + 1))
            if _WHOLE_NAME.fullmatch(name) and self.text.startswith("}", end):
                pieces.append(Piece(REFERENCE, name, start))
                self.position = end + 1
            else:
                faults.append(Fault(refusals.PARAMETER_EXPANSION, start))
                self._skip_past("}", after + 1)
        elif following == "(":
            arithmetic = self.text.startswith("((", after)
            faults.append(Fault(refusals.ARITHMETIC if arithmetic else refusals.COMMAND_SUBSTITUTION, start))
            self.position = self.past_parenthesis(after)
        elif following == "[":
            faults.append(Fault(refusals.ARITHMETIC, start))
            self._skip_past("]", after + 1)
        elif following and (following in "@*#?-$!" or following in "0123456789"):
            faults.append(Fault(refusals.SPECIAL_PARAMETER, start))
            self.position = after + 1
        elif following and following in "'\"" and not in_quotes:
            faults.append(Fault(refusals.ANSI_C_QUOTE if following == "'" else refusals.LOCALE_QUOTE, start))
            self.position = after
        else:
            pieces.append(Piece(QUOTED, "$", start))
            self.position = after

    def _name(self, position: int) -> tuple[str, int]:
        """Return the longest run of name characters at `position`, continuations left out, and where it ends."""
        parts = []
        while True:
            run = _NAME_RUN.match(self.text, position)
            if run:
                parts.append(run[0])
                position = run.end()
            after = self._after_continuations(position)
            if after == position:
                return "".join(parts), position
            position = after

    def _unsupported(self, faults: list[Fault]) -> None:
        start, character = self.position, self.text[self.position]
        if character == "`":
            faults.append(Fault(refusals.BACKTICK, start))
            self._skip_past("`", start + 1)
        else:
            faults.append(_control(character, start))
            self.position += 1

    def _skip_past(self, closing: str, position: int) -> None:
        """Go on behind the next `closing`, if it stands on the same line, otherwise at `position`."""
        end = self.find(closing, position)
        self.position = end + 1 if end < self.line_end(position) else position

    def past_parenthesis(self, position: int) -> int:
        """Return where the parenthesis that opens at `position` has closed, or behind its opening if it never does.

        Only good enough to skip what is refused: quotes within are not looked at.
        """
        start, depth = position, 0
        if start < self._unbalanced_until:
            return start + 1
        for _ in range(_MOST_PARENTHESES):
            opening, closing = self.find("(", position), self.find(")", position)
            if closing == len(self.text):
                break
            depth += 1 if opening < closing else -1
            position = min(opening, closing) + 1
            if depth == 0:
                return position
        self._unbalanced_until = self.line_end(start)
        return start + 1


def _control(character: str, position: int) -> Fault:
    return Fault(refusals.CARRIAGE_RETURN if character == "\r" else refusals.CONTROL_CHARACTER, position)


def _parenthesis(before: Word) -> Refusal:
    opening = before.opening()
    if before.literal() is not None and opening.endswith("="):
        return refusals.ARRAY
    return refusals.FUNCTION if before.literal() is not None and "=" not in opening else refusals.PARENTHESIS
