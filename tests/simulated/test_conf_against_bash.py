"""Whatever the grammar accepts has exactly the values that bash gives it, and no other effect.

Hypothesis is not used here: one loop has bash read thousands of files in a row, and a seeded generator that knows the
odd corners of the language reaches them sooner. A failing candidate is printed whole, which is short enough to read.
"""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from teleport_bootstrap.conf import grammar, refusals

BASH = "/bin/bash"
SEED = 20240229
BOM = b"\xef\xbb\xbf"

# Each file is read by a bash of its own, as the images' scripts did, in a directory whose files globs would match.
LOOP = r"""
for file in "$1"/conf/*; do
  name=${file##*/}
  ( cd "$1/here"; exec env -i "$0" -c 'set -a; . "$1"; env -0' bash "$file" ) \
    >"$1/out/$name" 2>"$1/err/$name" </dev/null
done
"""
LURES = ("a", "b", "x", "ab", "1", "a:b", "A=foo", "A=a", "B=x1", "[a]")
BASHS_OWN = {"PWD", "OLDPWD", "SHLVL", "_"}


@dataclass(frozen=True)
class Heard:
    """What bash made of a file: its environment afterwards, without its own variables, and what it complained of."""

    values: dict[str, str]
    complaint: str


def ask_bash(candidates: list[bytes], scratch: Path) -> list[Heard]:
    for name in ("conf", "out", "err", "here"):
        (scratch / name).mkdir()
    for lure in LURES:
        (scratch / "here" / lure).touch()
    for index, candidate in enumerate(candidates):
        text = candidate[len(BOM) :] if candidate.startswith(BOM) else candidate
        (scratch / "conf" / f"{index:06}").write_bytes(text.replace(b"\r\n", b"\n"))
    subprocess.run([BASH, "-c", LOOP, BASH, str(scratch)], check=True, timeout=300)
    assert {path.name for path in (scratch / "here").iterdir()} == set(LURES), "a file appeared"
    return [_heard(scratch, index) for index in range(len(candidates))]


def _heard(scratch: Path, index: int) -> Heard:
    values = {}
    for item in (scratch / "out" / f"{index:06}").read_bytes().split(b"\0")[:-1]:
        name, _, value = item.decode("utf-8", "surrogateescape").partition("=")
        if name not in BASHS_OWN:
            values[name] = value
    return Heard(values, (scratch / "err" / f"{index:06}").read_text("utf-8", "replace"))


def disagreements(candidates: list[bytes], scratch: Path) -> list[str]:
    """Return each candidate, all of them accepted by the grammar, of which bash makes something else."""
    wrong = []
    for candidate, heard in zip(candidates, ask_bash(candidates, scratch)):
        ours = {assignment.name: assignment.value for assignment in grammar.parse(candidate).assignments}
        if heard != Heard(ours, ""):
            wrong.append(f"{candidate!r}\n  ours: {ours}\n  bash: {heard}")
    return wrong


NAMES = ("A", "B", "C", "_x", "A1", "ab", "if", "export", "TELEPORT_X")
BARE = (
    "x",
    "a:b",
    "1",
    "é",
    "*",
    "?",
    "[a]",
    "~",
    "x~",
    ":~",
    "~/",
    "#",
    "{a,b}",
    "{1..3}",
    "{",
    "}",
    "!",
    "%",
    "=",
    "a=",
)
BARE += ("\\\n", "$", "$%", "$.", "^", "-", "+", ",", "@", "\u0085", "\u00a0", "\u3000", "à", "😀")
SINGLE = ("x", " ", '"', "\\", "$A", "\n", "`", "é", "~", "{a,b}", "#", "\\\n", "$(", ";", "*", "\t")
DOUBLE = (
    "x",
    " ",
    "'",
    "\\\\",
    "\\$",
    '\\"',
    "\\`",
    "$A",
    "${B}",
    "\n",
    "\\\n",
    "\\x",
    "\\n",
    "\\'",
    "é",
    "~",
    ":~",
    "{a,b}",
)
DOUBLE += ("#", "!", ";", "*", "$", "$%", "$ ", "\\\u0085", "${\\\nA}", "$\\\nA", "$A\\\nB", "\t", "\\é")
ESCAPED = ("x", " ", "'", '"', "\\", "$", "`", "é", "~", "{", "#", "*", ";", "(", "\t", "=", ":", "!")
REFERENCES = ("$A", "${A}", "$B", "${C}", "$_x", "${A1}", "$ab", "$if", "$A\\\nB", "${\\\nA}", "$\\\nA", "${A\\\n}")
SOUP = (
    *BARE,
    *DOUBLE,
    *REFERENCES,
    "\nA=",
    "\nB=",
    "A=",
    "=",
    "export ",
    " ",
    " ",
    "'",
    '"',
    "\\",
    "\n",
    "\r\n",
    "\r",
    "(",
    ")",
)
SOUP += (
    "\x01",
    "\x7f",
    "\x0b",
    "\x0c",
    ";",
    "&",
    "|",
    "<",
    ">",
    "`",
    "$(",
    "${",
    "$[",
    "$'",
    '$"',
    "$1",
    "$_",
    "$$",
    "\ufeff",
)
VALID = (
    'USE_ACM="true"\nTELEPORT_DOMAIN_NAME="teleport.acmeinc.com"\nTELEPORT_EXTERNAL_PORT="443"\n',
    'export A="x y" B=\'q"\' # c\nC=a"b"\'c\'\\ d$A\n',
    'A=1 \\\n B="$A ${A}"\nexport C=$B\n',
)


