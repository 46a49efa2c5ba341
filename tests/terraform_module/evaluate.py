"""Evaluates a module of packaging/terraform for some variables, as `terraform plan` would before it asks AWS.

tfparse evaluates expressions, modules, `count` and `for_each` by the library of Trivy. It does not ask AWS, so that
each file `facts.tf`, which has what only AWS knows, is replaced by constants.
"""

from __future__ import annotations

import base64
import functools
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap.aws import endpoints

# There is none for Python 3.9.
tfparse = pytest.importorskip("tfparse")

FOLDER = Path(__file__).resolve().parents[2] / "packaging" / "terraform"
# The modules that people use, and those that these are made of.
MODULES = ("starter", "ha")
PARTS = ("state", "instances", "auth-policy", "names")

ACCOUNT, ZONE, IMAGE = "123456789012", "Z0123456789ABCDEFGHIJ", "ami-0123456789abcdef0"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
_KEY = f'local.has_key ? "{KEY}" : null'
REGION, CHINA = "eu-west-1", "cn-northwest-1"


def facts(region: str) -> dict[str, dict[str, str]]:
    """Return what AWS would answer in the region: the locals of each file `facts.tf`, by its folder."""
    partition = endpoints.partition_of(region)
    where = {"account_id": f'"{ACCOUNT}"', "partition": f'"{partition.name}"'}
    suffix = {"dns_suffix": f'"{partition.domain}"'}
    return {
        "auth-policy": where,
        "instances": {**where, **suffix},
        "starter": {**suffix, "ami_id": f'"{IMAGE}"', "zone_id": f'"{ZONE}"', "kms_key_arn": _KEY},
        "ha": {
            **where,
            "image_id": f'"{IMAGE}"',
            "root_device_name": '"/dev/xvda"',
            "zone_id": f'"{ZONE}"',
            "kms_key_arn": _KEY,
        },
    }


DOMAIN = "teleport.acmeinc.com"
_EVERYWHERE = {
    "region": REGION,
    "cluster_name": DOMAIN,
    "ami_name": "teleport-community-*",
    "route53_zone": "acmeinc.com",
    "route53_domain": DOMAIN,
    "s3_bucket_name": "acme-teleport",
    "vpc_id": "vpc-0123456789abcdef0",
    "balancer_subnet_ids": ["subnet-0a", "subnet-0b"],
}
# What has no default.
NEEDED: dict[str, dict[str, Any]] = {
    "starter": {**_EVERYWHERE, "instance_subnet_id": "subnet-0c"},
    "ha": {**_EVERYWHERE, "instance_subnet_ids": ["subnet-0c", "subnet-0d"]},
}

Block = dict[str, Any]


class Evaluated:
    """The blocks of a module and of the modules that it uses."""

    def __init__(self, found: Mapping[str, list[Block]]) -> None:
        self._found = found

    def blocks(self, kind: str) -> dict[str, Block]:
        """Return the blocks of a kind, such as `aws_lb` or `output`, by their addresses."""
        return {each["__tfmeta"]["path"]: each for each in self._found.get(kind, [])}

    def resources(self) -> Iterator[tuple[str, str, Block]]:
        """Yield kind, address and content of all resources."""
        for kind in self._found:
            for address, block in self.blocks(kind).items():
                if block["__tfmeta"].get("type") == "resource":
                    yield kind, address, block

    def output(self, name: str) -> Any:
        return self.blocks("output")[f"output.{name}"]["value"]

    def variables(self) -> dict[str, Block]:
        """Return the variables of the module itself."""
        own = {address: each for address, each in self.blocks("variable").items() if address.startswith("variable.")}
        return {address.partition(".")[2]: each for address, each in own.items()}

    def refused_variables(self) -> list[str]:
        """Return the messages of validations that do not hold."""
        rules = every(list(self.variables().values()), "validation")
        return [each["error_message"] for each in rules if each["condition"] is not True]

    def user_data(self) -> dict[str, str]:
        """Return the user-data of each role; the one instance has the role `all-in-one`."""
        found = {}
        for block in self.blocks("aws_instance").values():
            found["all-in-one"] = block["user_data"]
        for address, block in self.blocks("aws_launch_template").items():
            found[address.split(".")[1]] = base64.b64decode(block["user_data"]).decode()
        return found

    def failed_conditions(self) -> list[str]:
        """Return the messages of preconditions that do not hold."""
        found = []
        for _, _, block in self.resources():
            for each in every(every_one(block.get("lifecycle")), "precondition"):
                if each["condition"] is not True:
                    found.append(each["error_message"])
        return found


def every_one(value: Any) -> list[Any]:
    """Return the blocks of a name: tfparse gives a single one without its list."""
    return [] if value is None else value if isinstance(value, list) else [value]


def every(blocks: list[Block], name: str) -> list[Block]:
    return [inner for each in blocks for inner in every_one(each.get(name))]


def evaluate(module: str, **variables: Any) -> Evaluated:
    """Return the module for these variables; those that it needs have a value anyway."""
    return evaluate_only(module, **{**NEEDED[module], **variables})


def evaluate_only(folder: str, **variables: Any) -> Evaluated:
    """Return the module in `folder`, such as examples/ha, for these variables and no others."""
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in variables.items())
    return evaluate_text(folder, text, variables.get("region", REGION))


@functools.cache
def evaluate_text(folder: str, text: str, region: str = REGION) -> Evaluated:
    """Return the module in `folder` for a terraform.tfvars, as AWS answers in the region."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "terraform"
        shutil.copytree(FOLDER, copy)
        for name, known in facts(region).items():
            lines = "".join(f"  {key} = {value}\n" for key, value in known.items())
            (copy / name / "facts.tf").write_text(f"locals {{\n{lines}}}\n")
        (copy / folder / "test.tfvars").write_text(text)
        found: dict[str, list[Block]] = tfparse.load_from_path(
            str(copy / folder), stop_on_hcl_error=True, vars_paths=["test.tfvars"]
        )
        return Evaluated(found)
