"""The `proxy_service:` section: what faces people, and the load balancers in between."""

from __future__ import annotations

from typing import Any

from teleport_bootstrap import paths, port_table
from teleport_bootstrap.conf import deployment, variables
from teleport_bootstrap.plan import addresses, plan_inputs, provenance

# Prefix of the keys, the variable that switches the listener on, and its port.
DATABASES = (
    ("mysql", variables.TELEPORT_ENABLE_MYSQL, port_table.MYSQL),
    ("postgres", variables.TELEPORT_ENABLE_POSTGRES, port_table.POSTGRES),
    ("mongo", variables.TELEPORT_ENABLE_MONGODB, port_table.MONGODB),
)


def build(inputs: plan_inputs.Inputs) -> dict[str, Any]:
    """Return the section for a role that runs the proxy service."""
    web_port = inputs.certain(variables.TELEPORT_WEB_LISTEN_PORT)
    section: dict[str, Any] = {
        "enabled": "yes",
        "web_listen_addr": web_port.map(addresses.listen),
        "public_addr": _public_address(inputs),
    }
    if not inputs.deployment.tls_routing:
        section.update(_ssh_and_tunnel(inputs, web_port))
        section.update(_kubernetes_and_databases(inputs))
    section.update(_certificate(inputs))
    return section


def _public_address(inputs: plan_inputs.Inputs) -> provenance.Sourced[str]:
    port = addresses.external_port(inputs)
    return addresses.at(addresses.external_hostname(inputs), port.value).with_origin_of(port)


def _ssh_and_tunnel(inputs: plan_inputs.Inputs, web_port: provenance.Sourced[int]) -> dict[str, Any]:
    if inputs.deployment.acm:
        # An ALB speaks HTTP only: reverse tunnels need a port of their own, and a load balancer that carries it.
        host = addresses.network_load_balancer(inputs)
        tunnel = {
            "tunnel_listen_addr": addresses.listen(port_table.TUNNEL),
            "tunnel_public_addr": addresses.at(host, port_table.TUNNEL),
        }
    else:
        # The same port twice: Teleport tells tunnels from web traffic by itself.
        host = addresses.domain(inputs)
        port = addresses.external_port(inputs)
        tunnel = {
            "tunnel_listen_addr": web_port.map(addresses.listen),
            "tunnel_public_addr": addresses.at(host, port.value).with_origin_of(port),
        }
    return {
        "listen_addr": addresses.listen(port_table.PROXY_SSH),
        "ssh_public_addr": addresses.at(host, port_table.PROXY_SSH),
        **tunnel,
    }


def _kubernetes_and_databases(inputs: plan_inputs.Inputs) -> dict[str, Any]:
    host = addresses.network_load_balancer(inputs) if inputs.deployment.acm else addresses.external_hostname(inputs)
    section: dict[str, Any] = {
        "kube_listen_addr": addresses.listen(port_table.KUBERNETES),
        "kube_public_addr": addresses.at(host, port_table.KUBERNETES),
    }
    for prefix, variable, port in DATABASES:
        enabled = inputs.get(variable)
        if enabled is not None and enabled.value:
            section[f"{prefix}_listen_addr"] = provenance.Sourced(addresses.listen(port), enabled.origins)
            section[f"{prefix}_public_addr"] = addresses.at(host, port).with_origin_of(enabled)
    return section


def _certificate(inputs: plan_inputs.Inputs) -> dict[str, Any]:
    tls = inputs.deployment.tls
    if tls is deployment.Tls.LETSENCRYPT:
        return {"https_keypairs": [{"cert_file": paths.CERTIFICATE, "key_file": paths.PRIVATE_KEY}]}
    acm = inputs.get(variables.USE_ACM)
    if tls is deployment.Tls.ACM and acm is not None and inputs.build.takes_trust_x_forwarded_for:
        # Behind an ALB the client's address is only in that header; without an ALB anyone could write it.
        return {"trust_x_forwarded_for": acm.map(lambda _: True)}
    return {}
