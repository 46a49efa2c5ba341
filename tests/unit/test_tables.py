"""Ports, units and paths are each written in one table, and nowhere else in the product."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from teleport_bootstrap import paths, port_table, roles, unit_table

REPOSITORY = Path(__file__).resolve().parents[2]
PRODUCT = REPOSITORY / "teleport_bootstrap"
TABLES = {PRODUCT / name for name in ("paths.py", "port_table.py", "unit_table.py", "roles.py")}
MODULES = sorted(set(PRODUCT.rglob("*.py")) - TABLES)

PORTS = {value for name, value in vars(port_table).items() if name.isupper()}
PATHS = {value for name, value in vars(paths).items() if name.isupper() and isinstance(value, str)}
UNIT = re.compile(r"(?:teleport|certbot-renew)[a-z-]*\.(?:service|timer)")
# 443 and 3000 may mean something else in a text, but no other number of Teleport's may.
PORT_IN_TEXT = re.compile(r"(?<![\d.])(?:" + "|".join(str(port) for port in sorted(PORTS - {443, 3000})) + r")(?!\d)")


def literals(source: str) -> Iterator[tuple[int, object]]:
    """Yield the line and value of each literal in `source`, docstrings left out."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield node.lineno, node.value


def repeated(source: str) -> list[tuple[int, object]]:
    """Return the literals of `source` that belong in a table: ports, names of units, and paths of the tables."""
    found = []
    for line, value in literals(source):
        if (isinstance(value, int) and not isinstance(value, bool) and value in PORTS) or (
            isinstance(value, str)
            and (
                UNIT.search(value)
                or PORT_IN_TEXT.search(value)
                or any(value == path or value.startswith(f"{path}/") for path in PATHS)
            )
        ):
            found.append((line, value))
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(PRODUCT)))
def test_a_module_takes_ports_units_and_paths_from_the_tables(module: Path) -> None:
    assert repeated(module.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "listen(3025)",
        "f'{host}:3025'",
        "x = 'It is reached on port 3080.'",
        "PORT = 443",
        "start('teleport-proxy.service')",
        "x = 'look at teleport-get-cert.timer'",
        "open('/etc/teleport.yaml')",
        "f'/etc/letsencrypt/{name}'",
        "f'/var/lib/teleport/{name}'",
    ],
)
def test_such_literals_are_found(source: str) -> None:
    assert repeated(source) != []


@pytest.mark.parametrize("source", ["'''/etc/teleport.yaml'''", "AT_MOST = 3", "'/etc/teleport.yaml.old'", "x = True"])
def test_other_literals_are_not(source: str) -> None:
    assert repeated(source) == []


def test_the_table_of_units_has_exactly_the_units_that_are_installed() -> None:
    named = {*unit_table.TELEPORT_SERVICES, *(unit.service for unit in unit_table.TABLE)}
    named |= {unit.timer for unit in unit_table.TABLE if unit.has_timer}
    assert {path.name for path in (REPOSITORY / "systemd").glob("*.[st]*") if path.suffix != ".preset"} == named


@pytest.mark.parametrize("place", roles.PLACES, ids=lambda place: place.marker)
def test_the_unit_of_each_role_looks_for_the_marker_of_that_role(place: roles.Place) -> None:
    text = (REPOSITORY / "systemd" / place.unit).read_text("utf-8")
    assert re.search(rf"^ConditionPathExists=\|?{re.escape(place.marker_path)}$", text, re.MULTILINE)
