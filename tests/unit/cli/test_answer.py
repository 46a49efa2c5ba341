"""The envelope of every answer with --format json."""

from __future__ import annotations

import json

from teleport_bootstrap import display, errors
from teleport_bootstrap.cli import answer, main, result
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding, Place
from teleport_bootstrap.manual.answers import schema
from tests import answers

EMPTY = {"subject": None, "remedy": None, "file": None, "line": None, "column": None}


def test_issue_20_row_9_notes_warnings_and_errors_have_one_form() -> None:
    warning = Finding(WARNING, "conf-no-effect", "A", "has no effect", "remove it", Place("/c", 3, 1))
    problem = Finding(ERROR, "conf-value", "B", "is not a port", "", Place("/c", 4))
    shown = result.Result("", {"notes": ("a note",)}, findings=(warning,)).output("json", command="generate")
    failed = answer.document("generate", 2, {}, error=errors.ConfInvalid("/c", (problem,)))
    assert json.loads(shown) == {
        **{"version": 1, "command": "generate", "exit_status": 0, "error": None},
        "findings": [
            {
                **{"severity": "warning", "code": "conf-no-effect", "subject": "A", "message": "has no effect"},
                **{"remedy": "remove it", "file": "/c", "line": 3, "column": 1},
            },
            {**EMPTY, "severity": "note", "code": None, "message": "a note"},
        ],
    }
    assert {key: failed["error"][key] for key in ("code", "message")} == {
        "code": "conf-invalid",
        "message": "/c: 1 problem",
    }
    assert failed["error"]["remedy"].startswith("Edit /c")
    assert [each.keys() for each in failed["findings"]] == [failed["error"].keys()]
    answers.check(display.json(failed), 2)


def test_issue_20_row_9_a_usage_error_has_no_command() -> None:
    told = answer.document(None, 2, {}, error=errors.UsageError("no such command", hint="Look."))
    assert answers.check(display.json(told), 2)["command"] is None


def test_findings_of_the_data_are_among_those_of_the_answer() -> None:
    note = Finding(NOTE, "a", "", "b")
    data = {"findings": (note,), "notes": ("c",)}
    found = json.loads(result.Result("", data).output("json", command="status"))["findings"]
    assert [each["message"] for each in found] == ["b", "c"]


def test_issue_15_json_has_a_schema_for_each_command() -> None:
    commands = {name.partition(" ")[0] for name in schema.COMMANDS}
    assert commands == set(main.COMMANDS)
    assert len(schema.document()["allOf"]) == len(schema.COMMANDS) + 1
