"""What the files of packaging/terraform declare, read by a parser of HCL without evaluating anything."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2

from tests.terraform_module.evaluate import FOLDER

Block = dict[str, Any]
# What the parser adds, and what Terraform's language has for every resource.
META = frozenset(
    ("__is_block__", "__comments__", "__inline_comments__", "count", "for_each", "depends_on", "lifecycle")
)
META |= {"provider"}


def files() -> list[Path]:
    return sorted(FOLDER.rglob("*.tf"))


@functools.cache
def read(path: Path) -> Block:
    with path.open(encoding="utf-8") as file:
        found: Block = hcl2.load(file)
        return found


def bare(text: Any) -> Any:
    """Return a name or a text without the quotes that the parser keeps."""
    return text.strip('"') if isinstance(text, str) else text


def blocks(kind: str) -> Iterator[tuple[Path, str, str, Block]]:
    """Yield file, type, name and body of all blocks `resource` or `data`."""
    for path in files():
        for each in read(path).get(kind, []):
            for label, named in each.items():
                for name, body in named.items():
                    if bare(name) not in META:
                        yield path, bare(label), bare(name), body


def kinds(kind: str) -> set[str]:
    """Return the types of the blocks `resource` or `data` that are of the AWS provider."""
    return {label for _, label, _, _ in blocks(kind) if label.startswith("aws_")}


def variables(module: str) -> dict[str, Block]:
    """Return the variables of a module in the order of its file."""
    found = read(FOLDER / module / "variables.tf").get("variable", [])
    return {bare(name): body for each in found for name, body in each.items()}


def outputs(module: str) -> dict[str, Block]:
    found = read(FOLDER / module / "outputs.tf").get("output", [])
    return {bare(name): body for each in found for name, body in each.items()}
