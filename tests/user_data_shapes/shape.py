"""The shapes of user-data in shapes.yaml, and what Terraform and CloudFormation make of those that are templates."""

from __future__ import annotations

import base64
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tfparse
import yaml

from tests.templates import template

_NAME = re.compile(r"(\$\{|%\{ if )(\w+)")
FILE = Path(__file__).with_name("shapes.yaml")


@dataclass(frozen=True)
class Shape:
    """One entry, with the fields that README.md explains."""

    name: str
    seen: str
    file: str
    text: str
    files: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    other_values: Mapping[str, Any] = field(default_factory=dict)
    open: tuple[str, ...] = ()
    unclear: str = ""
    differs: bool = False

    def write(self, directory: Path) -> Path:
        """Write its files into a directory, and return that of the user-data."""
        for name, text in {**self.files, self.file: self.text}.items():
            (directory / name).write_text(text, encoding="utf-8")
        return directory / self.file

    def rendered(self, values: Mapping[str, Any]) -> str:
        """Return the user-data that an instance gets."""
        with tempfile.TemporaryDirectory() as directory:
            path = self.write(Path(directory))
            if path.suffix in (".tpl", ".tftpl"):
                # Trivy's library does not fill in the template of `templatefile`, but the same text in place.
                text = _NAME.sub(lambda found: f"{found[1]}local.{found[2]}", self.text)
                named = "".join(f"  {name} = {json.dumps(value)}\n" for name, value in values.items())
                resource = f'resource "aws_instance" "this" {{\n  user_data = <<TEMPLATE\n{text}TEMPLATE\n}}\n'
                (path.parent / "main.tf").write_text(f"locals {{\n{named}}}\n{resource}")
                return _of_terraform(path.parent)
            if path.suffix == ".tf":
                return _of_terraform(path.parent)
            if "Resources" in self.text:
                return _of_cloudformation(path)
        return self.text

    @property
    def is_for_cloud_init(self) -> bool:
        """Whether cloud-init itself reads it, and no shell alone."""
        return self.file.endswith((".txt", ".yaml")) and "Resources" not in self.text


def every() -> list[Shape]:
    """Return all of them."""
    found = yaml.safe_load(FILE.read_text("utf-8"))
    return [Shape(**{**each, "open": tuple(each.get("open", ()))}) for each in found]


def _of_terraform(directory: Path) -> str:
    """Return the one user-data, as Trivy's library evaluates it."""
    found = tfparse.load_from_path(str(directory), stop_on_hcl_error=True)
    (text,) = [block["user_data"] for kind in ("aws_instance", "aws_launch_template") for block in found.get(kind, [])]
    return str(text) if text.startswith("#") else base64.b64decode(text).decode()


def _of_cloudformation(path: Path) -> str:
    """Return the one user-data, by the rules of the functions."""
    read = template.load(path)
    filled = template.Filled({"Parameters": {}, **read}, {})
    (found,) = _user_data(read["Resources"])
    return str(filled.value(found))


def _user_data(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        for name, each in node.items():
            yield from [each] if name == "UserData" else _user_data(each)
