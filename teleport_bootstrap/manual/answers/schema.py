"""docs/answers.schema.json: one JSON schema for what every command prints with --format json.

python3 -m teleport_bootstrap.manual answers-schema > docs/answers.schema.json
"""

from __future__ import annotations

import json

from teleport_bootstrap.cli import answer
from teleport_bootstrap.hints import Any
from teleport_bootstrap.manual.answers import changing, common, host_state, printing
from teleport_bootstrap.manual.answers.kinds import Schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# The fields of each command, in the order of the help. Where there are several lists, an answer has those of one.
COMMANDS: dict[str, tuple[dict[str, Schema], ...]] = {
    "init": (changing.INIT,),
    "generate": (changing.GENERATE,),
    "validate": (printing.VALIDATE,),
    "variables": (printing.VARIABLES, printing.VARIABLES_EXAMPLE),
    "render": (printing.RENDER, printing.RENDER_EXPLAIN),
    "plan": (printing.PLAN,),
    "iam-policy": (printing.IAM_POLICY,),
    "reconfigure": (changing.RECONFIGURE,),
    "backup create": (changing.BACKUP_CREATE,),
    "backup list": (printing.BACKUP_LIST,),
    "backup verify": (printing.BACKUP_VERIFY,),
    "restore": (changing.RESTORE,),
    "rollback": (changing.ROLLBACK,),
    "history": (host_state.HISTORY, host_state.HISTORY_DIFF),
    "adopt": (changing.ADOPT,),
    "fetch-secrets": (changing.FETCH_SECRETS,),
    "publish-tokens": (changing.PUBLISH_TOKENS,),
    "signal": (changing.SIGNAL,),
    "certificate": (changing.CERTIFICATE,),
    "metadata": (printing.METADATA,),
    "install-check": (printing.INSTALL_CHECK,),
    "first-admin": (changing.FIRST_ADMIN,),
    "status": (host_state.STATUS,),
    "doctor": (host_state.DOCTOR, host_state.DOCTOR_LIST),
    "seal": (printing.SEAL,),
    "collect-logs": (changing.COLLECT_LOGS,),
}


def document() -> dict[str, Any]:
    """Return the schema of every answer, with that of each command in its `$defs`."""
    names = [*COMMANDS, None]
    return {
        "$schema": DIALECT,
        "title": f"What teleport-bootstrap prints with --format json, version {answer.VERSION}",
        "type": "object",
        "required": ["version", "command"],
        "properties": {"version": common.ENVELOPE["version"], "command": {"enum": names}},
        "allOf": [
            {
                "if": {"properties": {"command": {"const": name}}},
                "then": {"$ref": f"#/$defs/{definition(name)}"},
            }
            for name in names
        ],
        "$defs": {
            **common.DEFINITIONS,
            "answer": {"description": "What all answers have.", "properties": common.ENVELOPE},
            **{definition(name): _answer(name, lists) for name, lists in COMMANDS.items()},
            definition(None): _answer(None, ()),
        },
    }


def definition(command: str | None) -> str:
    """Return the name of the definition for the answers of `command`."""
    return "usage" if command is None else command.replace(" ", "-")


def _answer(command: str | None, lists: tuple[dict[str, Schema], ...]) -> Schema:
    """Return the schema of an answer: with an error, the fields of the command may be missing, all of them."""
    envelope: dict[str, Schema] = {
        **{name: {"$ref": f"#/$defs/answer/properties/{name}"} for name in common.ENVELOPE},
        "command": {"const": command},
    }
    nothing = {"maxProperties": len(envelope)}
    each = [{"required": [*fields], "maxProperties": len(envelope) + len(fields)} for fields in lists]
    return {
        "type": "object",
        "properties": {**envelope, **{name: field for fields in lists for name, field in fields.items()}},
        "required": [*envelope],
        "additionalProperties": False,
        "if": {"properties": {"error": {"type": "null"}}},
        "then": {"anyOf": each} if each else False,
        "else": {"anyOf": [*each, nothing]},
    }


def text() -> str:
    """Return the file, ending with a line feed."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"
