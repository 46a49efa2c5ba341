"""`adopt`: turn a manual edit of teleport.yaml into an override file, which is merged into every later one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import session
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.host import trust
from teleport_bootstrap.instance import gather
from teleport_bootstrap.plan import comparison, yaml_reading, yaml_text
from teleport_bootstrap.state import current

# Merged after the others, so that the edit wins.
NAME = "90-adopted.yaml"


@dataclass(frozen=True)
class Outcome:
    """The file that was written, as the instance sees it, and what it says; None where there was nothing to adopt."""

    path: str | None
    text: str = ""


def run(doors: gather.Doors) -> Outcome:
    """Write the difference between what was applied and what is there as an override; change nothing else.

    Raises FileTrouble where teleport.yaml cannot be read as what it should be, or an earlier adoption would be lost,
    and GenerationMissing where nothing was ever applied.
    """
    root = doors.root
    with session.begin(root, "adopt", deadline_seconds=doors.wait_seconds):
        generation = current.generation(root)
        if generation is None:
            raise errors.GenerationMissing(
                "this agent did not write this teleport.yaml, so there is nothing to compare it with",
                hint="Write what it says beyond the conf into a file in /etc/teleport.d/teleport.yaml.d yourself.",
            )
        patch = comparison.merge_patch(generation.document, _edited(root))
        if not patch:
            return Outcome(None)
        path = f"{paths.OVERRIDES}/{NAME}"
        earlier = trust.read(root, path)
        if earlier is not None:
            patch = _together(root, path, earlier, patch)
        text = _dumped(patch)
        with Transaction(root) as change:
            change.make_directory(paths.OVERRIDES, mode=0o755, owner="root", group="root")
            change.write(path, text.encode(), mode=0o600, owner="root", group="root")
            change.commit()
        return Outcome(path, text)


def _edited(root: paths.Root) -> dict[str, Any]:
    shown = root.path(paths.TELEPORT_YAML)
    try:
        with open(shown, encoding="utf-8") as file:
            found = yaml_reading.parse(file.read())
    except OSError as error:
        raise errors.FileTrouble(f"{shown} cannot be read: {error.strerror}", hint="Run as root.") from None
    except UnicodeDecodeError:
        raise errors.FileTrouble(f"{shown} is not UTF-8 text", hint="Correct it first.") from None
    except yaml_reading.Unreadable as error:
        raise errors.FileTrouble(
            f"{shown}:{error.line}:{error.column}: {error.message}",
            hint="Correct it first; Teleport cannot read it either.",
        ) from None
    if not isinstance(found, dict):
        raise errors.FileTrouble(f"{shown} is not a mapping of keys to values", hint="Correct it first.")
    return dict(comparison.as_read(found))


def _together(root: paths.Root, path: str, earlier: bytes, patch: Any) -> Any:
    """Return the earlier adoption with the new one on top; a null stays a null, since it deletes."""
    try:
        found = yaml_reading.parse(earlier.decode("utf-8"))
    except (UnicodeDecodeError, yaml_reading.Unreadable):
        found = earlier
    if found is not None and not isinstance(found, dict):
        raise errors.FileTrouble(
            f"{root.path(path)} from an earlier adoption cannot be read", hint="Correct or remove it first."
        )
    return _on_top(found, patch)


def _on_top(lower: Any, upper: Any) -> Any:
    if not isinstance(lower, dict) or not isinstance(upper, dict):
        return upper
    return {**lower, **{key: _on_top(lower.get(key), value) for key, value in upper.items()}}


def _dumped(patch: Any) -> str:
    head = "# What was edited in /etc/teleport.yaml, adopted by `teleport-bootstrap adopt`. null deletes a key.\n"
    return head + yaml_text.body(patch)
