"""Overrides: merging is that of RFC 7396, can be repeated, keeps where each value is from, and refuses with a place."""

from __future__ import annotations

from typing import Any

from teleport_bootstrap import errors
from teleport_bootstrap.plan import overrides, provenance, yaml_text
from tests.fuzz.oracle import holds, same, showable

LONGEST = 1024
GUIDED_BY = ("yaml",)

BASE: dict[str, Any] = {
    "version": "v3",
    "teleport": {"nodename": "a", "data_dir": "/var/lib/teleport", "log": {"output": "stderr", "severity": "INFO"}},
    "auth_service": {"enabled": "no"},
    "ssh_service": {"enabled": "yes", "labels": {"a": "b"}, "commands": [{"name": "arch", "command": ["uname", "-m"]}]},
}
HEAD = {"program": "p", "conf": "c", "instance": "i", "teleport": "t"}


def check(data: bytes) -> None:
    """Merge up to three files, which a line `%%` separates."""
    files = [overrides.Override(f"{at}.yaml", text) for at, text in enumerate(data.split(b"\n%%\n")[:3])]
    try:
        parts = overrides.check(files)
        merged = overrides.merge(BASE, files)
    except errors.OverrideInvalid as error:
        showable(error)
        for each in error.findings:
            _placed(each.place, files)
        return
    found = provenance.document(merged.tree)
    expected: Any = BASE
    for _, root in parts:
        expected = patched(expected, root.plain)
    same(found, expected)
    same(provenance.document(overrides.merge(found, files).tree), found)
    for each in merged.removed:
        _placed(each.origin.place, files)
        holds(provenance.value_at(found, each.path) is None, each)
    for _, _, origins in provenance.leaves(merged.tree):
        for origin in origins:
            if origin.place is not None:
                _placed(origin.place, files)
    for note in merged.notes:
        holds(note.partition(":")[0] in {file.path for file in files}, note)
    yaml_text.teleport_yaml(found, HEAD, [file.path for file in files])  # proves itself that it says the same


def patched(target: Any, patch: Any) -> Any:
    """Return RFC 7396's MergePatch, word for word."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = patched(result.get(name), value)
    return result


def _placed(place: Any, files: list[overrides.Override]) -> None:
    """Raise Fault unless `place` is a line of one of `files`."""
    by_path = {file.path: file.content for file in files}
    holds(place is not None and place.file in by_path, place)
    text = by_path[place.file].decode("utf-8-sig", "replace")
    # YAML counts more line breaks than bytes do.
    lines = len(text.splitlines()) + 1
    holds(1 <= place.line <= lines, (place, lines))
