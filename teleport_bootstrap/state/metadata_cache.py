"""The metadata values this instance last had, kept for the labels while the metadata service does not answer."""

from __future__ import annotations

import contextlib

from teleport_bootstrap import errors, paths
from teleport_bootstrap.ec2 import facts, items
from teleport_bootstrap.state import state_file

FILE: state_file.StateFile[dict[str, str]] = state_file.StateFile(
    paths.METADATA_CACHE, dict[str, str], unknown="the last metadata values are unknown"
)


def read(root: paths.Root) -> dict[str, str]:
    """Return the values by item name, as `teleport-bootstrap metadata` names them; none where none can be read."""
    with contextlib.suppress(errors.FileTrouble):
        return FILE.read(root) or {}
    return {}


def from_facts(instance: facts.Facts) -> dict[str, str]:
    """Return what `instance` says, by item name."""
    values = {item: getattr(instance, item.replace("-", "_")) for item in items.CHECKS}
    return {item: value for item, value in values.items() if value}


def says_ipv6_only(root: paths.Root) -> bool | None:
    """Return whether the instance last had no IPv4 address, None where that is unknown."""
    values = read(root)
    if not {items.LOCAL_IPV4, items.IPV6} & set(values):
        return None
    return items.LOCAL_IPV4 not in values


def keep(root: paths.Root, item: str, value: str | None) -> None:
    """Keep `value` for `item`, or remove the item where `value` is None; do nothing where that fails.

    The caller may be an ordinary user, or the disk may be full: the label itself is already known.
    """
    values = read(root)
    if values.get(item) == value:
        return
    if value is None:
        values.pop(item, None)
    else:
        values[item] = value
    with contextlib.suppress(errors.FileTrouble):
        FILE.write(root, values)
