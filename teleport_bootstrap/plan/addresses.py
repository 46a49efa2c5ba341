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
    """Return H: the name in front of the web port.

    A proxy's is its domain; an all-in-one's is TELEPORT_EXTERNAL_HOSTNAME, otherwise the domain, otherwise the public
    address of the instance, otherwise the private one.
    """
    if inputs.deployment.role is roles.Role.PROXY:
        return inputs.need(variables.TELEPORT_DOMAIN_NAME)
    named = inputs.get(variables.TELEPORT_EXTERNAL_HOSTNAME) or inputs.get(variables.TELEPORT_DOMAIN_NAME)
    if named is not None:
        return named
    if inputs.facts.public_ipv4 is not None:
        return provenance.from_metadata("public-ipv4", inputs.facts.public_ipv4)
    return provenance.from_metadata("local-ipv4", inputs.facts.local_ipv4)


def external_port(inputs: plan_inputs.Inputs) -> provenance.Sourced[int]:
    """Return the port in front of the web port: 443 for a proxy, behind ACM and with TLS routing, otherwise 3080."""
    if inputs.deployment.role is roles.Role.PROXY:
        return provenance.Sourced(port_table.HTTPS)
    one_port = inputs.deployment.acm or inputs.deployment.tls_routing
    return inputs.get(variables.TELEPORT_EXTERNAL_PORT) or provenance.Sourced(
        port_table.HTTPS if one_port else port_table.WEB
    )


def domain(inputs: plan_inputs.Inputs) -> Text:
    """Return D: the domain where there is one, otherwise the external hostname."""
    return inputs.get(variables.TELEPORT_DOMAIN_NAME) or external_hostname(inputs)


def network_load_balancer(inputs: plan_inputs.Inputs) -> Text:
    """Return N: the name of the load balancer that carries what an ALB cannot; the external hostname without one."""
    alias = inputs.get(variables.TELEPORT_PROXY_SERVER_NLB_ALIAS)
    if alias is not None:
        return alias
    balancer = inputs.get(variables.TELEPORT_PROXY_SERVER_LB)
    if balancer is not None:
        return balancer.map(lambda address: address.host)
    return external_hostname(inputs)


def web_listen_port(inputs: plan_inputs.Inputs) -> provenance.Sourced[int]:
    """Return where the web port listens: 443 for an all-in-one with TLS routing, otherwise 3080."""
    one_port = inputs.deployment.tls_routing and inputs.deployment.role is roles.Role.ALL
    return inputs.get(variables.TELEPORT_WEB_LISTEN_PORT) or provenance.Sourced(
        port_table.HTTPS if one_port else port_table.WEB
    )
