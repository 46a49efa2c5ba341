"""The words of a shell script: what of them is text, what is a variable, and what only running the script tells."""

from __future__ import annotations

from teleport_bootstrap import regex
from teleport_bootstrap.hints import NamedTuple

# What a part of a word is. An OPAQUE one, such as `$(command)`, only running the script tells.
TEXT, VARIABLE, OPAQUE = "text", "variable", "opaque"

_MOST_DEPTH = 40
_BLANKS = regex.compile(r"(?:[ \t]|\\\n)*")
_BARE = regex.compile(r"[^ \t\n'\"\\$`|&;()<>]+")
_IN_DOUBLE = regex.compile(r"[^\"\\$`]+")
_IN_DOCUMENT = regex.compile(r"[^\\$`]+")
_NAME = regex.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]")
_IDENTIFIER = regex.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL = regex.compile(r"[@*#?!$-]")
_SIMPLE = regex.compile(r"\{([A-Za-z_][A-Za-z0-9_]*|[0-9])(?:(:?-)([^${}`\\\"'\n~*?\[ ]*))?\}")
_IN_BACKQUOTES = regex.compile(r"`(?:[^`\\]|\\.)*`", 16)  # DOTALL
_IN_COMMAND = regex.compile(r"[\\'\"`$()#<\n]")
_IN_BRACES = regex.compile(r"[\\'\"`$}]")
_IN_ARITHMETIC = regex.compile(r"[()]")
_ARRAY = regex.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=\Z")
_ANSI_C = regex.compile(r"((?:[^'\\]|\\.)*)'", 16)
_ANSI_C_ESCAPE = regex.compile(r"\\(.)", 16)
_ANSI_C_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"'}


class Part(NamedTuple):
    """A part of a word. `text` is the text without quotes; of the others, how they are written.

    A VARIABLE has its `name`; in `${name:-word}`, `:-` or `-` is its `operator`, and `word` what follows.
    """

    kind: str
    text: str
    is_quoted: bool = False
    name: str = ""
    operator: str = ""
    word: str = ""


class Word(NamedTuple):
    """A word in its parts, and where it begins and ends in the script."""

    parts: tuple[Part, ...]
    start: int = 0
    end: int = 0

    @property
    def typed(self) -> str:
        """The word as it is written, without quotes."""
        return "".join(part.text for part in self.parts)

    @property
    def bare(self) -> str:
        """The word where it is nothing but text without quotes, otherwise ""."""
        is_bare = len(self.parts) == 1 and self.parts[0].kind == TEXT and not self.parts[0].is_quoted
        return self.parts[0].text if is_bare else ""


def identifiers(written: str) -> list[str]:
    """Return what may be names of variables in an arithmetic expression."""
    return _IDENTIFIER.findall(written)