def some(chance: random.Random, pieces: tuple[str, ...], most: int) -> str:
    return "".join(chance.choice(pieces) for _ in range(chance.randrange(most)))


def value(chance: random.Random) -> str:
    kinds: tuple[Callable[[], str], ...] = (
        lambda: some(chance, BARE, 4),
        lambda: "'" + some(chance, SINGLE, 4) + "'",
        lambda: '"' + some(chance, DOUBLE, 5) + '"',
        lambda: "\\" + chance.choice(ESCAPED),
        lambda: chance.choice(REFERENCES),
        lambda: some(chance, tuple("abc=:~#{},.[]*?!^%+-@/é"), 6),
        lambda: "443",
    )
    return "".join(chance.choice(kinds)() for _ in range(chance.choice((0, 1, 1, 2, 3, 5))))


def written(chance: random.Random) -> str:
    """Return a conf made by the rules of the grammar, with the odd corners of each."""
    lines = chance.choice(([], ["A='q  *'", "B=2"], ["A=' [a] '", "B=2", "C='~ {a,b} $A \\ \"  '"]))[:]
    for _ in range(chance.randrange(1, 6)):
        if chance.random() < 0.15:
            lines.append(chance.choice(("# c", "  # it's \"", "", " \t", "#\\", "# $(x)", "\\", "  \\")))
            continue
        start = chance.choice(("", "", "", "export ", " export\t", "ex\\\nport ", "export \\\n", " ", "\t"))
        words = [f"{chance.choice(NAMES)}={value(chance)}" for _ in range(chance.choice((1, 1, 1, 2, 3)))]
        if chance.random() < 0.05:
            words[0] = words[0][0] + "\\\n" + words[0][1:]
        end = chance.choice(("", "", "", " ", "\t", " # c", " #", "#", " \\\n#x", "\\\n", "\r"))
        lines.append(start + chance.choice((" ", "  ", "\t", " \\\n")).join(words) + end)
    text = "\n".join(lines) + chance.choice(("", "\n", "\n\n", "\\\n", "\\"))
    text = text.replace("\n", "\r\n") if chance.random() < 0.1 else text
    return "\ufeff" + text if chance.random() < 0.05 else text


def soup(chance: random.Random) -> str:
    """Return characters and fragments in no order at all."""
    start = chance.choice(("", "A=1\n", "A='x y'\nB=\"q*\"\n"))
    return start + some(chance, SOUP, 14)


def mutated(chance: random.Random) -> str:
    """Return a good conf with a few slips: something left out, put in, doubled or moved."""
    text = chance.choice(VALID) if chance.random() < 0.5 else written(chance)
    for _ in range(chance.randrange(1, 5)):
        here, there = chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)
        inserted = chance.choice(("", chance.choice(SOUP), text[there : there + 5]))
        text = text[:here] + inserted + text[here + (not inserted) :]
    return text


