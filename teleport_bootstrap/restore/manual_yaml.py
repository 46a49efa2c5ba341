"""Whether the teleport.yaml of an archive holds what a person has written into it, which is never lost silently."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.restore import archive_configuration
from teleport_bootstrap.state import manual_edits


def found(archived: archive_configuration.Contents, wanted: dict[str, Any] | None, replaced: dict[str, str]) -> str:
    """Return how the archived teleport.yaml differs from what was applied on its host; empty where nobody edited it.

    `wanted` is what would be written here, None where nothing is. `replaced` are the names and addresses of the old
    instance with those of this one: where no generation tells what was applied, a file that says the same as `wanted`
    but for these was not edited either, and of any other nobody can tell.
    """
    if archived.teleport_yaml() is None:
        return ""
    generation = archived.generation()
    difference = manual_edits.lost(archived.root, generation, wanted if wanted is not None else {})
    if not difference:
        return ""
    document = manual_edits.document(manual_edits.text(archived.root, paths.TELEPORT_YAML))
    if generation is None and wanted is not None and document is not None and _renamed(document, replaced) == wanted:
        return ""
    # What it is compared with is what was applied, or where that is not known, what would be written.
    return difference.replace(archived.root.directory, "")


def refusal(name: str, difference: str, *, known: bool) -> errors.ManualEdit:
    """Return the error that leaves the decision to a person; `known` says whether it is known what had been applied."""
    what = (
        f"the teleport.yaml in {name} is not what was applied on its host; somebody has edited it:"
        if known
        else f"this agent has not written the teleport.yaml in {name}, so nobody can tell whether it was edited:"
    )
    return errors.ManualEdit(
        f"{what}\n{difference.rstrip()}",
        hint="Add --keep-config to restore that file as it is, with the old host's name and addresses, or "
        "--discard-edits to have it made anew for this instance from the archive's conf. Where the old host still "
        "runs, `teleport-bootstrap adopt` and a new backup keep the edit. Nothing was changed.",
    )


def old_names(document: dict[str, Any], instance_address: str, node_name: str) -> Iterator[str]:
    """Yield a warning for each line of a teleport.yaml, kept as it is, that names another host than this one."""
    teleport = document.get("teleport")
    section = teleport if isinstance(teleport, dict) else {}
    for key, right in (("nodename", node_name), ("advertise_ip", instance_address)):
        value = section.get(key)
        if value is not None and value != right:
            yield f"teleport.{key} in the kept teleport.yaml is {value}, the old host's; here it would be {right}"


def _renamed(value: Any, replaced: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(each, replaced) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, replaced) for each in value]
    if isinstance(value, str):
        for old, new in replaced.items():
            if value == old or value.startswith(f"{old}:"):
                return new + value[len(old) :]
    return value
