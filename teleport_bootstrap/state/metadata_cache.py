"""The metadata values this instance last had, kept for the labels while the metadata service does not answer."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import changeset
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.host import directory


def read(root: paths.Root) -> dict[str, str]:
    """Return the values by item name, as `teleport-bootstrap metadata` names them; none where nothing is kept."""
    try:
        found = directory.read(root, paths.METADATA_CACHE)
    except OSError:
        return {}
    with contextlib.suppress(ValueError):
        kept: Any = json.loads(found.content) if found else {}
        if isinstance(kept, dict):
            return {str(key): value for key, value in kept.items() if isinstance(value, str)}
    return {}


def of(instance: facts.Facts) -> dict[str, str]:
    """Return what `instance` says, by item name."""
    values = {
        "local-ipv4": instance.local_ipv4,
        "local-hostname": instance.local_hostname,
        "instance-id": instance.instance_id,
        "region": instance.region,
    }
    return {**values, **({"public-ipv4": instance.public_ipv4} if instance.public_ipv4 else {})}


def stage(changes: changeset.Changeset, values: dict[str, str]) -> None:
    """Add the values to `changes`."""
    content = json.dumps(values, indent=2, sort_keys=True) + "\n"
    changes.write(paths.METADATA_CACHE, content.encode(), mode=0o600, owner="root", group="root")


def keep(root: paths.Root, item: str, value: str | None) -> None:
    """Remember what `item` is now, forget it where `value` is None; where that cannot be done, do nothing.

    Who asks for a label may be an ordinary user, or the disk full: the value itself is what he is after.
    """
    values = read(root)
    if values.get(item) == value:
        return
    if value is None:
        values.pop(item, None)
    else:
        values[item] = value
    with contextlib.suppress(errors.BootstrapError, OSError), changeset.Changeset(root) as changes:
        stage(changes, values)
        changes.commit()
