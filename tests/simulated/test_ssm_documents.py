"""The documents for Run Command, created and sent as the page says, by AWS's command line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests import documents
from tests.simulated.agent import CHECKOUT
from tests.simulated_ec2 import Aws
from tests.stand_in import install_aws
from tests.templates import command_document

PAGE = "docs/ssm-documents.md"


def typed(name: str, aws: Aws, directory: Path) -> None:
    """Type a block of the page."""
    environ = {**os.environ, "AWS_ENDPOINT_URL": aws.url, "PATH": f"{directory}:{os.environ['PATH']}"}
    command = ["bash", "-euc", documents.block(PAGE, "simulated", name).text]
    done = subprocess.run(command, cwd=CHECKOUT, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def created(aws: Aws, tmp_path: Path) -> Path:
    install_aws(tmp_path)
    typed("create", aws, tmp_path)
    return tmp_path


def test_ssm_has_the_documents_as_they_are_here(aws: Aws, created: Path) -> None:
    client = aws.client("ssm")
    for path in command_document.DOCUMENTS:
        found = client.get_document(Name=f"teleport-{path.stem}", DocumentFormat="YAML")
        assert (found["DocumentType"], found["Content"]) == ("Command", path.read_text())
        about = client.describe_document(Name=f"teleport-{path.stem}")["Document"]
        names = {each["Name"] for each in about["Parameters"]}
        assert (about["SchemaVersion"], names) == ("2.2", set(command_document.load(path)["parameters"]))


def test_a_change_stops_at_the_first_instance_that_fails(aws: Aws, created: Path) -> None:
    for name in ("look", "change", "upgrade"):
        typed(name, aws, created)
    sent = {each["DocumentName"]: each for each in aws.client("ssm").list_commands()["Commands"]}
    assert sent.keys() == {"teleport-doctor", "teleport-reconfigure", "teleport-upgrade"}
    for name in ("teleport-reconfigure", "teleport-upgrade"):
        assert (sent[name]["MaxConcurrency"], sent[name]["MaxErrors"]) == ("1", "0")
        assert sent[name]["Targets"] == [{"Key": "tag:Name", "Values": ["teleport.example.com-auth"]}]
        given = sent[name].get("Parameters", {})
        path = command_document.FOLDER / f"{name.partition('-')[2]}.yaml"
        assert command_document.script(path, old_agent=False, **{key: value[0] for key, value in given.items()})
