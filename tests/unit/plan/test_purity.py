"""plan() does no input or output: every access to the machine fails here."""

from __future__ import annotations

import ast
import builtins
import os
import random
import socket
import time
from pathlib import Path
from typing import Any

import pytest

import teleport_bootstrap.plan
from teleport_bootstrap.plan import yaml_text
from tests.unit.plan.planning import plan

FOLDER = Path(teleport_bootstrap.plan.__file__).parent
CONF = Path(FOLDER).parent / "conf"

# Modules for input and output. `os` is allowed for the path of the templates.
DOORS = {
    "socket",
    "subprocess",
    "urllib.request",
    "http",
    "requests",
    "botocore",
    "random",
    "time",
    "datetime",
    "tempfile",
    "shutil",
}
ROOMS = {
    *("cli", "manual", "operations", "checks", "inspection", "restore", "backup", "cluster", "change", "state"),
    *("instance", "archive", "aws", "host"),
}


@pytest.mark.parametrize(
    "module", sorted([*FOLDER.rglob("*.py"), *CONF.rglob("*.py")]), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_modules_of_plan_and_conf_import_nothing_for_input_and_output(module: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "print", "input"), f"{module}:{node.lineno}"
    assert not {name for name in imported if name in DOORS or name.partition(".")[0] in DOORS}
    ours = {name.split(".")[1] for name in imported if name.startswith("teleport_bootstrap.")}
    assert not ours & ROOMS


def refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("plan() did input or output")


def test_a_plan_is_made_without_input_and_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only templates and modules, which are part of the program, are read."""
    yaml_text._environment.cache_clear()
    really_open, really_os_open = builtins.open, os.open

    def only_the_program(path: Any, mode: str = "r", *more: Any, **options: Any) -> Any:
        assert "r" in mode and "+" not in mode and str(path).endswith((".j2", ".py", ".pyc")), path
        return really_open(path, mode, *more, **options)

    monkeypatch.setattr(builtins, "open", only_the_program)
    for owner, names in (
        (os, ("open", "mkdir", "rename", "unlink", "chmod", "chown", "getenv", "listdir", "replace", "link")),
        (socket, ("socket", "create_connection")),
        (time, ("time", "monotonic")),
        (random, ("random", "choice")),
    ):
        for name in names:
            monkeypatch.setattr(owner, name, refuse)
    text = "USE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\nTELEPORT_LICENSE_PATH=1\nTELEPORT_TAG_LABELS=Name\n"
    planned = plan(text, tags={"Name": "a"})
    monkeypatch.undo()
    assert really_os_open is os.open
    assert planned.document["ssh_service"]["labels"] == {"Name": "a"}


def test_a_plan_depends_on_nothing_but_its_inputs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = plan("TELEPORT_DOMAIN_NAME=example.com\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELEPORT_DOMAIN_NAME", "other.example.com")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert plan("TELEPORT_DOMAIN_NAME=example.com\n") == first


def test_the_inputs_do_not_change() -> None:
    tags = {"Name": "a"}
    plan("TELEPORT_TAG_LABELS=Name\nTELEPORT_SSH_LABELS='Name: b'\n", tags=tags)
    assert tags == {"Name": "a"}
