"""The `ssh_service:` section: sessions on this instance, and the labels it is found by."""

from __future__ import annotations

from typing import Any

from teleport_bootstrap import port_table, roles
from teleport_bootstrap.conf import variables
from teleport_bootstrap.plan import addresses, label_values, plan_inputs


def build(inputs: plan_inputs.Inputs) -> dict[str, Any]:
    """Return the section for a role that serves SSH sessions."""
    section: dict[str, Any] = {"enabled": "yes", "listen_addr": addresses.listen(port_table.SSH)}
    written = [variables.TELEPORT_SSH_LABELS]
    if inputs.deployment.role is roles.Role.AGENT:
        written.append(variables.TELEPORT_AGENT_SSH_LABELS)
    static = label_values.static(inputs, *written)
    if static:
        section["labels"] = static
    commands = label_values.commands(inputs)
    if commands:
        section["commands"] = commands
    return section
