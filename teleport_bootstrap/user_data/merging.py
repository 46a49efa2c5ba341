"""How cloud-init makes one of several parts of cloud-config, as far as the steps go that may write a file.

Source: cloud-init's documentation, "Merging user-data sections", and its `mergers` (20.4 to 26.2): by default the list
of a later part replaces that of an earlier one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import yaml

from teleport_bootstrap import regex
from teleport_bootstrap.finding import Finding, Place
from teleport_bootstrap.hints import Any
from teleport_bootstrap.user_data import text, yaml_scalars
from teleport_bootstrap.user_data.text import Text, Unknowable

_STEPS = ("bootcmd", "write_files", "runcmd")
_DEFAULT = {"dict": {"replace"}, "list": set[str]()}
_MERGER = regex.compile(r"\s*(\w+)\(([^)]*)\)\s*")
_WAYS = ("append", "prepend", "no_replace")

# An item of a list, and the part in which it stands.
Entry = tuple[Text, Any]


def merged(
    configs: Sequence[tuple[Text, dict[str, Any], str]], findings: list[Finding]
) -> dict[str, tuple[Entry, ...]]:
    """Return the entries of each step, of parts with what they hold and their header for merging.

    What is lost is added to `findings`. Raises Unknowable.
    """
    found: dict[str, tuple[Entry, ...]] = dict.fromkeys(_STEPS, ())
    has: set[str] = set()
    for config, sections, header in configs:
        ways = _ways(sections, header)
        for name in _STEPS:
            if name in sections:
                entries = tuple((config, each) for each in yaml_scalars.sequence(sections[name]))
                both = _together(found[name], entries, ways, config) if name in has else entries
                findings += _lost(name, found[name], entries, both)
                found[name] = both
                has.add(name)
    return found


def _together(
    before: tuple[Entry, ...], after: tuple[Entry, ...], ways: dict[str, set[str]], config: Text
) -> tuple[Entry, ...]:
    of_dict, of_list = ways.get("dict", set()), ways.get("list", set())
    if "replace" in of_dict and "no_replace" not in of_dict:
        return after
    if not of_dict & {"recurse_array", "recurse_list"}:
        return before
    way = next((each for each in _WAYS if each in of_list), "")
    if way == "append":
        return (*before, *after)
    if way == "prepend":
        return (*after, *before)
    if way == "no_replace" or not after:
        return before
    what = "this part of cloud-config is merged entry by entry with the one before, which is not followed here"
    raise Unknowable(what, config.place(config.lines[0]), "merge with `list(append)+dict(recurse_list)+str()`")


def _lost(name: str, before: Sequence[Entry], after: Sequence[Entry], both: Sequence[Entry]) -> Iterator[Finding]:
    """Yield a warning where the list of one part takes the place of another that had something."""
    for given, other in ((before, after), (after, before)):
        if given and not any(each in both for each in given) and both:
            config, node = given[0]
            place = Place(config.path, config.lines[node.start_mark.line].number)
            where = other[0][0].lines[other[0][1].start_mark.line].number
            what = f"`{name}` here is lost: cloud-init keeps that of the other part alone, from line {where}"
            yield text.warning(what, place, "merge with `X-Merge-Type: list(append)+dict(recurse_list)+str()`")


def _ways(sections: dict[str, Any], header: str) -> dict[str, set[str]]:
    """Return the options of each kind of merger."""
    node = sections.get("merge_how", sections.get("merge_type"))
    found: dict[str, set[str]] = {}
    if isinstance(node, yaml.ScalarNode) and yaml_scalars.value(node):
        found = _of_text(yaml_scalars.value(node))
    for each in yaml_scalars.sequence(node):
        entries = yaml_scalars.mapping(each)
        words = [yaml_scalars.value(word) for word in yaml_scalars.sequence(each)]
        name = yaml_scalars.value(entries.get("name")) if entries else next(iter(words), "")
        options = (
            [yaml_scalars.value(word) for word in yaml_scalars.sequence(entries.get("settings"))]
            if entries
            else words[1:]
        )
        found[name.strip()] = set(options)
    return {**found, **_of_text(header)} or _DEFAULT


def _of_text(written: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in written.lower().split("+"):
        match = _MERGER.fullmatch(each)
        if match is not None:
            found[match[1]] = {option.strip() for option in match[2].split(",")} - {""}
    return found
