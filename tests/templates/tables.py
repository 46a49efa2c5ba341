"""The tables of parameters in docs/cloudformation.md, made of the templates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.templates import setups, template

PAGE = Path(__file__).parents[2] / "docs/cloudformation.md"
_BEGIN, _END = "<!-- made by ./dev templates: parameters of {} -->", "<!-- end -->"
_KINDS = {
    "AWS::EC2::VPC::Id": "VPC",
    "AWS::EC2::Subnet::Id": "subnet",
    "List<AWS::EC2::Subnet::Id>": "subnets",
    "AWS::EC2::Image::Id": "image",
    "AWS::Route53::HostedZone::Id": "hosted zone",
    "Number": "number",
    "String": "text",
}


def written() -> str:
    """Return the page with its tables renewed."""
    text = PAGE.read_text()
    for setup in setups.SETUPS:
        begin = _BEGIN.format(setup.path.name)
        before, _, rest = text.partition(begin)
        text = "".join((before, begin, "\n\n", "\n".join(_table(template.load(setup.path))), "\n\n", _END))
        text += rest.partition(_END)[2]
    return text


def _table(found: dict[str, Any]) -> Iterator[str]:
    yield "| parameter | takes | default | what it is |"
    yield "|---|---|---|---|"
    groups = found["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    for name in (name for group in groups for name in group["Parameters"]):
        about = found["Parameters"][name]
        default = f"`{about['Default']}`" if about.get("Default", "") != "" else "empty" if "Default" in about else "-"
        yield f"| `{name}` | {_takes(about)} | {default} | {about['Description']} |"


def _takes(about: dict[str, Any]) -> str:
    if "AllowedValues" in about:
        return ", ".join(f"`{each}`" for each in about["AllowedValues"])
    if "MinValue" in about:
        return f"{about['MinValue']} to {about['MaxValue']}"
    return _KINDS[about["Type"]]
