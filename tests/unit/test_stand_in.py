"""The stand-in for Teleport refuses at its start what the real one was measured to refuse, of the kinds that it has."""

from __future__ import annotations

import argparse
import copy
import importlib.machinery
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tests.unit.plan.test_teleport_start import ACCEPTED, REFUSED

SCRIPT = Path(__file__).resolve().parents[1] / "stand_in" / "teleport"
loader = importlib.machinery.SourceFileLoader("teleport_stand_in", str(SCRIPT))
spec = importlib.util.spec_from_loader(loader.name, loader)
assert spec is not None
STAND_IN: Any = importlib.util.module_from_spec(spec)
loader.exec_module(STAND_IN)

BASE = {
    "version": "v3",
    "teleport": {"nodename": "h1", "storage": {"type": "dir"}},
    "auth_service": {"enabled": "yes", "cluster_name": "example.com"},
    "proxy_service": {"enabled": "no"},
    "ssh_service": {"enabled": "no"},
}
# The kinds that the stand-in has; the product is held against all measurements elsewhere.
KINDS = (
    "database protocol p",  # postgresql, Postgres and POSTGRES
    *(
        f"database protocol {name}"
        for name in ("oracle", "opensearch", "clickhouse", "spanner", "maria", "mongo ", "ms")
    ),
    *("database name", "database postgres uri", "database tls.mode", "database brackets", "database gcp instance"),
    *("app uri 10", "app uri my", "app name", "app public_addr", "app rewrite header", "app header X-"),
    *("metrics no", "tracing no", "log severity", "log format", "log extra", "storage type x", "storage sync x"),
    *("advertise_ip", "auth tokens nodes", "auth tokens abc", "join method", "proxy proxy_protocol", "ssh x11"),
    *("ssh namespace", "kube with proxy", "windows no listen", 'auth {"locking_mode', 'auth {"type": "x'),
)
# PyYAML reads on as true; the stand-in cannot tell them apart.
NOT_THESE = ("proxy proxy_protocol True",)
CHOSEN = [
    each
    for each in REFUSED
    if each["name"].startswith(KINDS) and not each.get("told_by") and each["name"] not in NOT_THESE
]


def merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict) or not isinstance(target, dict):
        return patch
    return {**target, **{key: merged(target.get(key), value) for key, value in patch.items()}}


def start(override: dict[str, Any], monkeypatch: pytest.MonkeyPatch, **switches: Any) -> str:
    """Return why the stand-in does not start, empty where it does."""
    monkeypatch.setattr(STAND_IN, "switches", lambda: {"version": "12.0.0", **switches})
    arguments = argparse.Namespace(insecure_no_tls=False, fips=False)
    try:
        STAND_IN.check_start(merged(copy.deepcopy(BASE), override), arguments)
    except STAND_IN.Refusal as refusal:
        return str(refusal)
    return ""


def test_the_stand_in_has_many_kinds() -> None:
    assert len(CHOSEN) > 70


@pytest.mark.parametrize("case", CHOSEN, ids=[each["name"] for each in CHOSEN])
def test_the_stand_in_refuses_what_teleport_refuses(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert start(case["override"], monkeypatch)
    assert not start(case["override"], monkeypatch, lenient=True)


@pytest.mark.parametrize("case", ACCEPTED, ids=[each["name"] for each in ACCEPTED])
def test_the_stand_in_starts_with_what_teleport_accepts(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert start(case["override"], monkeypatch) == ""


def test_a_database_with_a_region_ends_it_without_the_internet(monkeypatch: pytest.MonkeyPatch) -> None:
    database = {"name": "d", "protocol": "postgres", "uri": "db.example.com:5432", "aws": {"region": "us-east-1"}}
    override = {"db_service": {"enabled": "yes", "databases": [database]}}
    assert not start(override, monkeypatch)
    assert "CA bundle of RDS" in start(override, monkeypatch, offline=True)


def test_a_kubernetes_service_needs_a_kubeconfig_outside_a_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    override = {"kubernetes_service": {"enabled": "yes", "listen_addr": "0.0.0.0:3026"}}
    assert start(override, monkeypatch) == "no Kubernetes credentials found"
    assert not start(override, monkeypatch, pod=True)
