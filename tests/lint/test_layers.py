"""Imports point downward only: a room imports from itself and from the rooms below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = "teleport_bootstrap"

# From top to bottom. The modules of the package that are in no room are the foundation below all of them.
ROOMS = (
    *(
        "manual",
        "cli",
        "operations",
        "doctor",
        "checks",
        "inspection",
        "launch",
        "permissions",
        "restore",
        "backup",
        "cluster",
        "instance",
        "change",
    ),
    *("state", "archive", "plan", "user_data", "conf", "aws", "ec2", "host"),
)
FOUNDATION = len(ROOMS)
ENTRY_POINTS = {PACKAGE, f"{PACKAGE}.__main__"}


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted((CHECKOUT / PACKAGE).rglob("*.py")):
        name = ".".join(path.relative_to(CHECKOUT).with_suffix("").parts)
        found[name[: -len(".__init__")] if name.endswith(".__init__") else name] = path
    return found


def layer(module: str) -> int:
    room = module.split(".")[1]
    return ROOMS.index(room) if room in ROOMS else FOUNDATION


def imports(source: str, known: set[str]) -> Iterator[tuple[int, str]]:
    """Yield line and module of every import of the package: in functions and for type checking too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            names = [f"{base}.{each.name}" if f"{base}.{each.name}" in known else base for each in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.startswith(f"{PACKAGE}."))


def upward(name: str, source: str, known: set[str]) -> list[str]:
    return [
        f"{name}, line {line}: imports {imported}"
        for line, imported in imports(source, known)
        if layer(imported) < layer(name)
    ]


def test_every_room_has_its_place_in_the_order() -> None:
    folders = {path.name for path in (CHECKOUT / PACKAGE).iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders - {"templates"} == set(ROOMS)


def test_imports_point_downward() -> None:
    found = modules()
    wrong = [
        line
        for name, path in found.items()
        if name not in ENTRY_POINTS
        for line in upward(name, path.read_text(encoding="utf-8"), set(found))
    ]
    assert wrong == []


def test_finds_an_upward_import_in_a_function_and_for_type_checking() -> None:
    source = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from teleport_bootstrap.conf import grammar\n"
        "def f():\n    import teleport_bootstrap.cli.main\n"
    )
    assert len(upward("teleport_bootstrap.host.clock", source, set(modules()))) == 2
    assert len(upward("teleport_bootstrap.errors", source, set(modules()))) == 2
    assert upward("teleport_bootstrap.cli.status", source, set(modules())) == []
