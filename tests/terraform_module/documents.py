"""Makes the tables of packaging/terraform/README.md, and the examples, from the variables of the modules.

./dev infrastructure --write
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.terraform_module import declared, public_examples
from tests.terraform_module.evaluate import FOLDER, MODULES

README = FOLDER / "README.md"
_BEGIN, _END = "<!-- made from the files: {} -->", "<!-- end -->"
_PLACE = re.compile(r"<!-- made from the files: (?P<name>[a-z -]+) -->\n.*?<!-- end -->\n", re.DOTALL)


def readme() -> str:
    """Return the page with tables that are up to date."""
    tables = {
        **{f"variables of {module}": list(_variables(module)) for module in MODULES},
        **{f"outputs of {module}": list(_outputs(module)) for module in MODULES},
        "replaced": list(_replaced()),
        "different": list(_different()),
    }

    def table(place: re.Match[str]) -> str:
        lines = "\n".join(tables.pop(place["name"]))
        return f"{_BEGIN.format(place['name'])}\n{lines}\n{_END}\n"

    text = _PLACE.sub(table, README.read_text(encoding="utf-8"))
    assert not tables, f"the page has no place for {', '.join(tables)}"
    return text


def _variables(module: str) -> Iterator[str]:
    yield "| variable | type | default | what it says |"
    yield "|---|---|---|---|"
    for name, body in declared.variables(module).items():
        kind = declared.bare(body["type"]).removeprefix("${").removesuffix("}")
        yield f"| `{name}` | {kind} | {_default(body)} | {_text(body)} |"


def _default(body: declared.Block) -> str:
    if "default" not in body:
        return "needed"
    value = body["default"]
    if isinstance(value, list):
        return f"`{json.dumps(list(map(declared.bare, value)))}`"
    if isinstance(value, dict):
        return "none"
    if isinstance(value, bool):
        return f"`{json.dumps(value)}`"
    return f"`{declared.bare(value)}`" if declared.bare(value) != "" else "none"


def _text(body: declared.Block) -> str:
    return str(declared.bare(body["description"]))


def _outputs(module: str) -> Iterator[str]:
    yield "| output | what it says |"
    yield "|---|---|"
    yield from (f"| `{name}` | {_text(body)} |" for name, body in declared.outputs(module).items())


def _replaced() -> Iterator[str]:
    yield "| variable of the public example | what replaces it |"
    yield "|---|---|"
    yield from (f"| `{name}` | {instead} |" for name, instead in public_examples.REPLACED.items())


def _different() -> Iterator[str]:
    yield "| variable | what is different |"
    yield "|---|---|"
    yield from (f"| `{name}` | {what} |" for name, what in public_examples.DIFFERENT.items())


def example(module: str) -> dict[Path, str]:
    """Return the files of a module's example that are made: all but the values of the variables."""
    folder = FOLDER / "examples" / module
    names = list(declared.variables(module))
    width = max(map(len, names))
    given = "".join(f"  {name:{width}} = var.{name}\n" for name in names)
    main = (
        "# Copy this folder, and terraform.tfvars.example in it to terraform.tfvars.\n\n"
        'provider "aws" {\n  region = var.region\n}\n\n'
        f'module "teleport" {{\n  source = "../../{module}"\n\n{given}}}\n'
    )
    outputs = "\n".join(
        f'output "{name}" {{\n  description = "{_text(body)}"\n  value       = module.teleport.{name}\n}}\n'
        for name, body in declared.outputs(module).items()
    )
    return {
        folder / "main.tf": main,
        folder / "variables.tf": (FOLDER / module / "variables.tf").read_text(encoding="utf-8"),
        folder / "outputs.tf": outputs,
        folder / "versions.tf": (FOLDER / module / "versions.tf").read_text(encoding="utf-8"),
    }


def every() -> dict[Path, str]:
    """Return the text of each file that is made, or has parts that are."""
    found: dict[Path, Any] = {README: readme()}
    for module in MODULES:
        found.update(example(module))
    return found


def write() -> None:
    """Renew them all."""
    for path, text in every().items():
        path.write_text(text, encoding="utf-8")
