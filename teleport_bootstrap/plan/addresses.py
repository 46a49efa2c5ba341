"""The names and ports under which clients reach this instance."""

from __future__ import annotations

from teleport_bootstrap import port_table, roles
from teleport_bootstrap.conf import variables
from teleport_bootstrap.plan import plan_inputs, provenance

Text = provenance.Sourced[str]

EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - the load balancers and the security group decide who gets here


def listen(port: int) -> str:
    """Return the listen address for `port`, on every IPv4 address."""
    return f"{EVERY_ADDRESS}:{port}"


def joined(host: str, port: int) -> str:
    """Return host:port, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def at(host: Text, port: int) -> Text:
    """Return host:port with the origin of the host."""
    return host.map(lambda name: joined(name, port))


def external_hostname(inputs: plan_inputs.Inputs) -> Text:
    """Return the name in front of the web port: a proxy's is its domain."""
    is_proxy = inputs.deployment.role is roles.Role.PROXY
    return inputs.certain(variables.TELEPORT_DOMAIN_NAME if is_proxy else variables.TELEPORT_EXTERNAL_HOSTNAME)


def external_port(inputs: plan_inputs.Inputs) -> provenance.Sourced[int]:
    """Return the port in front of the web port: a proxy's is that of HTTPS."""
    if inputs.deployment.role is roles.Role.PROXY:
        return provenance.Sourced(port_table.HTTPS)
    return inputs.certain(variables.TELEPORT_EXTERNAL_PORT)


def domain(inputs: plan_inputs.Inputs) -> Text:
    """Return the domain where there is one, otherwise the external hostname."""
    return inputs.get(variables.TELEPORT_DOMAIN_NAME) or external_hostname(inputs)


def network_load_balancer(inputs: plan_inputs.Inputs) -> Text:
    """Return the name of the load balancer that carries what an ALB cannot; the external hostname without one."""
    return inputs.value(variables.TELEPORT_PROXY_SERVER_NLB_ALIAS) or external_hostname(inputs)
