"""An operator's own changes to teleport.yaml: files merged into the planned document, each value with its line.

Files are merged in lexical order, each as JSON Merge Patch (RFC 7396): null deletes a key, a list is replaced as a
whole. Values stay as they are written, see `yaml_reading.Plain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from teleport_bootstrap import errors
from teleport_bootstrap.finding import ERROR, Finding, Place, in_order_of_place
from teleport_bootstrap.hints import Any, NamedTuple
from teleport_bootstrap.plan import provenance, secret_mask, yaml_reading
from teleport_bootstrap.records import dataclass

SUFFIX = ".yaml"

# The directory of Teleport's data, which secrets, gates, backups and units name: overrides cannot change it.
_FIXED = ("teleport", "data_dir")


class Override(NamedTuple):
    """One file: its path as messages name it, and its bytes."""

    path: str
    content: bytes


@dataclass(frozen=True)
class Removed:
    """A key that an override deleted: its path, and where the null is."""

    path: provenance.Path
    origin: provenance.Origin


@dataclass(frozen=True)
class Merged:
    """The document after all overrides, what they deleted, and notes on what had no effect."""

    tree: dict[str, Any]
    removed: tuple[Removed, ...] = ()
    notes: tuple[str, ...] = ()


def chosen(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the file names in a directory of overrides that are read, in their order, and notes on some others.

    Names that end in `.yaml` and are not hidden are read. Files that editors leave are ignored silently; a note names
    a file that was probably meant to be read.
    """
    read, notes = [], []
    for name in sorted(names):
        if name.startswith("."):
            continue
        if name.endswith(SUFFIX):
            read.append(name)
        elif name.endswith((".yml", ".YAML", ".YML", ".json")):
            stem = name.rpartition(".")[0]
            notes.append(f"{name} is not read: the name of an override ends in {SUFFIX}. Rename it to {stem}{SUFFIX}.")
    return read, notes


def check(files: Sequence[Override]) -> list[tuple[str, yaml_reading.Located]]:
    """Return path and content of each of `files` that is not empty.

    Raises OverrideInvalid with everything that is wrong with them, whatever they are merged into.
    """
    found: list[tuple[str, yaml_reading.Located]] = []
    problems: list[Finding] = []
    for file in files:
        secret_mask.learn(file.content)
        reading = yaml_reading.read(file.content)
        wrong = [_problem(file.path, each, each.message, each.hint) for each in reading.problems]
        if reading.root is not None:
            found.append((file.path, reading.root))
            if isinstance(reading.root.value, dict):
                wrong += _unwritten(file.path, reading.root)
            else:
                hint = "write sections and keys as in teleport.yaml, for example `proxy_service:`"
                wrong.append(_problem(file.path, reading.root, "the file is not a mapping of keys to values", hint))
        problems += in_order_of_place(wrong)
    if problems:
        raise errors.OverrideInvalid(tuple(problems))
    return found


def merge(tree: dict[str, Any], files: Sequence[Override]) -> Merged:
    """Return the document `tree` with `files` merged into it, in their order.

    Raises OverrideInvalid with everything that is wrong with any of them, and where one changes teleport.data_dir.
    """
    merging = _Merge()
    merged: Any = tree
    problems: list[Finding] = []
    before = _fixed(tree)
    for path, root in check(files):
        merging.path = path
        merged = merging.mapping(merged, root, ())
        if _fixed(merged) != before:
            problems.append(_changes_fixed(path, root, before))
            before = _fixed(merged)
    if problems:
        raise errors.OverrideInvalid(tuple(problems))
    return Merged(merged, tuple(merging.removed.values()), tuple(merging.notes))


def sourced(path: str, root: yaml_reading.Located) -> dict[str, Any]:
    """Return the content of the file `path` as a document with the place of each value; `root` is a mapping."""
    merging = _Merge()
    merging.path = path
    return {key: merging.whole(value) for key, value in root.value.items()}


def _unwritten(path: str, located: yaml_reading.Located, name: str = "") -> list[Finding]:
    """Return a problem for each `key:` without a value: commenting out the lines below a key must not delete it."""
    if isinstance(located.value, dict):
        return [each for key, value in located.value.items() for each in _unwritten(path, value, key)]
    if isinstance(located.value, list):
        return [each for value in located.value for each in _unwritten(path, value, name)]
    if located.written:
        return []
    hint = "write null to delete the key, or remove the line"
    return [_problem(path, located, f"{name or 'the entry'} has no value", hint, name)]


def _problem(
    path: str,
    at: yaml_reading.Located | yaml_reading.Unreadable,
    message: str,
    remedy: str,
    subject: str = "",
    *,
    code: str = "override-grammar",
) -> Finding:
    return Finding(ERROR, code, subject, message, remedy, Place(path, at.line, at.column))


class _Merge:
    """RFC 7396, which also keeps where each value comes from; `path` is the current file."""

    def __init__(self) -> None:
        self.path = ""
        self.removed: dict[provenance.Path, Removed] = {}
        self.notes: list[str] = []

    def mapping(self, target: Any, patch: yaml_reading.Located, path: provenance.Path) -> Any:
        if not isinstance(target, dict):
            self._forget(path)
            if not patch.value:
                return provenance.Sourced({}, self._origins(patch))
            target = {}
        merged = dict(target)
        for key, value in patch.value.items():
            place = (*path, key)
            if isinstance(value.value, dict):
                merged[key] = self.mapping(merged.get(key), value, place)
            elif value.value is not None:
                self._forget(place)
                merged[key] = self.whole(value)
            elif key in merged:
                del merged[key]
                self._forget(place)
                self.removed[place] = Removed(place, self._origins(value)[0])
            elif place not in self.removed:
                self.notes.append(
                    f"{self.path}:{value.line} deletes {provenance.dotted(place)}, which the document does not have"
                )
        return merged

    def whole(self, value: yaml_reading.Located) -> provenance.Tree:
        """Return a value that replaces the one before; null in a list stays null, as RFC 7396 says."""
        if isinstance(value.value, dict) and value.value:
            return {key: self.whole(each) for key, each in value.value.items()}
        if isinstance(value.value, list) and any(isinstance(each.value, (dict, list)) for each in value.value):
            return [self.whole(each) for each in value.value]
        return provenance.Sourced(value.plain, self._origins(value))

    def _forget(self, path: provenance.Path) -> None:
        """Forget deletions at and below `path`, which has just been written or deleted."""
        self.removed = {place: each for place, each in self.removed.items() if place[: len(path)] != path or not path}

    def _origins(self, value: yaml_reading.Located) -> tuple[provenance.Origin, ...]:
        text = f"override {Place(self.path, value.line)}"
        return (provenance.Origin(text, Place(self.path, value.line, value.column)),)


def _fixed(tree: Any) -> Any:
    return provenance.document(provenance.value_at(tree, _FIXED))


def _changes_fixed(path: str, root: yaml_reading.Located, before: Any) -> Finding:
    at = root
    for key in _FIXED:
        if isinstance(at.value, dict) and key in at.value:
            at = at.value[key]
    name = ".".join(_FIXED)
    message = f"this changes {name}, which stays {before}: the units, the fetched secrets and the backups use it"
    remedy = "remove it; mount another file system there to keep the data elsewhere"
    return _problem(path, at, message, remedy, name, code="override-value")
