"""The whole of teleport.yaml, as a tree of sourced values."""

from __future__ import annotations

from typing import Any, Callable

from teleport_bootstrap import roles
from teleport_bootstrap.conf import variables
from teleport_bootstrap.plan import plan_inputs
from teleport_bootstrap.plan.services import (
    agent_services,
    auth_service,
    proxy_service,
    ssh_service,
    teleport_section,
)

Section = dict[str, Any]


def _serves_ssh(inputs: plan_inputs.Inputs) -> bool:
    if inputs.deployment.role is roles.Role.AGENT:
        return _agent(inputs, variables.TELEPORT_AGENT_SSH_ENABLED)
    return inputs.deployment.role in (roles.Role.ALL, roles.Role.NODE)


def _agent(inputs: plan_inputs.Inputs, switch: variables.Variable[bool]) -> bool:
    return inputs.deployment.role is roles.Role.AGENT and inputs.conf.value(switch) is True


# In the order of the file. A service that the role does not run is disabled explicitly: three are on by default.
SERVICES: tuple[tuple[str, Callable[[plan_inputs.Inputs], bool], Callable[[plan_inputs.Inputs], Section]], ...] = (
    ("proxy_service", lambda inputs: inputs.deployment.role.runs_proxy, proxy_service.build),
    ("ssh_service", _serves_ssh, ssh_service.build),
    ("db_service", lambda inputs: _agent(inputs, variables.TELEPORT_AGENT_DB_ENABLED), agent_services.database),
    ("app_service", lambda inputs: _agent(inputs, variables.TELEPORT_AGENT_APP_ENABLED), agent_services.application),
    (
        "kubernetes_service",
        lambda inputs: _agent(inputs, variables.TELEPORT_AGENT_KUBE_ENABLED),
        agent_services.kubernetes,
    ),
    ("auth_service", lambda inputs: inputs.deployment.role.runs_auth, auth_service.build),
)


def build(inputs: plan_inputs.Inputs) -> Section:
    """Return the document for `inputs`, which `requirements.check` has accepted."""
    tree: Section = {"version": "v3", "teleport": teleport_section.build(inputs)}
    for name, runs, section in SERVICES:
        tree[name] = section(inputs) if runs(inputs) else {"enabled": "no"}
    return tree


def with_auth_service_last(tree: Section) -> Section:
    """Return `tree` with auth_service as its last section: tools append more settings of it to the end of the file."""
    last = {name: section for name, section in tree.items() if name == "auth_service"}
    return {**{name: section for name, section in tree.items() if name not in last}, **last}
