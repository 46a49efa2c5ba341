"""What the lexer gives to the parser: words, their pieces, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from teleport_bootstrap.conf.refusals import Refusal

BARE = "bare"
QUOTED = "quoted"
REFERENCE = "reference"


class Piece(NamedTuple):
    """A part of a word: text outside quotes, text in quotes or behind a backslash, or the name of a reference."""

    kind: str
    text: str
    position: int


class Fault(NamedTuple):
    """A refusal, and its position in the text."""

    refusal: Refusal
    position: int


@dataclass(frozen=True)
class Word:
    """A word, and what is refused within it. The pieces of a word with faults are incomplete."""

    position: int
    pieces: tuple[Piece, ...]
    faults: tuple[Fault, ...]

    def opening(self) -> str:
        """Return the text before the first quote, backslash or reference."""
        bare = []
        for piece in self.pieces:
            if piece.kind != BARE:
                break
            bare.append(piece.text)
        return "".join(bare)

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
