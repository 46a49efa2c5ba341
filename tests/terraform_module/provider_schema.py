"""Which arguments the resources of Terraform's AWS provider take, and which of them it needs.

The schema is kept in aws-provider.json for the resources that packaging/terraform has, since the whole one is in a
package of 60 MB: the bindings that HashiCorp has generated from it. To renew the file, for more resources too:

    pip download --no-deps cdktf-cdktf-provider-aws==21.22.1
    python3 -m tests.terraform_module.provider_schema cdktf_cdktf_provider_aws-21.22.1-py3-none-any.whl
"""

from __future__ import annotations

import ast
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.terraform_module import declared

FILE = Path(__file__).with_name("aws-provider.json")
_FOLDER = "cdktf_cdktf_provider_aws"
# Of the bindings, or of Terraform's language: they are arguments of every resource.
_NOT_OF_THE_PROVIDER = frozenset(("self", "connection", "provisioners", "count", "depends_on", "for_each", "lifecycle"))
_NOT_OF_THE_PROVIDER |= {"provider"}

REQUIRED, OPTIONAL = "required", "optional"

Schema = dict[str, Any]


def read() -> Schema:
    """Return the file: `package`, `provider`, `resources` and `data`, which have arguments by names.

    An argument is REQUIRED or OPTIONAL; a block has that as its `need`, and `arguments`.
    """
    found: Schema = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def extract(wheel: Path, resources: set[str], data: set[str]) -> Schema:
    """Return what the file is to hold of these kinds, such as aws_lb, from the package."""
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"{'-'.join(wheel.name.split('-')[:2])}.dist-info/METADATA").decode()
        versions = re.search(r"hashicorp/aws provider version ([0-9.]+)", metadata)
        assert versions is not None, "the package says which version it was generated from"
        return {
            "package": "-".join(wheel.name.split("-")[:2]),
            "provider": f"hashicorp/aws {versions[1]}",
            "resources": {kind: _kind(archive, kind.removeprefix("aws_")) for kind in sorted(resources)},
            "data": {kind: _kind(archive, f"data_{kind}") for kind in sorted(data)},
        }


def _kind(archive: zipfile.ZipFile, folder: str) -> Schema:
    tree = ast.parse(archive.read(f"{_FOLDER}/{folder}/__init__.py"))
    classes = {each.name: each for each in tree.body if isinstance(each, ast.ClassDef)}
    (config,) = (
        name for name, each in classes.items() if any("TerraformMetaArguments" in ast.dump(base) for base in each.bases)
    )
    return _arguments(classes, config)


def _arguments(classes: dict[str, ast.ClassDef], name: str) -> Schema:
    made = next(each for each in classes[name].body if isinstance(each, ast.FunctionDef) and each.name == "__init__")
    found: Schema = {}
    for argument, default in zip(made.args.kwonlyargs, made.args.kw_defaults):
        if argument.arg in _NOT_OF_THE_PROVIDER:
            continue
        need = REQUIRED if default is None else OPTIONAL
        block = next((each for each in _names(argument.annotation) if each in classes), None)
        # Python's own words have an underscore at their end.
        name_in_terraform = argument.arg.rstrip("_")
        found[name_in_terraform] = need if block is None else {"need": need, "arguments": _arguments(classes, block)}
    return found


def _names(annotation: ast.expr | None) -> Iterator[str]:
    for node in ast.walk(annotation) if annotation is not None else ():
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def main() -> None:
    found = extract(Path(sys.argv[1]), declared.kinds("resource"), declared.kinds("data"))
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
