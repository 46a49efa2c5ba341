"""What a word that assigns does to the variables of a shell."""

from __future__ import annotations

from teleport_bootstrap import regex
from teleport_bootstrap.hints import TYPE_CHECKING
from teleport_bootstrap.user_data import words
from teleport_bootstrap.user_data.words import Part, Scanner, Word

if TYPE_CHECKING:
    from teleport_bootstrap.user_data.shell import Reader

FORM = regex.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^\]]*\])?(\+?)=(.*)", 16)  # DOTALL


def assignment(reader: Reader, word: Word) -> tuple[str, str | None] | None:
    """Return the name and the value that a word assigns, None where it is not one."""
    first = word.parts[0] if word.parts else Part(words.TEXT, "", True)
    found = None if first.is_quoted or first.kind != words.TEXT else FORM.fullmatch(first.text)
    if found is None:
        return None
    array = next((part.text for part in word.parts if part.text.startswith("(") and part.kind == words.OPAQUE), "")
    if array and not found[2]:
        _array(reader, found[1], array, appends=bool(found[3]))
        return found[1], None
    value = reader.value(Word((Part(words.TEXT, found[4]), *word.parts[1:]))).value
    if found[2] or array:
        return found[1], None
    if found[3]:
        before = reader.variables.values.get(found[1], "")
        value = None if value is None or before is None or reader.is_posix else before + value
    return found[1], value


def _array(reader: Reader, name: str, written: str, *, appends: bool) -> None:
    """Note what an array will hold once it is assigned."""
    scanner = Scanner(written[1:-1])
    found: tuple[str, ...] | None = reader.variables.arrays.get(name, ()) if appends else ()
    while found is not None and (word := scanner.next_word()) is not None:
        many = reader.variables.several(word) if not word.typed.startswith("[") else None
        found = None if many is None else (*found, *many)
    reader.arrays[name] = None if reader.conditions else found


def assign(reader: Reader, name: str, value: str | None, word: Word | None = None) -> None:
    """Set a variable, to something that is not known where that depends on a condition."""
    reader.variables.set(name, None if reader.conditions else value)
    if name in reader.arrays:
        items = reader.arrays.pop(name)
        reader.variables.arrays[name] = None if name in reader.variables.read_only else items
    if word is not None and value is not None and "\n" in value:
        _note_rows(reader, name, value, word)
    if "a" in reader.options:
        reader.variables.exported.add(name)


def _note_rows(reader: Reader, name: str, value: str, word: Word) -> None:
    """Note where the lines of a value stand that has several."""
    count = value.count("\n") + 1
    inside = [part for part in word.parts if part.kind == words.OPAQUE and part.text.startswith("$(")]
    rows = reader.substituted.get(inside[0].text[2:-1], ()) if len(inside) == 1 else ()
    if len(rows) != count:
        first, end = reader.number_of(word.start), reader.number_of(word.end)
        rows = tuple(reader.line_of(row).number for row in range(first, end + 1))
    if len(rows) == count:
        reader.variables.rows[name] = rows
