"""Words of a conf, as bash would split it: pieces of text, quoted or not, and references to variables.

Anything that bash would expand, other than a plain `$NAME` or `${NAME}`, is refused here; nothing is expanded yet.
A backslash before a line feed disappears everywhere but in single quotes and comments, even within a name.
"""

from __future__ import annotations

import itertools
import re

from teleport_bootstrap.conf import refusals
from teleport_bootstrap.conf.refusals import Refusal
from teleport_bootstrap.hints import NamedTuple
from teleport_bootstrap.records import dataclass, field

BARE = "bare"
QUOTED = "quoted"
REFERENCE = "reference"

_BLANKS = re.compile(r"(?:[ \t]|\\\n)+")
_CONTROL = re.compile("[\x01-\x08\x0b-\x1f\x7f]")  # null bytes are reported when the file is read
_BARE_RUN = re.compile(r"""[^ \t\n'"\\$`|&;()<>\x01-\x08\x0b-\x1f\x7f]+""")
_DOUBLE_QUOTED_RUN = re.compile(r"""[^"\\$`\x01-\x08\x0b-\x1f\x7f]+""")
_NAME = r"([A-Za-z_][A-Za-z0-9_]*(?:\\\n[A-Za-z0-9_]*)*)"
_REFERENCE = re.compile(rf"\$(?:\\\n)*(?:{_NAME}|\{{(?:\\\n)*{_NAME}\}})")
_METACHARACTERS = {
    "&&": refusals.AND_OR,
    "||": refusals.AND_OR,
    "<(": refusals.PROCESS_SUBSTITUTION,
    ">(": refusals.PROCESS_SUBSTITUTION,
    "<<": refusals.HERE_DOCUMENT,
    "&>": refusals.REDIRECTION,
    ";": refusals.SEPARATOR,
    "&": refusals.BACKGROUND,
    "|": refusals.PIPE,
    "<": refusals.REDIRECTION,
    ">": refusals.REDIRECTION,
    "(": refusals.SUBSHELL,
    ")": refusals.PARENTHESIS,
}
_MOST_PARENTHESES = 200


class Piece(NamedTuple):
    """A part of a word: text outside quotes, text in quotes or behind a backslash, or the name of a reference."""

    kind: str
    text: str
    position: int


class Fault(NamedTuple):
    """A refusal, and its position in the text."""

    refusal: Refusal
    position: int


@dataclass
class Word:
    """A word, and what is refused within it. The pieces of a word with faults are incomplete."""

    position: int
    pieces: list[Piece] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def opening(self) -> str:
        """Return the text before the first quote, backslash or reference."""
        return "".join(piece.text for piece in itertools.takewhile(lambda piece: piece.kind == BARE, self.pieces))

    def literal(self) -> str | None:
        """Return the whole word if nothing in it is quoted or a reference, otherwise None."""
        return None if any(piece.kind != BARE for piece in self.pieces) or self.faults else self.opening()


