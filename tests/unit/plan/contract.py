"""Sections of teleport.yaml as the AMI contract words them, written out for the instance in `planning`.

Nothing here may come from the program: its output is compared with these.
"""

from __future__ import annotations

from typing import Any

OFF = {"enabled": "no"}

NODENAME = "ip-10-0-0-12-ec2-internal"


def teleport(**more: Any) -> dict[str, Any]:
    return {
        "nodename": "ip-10-0-0-12-ec2-internal",
        "advertise_ip": "10.0.0.12",
        "data_dir": "/var/lib/teleport",
        "log": {"output": "stderr", "severity": "INFO"},
        **more,
    }


LOCAL_STORAGE = {"storage": {"type": "dir", "path": "/var/lib/teleport/backend"}}

JOIN_WITH_TOKEN = {"join_params": {"method": "token", "token_name": "/var/lib/teleport/token"}}

TELEPORT_OF_A_PROXY = teleport(
    **JOIN_WITH_TOKEN,
    ca_pin="/var/lib/teleport/ca-pin-hash",
    auth_server="auth.example.com:3025",
    cache={"type": "in-memory"},
    connection_limits={"max_connections": 65000},
    **LOCAL_STORAGE,
)

SSH = {
    "enabled": "yes",
    "listen_addr": "0.0.0.0:3022",
    "commands": [
        {"name": "arch", "command": ["uname", "-m"], "period": "1h0m0s"},
        {"name": "kernel", "command": ["uname", "-r"], "period": "1h0m0s"},
        {"name": "uptime", "command": ["uptime", "-p"], "period": "1h0m0s"},
        {"name": "internal", "command": ["teleport-bootstrap", "metadata", "local-ipv4"], "period": "1h0m0s"},
        {"name": "external", "command": ["teleport-bootstrap", "metadata", "public-ipv4"], "period": "1h0m0s"},
    ],
}


def auth(**more: Any) -> dict[str, Any]:
    """auth_service with the domain example.com, for Teleport 17."""
    return {
        "enabled": "yes",
        "listen_addr": "0.0.0.0:3025",
        "cluster_name": "example.com",
        "keep_alive_interval": "1m",
        "keep_alive_count_max": 3,
        "authentication": {"second_factors": ["webauthn", "otp"], "webauthn": {"rp_id": "example.com"}},
        **more,
    }


def document(
    *,
    teleport: dict[str, Any],
    auth: dict[str, Any] = OFF,
    proxy: dict[str, Any] = OFF,
    ssh: dict[str, Any] = OFF,
    db: dict[str, Any] = OFF,
    app: dict[str, Any] = OFF,
    kubernetes: dict[str, Any] = OFF,
) -> dict[str, Any]:
    """The whole document; a service that is not named is disabled explicitly."""
    return {
        "version": "v3",
        "teleport": teleport,
        "auth_service": auth,
        "proxy_service": proxy,
        "ssh_service": ssh,
        "db_service": db,
        "app_service": app,
        "kubernetes_service": kubernetes,
    }
