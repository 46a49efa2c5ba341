"""The `teleport:` section: who this instance is, where its data is, and how it joins."""

from __future__ import annotations

from typing import Any

from teleport_bootstrap.conf import variables
from teleport_bootstrap.plan import addresses, inputs, roles, sourced

DATA_DIRECTORY = "/var/lib/teleport"
TOKEN = f"{DATA_DIRECTORY}/token"
CA_PIN = f"{DATA_DIRECTORY}/ca-pin-hash"


def build(given: inputs.Inputs) -> dict[str, Any]:
    """Return the section for the role in `given`."""
    role = given.deployment.role
    section: dict[str, Any] = {
        "nodename": nodename(given),
        "advertise_ip": sourced.from_metadata("local-ipv4", given.facts.local_ipv4),
        "data_dir": DATA_DIRECTORY,
        "log": {"output": "stderr", "severity": "INFO"},
    }
    if role.joins:
        section.update(_joining(given))
    if role is roles.Role.PROXY:
        section["cache"] = {"type": "in-memory"}
        section["connection_limits"] = {"max_connections": 65000}
    if role is not roles.Role.AGENT:
        section["storage"] = storage(given)
    return section


def nodename(given: inputs.Inputs) -> sourced.Sourced[str]:
    """Return TELEPORT_NODENAME, otherwise the private DNS name with dashes for dots, as the public images did."""
    return given.get(variables.TELEPORT_NODENAME) or sourced.from_metadata(
        "local-hostname", given.facts.local_hostname.replace(".", "-")
    )


def storage(given: inputs.Inputs) -> dict[str, Any]:
    """Return where the cluster's state and its recordings are kept."""
    if not given.deployment.dynamodb:
        return {"type": "dir", "path": f"{DATA_DIRECTORY}/backend"}
    events = given.need(variables.TELEPORT_DYNAMO_EVENTS_TABLE_NAME)
    bucket = given.need(variables.TELEPORT_S3_BUCKET)
    return {
        "type": "dynamodb",
        "region": given.region,
        "table_name": given.need(variables.TELEPORT_DYNAMO_TABLE_NAME),
        "audit_events_uri": events.map(lambda table: f"dynamodb://{table}"),
        "audit_sessions_uri": bucket.map(lambda name: f"s3://{name}/records"),
    }


def _joining(given: inputs.Inputs) -> dict[str, Any]:
    method = given.get(variables.TELEPORT_JOIN_METHOD) or sourced.Sourced("token")
    name: sourced.Sourced[str] = sourced.Sourced(TOKEN)
    if method.value != "token":
        name = given.need(variables.TELEPORT_JOIN_TOKEN_NAME)
    params = {"join_params": {"method": method, "token_name": name}}
    if given.deployment.role is roles.Role.AGENT:
        return {**params, "proxy_server": _proxy_server(given)}
    return {
        **params,
        # The file, not its content: a pin that changes needs no change here.
        "ca_pin": CA_PIN,
        "auth_server": given.need(variables.TELEPORT_AUTH_SERVER_LB).map(lambda host: f"{host}:3025"),
    }


def _proxy_server(given: inputs.Inputs) -> sourced.Sourced[str]:
    # Teleport itself would take 3080 for an address without a port; behind the load balancers of AWS it is 443.
    return given.need(variables.TELEPORT_PROXY_SERVER_LB).map(
        lambda address: addresses.joined(address.host, address.port or 443)
    )
