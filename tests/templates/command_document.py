"""Documents of SSM's type Command: their schema, and their script as the SSM Agent makes it.

Sources: AWS Systems Manager User Guide, "Data elements and parameters", "Command document plugin reference",
"Troubleshooting parameter handling issues"; the agent's own code, agent/parameters/parameters.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "packaging/ssm"
DOCUMENTS = sorted(FOLDER.glob("*.yaml"))
# Of a document with its parameters, in bytes.
MOST = 64 * 1024

_NAME = "^[a-zA-Z0-9]+$"
_TEXTS = {"type": "array", "minItems": 1, "items": {"type": "string"}}
SCHEMA: Mapping[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["schemaVersion", "mainSteps"],
    "additionalProperties": False,
    "properties": {
        "schemaVersion": {"const": "2.2"},
        "description": {"type": "string"},
        "parameters": {
            "type": "object",
            "additionalProperties": False,
            "patternProperties": {
                _NAME: {
                    "type": "object",
                    "required": ["type"],
                    "additionalProperties": False,
                    "properties": {
                        "type": {"enum": ["String"]},
                        "description": {"type": "string"},
                        "default": {"type": "string"},
                        "allowedValues": _TEXTS,
                        "allowedPattern": {"type": "string", "format": "regex"},
                        "interpolationType": {"enum": ["ENV_VAR"]},
                        "displayType": {"enum": ["textfield", "textarea"]},
                        "minChars": {"type": "integer"},
                        "maxChars": {"type": "integer"},
                    },
                }
            },
        },
        "mainSteps": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["action", "name", "inputs"],
                "additionalProperties": False,
                "properties": {
                    "action": {"const": "aws:runShellScript"},
                    "name": {"type": "string", "pattern": "^[a-zA-Z0-9_]+$"},
                    "precondition": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {"StringEquals": {**_TEXTS, "minItems": 2, "maxItems": 2}},
                    },
                    "inputs": {
                        "type": "object",
                        "required": ["runCommand"],
                        "additionalProperties": False,
                        "properties": {
                            "runCommand": _TEXTS,
                            "timeoutSeconds": {"type": "string", "pattern": "^[0-9]+$"},
                            "workingDirectory": {"type": "string"},
                        },
                    },
                },
            },
        },
    },
}


def load(path: Path) -> dict[str, Any]:
    """Return a document."""
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def accepts(parameter: Mapping[str, Any], value: str) -> bool:
    """Whether SSM takes `value`, if it looks for the pattern in it, and `$` also matches before a last line feed."""
    if "allowedValues" in parameter:
        return value in parameter["allowedValues"]
    return re.search(parameter["allowedPattern"], value) is not None


def script(path: Path, *, old_agent: bool, **given: str) -> tuple[str, dict[str, str]]:
    """Return the script and the environment that the agent runs it with, for these values. Raises ValueError."""
    document = load(path)
    values = {}
    for name, parameter in document.get("parameters", {}).items():
        values[name] = given.pop(name) if name in given else parameter["default"]
        if not accepts(parameter, values[name]):
            raise ValueError(f"{name}: {values[name]}")
    if given:
        raise ValueError(f"no parameters {sorted(given)}")
    (step,) = document["mainSteps"]
    text = "\n".join(step["inputs"]["runCommand"])
    for name, value in values.items():
        # The newer one refers to the variable there.
        text = re.sub(rf"{{{{\s*{name}\s*}}}}", lambda _: value if old_agent else f"$SSM_{name}", text)  # noqa: B023
    return text, {} if old_agent else {f"SSM_{name}": value for name, value in values.items()}
