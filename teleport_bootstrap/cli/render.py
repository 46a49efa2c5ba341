"""`teleport-bootstrap render`: print the teleport.yaml that a conf produces."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from teleport_bootstrap import display, escaping, log
from teleport_bootstrap.cli import options, result, sources
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import overrides, provenance, secret_mask, yaml_text

EXAMPLE = "teleport-bootstrap render --conf ./conf --metadata ./facts.yaml"

logger = log.Logger(__name__)

# A path or value that is longer moves its own line, not all of them.
_WIDEST_PATH = 44
_WIDEST_VALUE = 40

OPTIONS = (
    *options.SOURCES,
    *options.BUILD,
    options.WAIT,
    options.flag("--show-secrets", "print secrets of overrides instead of masks"),
    options.flag("--explain", "print each value with the conf line or other place it comes from"),
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Print the planned file; notes go to the log."""
    plan = sources.plan(arguments)
    for note in plan.notes:
        logger.warning("%s", note)
    if arguments.explain:
        found = origins(plan.tree, plan.removed, show_secrets=arguments.show_secrets)
        return result.Result(origins_text(found), {"values": found}, with_secrets=arguments.show_secrets)
    if arguments.show_secrets:
        data = {"teleport_yaml": plan.document}
        return result.Result(display.Block(plan.teleport_yaml.content), data, with_secrets=True)
    content = secret_mask.masked(plan.teleport_yaml.content, as_yaml=True)
    if content != plan.teleport_yaml.content:
        logger.warning("secrets are masked; to print them too, add --show-secrets")
    return result.Result(display.Block(content), {"teleport_yaml": secret_mask.document(plan.document)})


def origins(
    tree: provenance.Tree, removed: Sequence[overrides.Removed] = (), *, show_secrets: bool = False
) -> list[dict[str, Any]]:
    """Return path, value and origins of each leaf in document order, then of each key that an override deleted."""
    shown = None if show_secrets else secret_mask.document(provenance.document(tree))
    found: list[dict[str, Any]] = [
        {
            "path": provenance.dotted(path),
            "value": value if show_secrets else provenance.value_at(shown, path),
            "removed": False,
            "origins": origins,
        }
        for path, value, origins in provenance.leaves(tree)
    ]
    found += [
        {"path": provenance.dotted(each.path), "value": None, "removed": True, "origins": [each.origin]}
        for each in removed
    ]
    return found


def origins_text(found: Sequence[dict[str, Any]]) -> display.Block:
    """Return `origins` as lines of `path = value  # origin`, aligned."""
    rows = []
    for each in found:
        value = "(removed)" if each["removed"] else yaml_text.emit(each["value"])
        rows.append((each["path"], value, "; ".join(map(str, each["origins"]))))
    first = max((len(path) for path, _, _ in rows if len(path) <= _WIDEST_PATH), default=0)
    second = max((len(value) for _, value, _ in rows if len(value) <= _WIDEST_VALUE), default=0)
    lines = (f"{path:<{first}} = {value:<{second}}  # {origin}" for path, value, origin in rows)
    return display.Block("\n".join(map(escaping.one_line, lines)))
