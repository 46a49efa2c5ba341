"""The documents for SSM's Run Command: by its schema, in plain sh, and no parameter gets out of its place."""

from __future__ import annotations

import copy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from teleport_bootstrap import paths
from tests.templates import command_document
from tests.templates.command_document import DOCUMENTS, SCHEMA

EVERY = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
PARAMETERS = [(path, name) for path in DOCUMENTS for name in command_document.load(path).get("parameters", {})]
# What a shell reads between double quotes, and what ends them.
SPECIAL = '$`"\\\n!'
# Values that are taken, for each parameter that has no list of them.
FITTING = {
    "Days": ("1", "30"),
    "Destination": ("", "s3://acme-backups", "s3://acme-backups/teleport/auth-1/", "/var/backups/teleport"),
    "HealthWait": ("30", "120"),
    "Keep": ("", "7", "100"),
    "Only": ("", "instance", "state-table"),
    "Version": ("18.2.4",),
}


def test_there_is_one_for_each_task_of_a_fleet() -> None:
    assert [path.stem for path in DOCUMENTS] == ["backup", "collect-logs", "doctor", "reconfigure", "upgrade"]


@EVERY
def test_it_fits_ssms_schema(path: Path) -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    document = command_document.load(path)
    jsonschema.validate(document, SCHEMA)
    assert path.stat().st_size < command_document.MOST
    for change in ({"schemaVersion": 2.2}, {"mainSteps": []}, {"parameters": {"my-name": {"type": "String"}}}):
        wrong: dict[str, Any] = {**copy.deepcopy(document), **change}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)


@EVERY
@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("old_agent", [False, True], ids=["agent", "older-agent"])
def test_the_script_holds_no_known_trap(path: Path, old_agent: bool) -> None:
    given = {"Version": "18.2.4"} if path.stem == "upgrade" else {}
    text, _ = command_document.script(path, old_agent=old_agent, **given)
    # What the newer agent refers to where the older one writes the value is the variable itself.
    command = ["shellcheck", "--shell=sh", "--exclude=SC2269", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "{{" not in text


@pytest.mark.parametrize(("path", "name"), PARAMETERS, ids=lambda each: getattr(each, "stem", each))
def test_no_value_of_a_parameter_means_anything_to_a_shell(path: Path, name: str) -> None:
    parameter = command_document.load(path)["parameters"][name]
    assert parameter["interpolationType"] == "ENV_VAR"
    fitting = parameter.get("allowedValues") or FITTING[name]
    assert all(command_document.accepts(parameter, each) for each in fitting)
    if "allowedPattern" in parameter:
        assert parameter["allowedPattern"][0] + parameter["allowedPattern"][-1] == "^$"
    for value in fitting:
        for character in SPECIAL:
            for place in range(len(value) + 1):
                wrong = f"{value[:place]}{character}{value[place:]}"
                # Java's `$` takes a line feed at the end, which `"` and a line feed after it only end a word with.
                assert not command_document.accepts(parameter, wrong) or wrong == f"{value}\n", wrong
        assert not command_document.accepts(parameter, f"-{value}"), "an option"


@EVERY
def test_it_prints_our_json_and_keeps_the_exit_status(path: Path) -> None:
    text, _ = command_document.script(path, old_agent=False, **({"Version": "1.2.3"} if path.stem == "upgrade" else {}))
    last = text.rstrip().splitlines()[-1]
    assert last.startswith("exec teleport-bootstrap ") or last == 'exit "$status"'
    assert "--format json" in text
    assert str(paths.CONF) not in text
