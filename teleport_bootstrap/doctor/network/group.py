"""The checks of the network, in the order in which they are printed."""

from __future__ import annotations

from teleport_bootstrap.doctor.network import (
    announced_addresses,
    application_names,
    auth_server,
    aws_endpoints,
    balancer_names,
    domain_name,
    outbound_proxy,
    resolver,
    route53_checks,
    web_answer,
    web_certificate,
    web_reach,
)

CHECKS = (
    resolver.CHECK,
    domain_name.CHECK,
    *balancer_names.CHECKS,
    application_names.CHECK,
    *route53_checks.CHECKS,
    aws_endpoints.CHECK,
    *outbound_proxy.CHECKS,
    auth_server.CHECK,
    announced_addresses.CHECK,
    *web_reach.CHECKS,
    *web_certificate.CHECKS,
    *web_answer.CHECKS,
)
