"""The address under which people reach an all-in-one without a name.

EC2 gives an instance another public address after a stop and a start, and an existing teleport.yaml is not regenerated.
"""

from __future__ import annotations

from collections.abc import Mapping

from teleport_bootstrap import errors, paths
from teleport_bootstrap.conf import kinds, variables
from teleport_bootstrap.conf.deployment import Deployment
from teleport_bootstrap.ec2 import items
from teleport_bootstrap.finding import WARNING, Finding
from teleport_bootstrap.instance import gather
from teleport_bootstrap.plan import network_address, overrides, provenance
from teleport_bootstrap.roles import Role
from teleport_bootstrap.state import manual_edits, metadata_cache

# While an instance boots with a teleport.yaml, nothing else waits for the metadata service.
_SECONDS = 3.0
_PUBLIC = ("proxy_service", "public_addr")
# In the order in which the address is chosen.
_ITEMS = (items.PUBLIC_IPV4, items.LOCAL_IPV4, items.IPV6)


def refresh(doors: gather.Doors, decided: Deployment) -> None:
    """Remember the present public address of an instance for which it matters; without an answer, do nothing."""
    if not is_nameless(decided):
        return
    try:
        service = gather.metadata_service(doors)
        value = items.read(service, items.PUBLIC_IPV4, deadline=service.deadline(min(_SECONDS, doors.wait_seconds)))
    except errors.BootstrapError:
        return
    metadata_cache.keep(doors.root, items.PUBLIC_IPV4, value)


def stale(root: paths.Root, decided: Deployment) -> Finding | None:
    """Return that teleport.yaml names an address which this instance no longer has; asks no one."""
    if not is_nameless(decided) or _is_overridden(root):
        return None
    document = manual_edits.document(manual_edits.text(root, paths.TELEPORT_YAML)) or {}
    named = provenance.value_at(document, _PUBLIC)
    addresses = [network_address.parse(each) for each in (named if isinstance(named, list) else [named])]
    hosts = [each.host for each in addresses if each is not None and kinds.is_address(each.host)]
    now = _present(metadata_cache.read(root))
    if not hosts or now is None or now in hosts:
        return None
    path = root.path(paths.TELEPORT_YAML)
    message = (
        f"{provenance.dotted(_PUBLIC)} in {path} is {hosts[0]}, but the address of this instance is now {now}, as "
        "after a stop and a start: people and agents cannot reach it under the old one"
    )
    remedy = (
        "run `teleport-bootstrap reconfigure`; TELEPORT_DOMAIN_NAME, or an Elastic IP address, lasts longer than an "
        "address that EC2 chooses"
    )
    return Finding(WARNING, "address-changed", path, message, remedy)


def is_nameless(decided: Deployment) -> bool:
    """Whether people reach this host by its address, since the conf gives it no name."""
    names = {variables.TELEPORT_DOMAIN_NAME.name, variables.TELEPORT_EXTERNAL_HOSTNAME.name}
    return decided.role is Role.ALL and decided.assigned.isdisjoint(names)


def _is_overridden(root: paths.Root) -> bool:
    try:
        merged = overrides.merge({}, gather.overrides(root))
    except errors.BootstrapError:
        return True  # the command reports that itself
    return provenance.value_at(merged.tree, _PUBLIC) is not None


def _present(values: Mapping[str, str]) -> str | None:
    return next((values[item] for item in _ITEMS if item in values), None)