class Unreadable(Exception):
    """The script cannot be taken apart from `position` on; `message` says why."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class Scanner:
    """Reads `source` from `position` on. `is_posix` is for another shell than bash."""

    def __init__(self, source: str, *, is_posix: bool = False) -> None:
        self.source = source
        self.position = 0
        self.is_posix = is_posix
        self._depth = 0

    def blanks(self) -> None:
        """Pass blanks, and lines that go on."""
        found = _BLANKS.match(self.source, self.position)
        self.position = found.end() if found else self.position

    def word(self) -> Word:
        """Return the word that begins here; it has no parts where none does."""
        start = self.position
        parts: list[Part] = []
        if self.source.startswith(("<(", ">("), start):
            self.check_bash(self.source[start : start + 2])
            self.position = self._after_command(start + 2)
            return Word((Part(OPAQUE, self.source[start : self.position]),), start, self.position)
        while self.position < len(self.source):
            before = self.position
            parts += self._part(parts)
            if self.position == before:
                break
        return Word(tuple(parts), start, self.position)

    def next_word(self) -> Word | None:
        """Return the next word after blanks, line feeds and comments; None at the end, and before another token."""
        while self.position < len(self.source):
            self.blanks()
            if self.source.startswith("#", self.position):
                end = self.source.find("\n", self.position)
                self.position = len(self.source) if end < 0 else end
            if not self.source.startswith("\n", self.position):
                break
            self.position += 1
        found = self.word() if self.position < len(self.source) else Word(())
        return found if found.parts else None

    def arithmetic_names(self) -> list[Word]:
        """Return the variables in what stands between `((` and `))` here. Raises Unreadable."""
        self.check_bash("((")
        start, end = self.position, self._find("))", self.position, "a parenthesis never ends")
        self.position = end + 2
        return [Word((Part(TEXT, each),), start, end) for each in identifiers(self.source[start:end])]

    def check_bash(self, what: str) -> None:
        """Raise Unreadable where the script is not for bash, and `what` is a syntax error for another shell."""
        if self.is_posix:
            raise Unreadable(f"{what} is for bash, and /bin/sh may be another shell", self.position)

    def document(self) -> tuple[Part, ...]:
        """Return the parts of the body of a here-document, all of `source`."""
        return self._expanded("")

    def _part(self, before: list[Part]) -> tuple[Part, ...]:
        character = self.source[self.position]
        if character in "'\"\\":
            return self._quoted(character)
        if character in "$`":
            return self._dollar(is_quoted=False)
        if character == "(" and len(before) == 1 and _ARRAY.search(before[0].text) and not before[0].is_quoted:
            self.check_bash("an array")
            start, self.position = self.position, self._after_command(self.position + 1)
            return (Part(OPAQUE, self.source[start : self.position]),)
        found = _BARE.match(self.source, self.position)
        if found is None:
            return ()
        self.position = found.end()
        return (Part(TEXT, found[0]),)

    def _quoted(self, character: str) -> tuple[Part, ...]:
        """Return what a quote or a backslash protects."""
        if character == '"':
            self.position += 1
            return self._expanded('"') or (Part(TEXT, "", True),)
        if character == "'":
            end = self._find("'", self.position + 1, "a single quote never ends")
            part = Part(TEXT, self.source[self.position + 1 : end], True)
            self.position = end + 1
            return (part,)
        escaped = self.source[self.position + 1 : self.position + 2]
        self.position += 2 if escaped else 1
        return () if escaped == "\n" else (Part(TEXT, escaped or "\\", True),)

    def _expanded(self, closing: str) -> tuple[Part, ...]:
        """Return the parts up to `closing`, a double quote, or of a here-document up to its end."""
        start = self.position
        parts: list[Part] = []
        plain = _IN_DOUBLE if closing else _IN_DOCUMENT
        while self.position < len(self.source):
            found = plain.match(self.source, self.position)
            if found:
                parts.append(Part(TEXT, found[0], True))
                self.position = found.end()
                continue
            character = self.source[self.position]
            if character == closing:
                self.position += 1
                return tuple(parts)
            if character == "\\":
                escaped = self.source[self.position + 1 : self.position + 2]
                self.position += 1 + len(escaped)
                is_special = escaped in ("$", "`", "\\", "\n", closing) and escaped != ""
                parts.append(Part(TEXT, escaped.strip("\n") if is_special else f"\\{escaped}", True))
            else:
                parts += self._dollar(is_quoted=True)
        if closing:
            raise Unreadable("a double quote never ends", start)
        return tuple(parts)

    def _dollar(self, *, is_quoted: bool) -> tuple[Part, ...]:
        source, start = self.source, self.position
        if source[start] == "`":
            found = _IN_BACKQUOTES.match(source, start)
            if found is None:
                raise Unreadable("a backquote never ends", start)
            return self._opaque(found.end(), is_quoted)
        following = source[start + 1 : start + 2]
        if following == "(":
            return self._opaque(self._after_substitution(start), is_quoted)
        if following == "[" and not self.is_posix:
            return self._opaque(self._find("]", start + 2, "`$[` never ends") + 1, is_quoted)
        if following == "{":
            return self._braces(is_quoted)
        if following in ("'", '"') and not is_quoted:
            return self._dollar_quote(following)
        return self._variable(is_quoted)

    def _variable(self, is_quoted: bool) -> tuple[Part, ...]:
        source, start = self.source, self.position
        name = _NAME.match(source, start + 1)
        if name is not None:
            self.position = name.end()
            return (Part(VARIABLE, source[start : name.end()], is_quoted, name[0]),)
        if _SPECIAL.match(source, start + 1):
            return self._opaque(start + 2, is_quoted)
        self.position += 1
        return (Part(TEXT, "$", is_quoted),)

    def _braces(self, is_quoted: bool) -> tuple[Part, ...]:
        start = self.position
        found = _SIMPLE.match(self.source, start + 1)
        if found is None:
            return self._opaque(self._after_braces(start + 2, is_quoted), is_quoted)
        self.position = found.end()
        text = self.source[start : found.end()]
        return (Part(VARIABLE, text, is_quoted, found[1], found[2] or "", found[3] or ""),)

    def _dollar_quote(self, quote: str) -> tuple[Part, ...]:
        """Return what `$'text'` is, or the dollar sign before a double quote, which only bash leaves out."""
        if quote == "'":
            return self._ansi_c()
        self.position += 1
        return (Part(OPAQUE, "$"),) if self.is_posix else ()

    def _ansi_c(self) -> tuple[Part, ...]:
        start = self.position
        found = _ANSI_C.match(self.source, start + 2)
        if found is None:
            raise Unreadable("a single quote never ends", start)
        self.position = found.end()
        is_known = all(each[1] in _ANSI_C_ESCAPES for each in _ANSI_C_ESCAPE.finditer(found[1]))
        if self.is_posix or not is_known:
            return (Part(OPAQUE, self.source[start : found.end()]),)
        return (Part(TEXT, _ANSI_C_ESCAPE.sub(lambda each: _ANSI_C_ESCAPES[each[1]], found[1]), True),)

    def _opaque(self, end: int, is_quoted: bool) -> tuple[Part, ...]:
        start, self.position = self.position, end
        return (Part(OPAQUE, self.source[start:end], is_quoted),)

    # ---- where something ends

    def _find(self, what: str, start: int, message: str) -> int:
        found = self.source.find(what, start)
        if found < 0:
            raise Unreadable(message, start - 1)
        return found

    def _deeper(self, position: int) -> None:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise Unreadable("it is nested too deeply", position)

    def _after_substitution(self, start: int) -> int:
        """Return where `$(` or `$((` ends."""
        if not self.source.startswith("$((", start):
            return self._after_command(start + 2)
        depth = 0
        for found in _IN_ARITHMETIC.finditer(self.source, start + 1):
            depth += 1 if found[0] == "(" else -1
            if depth == 0:
                return found.end()
        raise Unreadable("`$((` never ends", start)

    def _after_braces(self, position: int, is_quoted: bool) -> int:
        start = position
        self._deeper(start)
        while found := _IN_BRACES.search(self.source, position):
            if found[0] == "}":
                self._depth -= 1
                return found.end()
            if found[0] == "'":
                position = found.end() if is_quoted else self._find("'", found.end(), "a single quote never ends") + 1
            else:
                position = self._after_quoting(found[0], found.start())
        raise Unreadable("`${` never ends", start - 2)

    def _after_command(self, position: int) -> int:
        """Return where the parenthesis ends in which commands stand; `position` is behind its beginning."""
        start = position
        self._deeper(start)
        delimiters: list[tuple[str, bool]] = []
        depth = 1
        while found := _IN_COMMAND.search(self.source, position):
            character, position = found[0], found.end()
            if character in "()":
                depth += 1 if character == "(" else -1
                if depth == 0:
                    self._depth -= 1
                    return position
            elif character == "#":
                if self.source[position - 2] in " \t\n;&|()":
                    end = self.source.find("\n", position)
                    position = len(self.source) if end < 0 else end
            elif character == "<":
                position = self._after_less(position, delimiters)
            elif character == "\n":
                for delimiter, strips_tabs in delimiters:
                    position = self._after_document(position, delimiter, strips_tabs)
                delimiters.clear()
            elif character == "'":
                position = self._find("'", position, "a single quote never ends") + 1
            else:
                position = self._after_quoting(character, position - 1)
        raise Unreadable("a parenthesis never ends", start - 1)

    def _after_less(self, position: int, delimiters: list[tuple[str, bool]]) -> int:
        """Note the here-document that begins with the `<` before `position`, if one does."""
        if self.source.startswith("<<", position):
            return position + 2
        if not self.source.startswith("<", position):
            return position
        strips_tabs = self.source.startswith("-", position + 1)
        kept, self.position = self.position, position + (2 if strips_tabs else 1)
        self.blanks()
        delimiter = self.word()
        end, self.position = self.position, kept
        delimiters.append((delimiter.typed, strips_tabs))
        return end

    def _after_document(self, position: int, delimiter: str, strips_tabs: bool) -> int:
        while position < len(self.source):
            end = self.source.find("\n", position)
            end = len(self.source) if end < 0 else end
            line = self.source[position:end]
            position = min(end + 1, len(self.source))
            if (line.lstrip("\t") if strips_tabs else line) == delimiter:
                break
        return position

    def _after_quoting(self, character: str, start: int) -> int:
        """Return where a backslash, a double quote, a backquote or a dollar sign at `start` has its end."""
        if character == "\\":
            return min(start + 2, len(self.source))
        kept, self.position = self.position, start
        self._deeper(start)
        if character == '"':
            self.position += 1
            self._expanded('"')
        else:
            # As between quotes, so that `$'` and `$"` begin nothing more than the quote itself.
            self._dollar(is_quoted=True)
        self._depth -= 1
        end, self.position = self.position, kept
        return end
