"""Values with the place they came from.

The document is built as a tree of mappings, lists and leaves. A leaf is a plain value, which is a default of this
program, or a `Sourced` one, which names the conf line, the metadata item or the override file that it came from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from teleport_bootstrap import regex
from teleport_bootstrap.finding import Place
from teleport_bootstrap.hints import Any, Generic, TypeVar, Union
from teleport_bootstrap.records import dataclass

T = TypeVar("T")
S = TypeVar("S")

# A tree as the builders make it (leaves may be Sourced) and as YAML holds it (they may not).
Tree = Union[dict[str, Any], list[Any], str, int, bool, None, "Sourced[Any]"]
Path = tuple[Union[str, int], ...]

_WORD = regex.compile(r"[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True)
class Origin:
    """Where a value came from, in words for the operator, and the line of the file where it is written, if any."""

    text: str
    place: Place | None = None

    def __str__(self) -> str:
        return self.text

    def data(self) -> dict[str, Any]:
        """Return the origin for JSON."""
        place = self.place
        return {
            "source": self.text,
            "file": place.file if place else None,
            "line": place.line if place else None,
            "column": place.column if place else None,
        }


DEFAULT = Origin("default")


@dataclass(frozen=True)
class Sourced(Generic[T]):
    """A value and where it came from."""

    value: T
    origins: tuple[Origin, ...] = (DEFAULT,)

    def map(self, function: Callable[[T], S]) -> Sourced[S]:
        """Return what `function` makes of the value, with the same origins."""
        return Sourced(function(self.value), self.origins)

    def with_origin_of(self, other: Sourced[Any]) -> Sourced[T]:
        """Return the same value, naming the origins of `other` too."""
        return Sourced(self.value, tuple(dict.fromkeys(self.origins + other.origins)))


def from_metadata(item: str, value: T) -> Sourced[T]:
    """Return `value` with the instance metadata item `item` as its origin."""
    return Sourced(value, (Origin(f"instance metadata {item}"),))


def dotted(path: Path) -> str:
    """Return a path as messages write it: proxy_service.https_keypairs[0].cert_file, ssh_service.labels["a.b"]."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _WORD.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part, ensure_ascii=False)}]"
    return text


def child(node: Any, part: str | int) -> Any:
    """Return what the mapping or list `node` holds at `part`, None where it holds nothing there or is neither."""
    if isinstance(node, dict):
        return node.get(part)
    if isinstance(node, (list, tuple)) and isinstance(part, int) and part < len(node):
        return node[part]
    return None


def value_at(node: Any, path: Path) -> Any:
    """Return what `node` holds at `path`, None where it holds nothing there."""
    for part in path:
        node = child(node, part)
    return node


def origins(tree: Tree, path: Path) -> tuple[Origin, ...]:
    """Return where the value at `path` came from, or else the section around it; at most three origins.

    Defaults are left out where other values came from a file or from the instance.
    """
    node = tree
    for part in path:
        below = child(node, part)
        if below is None:
            break
        node = below
    found = dict.fromkeys(origin for _, _, named in leaves(node) for origin in named)
    return tuple(origin for origin in found if origin != DEFAULT)[:3] or (DEFAULT,)


def document(tree: Tree) -> Any:
    """Return the tree without its origins: what YAML holds."""
    if isinstance(tree, Sourced):
        return document(tree.value)
    if isinstance(tree, dict):
        return {key: document(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [document(value) for value in tree]
    return tree


def leaves(tree: Tree, path: Path = ()) -> Iterator[tuple[Path, Any, tuple[Origin, ...]]]:
    """Yield path, value and origins of each leaf, in document order; a list of plain scalars is one leaf."""
    if isinstance(tree, Sourced):
        yield path, document(tree.value), tree.origins
    elif isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from leaves(value, (*path, key))
    elif isinstance(tree, (list, tuple)) and any(isinstance(value, (dict, list, Sourced)) for value in tree):
        for index, value in enumerate(tree):
            yield from leaves(value, (*path, index))
    else:
        yield path, document(tree), (DEFAULT,)
