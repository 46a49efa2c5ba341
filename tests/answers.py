"""Check what a command printed with --format json against docs/answers.schema.json."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema import exceptions

FILE = Path(__file__).resolve().parents[1] / "docs" / "answers.schema.json"


@functools.cache
def _validator(command: str) -> Any:
    """The validator for `command` alone, whose messages are shorter than those of the whole schema."""
    whole = json.loads(FILE.read_text("utf-8"))
    name = command.replace(" ", "-")
    assert name in whole["$defs"], f"docs/answers.schema.json does not know the answers of `{command}`"
    schema = {"$schema": whole["$schema"], "$ref": f"#/$defs/{name}", "$defs": whole["$defs"]}
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def found(answer: Any, severity: str) -> list[dict[str, Any]]:
    """The findings of an answer with this severity."""
    return [each for each in answer["findings"] if each["severity"] == severity]


def lines(answer: Any, severity: str) -> list[str]:
    """The findings of an answer with this severity, each as in the text: its place, message and remedy."""
    return [
        "".join(
            (
                ":".join(str(each[key]) for key in ("file", "line", "column") if each[key] is not None),
                ": " if each["file"] else "",
                each["message"],
                f" ({each['remedy']})" if each["remedy"] else "",
            )
        )
        for each in found(answer, severity)
    ]


def is_asked(arguments: Sequence[str]) -> bool:
    """Whether a command with `arguments` prints JSON."""
    if {"-h", "--help", "--version"} & set(arguments):
        return False
    return "--format=json" in arguments or ("--format", "json") in zip(arguments, arguments[1:])


def check(output: str, status: int) -> Any:
    """Return the answer in `output`, which a command that ended with `status` printed; fail where it is not valid."""
    answer = json.loads(output)
    validator = _validator(answer["command"] or "usage")
    error = exceptions.best_match(validator.iter_errors(answer))
    assert error is None, f"{answer['command']}, {error.json_path}: {error.message}\n{output}"
    assert answer["exit_status"] == status, f"exit_status is not {status}:\n{output}"
    assert (answer["error"] is None) or status != 0, output
    return answer
