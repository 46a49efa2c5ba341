"""The `ssh_service:` section: sessions on this instance, and the labels it is found by."""

from __future__ import annotations

from typing import Any

from teleport_bootstrap.conf import variables
from teleport_bootstrap.plan import addresses, inputs, labels, roles


def build(given: inputs.Inputs) -> dict[str, Any]:
    """Return the section for a role that serves SSH sessions."""
    section: dict[str, Any] = {"enabled": "yes", "listen_addr": addresses.listen(3022)}
    written = [variables.TELEPORT_SSH_LABELS]
    if given.deployment.role is roles.Role.AGENT:
        written.append(variables.TELEPORT_AGENT_SSH_LABELS)
    static = labels.static(given, *written)
    if static:
        section["labels"] = static
    commands = labels.commands(given)
    if commands:
        section["commands"] = commands
    return section
