"""`render --explain`: each value with the place it came from."""

from __future__ import annotations

from teleport_bootstrap import secret
from teleport_bootstrap.cli import render, result
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.plan import overrides, planner, teleport_build
from tests.unit.plan.planning import INSTANCE

CONF = "TELEPORT_DOMAIN_NAME=example.com\nTELEPORT_EXTERNAL_PORT=443\nTELEPORT_SSH_LABELS='a.b: 010'\n"
OVERRIDE = overrides.Override(
    "/etc/teleport.d/teleport.yaml.d/10.yaml",
    b"proxy_service:\n  proxy_protocol: on\n  kube_public_addr: null\n  https_keypairs:\n"
    b"    - cert_file: /etc/ssl/c.pem\n      key_file: /etc/ssl/k.pem\nssh_service:\n  public_addr: []\n",
)


def entries(text: str = CONF) -> list[dict[str, object]]:
    settings = conf_file.load(text.encode(), "/etc/teleport.d/conf")
    planned = planner.plan(settings, INSTANCE, teleport_build.of_version("17.5.1", fips=False), [OVERRIDE])
    return render.origins(planned.tree, planned.removed)


def test_each_kind_of_origin_is_named() -> None:
    found = {entry["path"]: (entry["value"], [*map(str, entry["origins"])]) for entry in entries()}
    override = "override /etc/teleport.d/teleport.yaml.d/10.yaml"
    assert found["version"] == ("v3", ["default"])
    assert found["teleport.advertise_ip"] == ("10.0.0.12", ["instance metadata local-ipv4"])
    assert found["auth_service.cluster_name"] == ("example.com", ["TELEPORT_DOMAIN_NAME at /etc/teleport.d/conf:1"])
    assert found["proxy_service.public_addr"][1] == [
        "TELEPORT_DOMAIN_NAME at /etc/teleport.d/conf:1",
        "TELEPORT_EXTERNAL_PORT at /etc/teleport.d/conf:2",
    ]
    assert found["proxy_service.proxy_protocol"] == ("on", [f"{override}:2"])
    assert found["proxy_service.https_keypairs[0].key_file"] == ("/etc/ssl/k.pem", [f"{override}:6"])
    assert found["ssh_service.public_addr"] == ([], [f"{override}:8"])
    assert found['ssh_service.labels["a.b"]'] == ("010", ["TELEPORT_SSH_LABELS at /etc/teleport.d/conf:3"])
    assert found["proxy_service.kube_public_addr"] == (None, [f"{override}:3"])


def test_the_text_shows_values_as_yaml_and_aligns_them() -> None:
    lines = render.origins_text(entries()).splitlines()
    assert any(line.startswith("auth_service.enabled ") and ' = "yes" ' in line for line in lines)
    assert any("proxy_service.proxy_protocol " in line and " = on " in line for line in lines)
    assert any("proxy_service.kube_public_addr " in line and " = (removed) " in line for line in lines)
    assert any('labels["a.b"]' in line and ' = "010" ' in line for line in lines)
    assert len({line.index(" = ") for line in lines if line.index(" = ") <= 44}) == 1
    assert all("  # " in line for line in lines)


def test_no_secret_is_explained() -> None:
    agent = (
        "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=p.example.com\nTELEPORT_JOIN_TOKEN=planted-token\n"
        "TELEPORT_AGENT_SSH_ENABLED=1\n"
    )
    settings = conf_file.load(agent.encode(), "conf")
    planned = planner.plan(settings, INSTANCE, teleport_build.of_version("17.5.1", fips=False))
    found = render.origins(planned.tree)
    assert "planted-token" not in render.origins_text(found) + repr(found)
    assert not any(isinstance(entry["value"], secret.Secret) for entry in found)


def test_row_2_a_result_shows_no_password_of_a_url_unless_asked() -> None:
    text = 'a "postgres://u:pl4nted@h/x" and amqp://u:pl4nted@h'
    for form in ("text", "json"):
        assert "pl4nted" not in result.Result(text, {"uri": text}).output(form)
        assert "pl4nted" in result.Result(text, {"uri": text}, with_secrets=True).output(form)