class Refused(Exception):
    """Ends the reading of a line: what follows has no meaning of its own.

    `word` is the part of a word that was read before it. Reading continues at `resume`, if that is known.
    """

    def __init__(self, fault: Fault, word: Word | None = None, resume: int | None = None) -> None:
        super().__init__(fault.refusal.message)
        self.fault = fault
        self.word = word
        self.resume = resume


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
            following = self.text[self.position : self.position + 3]
            two = "<" if following == "<<<" else following[:2]
            raise Refused(Fault(_METACHARACTERS.get(two) or _METACHARACTERS[character], self.position))
        return self._word()

    def _word(self) -> Word:
        word = Word(self.position)
        while not self.at_end:
            position, character = self.position, self.text[self.position]
            bare = _BARE_RUN.match(self.text, position)
            if bare:
                word.pieces.append(Piece(BARE, bare[0], position))
                self.position = bare.end()
            elif character in " \t\n":
                break
            elif character in _METACHARACTERS:
                if character == "(" and word.pieces:
                    raise Refused(Fault(_parenthesis(word), position), word)
                break
            elif character == "'":
                self._single_quoted(word)
            elif character == '"':
                self._double_quoted(word)
            elif character == "\\":
                self._backslash(word)
            elif character == "$":
                self._dollar(word, in_quotes=False)
            else:
                self._unsupported(word)
        return word

    def _single_quoted(self, word: Word) -> None:
        start = self.position
        end = self.find("'", start + 1)
        if end == len(self.text):
            raise Refused(Fault(refusals.UNTERMINATED_SINGLE, start), word, self.line_end(start))
        content = self.text[start + 1 : end]
        control = _CONTROL.search(content)
        if control:
            word.faults.append(_control(control[0], start + 1 + control.start()))
        word.pieces.append(Piece(QUOTED, content, start))
        self.position = end + 1

    def _double_quoted(self, word: Word) -> None:
        start = self.position
        self.position += 1
        word.pieces.append(Piece(QUOTED, "", start))  # so that "" counts as a piece
        while not self.at_end:
            position, character = self.position, self.text[self.position]
            run = _DOUBLE_QUOTED_RUN.match(self.text, position)
            if run:
                word.pieces.append(Piece(QUOTED, run[0], position))
                self.position = run.end()
            elif character == '"':
                self.position += 1
                return
            elif character == "\\":
                following = self.text[position + 1 : position + 2]
                is_escape = following != "" and following in '$`"\\\n'
                if following != "\n":  # a line feed disappears together with its backslash
                    word.pieces.append(Piece(QUOTED, following if is_escape else "\\", position))
                self.position += 2 if is_escape else 1
            elif character == "$":
                self._dollar(word, in_quotes=True)
            else:
                self._unsupported(word)
        raise Refused(Fault(refusals.UNTERMINATED_DOUBLE, start), word, self.line_end(start))

    def _backslash(self, word: Word) -> None:
        start = self.position
        following = self.text[start + 1 : start + 2]
        self.position += 2
        if following == "\n":
            return
        if not following:
            word.faults.append(Fault(refusals.BACKSLASH_AT_END, start))
            return
        if _CONTROL.match(following):
            word.faults.append(_control(following, start + 1))
        word.pieces.append(Piece(QUOTED, following, start))

    def _dollar(self, word: Word, *, in_quotes: bool) -> None:
        start, after = self.position, self.position + 1
        reference = _REFERENCE.match(self.text, start)
        if reference:
            name = (reference[1] or reference[2]).replace("\\\n", "")
            word.pieces.append(Piece(REFERENCE, name, start))
            self.position = reference.end()
            return
        while self.text.startswith("\\\n", after):
            after += 2
        following = self.text[after : after + 1]
        if following == "{":
            word.faults.append(Fault(refusals.PARAMETER_EXPANSION, start))
            self._skip_past("}", after + 1)
        elif following == "(":
            arithmetic = self.text.startswith("((", after)
            word.faults.append(Fault(refusals.ARITHMETIC if arithmetic else refusals.COMMAND_SUBSTITUTION, start))
            self.position = self.past_parenthesis(after)
        elif following == "[":
            word.faults.append(Fault(refusals.ARITHMETIC, start))
            self._skip_past("]", after + 1)
        elif following and (following in "@*#?-$!" or following in "0123456789"):
            word.faults.append(Fault(refusals.SPECIAL_PARAMETER, start))
            self.position = after + 1
        elif following and following in "'\"" and not in_quotes:
            word.faults.append(Fault(refusals.ANSI_C_QUOTE if following == "'" else refusals.LOCALE_QUOTE, start))
            self.position = after
        else:
            word.pieces.append(Piece(QUOTED, "$", start))
            self.position = after

    def _unsupported(self, word: Word) -> None:
        start, character = self.position, self.text[self.position]
        if character == "`":
            word.faults.append(Fault(refusals.BACKTICK, start))
            self._skip_past("`", start + 1)
        else:
            word.faults.append(_control(character, start))
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
    if any(piece.kind != BARE for piece in before.pieces):
        return refusals.PARENTHESIS
    if before.opening().endswith("="):
        return refusals.ARRAY
    return refusals.PARENTHESIS if "=" in before.opening() else refusals.FUNCTION
