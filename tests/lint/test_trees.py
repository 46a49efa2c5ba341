"""Trees are walked and removed by `host.tree` alone: all else recurses, or uses paths, and fails on a deep tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.lint.test_layers import modules

_CALLS = ("rmtree", "copytree", "walk", "fwalk", "rglob", "glob", "iglob", "removedirs", "TemporaryDirectory")
# Other functions of the same names, and directories that hold only what their process has made in them.
_OURS = ("ast.walk", "tree.walk", "trees.walk", "walk.walk")
ALLOWED = {
    ("restore.local_data_child", "TemporaryDirectory"): "two files, by a child that has the rights of the account only",
    ("host.systemd", "glob"): "one level of a directory that belongs to root",
    ("restore.archive_configuration", "TemporaryDirectory"): "a few files of the configuration, which root has made",
}


def calls(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of each call that walks through a tree or removes one, and each function that does it itself.

    The latter read a directory, and call themselves.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            text = ast.unparse(node.func)
            if text.rpartition(".")[2] in _CALLS and text not in _OURS:
                yield node.lineno, text.rpartition(".")[2]
        elif isinstance(node, ast.FunctionDef):
            called = {ast.unparse(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)}
            reads = {each.rpartition(".")[2] for each in called} & {"listdir", "scandir", "iterdir"}
            if reads and called & {node.name, f"self.{node.name}"}:
                yield node.lineno, node.name


def test_row_6_every_tree_is_walked_and_removed_in_one_module() -> None:
    """Issue 14, row 6: what recurses on the depth of a tree fails here on the day it is written."""
    found = [
        f"{name}, line {line}: {call}"
        for name, path in modules().items()
        for line, call in calls(path.read_text(encoding="utf-8"))
        if (name.partition(".")[2], call) not in ALLOWED
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "shutil.rmtree(path)",
        "os.walk(path)",
        "os.fwalk(path)",
        "Path(path).rglob('*')",
        "rmtree(path)",
        "[look(os.path.join(path, name)) for name in os.listdir(path)]",
    ],
)
def test_a_call_that_recurses_is_found(line: str) -> None:
    assert list(calls(f"def look(path):\n    return {line}\n"))