def with_odd_bytes(chance: random.Random) -> bytes:
    """Return a conf with bytes that some functions of the C library take for blanks, or bash for its own marks.

    Most stand within characters, where a conf may hold them; some alone, where it may not.
    """
    text = written(chance)
    for _ in range(chance.randrange(1, 4)):
        here = chance.randrange(len(text) + 1)
        text = (
            text[:here]
            + chance.choice("\u0081\u0085\u00a0ÁÅà\u0120\u0160\u1680\u2000\u2028\u205f\u3000\ufeff💠")
            + text[here:]
        )
    data = bytearray(text.encode())
    if chance.random() < 0.3:
        odd = (0x01, 0x02, 0x0B, 0x0C, 0x1C, 0x7F, 0x80, 0x85, 0xA0, 0xC3, 0xE2, 0xFF, 0x00)
        data.insert(chance.randrange(len(data) + 1), chance.choice(odd))
    return bytes(data)


GENERATORS: dict[str, Callable[[random.Random], bytes]] = {
    "written": lambda chance: written(chance).encode(),
    "soup": lambda chance: soup(chance).encode(),
    "mutated": lambda chance: mutated(chance).encode(),
    "odd-bytes": with_odd_bytes,
}


@pytest.mark.parametrize("kind", list(GENERATORS))
def test_what_the_grammar_accepts_bash_takes_the_same_way(kind: str, tmp_path: Path) -> None:
    chance = random.Random(f"{SEED} {kind}")
    generated = (GENERATORS[kind](chance) for _ in range(20000))
    accepted: list[bytes] = []
    for candidate in generated:
        parsed = grammar.parse(candidate)
        if parsed.assignments and not parsed.problems:
            accepted.append(candidate)
        if len(accepted) == 600:
            break
    assert len(accepted) > 300, "the generator does not reach what the grammar accepts"
    wrong = disagreements(accepted, tmp_path)
    assert not wrong, "\n".join(wrong[:10])


def test_each_odd_corner_is_what_bash_makes_of_it(tmp_path: Path) -> None:
    corners = [
        *(
            f"{start}A={end}"
            for start in ("", "export ")
            for end in ("", "*", "[a]", "a~", "$", "a#b", "'{a,b}'", "\\~")
        ),
        "A={a,b}",
        "A=1 B=$A",
        "A=old\nexport A=new B=$A",
        "X='a  *'\nexport B=$X",
        "X='~'\nA=$X",
        "X='{a,b}'\nexport A=$X",
        "A\\\nB=1\nC=$A\\\nB",
        "A=x\nA=${\\\nA\\\n}$A",
        "# c \\\nA=1",
        "A=''#c",
        'A="$"B"$"',
        "A=b\\\n",
    ]
    candidates = [corner.encode() for corner in corners]
    assert [corner for corner in candidates if grammar.parse(corner).problems] == []
    assert disagreements(candidates, tmp_path) == []


def test_every_name_known_to_bash_is_a_plain_variable_or_refused(tmp_path: Path) -> None:
    words = {found.decode() for found in re.findall(rb"[A-Za-z_][A-Za-z0-9_]{1,40}", Path(BASH).read_bytes())}
    upper = {word for word in words if word.isupper()} | {"auto_resume", "histchars", "ignoreeof", "_"}
    # The compiler keeps one copy of strings that end alike: UID is the end of EUID.
    names = {word[start:] for word in upper for start in range(len(word)) if not word[start].isdigit()}
    assert {"UID", "RANDOM", "IFS", "PATH", "LINENO"} <= names
    plain = sorted(name for name in names if refusals.for_special_name(name) is None)
    assert len(plain) > 500
    files = ["\n".join(f"{name}=x.1" for name in plain[start::100]).encode() for start in range(100)]
    assert disagreements(files, tmp_path) == []


def test_this_comparison_notices_a_difference(tmp_path: Path) -> None:
    # Bash globs and expands here, and runs a command; a grammar that took this as plain text must not pass.
    for index, harmful in enumerate((b"A=~", b"export A={a,b}", b"A=$(echo x)", b"echo x >&2", b"A=$RANDOM")):
        scratch = tmp_path / str(index)
        scratch.mkdir()
        assert disagreements([harmful], scratch)
    scratch = tmp_path / "file"
    scratch.mkdir()
    with pytest.raises(AssertionError, match="a file appeared"):
        ask_bash([b"A=1 >planted"], scratch)
