"""Manual edits in the teleport.yaml of an archive, which are never lost silently."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.restore import archive_configuration
from teleport_bootstrap.state import manual_edits


def find(archived: archive_configuration.Contents, wanted: dict[str, Any] | None, replaced: dict[str, str]) -> str:
    """Return how the archived teleport.yaml differs from what was applied on its host; empty without manual edits.

    `wanted` is the document to write here, None to write none. `replaced` maps names and addresses of the old instance
    to those of this one: without a generation that records what was applied, a file that equals `wanted` apart from
    these counts as unedited, and any other file as edited.
    """
    if archived.read(paths.TELEPORT_YAML) is None:
        return ""
    generation = archived.generation()
    difference = manual_edits.lost(archived.root, generation, wanted if wanted is not None else {})
    if not difference:
        return ""
    document = manual_edits.document(manual_edits.text(archived.root, paths.TELEPORT_YAML))
    if generation is None and wanted is not None and document is not None and _renamed(document, replaced) == wanted:
        return ""
    # Paths in the scratch directory mean nothing to the reader.
    return difference.replace(archived.root.directory, "")


def refusal(archived: archive_configuration.Contents, difference: str, *, has_conf: bool) -> errors.ManualEdit:
    """Return the error that leaves the decision to the operator; without a conf, edits can only be kept."""
    if not has_conf:
        return errors.ManualEdit(
            f"the host of {archived.name} was configured manually: it has a teleport.yaml and no conf",
            hint="Add --keep-config to restore that file as it was, then correct the addresses of the old host in it. "
            "Nothing was changed.",
        )
    what = (
        f"the teleport.yaml in {archived.name} is not what was applied on its host; it was edited:"
        if archived.generation() is not None
        else f"this agent did not write the teleport.yaml in {archived.name}, so it may have been edited:"
    )
    return errors.ManualEdit(
        f"{what}\n{difference.rstrip()}",
        hint="Add --keep-config to restore that file as it was, with the old host's name and addresses, or "
        "--discard-edits to regenerate it for this instance from the archive's conf. If the old host still runs, "
        "`teleport-bootstrap adopt` and a new backup keep the edit. Nothing was changed.",
    )


def old_names(document: dict[str, Any], instance_address: str, node_name: str) -> Iterator[str]:
    """Yield a warning for each line of a kept teleport.yaml that names the old host."""
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
