"""Each row of the contract's proxy table, for all-in-one and proxy: the whole document."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.unit.plan import contract
from tests.unit.plan.planning import ALL_IN_ONE, plan

PROXY = "TELEPORT_ROLE=proxy\nTELEPORT_DOMAIN_NAME=example.com\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
ALL = "TELEPORT_DOMAIN_NAME=example.com\n"
NAMED_ALL = "TELEPORT_ROLE=auth,node,proxy\n" + ALL

NO_CERTIFICATE = "USE_LETSENCRYPT=false\n"
LETSENCRYPT = "USE_LETSENCRYPT=true\nTELEPORT_S3_BUCKET=bucket-1\nTELEPORT_DOMAIN_ADMIN_EMAIL=a@example.com\n"
ACM = "USE_ACM=true\n"
BALANCER = "TELEPORT_PROXY_SERVER_LB=nlb-1.elb.us-east-1.amazonaws.com:443\n"
ALIAS = "TELEPORT_PROXY_SERVER_NLB_ALIAS=nlb.example.com\n"
ROUTING = "USE_TLS_ROUTING=true\n"
DATABASES = "TELEPORT_ENABLE_MYSQL=true\nTELEPORT_ENABLE_POSTGRES=yes\n"
MONGODB = "TELEPORT_ENABLE_MONGODB=1\n"
HTTPS = "TELEPORT_ACM_TARGET_PROTOCOL=https\n"
HTTP = "TELEPORT_ACM_TARGET_PROTOCOL=http\n"

KEYPAIRS = {
    "https_keypairs": [
        {"cert_file": "/var/lib/teleport/fullchain.pem", "key_file": "/var/lib/teleport/privkey.pem"},
    ]
}
FORWARDED = {"trust_x_forwarded_for": True}

PROXY_NO_ACM = {
    "enabled": "yes",
    "web_listen_addr": "0.0.0.0:3080",
    "public_addr": "example.com:443",
    "listen_addr": "0.0.0.0:3023",
    "ssh_public_addr": "example.com:3023",
    "tunnel_listen_addr": "0.0.0.0:3024",
    "tunnel_public_addr": "example.com:3024",
    "kube_listen_addr": "0.0.0.0:3026",
    "kube_public_addr": "example.com:3026",
}
ALL_NO_ACM = {
    "enabled": "yes",
    "web_listen_addr": "0.0.0.0:443",
    "public_addr": "example.com:443",
    "listen_addr": "0.0.0.0:3023",
    "ssh_public_addr": "example.com:3023",
    "tunnel_listen_addr": "0.0.0.0:3024",
    "tunnel_public_addr": "example.com:3024",
    "kube_listen_addr": "0.0.0.0:3026",
    "kube_public_addr": "example.com:3026",
}
DATABASES_AT_DOMAIN = {
    "mysql_listen_addr": "0.0.0.0:3036",
    "mysql_public_addr": "example.com:3036",
    "postgres_listen_addr": "0.0.0.0:5432",
    "postgres_public_addr": "example.com:5432",
}
MONGODB_AT_DOMAIN = {"mongo_listen_addr": "0.0.0.0:27017", "mongo_public_addr": "example.com:27017"}
POSTGRES_AT_ALIAS = {"postgres_public_addr": "nlb.example.com:443"}
MYSQL_AT_ALIAS = {"mysql_listen_addr": "0.0.0.0:3036", "mysql_public_addr": "nlb.example.com:3036"}
DATABASES_AT_ALIAS = {
    **MYSQL_AT_ALIAS,
    "postgres_listen_addr": "0.0.0.0:5432",
    "postgres_public_addr": "nlb.example.com:5432",
}


def behind_acm(name: str) -> dict[str, Any]:
    """The ACM row, where `name` is N; the same for both roles, whose web port is 443 outside."""
    return {
        "enabled": "yes",
        "web_listen_addr": "0.0.0.0:3080",
        "public_addr": "example.com:443",
        "listen_addr": "0.0.0.0:3023",
        "ssh_public_addr": f"{name}:3023",
        "tunnel_listen_addr": "0.0.0.0:3024",
        "tunnel_public_addr": f"{name}:3024",
        "kube_listen_addr": "0.0.0.0:3026",
        "kube_public_addr": f"{name}:3026",
        "trust_x_forwarded_for": True,
    }


ROUTING_PROXY = {"enabled": "yes", "web_listen_addr": "0.0.0.0:3080", "public_addr": "example.com:443"}
ROUTING_ALL = {"enabled": "yes", "web_listen_addr": "0.0.0.0:443", "public_addr": "example.com:443"}

NLB = "nlb-1.elb.us-east-1.amazonaws.com"

PROXY_ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "self-signed": (NO_CERTIFICATE, PROXY_NO_ACM),
    "self-signed, databases": (
        NO_CERTIFICATE + DATABASES + MONGODB,
        {**PROXY_NO_ACM, **DATABASES_AT_DOMAIN, **MONGODB_AT_DOMAIN},
    ),
    "self-signed, a load balancer changes nothing": (NO_CERTIFICATE + BALANCER + ALIAS, PROXY_NO_ACM),
    "Let's Encrypt by default": ("TELEPORT_S3_BUCKET=bucket-1\n", {**PROXY_NO_ACM, **KEYPAIRS}),
    "Let's Encrypt": (LETSENCRYPT, {**PROXY_NO_ACM, **KEYPAIRS}),
    "Let's Encrypt, databases": (LETSENCRYPT + DATABASES, {**PROXY_NO_ACM, **DATABASES_AT_DOMAIN, **KEYPAIRS}),
    "ACM, alias": (ACM + ALIAS, {**behind_acm("nlb.example.com"), **POSTGRES_AT_ALIAS}),
    "ACM, alias and load balancer": (ACM + ALIAS + BALANCER, {**behind_acm("nlb.example.com"), **POSTGRES_AT_ALIAS}),
    "ACM, load balancer": (ACM + BALANCER, behind_acm(NLB)),
    "ACM, neither": (ACM, behind_acm("example.com")),
    "ACM, alias, databases": (
        ACM + ALIAS + DATABASES,
        {**behind_acm("nlb.example.com"), **MYSQL_AT_ALIAS, **POSTGRES_AT_ALIAS},
    ),
    "ACM over plain HTTP, alias, databases": (
        ACM + HTTP + ALIAS + DATABASES,
        {**behind_acm("nlb.example.com"), **DATABASES_AT_ALIAS},
    ),
    "ACM, load balancer, databases": (
        ACM + BALANCER + DATABASES,
        {
            **behind_acm(NLB),
            "mysql_listen_addr": "0.0.0.0:3036",
            "mysql_public_addr": f"{NLB}:3036",
            "postgres_listen_addr": "0.0.0.0:5432",
            "postgres_public_addr": f"{NLB}:5432",
        },
    ),
    "ACM, MongoDB over HTTPS": (
        ACM + MONGODB,
        {
            **behind_acm("example.com"),
            "mongo_listen_addr": "0.0.0.0:27017",
            "mongo_public_addr": "example.com:27017",
        },
    ),
    "TLS routing, self-signed": (ROUTING + NO_CERTIFICATE, ROUTING_PROXY),
    "TLS routing, Let's Encrypt": (ROUTING + LETSENCRYPT, {**ROUTING_PROXY, **KEYPAIRS}),
    "TLS routing, ACM": (ROUTING + ACM, {**ROUTING_PROXY, **FORWARDED}),
    "TLS routing, ACM, balancer and databases": (
        ROUTING + ACM + BALANCER + DATABASES + MONGODB,
        {**ROUTING_PROXY, **FORWARDED},
    ),
}

ALL_ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "self-signed": ("", ALL_NO_ACM),
    "self-signed, databases": (DATABASES + MONGODB, {**ALL_NO_ACM, **DATABASES_AT_DOMAIN, **MONGODB_AT_DOMAIN}),
    "self-signed, a load balancer changes nothing": (BALANCER + ALIAS, ALL_NO_ACM),
    "Let's Encrypt": (LETSENCRYPT, {**ALL_NO_ACM, **KEYPAIRS}),
    "Let's Encrypt, databases": (LETSENCRYPT + DATABASES, {**ALL_NO_ACM, **DATABASES_AT_DOMAIN, **KEYPAIRS}),
    "ACM over plain HTTP, alias": (ACM + HTTP + ALIAS, behind_acm("nlb.example.com")),
}

# The guide, which sets no role, keeps plain HTTP on 3080; with the role it is the starter cluster.
GUIDE_ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "ACM, alias": (ACM + ALIAS, behind_acm("nlb.example.com")),
    "ACM, load balancer": (ACM + BALANCER, behind_acm(NLB)),
    "ACM, neither": (ACM, behind_acm("example.com")),
    "ACM, alias, databases": (ACM + ALIAS + DATABASES, {**behind_acm("nlb.example.com"), **DATABASES_AT_ALIAS}),
    "ACM over HTTPS": (ACM + HTTPS + ALIAS, behind_acm("nlb.example.com")),
}
STARTER_ROWS: dict[str, str] = {
    "ACM, alias": ACM + ALIAS,
    "ACM, load balancer": ACM + BALANCER,
    "ACM, neither": ACM,
    "ACM, databases": ACM + ALIAS + DATABASES + MONGODB,
    "ACM over HTTPS": ACM + HTTPS + ALIAS,
    "ACM, TLS routing off": ACM + "USE_TLS_ROUTING=false\n",
    "ACM and Let's Encrypt": ACM + LETSENCRYPT,
    "ACM, separate listeners": ACM + "PROXY_MULTIPLEXING=separate\n",
}

ALL_ROUTING_ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "TLS routing, self-signed": (ROUTING, ROUTING_ALL),
    "TLS routing, databases": (ROUTING + DATABASES + MONGODB, ROUTING_ALL),
    "TLS routing, Let's Encrypt": (ROUTING + LETSENCRYPT, {**ROUTING_ALL, **KEYPAIRS}),
    "TLS routing, ACM over HTTPS": (ROUTING + ACM + HTTPS, {**ROUTING_ALL, **FORWARDED}),
    "TLS routing, ACM over HTTPS, alias": (ROUTING + ACM + HTTPS + ALIAS, {**ROUTING_ALL, **FORWARDED}),
}


def says(text: str, expected: dict[str, Any]) -> None:
    """The plan's document and the file's text are both `expected`."""
    planned = plan(text)
    assert planned.document == expected
    assert yaml.safe_load(planned.teleport_yaml.content) == expected


@pytest.mark.parametrize("row", PROXY_ROWS)
def test_proxy(row: str) -> None:
    text, section = PROXY_ROWS[row]
    says(PROXY + text, contract.document(teleport=contract.TELEPORT_OF_A_PROXY, proxy=section))


@pytest.mark.parametrize("row", ALL_ROWS)
@pytest.mark.parametrize("role", [ALL, NAMED_ALL], ids=["no role", "auth,node,proxy"])
def test_all_in_one(role: str, row: str) -> None:
    text, section = ALL_ROWS[row]
    says(
        role + text,
        contract.document(
            teleport=contract.teleport(**contract.LOCAL_STORAGE),
            auth=contract.auth(),
            proxy=section,
            ssh=contract.SSH,
        ),
    )


@pytest.mark.parametrize("row", GUIDE_ROWS)
def test_an_all_in_one_without_a_role_behind_acm(row: str) -> None:
    text, section = GUIDE_ROWS[row]
    says(
        ALL + text,
        contract.document(
            teleport=contract.teleport(**contract.LOCAL_STORAGE),
            auth=contract.auth(),
            proxy=section,
            ssh=contract.SSH,
        ),
    )


@pytest.mark.parametrize("row", STARTER_ROWS)
def test_fact_2_the_starter_cluster_behind_acm_uses_tls_routing(row: str) -> None:
    says(
        NAMED_ALL + STARTER_ROWS[row],
        contract.document(
            teleport=contract.teleport(**contract.LOCAL_STORAGE),
            auth=contract.auth(proxy_listener_mode="multiplex"),
            proxy={**ROUTING_ALL, **FORWARDED},
            ssh=contract.SSH,
        ),
    )


def test_fact_2_each_switch_that_acm_overrules_has_a_note() -> None:
    found = plan(NAMED_ALL + ACM + LETSENCRYPT + "USE_TLS_ROUTING=false\n")
    (routing,) = [note for note in found.notes if note.startswith("TLS routing is on")]
    (letsencrypt,) = [note for note in found.notes if note.startswith("Let's Encrypt is off")]
    assert "conf:3" in routing and "line 7 says USE_TLS_ROUTING=false" in routing
    assert "conf:3" in letsencrypt and "line 4 says USE_LETSENCRYPT=true" in letsencrypt
    assert found.activation.markers == ("role.all-acm",)
    assert not [unit for unit in found.activation.units.enable if "cert" in unit]
    (unset,) = [note for note in plan(NAMED_ALL + ACM).notes if note.startswith("TLS routing is on")]
    assert "USE_TLS_ROUTING is not set" in unset
    assert not [note for note in plan(NAMED_ALL + ACM + ROUTING).notes if "USE_TLS_ROUTING" in note]
    assert [note for note in plan(NAMED_ALL + ACM + HTTP).notes if note.startswith("TLS routing stays off")]


def test_fact_1_a_note_says_how_to_return_to_the_older_web_port() -> None:
    for text in (ALL_IN_ONE, NAMED_ALL, NAMED_ALL + LETSENCRYPT, NAMED_ALL + ACM):
        assert [note for note in plan(text).notes if "TELEPORT_WEB_LISTEN_PORT=3080" in note], text
    for text in (ALL + ACM, NAMED_ALL + ROUTING, NAMED_ALL + "TELEPORT_WEB_LISTEN_PORT=443\n", PROXY + NO_CERTIFICATE):
        assert not [note for note in plan(text).notes if "TELEPORT_WEB_LISTEN_PORT" in note], text


@pytest.mark.parametrize("row", ALL_ROUTING_ROWS)
@pytest.mark.parametrize("role", [ALL, NAMED_ALL], ids=["no role", "auth,node,proxy"])
def test_all_in_one_with_tls_routing(role: str, row: str) -> None:
    text, section = ALL_ROUTING_ROWS[row]
    says(
        role + text,
        contract.document(
            teleport=contract.teleport(**contract.LOCAL_STORAGE),
            auth=contract.auth(proxy_listener_mode="multiplex"),
            proxy=section,
            ssh=contract.SSH,
        ),
    )


def test_the_external_hostname_faces_people_and_the_domain_stays_for_ssh_and_tunnels() -> None:
    section = plan(ALL + "TELEPORT_EXTERNAL_HOSTNAME=access.example.com\nTELEPORT_EXTERNAL_PORT=8443\n").document
    assert section["proxy_service"] == {
        "enabled": "yes",
        "web_listen_addr": "0.0.0.0:443",
        "public_addr": "access.example.com:8443",
        "listen_addr": "0.0.0.0:3023",
        "ssh_public_addr": "example.com:3023",
        "tunnel_listen_addr": "0.0.0.0:3024",
        "tunnel_public_addr": "example.com:3024",
        "kube_listen_addr": "0.0.0.0:3026",
        "kube_public_addr": "access.example.com:3026",
    }


@pytest.mark.parametrize(
    ("text", "facts", "host"),
    [
        (ALL_IN_ONE, {}, "203.0.113.12"),
        (ALL_IN_ONE, {"public_ipv4": None}, "10.0.0.12"),
        ("TELEPORT_EXTERNAL_HOSTNAME=192.0.2.7\n", {}, "192.0.2.7"),
        ("TELEPORT_EXTERNAL_HOSTNAME=2001:db8::7\n", {}, "[2001:db8::7]"),
    ],
    ids=["public address", "private address", "given IPv4", "given IPv6"],
)
def test_without_a_domain_every_name_is_an_address(text: str, facts: dict[str, Any], host: str) -> None:
    assert plan(text, **facts).document["proxy_service"] == {
        "enabled": "yes",
        "web_listen_addr": "0.0.0.0:443",
        "public_addr": f"{host}:443",
        "listen_addr": "0.0.0.0:3023",
        "ssh_public_addr": f"{host}:3023",
        "tunnel_listen_addr": "0.0.0.0:3024",
        "tunnel_public_addr": f"{host}:3024",
        "kube_listen_addr": "0.0.0.0:3026",
        "kube_public_addr": f"{host}:3026",
    }


@pytest.mark.parametrize("role", [ALL, NAMED_ALL], ids=["no role", "auth,node,proxy"])
@pytest.mark.parametrize(
    ("text", "listens", "public"),
    [
        ("TELEPORT_WEB_LISTEN_PORT=3080\n", 3080, 3080),
        ("TELEPORT_WEB_LISTEN_PORT=8080\n", 8080, 8080),
        ("TELEPORT_WEB_LISTEN_PORT=3080\nTELEPORT_EXTERNAL_PORT=443\n", 3080, 443),
        ("TELEPORT_WEB_LISTEN_PORT=3080\n" + ROUTING, 3080, 443),
        ("TELEPORT_WEB_LISTEN_PORT=3080\n" + ACM, 3080, 443),
    ],
)
def test_fact_1_the_web_listen_port_is_the_way_back(role: str, text: str, listens: int, public: int) -> None:
    """Without a load balancer of its own in front, people reach the port on which the proxy listens."""
    section = plan(role + text).document["proxy_service"]
    assert section["web_listen_addr"] == f"0.0.0.0:{listens}"
    assert section["public_addr"] == f"example.com:{public}"


@pytest.mark.parametrize("role", [PROXY, ALL], ids=["proxy", "all-in-one"])
def test_acm_without_a_network_load_balancer_warns_which_ports_an_alb_does_not_carry(role: str) -> None:
    (note,) = plan(role + ACM).notes
    assert "3023" in note and "3024" in note and "3026" in note and "TELEPORT_PROXY_SERVER_LB" in note
    for named in (ALIAS, BALANCER):
        assert plan(role + ACM + named).notes == ()


@pytest.mark.parametrize("role", [PROXY, ALL], ids=["proxy", "all-in-one"])
@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("TELEPORT_PROXY_SERVER_LB=example.com\n", "TELEPORT_PROXY_SERVER_LB"),
        ("TELEPORT_PROXY_SERVER_LB=Example.COM:443\n", "TELEPORT_PROXY_SERVER_LB"),
        ("TELEPORT_PROXY_SERVER_NLB_ALIAS=example.com\n", "TELEPORT_PROXY_SERVER_NLB_ALIAS"),
        (BALANCER + "TELEPORT_PROXY_SERVER_NLB_ALIAS=example.com\n", "TELEPORT_PROXY_SERVER_NLB_ALIAS"),
        (
            "TELEPORT_EXTERNAL_HOSTNAME=a.example.com\nTELEPORT_PROXY_SERVER_LB=a.example.com\n",
            "TELEPORT_PROXY_SERVER_LB",
        ),
    ],
)
def test_row_13_a_network_load_balancer_that_is_the_domain_itself_is_a_warning(
    role: str, text: str, named: str
) -> None:
    (note,) = [each for each in plan(role + ACM + text).notes if "has no effect" not in each]
    assert note.startswith(f"{named} at /etc/teleport.d/conf:") and "the name of the application load balancer" in note
    assert "3023" in note and "3024" in note and "3026" in note


@pytest.mark.parametrize(
    "text",
    [
        PROXY + ACM + "TELEPORT_PROXY_SERVER_LB=example.com\n" + ALIAS,
        PROXY + ACM + "TELEPORT_PROXY_SERVER_LB=nlb.example.com\n",
        PROXY + ACM + "TELEPORT_PROXY_SERVER_LB=example.com\n" + ROUTING,
        PROXY + NO_CERTIFICATE + "TELEPORT_PROXY_SERVER_LB=example.com\n",
        ALL + "TELEPORT_WEB_LISTEN_PORT=443\nTELEPORT_PROXY_SERVER_LB=example.com\n",
    ],
)
def test_row_13_other_load_balancers_are_none(text: str) -> None:
    assert [each for each in plan(text).notes if "has no effect" not in each] == []


GUIDE = (
    'USE_ACM="true"\nTELEPORT_DOMAIN_NAME="teleport.acmeinc.com"\nTELEPORT_EXTERNAL_HOSTNAME="teleport.acmeinc.com"\n'
    'TELEPORT_EXTERNAL_PORT="443"\nTELEPORT_AUTH_SERVER_LB="teleport-nlb.acmeinc.com"\n'
)


def test_the_guide() -> None:
    planned = plan(GUIDE)
    assert planned.document == {
        "version": "v3",
        "teleport": contract.teleport(**contract.LOCAL_STORAGE),
        "auth_service": {
            "enabled": "yes",
            "listen_addr": "0.0.0.0:3025",
            "public_addr": "teleport-nlb.acmeinc.com:3025",
            "cluster_name": "teleport.acmeinc.com",
            "keep_alive_interval": "1m",
            "keep_alive_count_max": 3,
            "authentication": {"second_factors": ["webauthn", "otp"], "webauthn": {"rp_id": "teleport.acmeinc.com"}},
        },
        "proxy_service": {
            "enabled": "yes",
            "web_listen_addr": "0.0.0.0:3080",
            "public_addr": "teleport.acmeinc.com:443",
            "listen_addr": "0.0.0.0:3023",
            "ssh_public_addr": "teleport.acmeinc.com:3023",
            "tunnel_listen_addr": "0.0.0.0:3024",
            "tunnel_public_addr": "teleport.acmeinc.com:3024",
            "kube_listen_addr": "0.0.0.0:3026",
            "kube_public_addr": "teleport.acmeinc.com:3026",
            "trust_x_forwarded_for": True,
        },
        "ssh_service": contract.SSH,
        "db_service": {"enabled": "no"},
        "app_service": {"enabled": "no"},
        "kubernetes_service": {"enabled": "no"},
    }
    assert planned.activation.markers == ("role.all-acm",)
    assert planned.activation.units.start == ("teleport-acm.service",)
    environment = next(each for each in planned.files if each.path == "/var/lib/teleport-bootstrap/unit.env")
    assert environment.content == "TELEPORT_START_FLAGS=--insecure-no-tls\n"
