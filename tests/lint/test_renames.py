"""Where a file or directory gets another name, the directory is brought to the disk, or a reason says why not."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "teleport_bootstrap"

SYNCS = ("sync", "fsync")

# Functions that rename and leave the rest to others.
ELSEWHERE = {
    "change/directory_swap.py _move": "its callers sync both directories, in the order that a power loss needs",
    "change/transaction.py swap": "`commit` syncs each directory once, after all names in it were swapped",
    "host/directory.py rename": "this is the call that the others make",
    "host/teleport_process.py write_pid_file": "a process id means nothing after a power loss",
}


def calls(function: ast.AST) -> list[tuple[str, str]]:
    """Return what a function calls, as the name and what it is called on."""
    found = []
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                found.append((node.func.attr, ast.unparse(node.func.value)))
            elif isinstance(node.func, ast.Name):
                found.append((node.func.id, ""))
    return found


def renames(name: str, on: str) -> bool:
    # Texts, times and values have a `replace` too, and so do dataclasses.
    return name == "rename" or (name == "replace" and on == "os")


def unsynced(text: str, place: str) -> list[str]:
    """Return the functions in a module that rename and do not sync."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            called = calls(node)
            if any(renames(*each) for each in called) and not any(name in SYNCS for name, _ in called):
                found.append(f"{place} {node.name}")
    return found


def test_every_rename_is_followed_by_a_sync_of_the_directory() -> None:
    found = [
        each
        for path in sorted(PACKAGE.rglob("*.py"))
        for each in unsynced(path.read_text(encoding="utf-8"), str(path.relative_to(PACKAGE)))
    ]
    assert sorted(found) == sorted(ELSEWHERE)


def test_sees_a_rename_without_a_sync() -> None:
    text = "import os\ndef one():\n    os.rename('a', 'b')\ndef two():\n    os.replace('a', 'b')\n    os.fsync(3)\n"
    assert unsynced(text, "x.py") == ["x.py one"]
