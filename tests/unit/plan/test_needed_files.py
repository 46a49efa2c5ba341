"""What a document makes Teleport read and listen on."""

from __future__ import annotations

from typing import Any

import pytest

from teleport_bootstrap.plan import named_files, services
from tests.unit.plan.planning import plan

PROXY = "TELEPORT_ROLE=proxy\nTELEPORT_DOMAIN_NAME=example.com\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
LETSENCRYPT = "TELEPORT_S3_BUCKET=bucket-1\n"
OFF = {"enabled": "no"}


def paths(document: dict[str, Any]) -> list[str]:
    return [each.path for each in named_files.needed(document)]


def test_a_proxy_needs_pin_token_and_its_certificate() -> None:
    found = {each.path: each.until_joined for each in named_files.needed(plan(PROXY + LETSENCRYPT).document)}
    assert found == {
        "/var/lib/teleport/ca-pin-hash": False,
        "/var/lib/teleport/token": True,
        "/var/lib/teleport/fullchain.pem": False,
        "/var/lib/teleport/privkey.pem": False,
    }


def test_a_license_is_needed_where_auth_runs() -> None:
    licensed = "TELEPORT_DOMAIN_NAME=example.com\nTELEPORT_LICENSE_PATH=yes\n"
    assert paths(plan(licensed).document) == ["/var/lib/teleport/license.pem"]


@pytest.mark.parametrize(
    ("teleport", "expected"),
    [
        ({"ca_pin": "sha256:" + "0" * 64}, []),
        ({"ca_pin": ["sha256:" + "0" * 64, "/a", "/b", "/a"]}, ["/a", "/b"]),
        ({"auth_token": "word"}, []),
        ({"auth_token": "/t"}, ["/t"]),
        ({"join_params": {"method": "iam", "token_name": "/not-a-file"}}, []),
    ],
)
def test_only_an_absolute_path_is_a_file(teleport: dict[str, Any], expected: list[str]) -> None:
    document = {"teleport": teleport, "auth_service": OFF, "proxy_service": OFF}
    assert paths(document) == expected


def test_a_disabled_service_needs_nothing() -> None:
    section = {"https_keypairs": [{"cert_file": "/c", "key_file": "/k"}], "https_key_file": "/old"}
    assert paths({"proxy_service": section}) == ["/c", "/k", "/old"]
    assert paths({"proxy_service": {**section, "enabled": "no"}}) == []


def test_files_of_databases_and_kubernetes_are_needed() -> None:
    document = {
        "db_service": {"enabled": True, "databases": [{"ca_cert_file": "/a"}, {"tls": {"ca_cert_file": "/b"}}, 3]},
        "kubernetes_service": {"enabled": "on", "kubeconfig_file": "/k"},
    }
    assert paths(document) == ["/k", "/a", "/b"]


def test_the_web_port_of_the_document() -> None:
    def found(**section: Any) -> tuple[str, int] | None:
        web = services.web_address({"proxy_service": section})
        return (web.reachable_host, web.port) if web else None

    assert found() == ("127.0.0.1", 3080)
    assert found(web_listen_addr="0.0.0.0:443") == ("127.0.0.1", 443)
    assert found(web_listen_addr="10.0.0.1") == ("10.0.0.1", 3080)
    assert found(web_listen_addr="[::]:8443") == ("127.0.0.1", 8443)
    assert found(web_listen_addr="[fe80::1]:8443") == ("fe80::1", 8443)
    assert found(enabled="no") is None
    assert found(web_listen_addr="not an address") is None


def test_the_ports_of_an_all_in_one() -> None:
    databases = "TELEPORT_ENABLE_MYSQL=1\nTELEPORT_ENABLE_POSTGRES=1\nTELEPORT_ENABLE_MONGODB=1\n"
    found = services.listeners(plan("TELEPORT_DOMAIN_NAME=example.com\n" + databases).document)
    assert sorted({each.port for each in found}) == [443, 3000, 3022, 3023, 3024, 3025, 3026, 3036, 5432, 27017]


def test_a_node_behind_a_tunnel_listens_only_for_diagnostics() -> None:
    agent = (
        "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=p.example.com\nTELEPORT_JOIN_TOKEN=t\n"
        "TELEPORT_AGENT_SSH_ENABLED=1\nTELEPORT_AGENT_KUBE_ENABLED=1\n"
    )
    assert [each.port for each in services.listeners(plan(agent).document)] == [3000]


def test_join_3_an_agent_fetches_only_what_its_conf_names() -> None:
    agent = "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_AGENT_SSH_ENABLED=true\n"
    timer = "teleport-fetch-secrets.timer"
    by_token = plan(agent + "TELEPORT_JOIN_TOKEN=t\n").activation
    by_parameter = plan(agent + "TELEPORT_JOIN_TOKEN_PARAMETER=/t\n").activation
    assert timer in by_token.units.disable and timer not in by_token.units.enable
    assert timer in by_parameter.units.enable and timer in by_parameter.units.start
    assert by_token.gates == () and by_parameter.gates == ("/var/lib/teleport/token",)


def test_join_3_a_registration_secret_is_needed_until_joined() -> None:
    document = plan(
        "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_AGENT_SSH_ENABLED=true\n"
        "TELEPORT_JOIN_METHOD=bound_keypair\nTELEPORT_JOIN_TOKEN_NAME=a\nTELEPORT_REGISTRATION_SECRET_PATH=/etc/s\n",
        version="18.7.0",
    ).document
    assert [(each.path, each.until_joined) for each in named_files.needed(document)] == [("/etc/s", True)]
    assert "/etc/s" in named_files.paths_in(document)
