"""docs/json.md: what every command prints with --format json, from the schemas.

python3 -m teleport_bootstrap.manual json > docs/json.md
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.cli import answer, main
from teleport_bootstrap.manual.answers import common, schema
from teleport_bootstrap.manual.answers.kinds import Schema

_INTRODUCTION = f"""\
# JSON output

<!-- Made by `python3 -m teleport_bootstrap.manual json`; change it there. -->

For scripts that read what a command prints: the fields of every answer, and their meaning.

Every command takes `--format json`, and then prints one object. All begin with the same five fields, and those of the
command stand beside them, so that `teleport-bootstrap status --format json | jq -r .state` is all that it takes:

```json checked:answer
{{
  "version": {answer.VERSION},
  "command": "rollback",
  "exit_status": 2,
  "error": {{
    "severity": "error",
    "code": "usage",
    "subject": null,
    "message": "generation 99 does not exist; these do: 1, 2",
    "remedy": "`teleport-bootstrap history` says when and by whom each was made. Nothing was changed.",
    "file": null,
    "line": null,
    "column": null
  }},
  "findings": []
}}
```

- **One form of a problem.** Errors, warnings and notes have the same fields everywhere. `error` says why a command
  failed, `findings` is everything that it found. `validate` and `status` do not fail where they find something.
- **A failed command has the five fields alone**, unless it did a part of its work, such as a backup that is incomplete.
  So test `error`, or the exit status, before you read the others.
- **Every field is always there**, `null` where it does not apply. A list is empty, never missing.
- **Values, not sentences.** Times end in `_at` and are ISO 8601 in UTC, durations in `_seconds`, sizes in `_bytes`,
  numbers of things in `_count`. Words to compare are listed below. `message`, `remedy`, `reason`, `detail` and what
  ends in `_because` are for people, and may change at any time.
- **`version`** is {answer.VERSION}. It is raised when a field is removed, or changes its name, type or meaning; the
  changelog says so. New fields and words may come without that, so ignore what you do not know.

[answers.schema.json](answers.schema.json) has all this as a JSON schema (draft 2020-12), with which the tests check
every answer. It knows the fields of its own release only.

What else is printed goes to standard error. Nothing is asked: a command that would ask for confirmation ends with
status 11 and the code `confirmation-needed`, unless `--yes` or `--dry-run` is given. Secrets are masked. A command that
a signal or Ctrl-C ends prints no answer.
"""


def page() -> str:
    """Return the page, ending with a line feed."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _INTRODUCTION
    yield "## The fields of every answer\n"
    yield from _table(common.ENVELOPE)
    for name, meaning in (
        ("finding", common.FINDING),
        ("unit_action", common.UNIT_ACTION),
        ("pending", common.PENDING),
    ):
        yield f"\n### {_TITLES[name]}\n\n{meaning['description']}\n"
        yield from _table(meaning["properties"])
    for command, lists in schema.COMMANDS.items():
        yield f"\n## {command}\n"
        purpose = main.COMMANDS.get(command)
        if purpose:
            yield f"`{command}`: {purpose}.\n"
        yield from _table({name: field for fields in lists for name, field in fields.items()})


# The headings that the tables link to.
_TITLES = {"finding": "A finding", "unit_action": "A unit action", "pending": "A pending file"}


def _table(fields: dict[str, Schema]) -> Iterator[str]:
    yield "| field | type | meaning |\n|---|---|---|"
    for path, field in _flat(fields, ""):
        yield f"| `{path}` | {_type(field)} | {_meaning(field)} |"


def _flat(fields: dict[str, Schema], start: str) -> Iterator[tuple[str, Schema]]:
    """Yield each field, and below an object or a list of objects their fields."""
    for name, field in fields.items():
        yield f"{start}{name}", field
        item = field.get("items", {})
        yield from _flat(field.get("properties", {}), f"{start}{name}.")
        yield from _flat(item.get("properties", {}), f"{start}{name}[].")


def _type(field: Schema) -> str:
    found = field
    or_null = ""
    if "anyOf" in field:
        found, or_null = field["anyOf"][0], " or null"
    if "$ref" in found:
        name = found["$ref"].rpartition("/")[2]
        title = _TITLES[name]
        return f"[{title.lower()}](#{title.lower().replace(' ', '-')}){or_null}"
    if "items" in found:
        item = found["items"]
        return f"list of {_plural(item)}"
    if "enum" in found:
        return "word" + (" or null" if None in found["enum"] else "")
    if "const" in found:
        return "integer"
    types = found.get("type", "any")
    name = types if isinstance(types, str) else types[0]
    shown = "time" if found.get("format") == "date-time" else name
    return f"{shown} or null" if isinstance(types, list) else shown


def _plural(item: Schema) -> str:
    if "$ref" in item:
        title, _, target = _type(item).partition("](")
        return f"[{title[len('[a ') :]}s]({target}"
    return "words" if "enum" in item else f"{item['type']}s"


def _meaning(field: Schema) -> str:
    words = field.get("enum") or field.get("items", {}).get("enum", ())
    listed = ", ".join(f"`{word}`" for word in words if word is not None)
    return " ".join(filter(None, (field.get("description", ""), f"One of {listed}." if listed else "")))
