"""Manual edits of teleport.yaml, which no command overwrites silently."""

from __future__ import annotations

import os

from teleport_bootstrap import errors, paths
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import directory
from teleport_bootstrap.plan import adoption, comparison, secret_mask, yaml_reading
from teleport_bootstrap.state import generations


def text(root: paths.Root, path: str) -> str | None:
    """Return the content of a regular file, with invalid UTF-8 replaced; None without one."""
    found = directory.content(root, path)
    if found is not None and path == paths.TELEPORT_YAML:
        secret_mask.learn(found)
    return None if found is None else found.decode("utf-8", "replace")


def document(content: str | None) -> dict[str, Any] | None:
    """Return what Teleport reads in `content`, None unless that is a mapping."""
    if content is None:
        return None
    try:
        found = yaml_reading.parse_as_teleport(content)
    except yaml_reading.Unreadable:
        return None
    return comparison.as_read(found) if isinstance(found, dict) else None


def lost(root: paths.Root, now: generations.Generation | None, wanted: dict[str, Any]) -> str:
    """Return the manual edit that would be lost if teleport.yaml said `wanted`, as a diff to generation `now`.

    Nothing is lost where it says the same as `wanted`, where a generation keeps the very file, or where `wanted` holds
    everything that has been changed since `now`, as after `adopt`.
    """
    shown = root.path(paths.TELEPORT_YAML)
    content = text(root, paths.TELEPORT_YAML)
    if content is None:
        return f"{shown} is not a regular file\n" if os.path.lexists(shown) else ""
    edited = document(content)
    edited = None if edited is None else adoption.meaning(edited)
    if edited == wanted or _is_kept(root, content):
        return ""
    if (
        now is not None
        and edited is not None
        and comparison.keeps(wanted, comparison.merge_patch(now.document, edited))
    ):
        return ""
    return comparison.unified(shown, now.teleport_yaml.content if now is not None else None, content)


def refusal(root: paths.Root, command: str, difference: str) -> errors.ManualEdit:
    """Return the error with which `command` refuses to lose `difference`."""
    shown = root.path(paths.TELEPORT_YAML)
    keep = "run `teleport-bootstrap adopt` to turn the edit into an override file"
    broken = unreadable(root)
    if broken:
        keep = f"it cannot be adopted ({broken}): correct it first"
    lose = f"run `teleport-bootstrap {command}` again with --discard-edits to lose it"
    hint = f"To keep it, {keep}; or {lose}. Nothing was changed."
    return errors.ManualEdit(f"{shown} has a manual edit:", lines=difference.rstrip().split("\n"), hint=hint)


def unreadable(root: paths.Root) -> str:
    """Return why Teleport cannot read teleport.yaml, with the place, so that no override can be made of an edit.

    Empty where it can, and where there is no file.
    """
    content = text(root, paths.TELEPORT_YAML)
    if content is None or document(content) is not None:
        return ""
    shown = root.path(paths.TELEPORT_YAML)
    problem = next(iter(yaml_reading.read_as_teleport(content).problems), None)
    return f"{shown}:{problem.line}: {problem.message}" if problem else f"{shown} is not a mapping of keys to values"


def _is_kept(root: paths.Root, content: str) -> bool:
    for number in generations.numbers(root):
        try:
            if generations.load(root, number).teleport_yaml.content == content:
                return True
        except errors.GenerationMissing:
            continue
    return False
