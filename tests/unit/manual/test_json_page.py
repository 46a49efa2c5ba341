"""docs/json.md and docs/answers.schema.json are what the declarations of the answers give, and say enough."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from teleport_bootstrap.manual import json_page
from teleport_bootstrap.manual.answers import schema
from tests import answers, documents

ANSWER = {
    **{"version": 1, "command": "metadata", "exit_status": 0, "error": None, "findings": []},
    **{"item": "region", "value": "us-east-1"},
}
PROBLEM = {
    **{"severity": "error", "code": "usage", "subject": None, "message": "no", "remedy": None},
    **{"file": None, "line": None, "column": None},
}
FAILED = {"version": 1, "command": "metadata", "exit_status": 2, "error": PROBLEM, "findings": []}


def test_issue_15_the_page_and_the_schema_are_current() -> None:
    for name, text in {"json.md": json_page.page(), "answers.schema.json": schema.text()}.items():
        current = answers.FILE.with_name(name).read_text("utf-8")
        what = "json" if name == "json.md" else "answers-schema"
        assert current == text, f"run: python3 -m teleport_bootstrap.manual {what} > docs/{name}"


def test_the_example_of_the_page_is_an_answer() -> None:
    example = documents.block("docs/json.md", "checked", "answer").text
    assert answers.check(example, 2)["command"] == "rollback"


@pytest.mark.parametrize("data", [ANSWER, FAILED], ids=["success", "failure"])
def test_issue_15_the_whole_schema_takes_an_answer(data: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(schema.document()).validate(data)
    answers.check(json.dumps(data), data["exit_status"])


@pytest.mark.parametrize(
    "change",
    [
        {"more": 1},
        {"version": 2},
        {"value": 5},
        {"command": "metadat"},
        {"findings": ["a text"]},
        {"findings": [{**PROBLEM, "hint": "no"}]},
        {"findings": [{**PROBLEM, "severity": "fatal"}]},
        {"error": "a text"},
        {"error": PROBLEM, "item": None},
        {"item": None},
        {"exit_status": None},
    ],
    ids=str,
)
def test_issue_15_the_schema_refuses_what_is_not_described(change: dict[str, Any]) -> None:
    data = {**ANSWER, **change}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema.document()).validate(data)
    with pytest.raises(AssertionError):
        answers.check(json.dumps(data), 0)


def test_issue_15_an_answer_without_error_has_all_fields_of_its_command() -> None:
    for data in ({key: ANSWER[key] for key in ANSWER if key != "value"}, {**FAILED, "item": "region"}):
        with pytest.raises(AssertionError):
            answers.check(json.dumps(data), data["exit_status"])


def test_an_answer_of_another_status_than_the_command_s_is_refused() -> None:
    with pytest.raises(AssertionError, match="exit_status"):
        answers.check(json.dumps(ANSWER), 1)


def fields(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each field that the schema declares, with its path."""
    for name, field in node.get("properties", {}).items():
        yield f"{path}{name}", field
        yield from fields(field, f"{path}{name}.")
        yield from fields(field.get("items", {}), f"{path}{name}[].")


def declared() -> list[tuple[str, dict[str, Any]]]:
    whole = schema.document()["$defs"]
    return [(f"{name}: {path}", field) for name, each in whole.items() for path, field in fields(each)]


def test_issue_20_row_9_times_durations_and_sizes_have_names_that_say_so() -> None:
    assert len(declared()) > 200
    for path, field in declared():
        name = path.rpartition(".")[2].rpartition(" ")[2]
        assert name.endswith("_at") == (field.get("format") == "date-time"), path
        if name.endswith(("_seconds", "_bytes", "_count")):
            assert {"integer", "number"} & {*([field["type"]] if isinstance(field["type"], str) else field["type"])}
        assert name not in ("made", "size", "hint", "awaited", "held", "trouble", "drift", "notes", "problems", "why")


def test_every_field_says_what_it_means_and_every_object_is_closed() -> None:
    for path, field in declared():
        assert field.get("description") or "$ref" in field or "const" in field, path
        for each in (field, field.get("items", {})):
            assert each.get("additionalProperties", False) is False, path
            assert set(each.get("required", ())) == set(each.get("properties", ())), path


def test_links_of_the_page_have_targets() -> None:
    page = json_page.page()
    headings = {
        re.sub(r"[^\w -]", "", each).strip().lower().replace(" ", "-") for each in re.findall("^#+ (.*)$", page, re.M)
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", page)) <= headings
