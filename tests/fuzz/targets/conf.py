"""The grammar of the conf: a place for every problem, values that quoting returns, and no secret in what is shown."""

from __future__ import annotations

from teleport_bootstrap.conf import conf_file, grammar, source
from tests.fuzz.oracle import findings, holds, same, secretless

LONGEST = 2048


def check(data: bytes) -> None:
    """Read `data` as a conf."""
    text = source.read(data, "conf")
    parsed = grammar.parse(data, "conf")
    _inside(parsed, text)
    inspected = conf_file.inspect(data, "conf")
    findings((*inspected.errors, *inspected.warnings))
    same(inspected.conf is None, bool(inspected.errors))
    if inspected.conf is not None:
        findings(inspected.conf.faults)
        _says_the_same_in_quotes(inspected.conf, parsed)
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) or b"\r" in data:
        return
    windows = b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")
    if max(map(len, (windows, *windows.split(b"\n")))) < source.MOST_BYTES_IN_LINE:
        same(grammar.parse(windows, "conf"), parsed)


def _inside(parsed: grammar.Parsed, text: source.Source) -> None:
    places = [(each.place.line, each.place.column) for each in parsed.problems]
    same(places, sorted(places))
    lines = text.text.split("\n")
    for line, column in [*places, *((each.line, each.column) for each in parsed.assignments)]:
        holds(1 <= line <= len(lines) and 1 <= column <= len(lines[line - 1]) + 1, (line, column))
    for problem in parsed.problems:
        holds(problem.remedy, problem)


def _says_the_same_in_quotes(conf: conf_file.Conf, parsed: grammar.Parsed) -> None:
    """Write every value in single quotes, as a person would to be sure, and read it again."""
    written = "".join(f"{each.name}={quoted(each.value)}\n" for each in parsed.assignments)
    again = grammar.parse(written.encode("utf-8", "surrogateescape"), "conf")
    same(again.problems, ())
    pairs = [(each.name, each.value) for each in parsed.assignments]
    same([(each.name, each.value) for each in again.assignments], pairs)
    same(conf_file.load(written.encode(), "conf").meaning_sha256, conf.meaning_sha256)
    secretless(repr(conf))


def quoted(value: str) -> str:
    """Return `value` as one word for the shell."""
    return "'" + value.replace("'", "'\\''") + "'"
