"""The `teleport:` section: who this instance is, where its data is, and how it joins."""

from __future__ import annotations

from typing import Any

from teleport_bootstrap import paths, port_table, roles
from teleport_bootstrap.conf import variables
from teleport_bootstrap.plan import addresses, plan_inputs, provenance


def build(inputs: plan_inputs.Inputs) -> dict[str, Any]:
    """Return the section for the role."""
    role = inputs.deployment.role
    section: dict[str, Any] = {
        "nodename": inputs.certain(variables.TELEPORT_NODENAME),
        "advertise_ip": provenance.from_metadata("local-ipv4", inputs.facts.local_ipv4),
        "data_dir": paths.DATA,
        "log": {"output": "stderr", "severity": "INFO"},
    }
    if role.joins:
        section.update(_joining(inputs))
    if role is roles.Role.PROXY:
        section["cache"] = {"type": "in-memory"}
        section["connection_limits"] = {"max_connections": 65000}
    if role is not roles.Role.AGENT:
        section["storage"] = storage(inputs)
    return section


def storage(inputs: plan_inputs.Inputs) -> dict[str, Any]:
    """Return where the cluster's state and its recordings are kept."""
    if not inputs.deployment.dynamodb:
        return {"type": "dir", "path": paths.BACKEND}
    events = inputs.need(variables.TELEPORT_DYNAMO_EVENTS_TABLE_NAME)
    bucket = inputs.need(variables.TELEPORT_S3_BUCKET)
    return {
        "type": "dynamodb",
        "region": inputs.certain(variables.EC2_REGION),
        "table_name": inputs.need(variables.TELEPORT_DYNAMO_TABLE_NAME),
        "audit_events_uri": events.map(lambda table: f"dynamodb://{table}"),
        "audit_sessions_uri": bucket.map(lambda name: f"s3://{name}/records"),
    }


def _joining(inputs: plan_inputs.Inputs) -> dict[str, Any]:
    method = inputs.certain(variables.TELEPORT_JOIN_METHOD)
    name: provenance.Sourced[str] = provenance.Sourced(paths.TOKEN)
    if method.value != "token":
        name = inputs.need(variables.TELEPORT_JOIN_TOKEN_NAME)
    params = {"join_params": {"method": method, "token_name": name}}
    if inputs.deployment.role is roles.Role.AGENT:
        return {**params, "proxy_server": _proxy_server(inputs)}
    return {
        **params,
        # The file, not its content: a pin that changes needs no change here.
        "ca_pin": paths.CA_PIN,
        "auth_server": inputs.need(variables.TELEPORT_AUTH_SERVER_LB).map(
            lambda host: addresses.joined(host, port_table.AUTH)
        ),
    }


def _proxy_server(inputs: plan_inputs.Inputs) -> provenance.Sourced[str]:
    # Teleport itself would take its web port for an address without one; the load balancers of AWS listen for HTTPS.
    return inputs.need(variables.TELEPORT_PROXY_SERVER_LB).map(
        lambda address: addresses.joined(address.host, address.port or port_table.HTTPS)
    )
