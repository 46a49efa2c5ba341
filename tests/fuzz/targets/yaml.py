"""teleport.yaml by the strict reader and by Teleport's: the strict one takes less, and what both take is the same."""

from __future__ import annotations

from teleport_bootstrap.plan import yaml_reading, yaml_text
from tests.fuzz.oracle import holds, plain, same

LONGEST = 512
GUIDED_BY = ("yaml",)


def check(data: bytes) -> None:
    """Read `data` in both ways, and write what is a mapping again."""
    strict, lenient = yaml_reading.read(data), yaml_reading.read_as_teleport(data)
    lines = len(data.decode("utf-8-sig", "replace").splitlines()) + 1
    for problem in (*strict.problems, *lenient.problems):
        holds(1 <= problem.line <= lines and problem.column >= 1, problem)
        holds(problem.message, problem)
    if not any(problem.own for problem in strict.problems):
        same(not strict.problems, not lenient.problems)
    if strict.problems or strict.root is None:
        return
    holds(not lenient.problems and lenient.root is not None, lenient)
    same(lenient.root.plain, strict.root.plain)
    if isinstance(strict.root.plain, dict):
        written = yaml_text.body(strict.root.plain)  # proves itself that it says the same
        same(yaml_reading.parse_as_teleport(written), strict.root.plain)
        plain(written.replace("\r", ""))
