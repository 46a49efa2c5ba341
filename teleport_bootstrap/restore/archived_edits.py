"""The manual edits that an archived teleport.yaml has: whether there are any, and who decides about them."""

from __future__ import annotations

from collections.abc import Mapping

from teleport_bootstrap import errors, paths
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.restore.archive_configuration import Contents
from teleport_bootstrap.state import manual_edits


def says_edited(header: Mapping[str, Any]) -> bool:
    configuration = header.get("configuration")
    return isinstance(configuration, Mapping) and configuration.get("hand_edited") is True


def replaced_names(header: Mapping[str, Any], instance: facts.Facts, plan: plan_model.Plan) -> dict[str, str]:
    """Map the name and address of the old instance to those of this one."""
    archived = header.get("instance")
    old: Mapping[str, Any] = archived if isinstance(archived, Mapping) else {}
    section = plan.document.get("teleport")
    node_name = section.get("nodename") if isinstance(section, dict) else None
    pairs = ((old.get("private_address"), instance.address), (old.get("node_name"), node_name))
    return {before: now for before, now in pairs if isinstance(before, str) and before and isinstance(now, str)}


def difference(archived: Contents, wanted: dict[str, Any] | None, replaced: dict[str, str]) -> str:
    """Return how the archived teleport.yaml differs from what was applied on its host; empty without manual edits.

    `wanted` is the document to write here, None to write none. `replaced` maps names and addresses of the old instance
    to those of this one: without a generation that records what was applied, a file that equals `wanted` apart from
    these counts as unedited, and any other file as edited.
    """
    if archived.read(paths.TELEPORT_YAML) is None:
        return ""
    generation = archived.generation()
    found = manual_edits.lost(archived.root, generation, wanted if wanted is not None else {})
    if not found:
        return ""
    document = manual_edits.document(manual_edits.text(archived.root, paths.TELEPORT_YAML))
    if generation is None and wanted is not None and document is not None and _renamed(document, replaced) == wanted:
        return ""
    # Paths in the scratch directory mean nothing to the reader.
    return found.replace(archived.root.directory, "")


def refused(archived: Contents, found: str, *, has_conf: bool) -> errors.ManualEdit:
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
        what,
        lines=found.rstrip().split("\n"),
        hint="Add --keep-config to restore that file as it was, with the old host's name and addresses, or "
        "--discard-edits to regenerate it for this instance from the archive's conf. If the old host still runs, "
        "`teleport-bootstrap adopt` and a new backup keep the edit. Nothing was changed.",
    )


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
