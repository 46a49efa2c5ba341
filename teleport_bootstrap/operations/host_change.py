"""What applying a plan, or an earlier generation, would change on this host: shown before any of it is done."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence

from teleport_bootstrap import paths
from teleport_bootstrap.change import needed_files, units
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import directory
from teleport_bootstrap.plan import comparison, plan_model
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import Secret
from teleport_bootstrap.state import current, generations, manual_edits

# A cluster has been born, or a host has joined one, when one of these is there.
_TRACES = ("backend", "proc", "host_uuid")


@dataclass(frozen=True)
class Difference:
    """How one file will change, as a unified diff."""

    path: str
    diff: str


@dataclass(frozen=True)
class HostChange:
    """What changes on this host, and what an operator should know before agreeing.

    `edits` is how teleport.yaml differs from what was applied, if it has a manual edit that would be lost; empty
    otherwise. `action` says how Teleport's `unit` reads the change. `now` and `generation` are what is applied now.
    `before` is the document that Teleport runs with now, None without one.
    """

    differences: tuple[Difference, ...]
    secrets_change: tuple[str, ...]
    edits: str
    dangers: tuple[str, ...]
    action: str
    unit: str
    now: current.Current | None
    generation: generations.Generation | None
    before: dict[str, Any] | None


@dataclass(frozen=True)
class Wanted:
    """What is to be applied: a teleport.yaml that says `document`, all else, and the contents of secret files."""

    applicable: plan_model.Applicable
    teleport_yaml: plan_model.PlannedFile
    document: dict[str, Any]
    values: Mapping[str, Secret]


def compare(
    root: paths.Root,
    now: current.Current | None,
    wanted: Wanted,
    *,
    also_comments: bool = False,
    may_come: Collection[str] = (),
) -> HostChange:
    """Compare this host, in the state `now`, with what is `wanted`; touch nothing, and ask no one.

    With `also_comments`, a comment in teleport.yaml is a difference too. `may_come` are secret files that SSM has, as
    far as is known: there is no warning about waiting for one of them.
    """
    applicable, document, values = wanted.applicable, wanted.document, wanted.values
    generation = current.known_generation(root, now)
    before = manual_edits.document(manual_edits.text(root, paths.TELEPORT_YAML))
    differences = tuple(_differences(root, wanted, also_comments=also_comments))
    return HostChange(
        differences=differences,
        secrets_change=tuple(
            path for path, value in values.items() if directory.content(root, path) != value.reveal().encode()
        ),
        edits=manual_edits.lost(root, generation, document),
        dangers=(
            *(comparison.dangers(before, document) if before and _has_state(root) else ()),
            *_foreign_data(root, applicable),
            *(
                f"no Teleport runs until then: {note}"
                for note in needed_files.describe_pending(root, applicable, had={*values, *may_come})
            ),
        ),
        action=_action(differences, [before, *([generation.document] if generation else [])], document),
        unit=applicable.unit,
        now=now,
        generation=generation,
        before=before,
    )


def _differences(root: paths.Root, wanted: Wanted, *, also_comments: bool) -> Iterator[Difference]:
    for planned in (wanted.teleport_yaml, *wanted.applicable.files):
        before = manual_edits.text(root, planned.path)
        is_teleport_yaml = planned.path == paths.TELEPORT_YAML
        if is_teleport_yaml and not also_comments and manual_edits.document(before) == wanted.document:
            continue  # only its comments differ
        if before != planned.content:
            yield Difference(planned.path, comparison.unified(planned.path, before, planned.content))
    for path in wanted.applicable.absent:
        before = manual_edits.text(root, path)
        if before is not None:
            yield Difference(path, comparison.unified(path, before, None))


def _action(
    differences: Sequence[Difference], before: Sequence[dict[str, Any] | None], document: dict[str, Any]
) -> str:
    """Return how Teleport reads the change; `before` are the documents that the running Teleport may have read.

    It is unknown whether Teleport was restarted after a manual edit.
    """
    only_document = all(each.path == paths.TELEPORT_YAML for each in differences)
    if only_document and all(each and comparison.reload_suffices(each, document) for each in before):
        return units.RELOAD
    return units.RESTART


def _foreign_data(root: paths.Root, wanted: plan_model.Applicable) -> Iterator[str]:
    """Yield a note where the data belongs to root and the unit runs as another account."""
    (account,) = [each.owner for each in wanted.directories if each.path == paths.DATA]
    shown = root.path(paths.DATA)
    if account != "root" and _has_state(root) and os.stat(shown).st_uid == 0:
        yield (
            f"what is in {shown} belongs to root, and {wanted.unit} runs as {account}, who cannot read it: "
            "--reset-data sets it aside; to keep it, stop Teleport and give it to that account first"
        )


def _has_state(root: paths.Root) -> bool:
    return any(os.path.lexists(root.path(f"{paths.DATA}/{name}")) for name in _TRACES)
