"""Issue 14, rows 4 and 5: nothing is printed but through the one module that masks and escapes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "teleport_bootstrap"

# The module through which everything goes.
DOOR = "host/output.py"
# These print what a process reads that started them, or a text of this program that it makes from its tables.
CHILDREN_AND_PAGES = {
    "host/streams.py": "how the one module writes: it gets bytes that are masked and escaped",
    "cli/entry.py": "a fixed text and the name of an exception, where the one module cannot be loaded",
    "restore/local_data_child.py": "its output is parsed, and what it says of an error is a foreign text to its parent",
    "backup/databases_child.py": "the same",
    "conf/reference.py": "prints a page of the documentation",
    "manual/__main__.py": "prints pages of the manual",
}
STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__"}
PRINTING = {
    *("print_exc", "print_exception", "print_tb", "print_stack", "print_last"),
    *("StreamHandler", "FileHandler", "basicConfig", "lastResort", "captureWarnings", "JournalHandler"),
    *("print_help", "print_usage", "showwarning", "formatwarning", "excepthook", "unraisablehook"),
}
# Descriptors and switches of streams show nothing.
HARMLESS = {"fileno", "isatty", "flush"}


def printing(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of everything in `source` that shows something."""
    tree = ast.parse(source)
    harmless = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in HARMLESS}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in ("print", "input", "breakpoint"):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and id(node) not in harmless:
            if node.attr in STREAMS and isinstance(node.value, ast.Name) and node.value.id == "sys":
                yield node.lineno, f"sys.{node.attr}"
            elif node.attr in PRINTING:
                yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom) and node.module in ("sys", "traceback", "warnings"):
            yield from ((node.lineno, each.name) for each in node.names if each.name in STREAMS | PRINTING)
        elif isinstance(node, ast.Call) and ast.unparse(node).startswith(("os.write(1,", "os.write(2,")):
            yield node.lineno, "os.write"


def test_row_5_only_one_module_prints() -> None:
    """Also what Python and libraries print by themselves is taken over there."""
    found = {
        f"{path.relative_to(PACKAGE)}:{line}": name
        for path in sorted(PACKAGE.rglob("*.py"))
        for line, name in printing(path.read_text(encoding="utf-8"))
        if str(path.relative_to(PACKAGE)) not in (DOOR, *CHILDREN_AND_PAGES)
    }
    assert not found, found


def test_row_5_the_search_finds_what_prints() -> None:
    for text in (
        *(
            "print(1)",
            "import sys\nsys.stderr.write('x')",
            "import sys\nf(file=sys.stdout)",
            "import os\nos.write(2, b'')",
        ),
        *("import logging\nlogging.StreamHandler()", "import traceback\ntraceback.print_exc()"),
        "from sys import stderr",
    ):
        assert list(printing(text)), text
    assert not list(printing("import sys\nsys.stderr.fileno()\nsys.stdin.readline()"))
    everything = {each for each in (PACKAGE / DOOR).read_text().split() if "sys.std" in each}
    assert everything, "the door is where it was"
