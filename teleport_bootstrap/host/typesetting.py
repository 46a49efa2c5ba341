"""Lays out on a terminal what a command says: colors, lines that are broken between words, findings with their source.

Where there is no terminal, nothing of this applies, and the same words are printed as `display` has made them. What is
laid out here has been masked and escaped there before: no text from outside can color anything or move the cursor. Nor
is anything in a text read as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from teleport_bootstrap import display, finding, regex, wrapping
from teleport_bootstrap.hints import NamedTuple
from teleport_bootstrap.host import terminal
from teleport_bootstrap.host.terminal import Screen

# Prose is read with more effort in longer lines. Tables and differences use the whole width.
WIDEST_PROSE = 110

# What a line begins with, and its style. With `True`, the whole line has it.
_BEGINNINGS: tuple[tuple[str, int, bool], ...] = (
    ("DANGER:", terminal.DANGER, True),
    ("WARNING:", terminal.WARNING, False),
    ("warning:", terminal.WARNING, False),
    ("error:", terminal.BAD, False),
    ("note:", terminal.WEAK, False),
    ("next:", terminal.STRONG, False),
    ("pending:", terminal.WARNING, False),
    ("missing:", terminal.WARNING, False),
    ("- ", terminal.BAD, False),
    ("~ ", terminal.WARNING, False),
    # How a check of `doctor` has ended; columns follow.
    ("fail     ", terminal.BAD, False),
    ("warn     ", terminal.WARNING, False),
    ("pass     ", terminal.GOOD, False),
    ("skipped  ", terminal.WEAK, False),
    # The states of `status`.
    ("Healthy.", terminal.GOOD, False),
    ("Recovering.", terminal.WARNING, False),
    ("Drifted.", terminal.WARNING, False),
    ("Broken.", terminal.BAD, False),
    ("Unknown.", terminal.STRONG, False),
    ("Nothing is configured:", terminal.BAD, False),
)
_DIFFERENCE = (
    ("+++", terminal.STRONG),
    ("---", terminal.STRONG),
    ("@@", terminal.COMMAND),
    ("+", terminal.ADDED),
    ("-", terminal.REMOVED),
)
# The columns of a table but the last one, which at least two blanks precede; no sentence has two in a row.
_TABLE = regex.compile(r" *\S.* {2,}(?=\S)")
_WIDEST_COLUMNS = 60
# What to write or to run instead of what a finding is about.
_NEXT = "→ "
_COMMAND = regex.compile(r"`[^`]+`")


class Source(NamedTuple):
    """The line of a file that a finding is about, without secrets and as one line, and the caret's column from 0."""

    number: int
    text: str
    caret: int | None


# Returns the line that a finding is about; None where it cannot be read, or may not be shown.
Quote = Callable[[finding.Finding], "Source | None"]


def no_quote(_: finding.Finding) -> Source | None:
    """Quote nothing."""
    return None


def text(parts: str | Iterable[str], screen: Screen, quote: Quote = no_quote) -> str:
    """Return on `screen` what `display.text` returns of the same `parts`; a document alone stays as it is."""
    if isinstance(parts, str):
        return display.text(parts) if isinstance(parts, display.Block) else "\n".join(_part(parts, screen, quote))
    return "\n".join(line for each in parts for line in _part(each, screen, quote))


def failure(
    start: str, message: str, hint: str, screen: Screen, *, findings: Iterable[finding.Finding], quote: Quote
) -> list[str]:
    """Return the lines of an error: after `start` its summary, then its findings, other lines, and what to do next."""
    of_line = {display.line(str(each)): each for each in findings}
    first, *others = display.lines([display.Message(message)]).split("\n")
    width = min(screen.columns, WIDEST_PROSE)
    shown = [
        screen.paint(terminal.BAD, each[: len(start)]) + _with_commands(each[len(start) :], None, screen)
        if number == 0
        else _with_commands(each, None, screen)
        for number, each in enumerate(wrapping.lines(start + first, width, hang=2))
    ]
    for each in others:
        found = of_line.get(each)
        if found is not None:
            shown += _finding("  ", found, screen, quote)
        elif each.startswith("    "):
            shown.append(f"  {each}")  # a command to copy, or a line of a file: a break would change it
        else:
            shown += _line(f"  {each}", screen)
    if hint:
        shown += _line(f"  {display.line(hint)}", screen)
    return shown


def _part(part: str, screen: Screen, quote: Quote) -> Iterator[str]:
    if isinstance(part, display.Message):
        for each in part.split("\n"):
            yield from _line(display.line(each), screen)
    elif isinstance(part, finding.Line):
        yield from _finding(part.mark, part.finding, screen, quote)
    elif isinstance(part, display.Fitted):
        yield from _line(display.line(part.whole), screen)
    elif isinstance(part, display.Heading):
        yield from (screen.paint(terminal.STRONG, each) for each in _line(display.line(part), Screen(screen.columns)))
    elif isinstance(part, display.Difference):
        for each in display.block(part).rstrip("\n").split("\n"):
            yield from _difference(each, screen)
    elif isinstance(part, display.Block):
        yield from display.text([part]).split("\n")
    else:
        yield from _line(display.line(part), screen)


