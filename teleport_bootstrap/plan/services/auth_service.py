"""The `auth_service:` section: the cluster's certificate authority."""

from __future__ import annotations

from typing import Any

from teleport_bootstrap import paths, port_table
from teleport_bootstrap.conf import variables
from teleport_bootstrap.plan import addresses, plan_inputs, provenance


def build(inputs: plan_inputs.Inputs) -> dict[str, Any]:
    """Return the section for a role that runs the auth service."""
    section: dict[str, Any] = {"enabled": "yes", "listen_addr": addresses.listen(port_table.AUTH)}
    balancer = inputs.get(variables.TELEPORT_AUTH_SERVER_LB)
    # `localhost` is what the Terraform set-up of a single instance writes for "there is none".
    if balancer is not None and balancer.value != "localhost":
        section["public_addr"] = addresses.at(balancer, port_table.AUTH)
    cluster_name = inputs.value(variables.TELEPORT_CLUSTER_NAME)
    if cluster_name is not None:
        section["cluster_name"] = cluster_name
    section["keep_alive_interval"] = "1m"
    section["keep_alive_count_max"] = 3
    mode = _proxy_listener_mode(inputs)
    if mode is not None:
        section["proxy_listener_mode"] = mode
    section["authentication"] = _authentication(inputs)
    license_wanted = inputs.get(variables.TELEPORT_LICENSE_PATH)
    if license_wanted is not None:
        section["license_file"] = license_wanted.map(lambda _: paths.LICENSE)
    return section


def _proxy_listener_mode(inputs: plan_inputs.Inputs) -> provenance.Sourced[str] | None:
    routing = inputs.get(variables.USE_TLS_ROUTING)
    if routing is not None:
        return routing.map(lambda _: "multiplex") if routing.value else None
    return inputs.get(variables.PROXY_MULTIPLEXING)


def _authentication(inputs: plan_inputs.Inputs) -> dict[str, Any]:
    section: dict[str, Any] = {}
    kind = inputs.get(variables.TELEPORT_AUTH_TYPE)
    if kind is not None:
        section["type"] = kind
    if inputs.deployment.fips:
        section["local_auth"] = False
    domain = inputs.get(variables.TELEPORT_DOMAIN_NAME)
    if inputs.build.takes_second_factor_list:
        # WebAuthn alone would lock out people who have only one-time codes.
        section["second_factors"] = ["webauthn", "otp"] if domain else ["otp"]
    else:
        section["second_factor"] = "on" if domain else "otp"
    if domain is not None:
        section["webauthn"] = {"rp_id": domain}
    return section
