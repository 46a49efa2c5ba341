"""What a real Teleport refuses when it starts, though `configure --test` accepts it, and what it takes.

Each case changes a document with which it starts. A version of Teleport that judges otherwise fails the test: then the
checks of `plan/checks/` have to learn the version, and docs/teleport-behaviour.md too.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.real_teleport import binaries

DATABASE = {"name": "orders", "protocol": "postgres", "uri": "db.example.com:5432"}
APP = {"name": "wiki", "uri": "http://127.0.0.1:8080"}


def databases(**changed: Any) -> dict[str, Any]:
    return {"db_service": {"enabled": "yes", "databases": [{**DATABASE, **changed}]}}


def apps(**changed: Any) -> dict[str, Any]:
    return {"app_service": {"enabled": "yes", "apps": [{**APP, **changed}]}}


REFUSED: dict[str, dict[str, Any]] = {
    "database, unknown protocol": databases(protocol="mariadb"),
    "database, protocol in capitals": databases(protocol="Postgres"),
    "database, address without port": databases(uri="db.example.com"),
    "database, address with scheme": databases(uri="postgres://db.example.com:5432"),
    "database, name in capitals": databases(name="Orders"),
    "database, name too long": databases(name="a" * 64),
    "database, TLS mode": databases(tls={"mode": "require"}),
    "database, CA that is another file": databases(tls={"ca_cert_file": "/etc/hostname"}),
    "database, half of Google's fields": databases(gcp={"project_id": "project-1"}),
    "database, server version of another protocol": databases(mysql={"server_version": "8.0.4"}),
    "database, region and no network": databases(aws={"region": "eu-west-1"}),
    "app, address without scheme": apps(uri="10.0.0.1:80"),
    "app, public address with scheme": apps(public_addr="https://wiki.example.com"),
    "app, public address with port": apps(public_addr="wiki.example.com:443"),
    "app, public address is an IP address": apps(public_addr="192.0.2.10"),
    "app, reserved header": apps(rewrite={"headers": ["X-Forwarded-Host: a"]}),
    "Kubernetes, no kubeconfig": {"kubernetes_service": {"enabled": "yes", "listen_addr": "127.0.0.1:3026"}},
    "Kubernetes, no address": {"kubernetes_service": {"enabled": "yes"}},
    "storage, unknown type": {"teleport": {"storage": {"type": "mysql"}}},
    "storage, journal": {"teleport": {"storage": {"type": "sqlite", "journal": "fast"}}},
    "storage, sync": {"teleport": {"storage": {"type": "sqlite", "sync": "SOMETIMES"}}},
    "storage, audit URI": {"teleport": {"storage": {"audit_events_uri": ["ftp://audit"]}}},
    "log, severity": {"teleport": {"log": {"output": "stderr", "severity": "LOUD"}}},
    "log, format": {"teleport": {"log": {"output": "stderr", "format": {"output": "xml"}}}},
    "log, extra field": {"teleport": {"log": {"output": "stderr", "format": {"extra_fields": ["weather"]}}}},
    "log, file that cannot be made": {"teleport": {"log": {"output": "/nowhere/teleport.log"}}},
    "cipher suite": {"teleport": {"ciphersuites": ["TLS_OF_TOMORROW"]}},
    "advertise_ip": {"teleport": {"advertise_ip": ":3022"}},
    "auth, token": {"auth_service": {"tokens": ["node"]}},
    "auth, role of a token": {"auth_service": {"tokens": ["printer:token-1"]}},
    "auth, locking mode": {"auth_service": {"authentication": {"locking_mode": "firm"}}},
    "auth, passwordless without WebAuthn": {
        "auth_service": {"authentication": {"second_factor": "otp", "connector_name": "passwordless"}}
    },
    "proxy, PROXY protocol": {"proxy_service": {"proxy_protocol": "perhaps"}},
    "proxy, empty key pair": {
        "proxy_service": {"https_keypairs": [{"key_file": "$SCRATCH/empty", "cert_file": "$SCRATCH/empty"}]}
    },
    "proxy, ACME URI": {"proxy_service": {"acme": {"enabled": "yes", "uri": "http://[::1"}}},
    "metrics without address": {"metrics_service": {"enabled": "yes"}},
    "tracing without exporter": {"tracing_service": {"enabled": "yes"}},
    "SSH, display range": {"ssh_service": {"x11": {"enabled": "yes", "display_offset": 10, "max_display": 5}}},
}

ACCEPTED: dict[str, dict[str, Any]] = {
    "nothing changed": {},
    **{
        f"database, {protocol}": databases(protocol=protocol)
        for protocol in ("postgres", "mysql", "mongodb", "cockroachdb", "redis", "cassandra", "elasticsearch")
    },
    "database, TLS mode": databases(tls={"mode": "verify-ca"}),
    "database, name of 63 characters": databases(name="a" * 63),
    "database, labels": databases(static_labels={"env": "prod"}),
    "app, host and port": apps(uri="grafana.example.com:3000"),
    "app, TCP": apps(uri="tcp://127.0.0.1:5000"),
    "app, public address": apps(public_addr="wiki.example.com"),
    "app, header": apps(rewrite={"headers": ["X-Team: a"]}),
    "metrics": {"metrics_service": {"enabled": "yes", "listen_addr": "127.0.0.1:3081"}},
    "cluster name with a plus": {"auth_service": {"cluster_name": "a+b"}},
    "license file that is missing, on a community build": {"auth_service": {"license_file": "/nowhere/license.pem"}},
    "own ACME without a network": {"proxy_service": {"acme": {"enabled": "yes", "email": "admin@example.com"}}},
    "GitHub without a connector": {"auth_service": {"authentication": {"type": "github"}}},
    "static token": {"auth_service": {"tokens": ["node,proxy:token-1"]}},
    "storage, directory": {"teleport": {"storage": {"type": "dir", "path": "$SCRATCH/backend"}}},
    "cipher suite": {"teleport": {"ciphersuites": ["tls-ecdhe-rsa-with-aes-128-gcm-sha256"]}},
}


def changed(scratch: Path, patch: dict[str, Any]) -> dict[str, Any]:
    """A document that starts, with `patch` merged into it."""
    (scratch / "empty").write_text("")
    return _merged(binaries.all_in_one(scratch), _placed(patch, str(scratch)))


def _merged(document: Any, patch: Any) -> Any:
    if not isinstance(patch, dict) or not isinstance(document, dict):
        return copy.deepcopy(patch)
    return {**document, **{key: _merged(document.get(key), value) for key, value in patch.items()}}


def _placed(value: Any, scratch: str) -> Any:
    if isinstance(value, dict):
        return {key: _placed(each, scratch) for key, each in value.items()}
    if isinstance(value, list):
        return [_placed(each, scratch) for each in value]
    return value.replace("$SCRATCH", scratch) if isinstance(value, str) else value


@pytest.mark.parametrize("name", REFUSED)
def test_ends_at_its_start(tmp_path: Path, name: str) -> None:
    ended = binaries.start(changed(tmp_path, REFUSED[name]), tmp_path, settle=10)
    assert ended.gone, ended.said[-3000:]


@pytest.mark.parametrize("name", ACCEPTED)
def test_starts(tmp_path: Path, name: str) -> None:
    ended = binaries.start(changed(tmp_path, ACCEPTED[name]), tmp_path)
    assert ended.ready, ended.said[-3000:]
