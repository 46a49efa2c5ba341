"""The image template is valid HCL, has the promised properties, and is documented.

`packer validate` itself runs when an image is built: docs/image-building.md.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import hcl2
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / "packaging" / "packer"
FILES = sorted(FOLDER.glob("*.pkr.hcl"))
TEXT = "".join(path.read_text(encoding="utf-8") for path in FILES)


@functools.cache
def read(name: str) -> dict[str, Any]:
    with (FOLDER / name).open(encoding="utf-8") as file:
        found: dict[str, Any] = hcl2.load(file)
        return found


def bare(value: Any) -> Any:
    return value.strip('"') if isinstance(value, str) else value


def variables() -> dict[str, dict[str, Any]]:
    return {bare(name): body for each in read("variables.pkr.hcl")["variable"] for name, body in each.items()}


def source() -> dict[str, Any]:
    (kinds,) = read("teleport.pkr.hcl")["source"]
    found: dict[str, Any] = kinds['"amazon-ebs"']['"teleport"']
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_is_valid_hcl(path: Path) -> None:
    assert read(path.name)


def test_the_parser_finds_a_mistake() -> None:
    with pytest.raises(Exception, match=r"(?i)expected"):
        hcl2.loads('source "amazon-ebs" "x" {\n  region = \n}\n')


def test_every_variable_is_declared_used_described_and_documented() -> None:
    declared = variables()
    used = set(re.findall(r"\bvar\.(\w+)", TEXT))
    assert used == set(declared)
    assert all(len(bare(body["description"])) > 10 and "type" in body for body in declared.values())
    page = (CHECKOUT / "docs" / "image-building.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", page, re.MULTILINE))
    assert set(documented) == set(declared)
    assert {name for name, default in documented.items() if default == "required"} == {
        name for name, body in declared.items() if "default" not in body
    }


def test_instances_use_version_2_of_the_metadata_service_only_and_disks_are_encrypted() -> None:
    found = source()
    assert bare(found["imds_support"]) == "v2.0"
    (metadata,) = found["metadata_options"]
    assert bare(metadata["http_tokens"]) == "required"
    assert found["encrypt_boot"] is True
    assert all(device["encrypted"] is True for device in found["launch_block_device_mappings"])


def test_the_last_step_runs_seal() -> None:
    (build,) = read("teleport.pkr.hcl")["build"]
    last = build["provisioner"][-1]['"shell"']
    script = bare(last["script"]).replace("${path.root}", str(FOLDER))
    assert Path(script).read_text(encoding="utf-8").rstrip().endswith("\nteleport-bootstrap seal")


def test_every_script_exists_and_is_used() -> None:
    named = set(re.findall(r"\$\{path\.root\}/(scripts/[\w.-]+)", TEXT))
    assert named == {f"scripts/{path.name}" for path in (FOLDER / "scripts").iterdir()}


@pytest.mark.parametrize("path", sorted((FOLDER / "scripts").iterdir()), ids=lambda path: path.name)
def test_each_script_stops_at_the_first_failure(path: Path) -> None:
    assert "\nset -eu\n" in path.read_text(encoding="utf-8")
