"""A manual edit of teleport.yaml as an override: what Teleport reads in it, and the difference to what is planned."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from teleport_bootstrap import paths, port_table
from teleport_bootstrap.finding import Finding, Place
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import comparison, network_address, provenance, services, yaml_reading, yaml_text
from teleport_bootstrap.records import replace

_HEAD = "# What was edited in /etc/teleport.yaml, adopted by `teleport-bootstrap adopt`. null deletes a key.\n"


def meaning(document: dict[str, Any]) -> dict[str, Any]:
    """Return what Teleport reads in `document`, as version v3 says it.

    A key without a value is as good as missing, but for a label, whose value is then empty. A file of an earlier
    version for a host without auth service and proxy says the same in v3 with its one server under another key. A file
    that does not name the data directory means Teleport's usual one.
    """
    return _with_data_directory(_in_v3(_without_nulls(comparison.as_read(document))))


def _with_data_directory(document: dict[str, Any]) -> dict[str, Any]:
    section = document.get("teleport")
    if not isinstance(section, dict) or "data_dir" in section:
        return document
    return {**document, "teleport": {**section, "data_dir": paths.DATA}}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: _without_nulls(each) for key, each in value.items() if each is not None}


def _in_v3(document: dict[str, Any]) -> dict[str, Any]:
    section = document.get("teleport")
    is_older = document.get("version") in (None, "v1", "v2")
    if not is_older or not isinstance(section, dict):
        return document
    if services.runs(document, "auth_service") or services.runs(document, "proxy_service"):
        return document
    servers = section.get("auth_servers", [])
    servers = servers if isinstance(servers, list) else [servers]
    if len(servers) > 1 or any(not isinstance(each, str) for each in servers):
        return document
    section = {key: value for key, value in section.items() if key != "auth_servers"}
    for server in servers:
        parsed = network_address.parse(server)
        is_proxy = parsed is not None and parsed.port in (port_table.HTTPS, port_table.WEB)
        section["proxy_server" if is_proxy else "auth_server"] = server
    return {**document, "version": "v3", "teleport": section}


def target(full: dict[str, Any], applied: dict[str, Any] | None, edited: dict[str, Any]) -> dict[str, Any]:
    """Return the document that has to come of an edit.

    `full` is what conf and overrides say now, `applied` what was applied before the edit: what has changed between them
    stays. Without `applied` the edited document is what is wanted.
    """
    if applied is None:
        return edited
    merged: dict[str, Any] = _merged(full, comparison.merge_patch(applied, edited))
    return merged


def _merged(document: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


def override(base: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Return the text of the override that turns `base` into `wanted`. Raises RenderMismatch."""
    patch = comparison.merge_patch(base, wanted)
    return text_of(patch)


def text_of(patch: dict[str, Any]) -> str:
    """Return the text of the override `patch`, as adopted. Raises RenderMismatch."""
    return _HEAD + (yaml_text.body(patch) if patch else "{}\n")


def frozen_lists(base: Any, patch: Any, path: provenance.Path = ()) -> Iterator[str]:
    """Yield a note for each list of `base` that `patch` replaces: what the conf puts into it later has no effect."""
    if isinstance(base, list) and base and isinstance(patch, list):
        yield (
            f"{provenance.dotted(path)} is a list, which an override replaces as a whole: all {len(patch)} entries are "
            "in it now, and what the conf or a later version of this agent would put there has no effect until you "
            "remove the list from it"
        )
    if isinstance(base, dict) and isinstance(patch, dict):
        for key, value in patch.items():
            yield from frozen_lists(base.get(key), value, (*path, key))


def at_edit(
    findings: Sequence[Finding], written: str, edit: str, root: yaml_reading.Located | None
) -> tuple[Finding, ...]:
    """Return `findings` about the override `written`, with their places in the file `edit`, whose content is `root`.

    The override is not written where it is refused; the operator corrects the edit.
    """
    places = dict(_places(root)) if root is not None else {}
    return tuple(_moved(each, written, edit, places) for each in findings)


def _moved(finding: Finding, written: str, edit: str, places: dict[str, tuple[int, int]]) -> Finding:
    if finding.place is None or finding.place.file != written:
        message = re.sub(rf"override {re.escape(written)}:\d+", f"the edit in {edit}", finding.message)
        return replace(finding, message=message)
    name = finding.subject
    while name and name not in places:
        name = re.sub(r"(?:^|\.)[^.\[\]]*$|\[[^\[\]]*\]$", "", name)
    line, column = places.get(name, (1, 1))
    said = re.sub(rf"(?:; (?:also )?from )?override {re.escape(written)}:\d+", "", finding.message)
    return replace(finding, message=said, place=Place(edit, line, column))


def _places(located: yaml_reading.Located, path: provenance.Path = ()) -> Iterator[tuple[str, tuple[int, int]]]:
    below: Iterable[tuple[Any, yaml_reading.Located]] = ()
    if isinstance(located.value, dict):
        below = located.value.items()
    elif isinstance(located.value, list):
        below = enumerate(located.value)
    for key, each in below:
        yield provenance.dotted((*path, key)), (each.line, each.column)
        yield from _places(each, (*path, key))