def _line(line: str, screen: Screen) -> Iterator[str]:
    """Yield a line of prose or of a table, broken between words.

    It goes on below its last column, otherwise two columns to the right, so that each line of ours stands out.
    """
    indent = len(line) - len(line.lstrip(" "))
    columns = _TABLE.match(line, 0, indent + _WIDEST_COLUMNS)
    hang = indent + 2 if columns is None else columns.end()
    mark, style, is_whole = _beginning(line, indent, hang)
    width = screen.columns if columns is not None else min(screen.columns, WIDEST_PROSE)
    for number, each in enumerate(wrapping.lines(line, width, hang=hang)):
        begins = indent + len(mark) if number == 0 and mark else 0
        yield screen.paint(style, each[:begins]) + _with_commands(each[begins:], style if is_whole else None, screen)


def _beginning(line: str, indent: int, hang: int) -> tuple[str, int | None, bool]:
    """Return what a line begins with that has a style of its own, that style, and whether the whole line has it."""
    for mark, style, is_whole in _BEGINNINGS:
        if line.startswith(mark, indent):
            return mark, style, is_whole
    name = line[indent:hang].rstrip(" ")
    is_name = name.endswith(":") and hang > indent + 2
    return (name, terminal.WEAK, False) if is_name else ("", None, False)


def _difference(line: str, screen: Screen) -> Iterator[str]:
    style = next((style for mark, style in _DIFFERENCE if line.startswith(mark)), None)
    line = line.expandtabs(4)
    deep = len(line) - len(line[1:].lstrip(" ")) + 2
    for each in wrapping.lines(line, screen.columns, hang=deep):
        yield screen.paint(style, each)


def _finding(mark: str, found: finding.Finding, screen: Screen, quote: Quote) -> Iterator[str]:
    """Yield a finding: where, what, the line of the file with a caret, and what to write or to run instead."""
    place = f"{display.line(str(found.place))}: " if found.place is not None else ""
    indent = 2
    style = next((style for begin, style, _ in _BEGINNINGS if mark.startswith(begin)), None)
    width = min(screen.columns, WIDEST_PROSE)
    for number, each in enumerate(wrapping.lines(f"{mark}{place}{found.message}", width, hang=indent)):
        if number:
            yield _with_commands(each, None, screen)
        else:
            rest = each[len(mark) :]
            bold = place.rstrip() if rest.startswith(place.rstrip()) else ""
            yield (
                screen.paint(style, each[: len(mark)])
                + screen.paint(terminal.STRONG, bold)
                + _with_commands(rest[len(bold) :], None, screen)
            )
    source = quote(found)
    if source is not None:
        yield from _quoted(source, indent, screen)
    if found.remedy:
        for number, each in enumerate(wrapping.lines(f"{' ' * indent}{_NEXT}{found.remedy}", width, hang=indent + 2)):
            begins = indent + len(_NEXT) if number == 0 else 0
            yield screen.paint(terminal.STRONG, each[:begins]) + _with_commands(each[begins:], None, screen)


def _quoted(source: Source, indent: int, screen: Screen) -> Iterator[str]:
    number = f"{' ' * indent}{source.number:>5} | "
    shown, caret = _window(source, screen.columns - len(number))
    yield screen.paint(terminal.WEAK, number) + shown
    if caret is not None:
        blanks = wrapping.columns(shown[:caret])
        bar = f"{' ' * (len(number) - 2)}| "
        yield screen.paint(terminal.WEAK, bar) + " " * blanks + screen.paint(terminal.BAD, "^")


def _window(source: Source, width: int) -> tuple[str, int | None]:
    """Return the part of a source line that has room, around its caret."""
    line, caret = source.text, source.caret
    if wrapping.columns(line) <= width:
        return line, caret
    # A wide character takes two columns.
    room = width - 2 if line.isascii() else width // 2 - 2
    start = 0 if caret is None or caret < room else caret - room // 2
    end = start + room
    before, after = "…" if start else "", "…" if end < len(line) else ""
    shown = before + line[start:end] + after
    return shown, None if caret is None else caret - start + len(before)


def _with_commands(line: str, style: int | None, screen: Screen) -> str:
    """Return `line` in `style`, with what is in backticks in the style of commands."""
    shown, end = "", 0
    for found in _COMMAND.finditer(line):
        shown += screen.paint(style, line[end : found.start()]) + screen.paint(terminal.COMMAND, found[0])
        end = found.end()
    return shown + screen.paint(style, line[end:])
