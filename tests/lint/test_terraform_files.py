"""The files of packaging/terraform: what the provider takes, what is made from what, and who can use them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2
import pytest

from tests.terraform_module import declared, documents, provider_schema, public_examples, scan
from tests.terraform_module import evaluate as terraform
from tests.terraform_module.declared import Block
from tests.terraform_module.provider_schema import REQUIRED, Schema

FOLDER = terraform.FOLDER
SCHEMA = provider_schema.read()


def problems(schema: Schema, body: Block, where: str) -> Iterator[str]:
    """Yield the arguments of a block that the provider does not have, and those that it needs and the block lacks."""
    dynamic = {
        declared.bare(name): inner["content"]
        for each in body.get("dynamic", [])
        for name, inner in each.items()
        if name not in declared.META
    }
    named = {name: value for name, value in body.items() if name not in declared.META and name != "dynamic"}
    for name, value in [*named.items(), *dynamic.items()]:
        if name not in schema:
            yield f"{where} has {name}, which the provider does not know"
        elif isinstance(schema[name], dict):
            for block in value if isinstance(value, list) else []:
                yield from problems(schema[name]["arguments"], block, f"{where}.{name}")
    for name, entry in schema.items():
        need = entry["need"] if isinstance(entry, dict) else entry
        if need == REQUIRED and name not in named and name not in dynamic:
            yield f"{where} lacks {name}"


def every_block() -> Iterator[Any]:
    for kind, key in (("resource", "resources"), ("data", "data")):
        for path, label, name, body in declared.blocks(kind):
            if label.startswith("aws_"):
                where = f"{path.parent.name}/{path.name}: {label}.{name}"
                yield pytest.param(SCHEMA[key].get(label), body, where, id=where)


@pytest.mark.parametrize(("schema", "body", "where"), list(every_block()))
def test_the_provider_has_every_argument(schema: Schema | None, body: Block, where: str) -> None:
    assert schema is not None, "renew aws-provider.json, as provider_schema.py says"
    assert list(problems(schema, body, where)) == []


def test_an_argument_that_the_provider_does_not_have_is_found() -> None:
    body = hcl2.loads(
        'resource "aws_lb" "x" {\n  subnets_ids = []\n  access_logs {\n    enable = true\n  }\n  dynamic "tag" {\n'
        "    for_each = []\n    content {\n      key = 1\n    }\n  }\n}\n"
    )["resource"][0]['"aws_lb"']['"x"']
    assert list(problems(SCHEMA["resources"]["aws_lb"], body, "x")) == [
        "x has subnets_ids, which the provider does not know",
        "x.access_logs has enable, which the provider does not know",
        "x.access_logs lacks bucket",
        "x has tag, which the provider does not know",
    ]


def test_the_schema_is_of_a_version_that_the_modules_take() -> None:
    version = tuple(map(int, SCHEMA["provider"].split()[1].split(".")))
    for path in declared.files():
        for each in declared.read(path).get("terraform", []):
            wanted = declared.bare(each["required_providers"][0]["aws"]["version"])
            lowest, highest = (
                tuple(map(int, re.findall(r"[0-9.]+", part)[0].split("."))) for part in wanted.split(", ")
            )
            assert lowest <= version < highest


def test_the_schema_holds_nothing_that_is_not_used() -> None:
    assert set(SCHEMA["resources"]) == declared.kinds("resource")
    assert set(SCHEMA["data"]) == declared.kinds("data")


@pytest.mark.parametrize("path", list(documents.every()), ids=lambda path: str(path.relative_to(FOLDER)))
def test_what_is_made_from_the_variables_is_up_to_date(path: Path) -> None:
    made = documents.every()[path]
    assert path.read_text(encoding="utf-8") == made, "run ./dev infrastructure --write"


@pytest.mark.parametrize("module", [*terraform.MODULES, *terraform.PARTS])
def test_every_variable_and_output_is_described_and_every_variable_used(module: str) -> None:
    found = declared.variables(module)
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((FOLDER / module).glob("*.tf")))
    assert set(found) == set(re.findall(r"\bvar\.(\w+)", text))
    for name, body in {**found, **declared.outputs(module)}.items():
        description = declared.bare(body["description"])
        assert len(description) > 7 and description.endswith("."), name
    assert all("type" in body for body in found.values())


@pytest.mark.parametrize("module", terraform.MODULES)
def test_an_example_gives_the_module_all_of_its_variables_and_works(module: str) -> None:
    text = (FOLDER / "examples" / module / "terraform.tfvars.example").read_text(encoding="utf-8")
    needed = {name for name, body in declared.variables(module).items() if "default" not in body}
    given = set(re.findall(r"^(\w+) +=", text, re.MULTILINE))
    assert needed <= given <= set(declared.variables(module))
    found = terraform.evaluate_text(f"examples/{module}", text)
    assert found.refused_variables() == found.failed_conditions() == []
    conf = found.output("conf")
    assert terraform.DOMAIN in str(conf)


_SAMPLES: dict[str, Any] = {"bool": True, "list": ["192.0.2.0/24"], "map": {"team": "core"}}
_VALUES = {
    "region": "us-west-2",
    "cluster_name": "TeleportCluster1",
    "license_path": "/path/to/license",
    "ami_name": "teleport-ent-15.3.1-arm64",
    "route53_zone": "example.com",
    "route53_domain": "cluster.example.com",
    "s3_bucket_name": "teleport.example.com",
    "email": "support@example.com",
    "key_name": "example",
    "kms_alias_name": "alias/aws/ssm",
    "teleport_auth_type": "local",
    "route53_domain_acm_nlb_alias": "cluster-nlb.example.com",
}
_PLACES = {
    "vpc_id": "vpc-0123456789abcdef0",
    "balancer_subnet_ids": ["subnet-0a", "subnet-0b"],
    "instance_subnet_id": "subnet-0c",
    "instance_subnet_ids": ["subnet-0c", "subnet-0d"],
}


@pytest.mark.parametrize("module", terraform.MODULES)
def test_a_tfvars_of_teleports_public_example_can_be_used(module: str) -> None:
    public = public_examples.VARIABLES[module]
    own = declared.variables(module)
    replaced = public_examples.REPLACED if module == "ha" else {}
    assert set(public) - set(own) == set(replaced) - set(public_examples.OLDER)
    assert not set(replaced) & set(own)
    for name in set(public) & set(own):
        kind = declared.bare(own[name]["type"]).removeprefix("${").removesuffix("}")
        assert kind.startswith(public[name]), name
    values = {name: _SAMPLES.get(kind, _VALUES.get(name, "m7g.large")) for name, kind in public.items() if name in own}
    places = {name: value for name, value in _PLACES.items() if name in own}
    found = terraform.evaluate_only(f"examples/{module}", **values, **places)
    assert found.refused_variables() == found.failed_conditions() == []
    assert 'TELEPORT_CLUSTER_NAME="TeleportCluster1"' in str(found.output("conf"))
    needed = {name for name, body in own.items() if "default" not in body}
    assert needed - set(public) <= set(_PLACES), "the places are all that has to be added"


def test_what_is_different_concerns_variables_of_both() -> None:
    for name in public_examples.DIFFERENT:
        owners = [module for module in terraform.MODULES if name in declared.variables(module)]
        assert owners and all(name in public_examples.VARIABLES[module] for module in owners)


def test_an_exception_of_the_scan_is_argued_and_needed() -> None:
    failed = [
        scan.Failed("CKV_AWS_150", "", "module.teleport.aws_lb.web[0]"),
        scan.Failed("CKV_AWS_150", "", "aws_lb_x.web"),
    ]
    problems = list(scan.judge(failed))
    assert [each for each in problems if "aws_lb_x" in each]
    unneeded = {each for each in problems if "nothing needs" in each}
    assert len(unneeded) == len(scan.EXCEPTIONS) - 1
    assert all(len(reason) > 8 for reason in scan.EXCEPTIONS.values())


_DECLARED = re.compile(r'^(?P<kind>resource|data|module) "(?P<label>[\w-]+)"(?: "(?P<name>[\w-]+)")? \{', re.MULTILINE)
_NAMED = re.compile(
    r"(?<![\w.\"/])(?P<data>data\.)?(?P<label>aws_\w+)\.(?P<name>\w+)|(?<![\w.\"/])module\.(?P<module>\w+)"
)


@pytest.mark.parametrize("module", [*terraform.MODULES, *terraform.PARTS, "examples/starter", "examples/ha"])
def test_what_an_expression_names_is_declared_in_its_module(module: str) -> None:
    # The evaluator takes a name that it does not know for a value that it does not know.
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((FOLDER / module).glob("*.tf")))
    declared_here = {
        ("data." if each["kind"] == "data" else "module." if each["kind"] == "module" else "")
        + (each["label"] if each["name"] is None else f"{each['label']}.{each['name']}")
        for each in _DECLARED.finditer(text)
    }
    named = {
        f"module.{each['module']}" if each["module"] else f"{each['data'] or ''}{each['label']}.{each['name']}"
        for each in _NAMED.finditer(re.sub(r"#.*", "", text))
    }
    assert named - declared_here == set()
    locals_named = set(re.findall(r"\blocal\.(\w+)", text))
    assert locals_named <= set(re.findall(r"^  (\w+) +=", text, re.MULTILINE))
