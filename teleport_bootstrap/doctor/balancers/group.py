"""The checks of load balancers, in the order in which they are printed."""

from __future__ import annotations

from teleport_bootstrap.doctor.balancers import (
    health,
    health_checks,
    idle_timeout,
    ports,
    protocols,
    proxy_protocol,
    registration,
    stickiness,
)

CHECKS = (
    registration.CHECK,
    ports.CHECK,
    protocols.CHECK,
    health_checks.CHECK,
    health.CHECK,
    proxy_protocol.CHECK,
    stickiness.CHECK,
    idle_timeout.CHECK,
)
