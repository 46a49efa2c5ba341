"""What another account could put in place of a file is opened through `host.regular_file` alone, and never waited for.

Each call that opens something is found in the code. It is fine where it cannot wait: for a directory, for a new file,
for a file below /proc. All others are rows of a table, with a reason.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.lint.test_layers import modules

# The module and the function of a call, and why it may open something by itself.
ALLOWED = {
    ("host.regular_file", "_open_when_free"): "the one function opens here, without waiting",
    ("host.lock", "_acquire"): "the lock, which may exist, in the directory of root, without waiting",
    ("restore.local_data_child", "_opened"): "a child that imports the standard library only, without waiting",
    ("restore.local_data_child", "_read"): "SQLite, in a child with a deadline, after `_opened`",
    ("backup.databases_child", "_copied"): "the copy, in a child with a deadline, without waiting",
    ("backup.databases_child", "_copy_at_rest"): "in a child with a deadline, without waiting, and SQLite on the copy",
    ("backup.databases_child", "_copy_with"): "SQLite, in a child with a deadline",
    ("backup.databases_child", "_problems_of"): "SQLite reads the copy, in a child with a deadline",
    ("host.key_pair", "server_context"): "files in memory",
}

# Methods and functions that open what a path names.
_OPENING = ("read_text", "read_bytes", "write_text", "write_bytes", "copyfile", "copy2", "copytree", "load_cert_chain")
_FROM_MODULES = {
    "os": ("open", "mkfifo", "mknod"),
    "io": ("open", "FileIO"),
    "codecs": ("open",),
    "shutil": ("copy", "move"),
    "sqlite3": ("connect",),
    "tarfile": ("open",),
    "gzip": ("open",),
}
# Flags with which opening does not wait and reads nothing that was there.
_HARMLESS = ("O_DIRECTORY", "O_EXCL", "O_PATH")


class Call(NamedTuple):
    """A call that opens something: the module without the package, the function around it, its line and its text."""

    module: str
    function: str
    line: int
    text: str


def opens(module: str, source: str) -> Iterator[Call]:
    """Yield the calls of `source` that open something and could wait for it."""
    tree = ast.parse(source)
    constants = {
        target.id: ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def visit(node: ast.AST, function: str) -> Iterator[Call]:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            function = node.name
        if isinstance(node, ast.Call) and _could_wait(node, constants):
            yield Call(module, function, node.lineno, ast.unparse(node))
        for child in ast.iter_child_nodes(node):
            yield from visit(child, function)

    yield from visit(tree, "")


def _could_wait(call: ast.Call, constants: dict[str, str]) -> bool:
    if isinstance(call.func, ast.Name):
        return call.func.id == "open" and not _is_open_already(call.args[0])
    if not isinstance(call.func, ast.Attribute):
        return False
    name = call.func.attr
    of = call.func.value.id if isinstance(call.func.value, ast.Name) else ""
    if name not in _OPENING and name not in _FROM_MODULES.get(of, ()):
        return False
    if of == "os" and name == "open" and not _is_open_already(call.args[0]):
        flags = ast.unparse(call.args[1])
        flags += "".join(text for each, text in constants.items() if each in flags)
        return not any(each in flags for each in _HARMLESS)
    if any(each.arg == "fileobj" for each in call.keywords):
        return False
    return not (call.args and _is_open_already(call.args[0]))


def _is_open_already(argument: ast.expr) -> bool:
    """Whether what is opened is a descriptor, or a file of the kernel."""
    text = ast.unparse(argument)
    if text.lstrip("f").lstrip("\"'").startswith(("/proc/", "{scratch}/")):
        return True
    return text in ("descriptor", "os.devnull") or (
        isinstance(argument, ast.Call) and text.startswith(("os.open(", "os.dup(", "_opened("))
    )


def all_opens() -> list[Call]:
    return [
        call
        for name, path in modules().items()
        for call in opens(name.partition(".")[2], path.read_text(encoding="utf-8"))
    ]


def test_row_1_every_file_is_opened_through_one_function() -> None:
    """Issue 14, row 1: a call that opens a file by itself fails here on the day it is written."""
    found = [each for each in all_opens() if (each.module, each.function) not in ALLOWED]
    shown = "\n".join(f"{each.module}, line {each.line}, in {each.function}: {each.text}" for each in found)
    assert not found, f"these use host.regular_file, or get a reason in this table:\n{shown}"


def test_each_row_of_the_table_is_still_needed() -> None:
    assert set(ALLOWED) == {(each.module, each.function) for each in all_opens()} & set(ALLOWED)


@pytest.mark.parametrize(
    "call",
    [
        "open(path)",
        "open(path, 'rb')",
        "os.open(path, os.O_RDONLY | os.O_NOFOLLOW)",
        "os.open(path, os.O_WRONLY | os.O_CREAT)",
        "pathlib.Path(path).read_text()",
        "shutil.copyfile(path, other)",
        "sqlite3.connect(path)",
        "tarfile.open(path)",
        "context.load_cert_chain(path)",
    ],
)
def test_a_call_that_could_wait_is_found(call: str) -> None:
    assert [each.function for each in opens("module", f"def function():\n    return {call}\n")] == ["function"]


@pytest.mark.parametrize(
    "call",
    [
        "os.open(path, os.O_RDONLY | os.O_DIRECTORY)",
        "os.open(path, _NEW)",
        "open(f'/proc/{number}/stat')",
        "open(os.open(path, _NEW), 'wb')",
        "tarfile.open(fileobj=file)",
    ],
)
def test_a_call_that_cannot_wait_is_fine(call: str) -> None:
    source = f"_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL\ndef function():\n    return {call}\n"
    assert not list(opens("module", source))
