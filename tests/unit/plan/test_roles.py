"""Every role: the whole document, and the markers, units, files and secrets that go with it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.unit.plan import contract
from tests.unit.plan.planning import ALL_IN_ONE, plan

AUTH = (
    "TELEPORT_ROLE=auth\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
    "TELEPORT_DYNAMO_TABLE_NAME=state-1\nTELEPORT_DYNAMO_EVENTS_TABLE_NAME=events-1\nTELEPORT_S3_BUCKET=bucket-1\n"
    "TELEPORT_LOCKS_TABLE_NAME=locks-1\nTELEPORT_DOMAIN_NAME=example.com\nTELEPORT_DOMAIN_ADMIN_EMAIL=a@example.com\n"
    "TELEPORT_AUTH_TYPE=github\n"
)
PROXY = (
    "TELEPORT_ROLE=proxy\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_DOMAIN_NAME=example.com\n"
    "TELEPORT_AUTH_SERVER_LB=auth.example.com\n"
)
NODE = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
AGENT = "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN=planted-token\n"
AGENT_SSH = "TELEPORT_AGENT_SSH_ENABLED=true\nTELEPORT_AGENT_SSH_LABELS='env: prod'\n"
AGENT_DB = (
    "TELEPORT_AGENT_DB_ENABLED=true\nTELEPORT_AGENT_DB_NAME=orders\nTELEPORT_AGENT_DB_PROTOCOL=postgres\n"
    "TELEPORT_AGENT_DB_URI=orders.c1.eu-west-1.rds.amazonaws.com:5432\n"
)
AGENT_RDS = AGENT_DB + "TELEPORT_AGENT_DB_DESCRIPTION='Orders'\nTELEPORT_AGENT_DB_LABELS='env: prod|tier: 1'\n"
AGENT_REDSHIFT = (
    AGENT_DB + "TELEPORT_AGENT_DB_REGION=eu-west-1\nTELEPORT_AGENT_DB_REDSHIFT_CLUSTER_ID=redshift-cluster-1\n"
)
AGENT_APP = (
    "TELEPORT_AGENT_APP_ENABLED=true\nTELEPORT_AGENT_APP_NAME=wiki\nTELEPORT_AGENT_APP_URI=http://127.0.0.1:8080\n"
)
AGENT_APP_IN_FULL = AGENT_APP + (
    "TELEPORT_AGENT_APP_DESCRIPTION='The wiki'\nTELEPORT_AGENT_APP_PUBLIC_ADDR=wiki.example.com\n"
    "TELEPORT_AGENT_APP_INSECURE_SKIP_VERIFY=true\nTELEPORT_AGENT_APP_LABELS='env: prod'\n"
)
AGENT_KUBE = "TELEPORT_AGENT_KUBE_ENABLED=true\n"
AGENT_KUBE_IN_FULL = (
    AGENT_KUBE + "TELEPORT_AGENT_KUBE_CLUSTER_NAME=kube-1\nTELEPORT_AGENT_KUBE_LABELS='env: prod|zero: 0123'\n"
)

DYNAMODB = {
    "storage": {
        "type": "dynamodb",
        "region": "us-east-1",
        "table_name": "state-1",
        "audit_events_uri": "dynamodb://events-1",
        "audit_sessions_uri": "s3://bucket-1/records",
    }
}
TELEPORT_OF_A_NODE = contract.teleport(
    **contract.JOIN_WITH_TOKEN,
    ca_pin="/var/lib/teleport/ca-pin-hash",
    auth_server="auth.example.com:3025",
    **contract.LOCAL_STORAGE,
)
TELEPORT_OF_AN_AGENT = contract.teleport(**contract.JOIN_WITH_TOKEN, proxy_server="proxy.example.com:443")
AGENT_SSH_SECTION = {**contract.SSH, "labels": {"env": "prod"}}
DB_RDS_SECTION = {
    "enabled": "yes",
    "databases": [
        {
            "name": "orders",
            "description": "Orders",
            "protocol": "postgres",
            "uri": "orders.c1.eu-west-1.rds.amazonaws.com:5432",
            "aws": {"region": "us-east-1"},
            "static_labels": {"env": "prod", "tier": "1"},
        }
    ],
}
DB_REDSHIFT_SECTION = {
    "enabled": "yes",
    "databases": [
        {
            "name": "orders",
            "protocol": "postgres",
            "uri": "orders.c1.eu-west-1.rds.amazonaws.com:5432",
            "aws": {"region": "eu-west-1", "redshift": {"cluster_id": "redshift-cluster-1"}},
        }
    ],
}
APP_SECTION = {"enabled": "yes", "apps": [{"name": "wiki", "uri": "http://127.0.0.1:8080"}]}
APP_SECTION_IN_FULL = {
    "enabled": "yes",
    "apps": [
        {
            "name": "wiki",
            "description": "The wiki",
            "uri": "http://127.0.0.1:8080",
            "public_addr": "wiki.example.com",
            "insecure_skip_verify": True,
            "labels": {"env": "prod"},
        }
    ],
}
KUBE_SECTION_IN_FULL = {
    "enabled": "yes",
    "kube_cluster_name": "kube-1",
    "labels": {"env": "prod", "zero": "0123"},
}

DOCUMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "the shortest conf is an all-in-one": (
        ALL_IN_ONE,
        contract.document(
            teleport=contract.teleport(**contract.LOCAL_STORAGE),
            auth={
                "enabled": "yes",
                "listen_addr": "0.0.0.0:3025",
                "keep_alive_interval": "1m",
                "keep_alive_count_max": 3,
                "authentication": {"second_factors": ["otp"]},
            },
            proxy={
                "enabled": "yes",
                "web_listen_addr": "0.0.0.0:443",
                "public_addr": "203.0.113.12:443",
                "listen_addr": "0.0.0.0:3023",
                "ssh_public_addr": "203.0.113.12:3023",
                "tunnel_listen_addr": "0.0.0.0:3024",
                "tunnel_public_addr": "203.0.113.12:3024",
                "kube_listen_addr": "0.0.0.0:3026",
                "kube_public_addr": "203.0.113.12:3026",
            },
            ssh=contract.SSH,
        ),
    ),
    "auth": (
        AUTH,
        contract.document(
            teleport=contract.teleport(**DYNAMODB),
            auth={
                "enabled": "yes",
                "listen_addr": "0.0.0.0:3025",
                "public_addr": "auth.example.com:3025",
                "cluster_name": "cluster-1",
                "keep_alive_interval": "1m",
                "keep_alive_count_max": 3,
                "authentication": {
                    "type": "github",
                    "second_factors": ["webauthn", "otp"],
                    "webauthn": {"rp_id": "example.com"},
                },
            },
        ),
    ),
    "auth with a license and TLS routing": (
        AUTH + "TELEPORT_LICENSE_PATH=/anything\nUSE_TLS_ROUTING=true\n",
        contract.document(
            teleport=contract.teleport(**DYNAMODB),
            auth={
                "enabled": "yes",
                "listen_addr": "0.0.0.0:3025",
                "public_addr": "auth.example.com:3025",
                "cluster_name": "cluster-1",
                "keep_alive_interval": "1m",
                "keep_alive_count_max": 3,
                "proxy_listener_mode": "multiplex",
                "authentication": {
                    "type": "github",
                    "second_factors": ["webauthn", "otp"],
                    "webauthn": {"rp_id": "example.com"},
                },
                "license_file": "/var/lib/teleport/license.pem",
            },
        ),
    ),
    "node": (NODE, contract.document(teleport=TELEPORT_OF_A_NODE, ssh=contract.SSH)),
    "node with labels of its own": (
        NODE + "TELEPORT_SSH_LABELS='env: prod'\nTELEPORT_COMMAND_LABELS=kernel\nTELEPORT_NODENAME=web-1\n",
        contract.document(
            teleport={**TELEPORT_OF_A_NODE, "nodename": "web-1"},
            ssh={
                "enabled": "yes",
                "listen_addr": "0.0.0.0:3022",
                "labels": {"env": "prod"},
                "commands": [{"name": "kernel", "command": ["uname", "-r"], "period": "1h0m0s"}],
            },
        ),
    ),
    "node without command labels": (
        NODE + "TELEPORT_COMMAND_LABELS=\n",
        contract.document(teleport=TELEPORT_OF_A_NODE, ssh={"enabled": "yes", "listen_addr": "0.0.0.0:3022"}),
    ),
    "node that joins with its instance role": (
        NODE + "TELEPORT_JOIN_METHOD=iam\nTELEPORT_JOIN_TOKEN_NAME=nodes-of-account-1\n",
        contract.document(
            teleport={**TELEPORT_OF_A_NODE, "join_params": {"method": "iam", "token_name": "nodes-of-account-1"}},
            ssh=contract.SSH,
        ),
    ),
    "agent: ssh": (AGENT + AGENT_SSH, contract.document(teleport=TELEPORT_OF_AN_AGENT, ssh=AGENT_SSH_SECTION)),
    "agent: RDS": (AGENT + AGENT_RDS, contract.document(teleport=TELEPORT_OF_AN_AGENT, db=DB_RDS_SECTION)),
    "agent: Redshift": (
        AGENT + AGENT_REDSHIFT,
        contract.document(teleport=TELEPORT_OF_AN_AGENT, db=DB_REDSHIFT_SECTION),
    ),
    "agent: app": (AGENT + AGENT_APP, contract.document(teleport=TELEPORT_OF_AN_AGENT, app=APP_SECTION)),
    "agent: app in full": (
        AGENT + AGENT_APP_IN_FULL,
        contract.document(teleport=TELEPORT_OF_AN_AGENT, app=APP_SECTION_IN_FULL),
    ),
    "agent: kube": (
        AGENT + AGENT_KUBE,
        contract.document(teleport=TELEPORT_OF_AN_AGENT, kubernetes={"enabled": "yes"}),
    ),
    "agent: kube in full": (
        AGENT + AGENT_KUBE_IN_FULL,
        contract.document(teleport=TELEPORT_OF_AN_AGENT, kubernetes=KUBE_SECTION_IN_FULL),
    ),
    "agent: ssh and app": (
        AGENT + AGENT_SSH + AGENT_APP,
        contract.document(teleport=TELEPORT_OF_AN_AGENT, ssh=AGENT_SSH_SECTION, app=APP_SECTION),
    ),
    "agent: all four": (
        AGENT + AGENT_SSH + AGENT_RDS + AGENT_APP_IN_FULL + AGENT_KUBE_IN_FULL,
        contract.document(
            teleport=TELEPORT_OF_AN_AGENT,
            ssh=AGENT_SSH_SECTION,
            db=DB_RDS_SECTION,
            app=APP_SECTION_IN_FULL,
            kubernetes=KUBE_SECTION_IN_FULL,
        ),
    ),
    "agent: a proxy with a port": (
        AGENT + AGENT_KUBE + "TELEPORT_PROXY_SERVER_LB=proxy.example.com:3080\n",
        contract.document(
            teleport=contract.teleport(**contract.JOIN_WITH_TOKEN, proxy_server="proxy.example.com:3080"),
            kubernetes={"enabled": "yes"},
        ),
    ),
    "agent: joins with its instance role": (
        "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_METHOD=ec2\n"
        "TELEPORT_JOIN_TOKEN_NAME=agents\n" + AGENT_KUBE,
        contract.document(
            teleport=contract.teleport(
                join_params={"method": "ec2", "token_name": "agents"}, proxy_server="proxy.example.com:443"
            ),
            kubernetes={"enabled": "yes"},
        ),
    ),
    "a service that is switched off is off": (
        AGENT + AGENT_KUBE + AGENT_APP.replace("true", "no") + "TELEPORT_AGENT_SSH_ENABLED=0\n",
        contract.document(teleport=TELEPORT_OF_AN_AGENT, kubernetes={"enabled": "yes"}),
    ),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_the_whole_document(case: str) -> None:
    text, expected = DOCUMENTS[case]
    planned = plan(text)
    assert planned.document == expected
    assert yaml.safe_load(planned.teleport_yaml.content) == expected


ALL_MARKERS = {
    f"/etc/teleport.d/{name}"
    for name in (
        *("role.all", "role.all-acm", "role.auth", "role.proxy", "role.proxy-acm", "role.node", "role.agent"),
        *("role.auth-node", "role.proxy-node", "role.proxy-acm-node"),
    )
} | {"/etc/teleport.d/use-letsencrypt"}
ALL_UNITS = {
    "teleport.service",
    "teleport-acm.service",
    "teleport-auth.service",
    "teleport-proxy.service",
    "teleport-proxy-acm.service",
    "teleport-node.service",
}
PUBLISH = "teleport-ssm-publish-tokens.timer"
GET, RENEW, CHECK = "teleport-get-cert.timer", "teleport-renew-cert.timer", "teleport-check-cert.timer"
FETCH = "teleport-fetch-secrets.timer"
SIGNAL = "teleport-signal.timer"
TIMERS = {PUBLISH, GET, RENEW, CHECK, FETCH, SIGNAL}

ROOT = ("root", "root", 0o600)
SERVICE = ("root", "teleport", 0o640)

# conf, marker, unit, timers, owner, group and mode of teleport.yaml, who owns the data directory, Let's Encrypt
PLACES: dict[str, tuple[str, str, str, set[str], tuple[str, str, int], str, bool]] = {
    "all": (ALL_IN_ONE, "all", "teleport.service", set(), ROOT, "root", False),
    "all, Let's Encrypt": (
        "USE_LETSENCRYPT=true\nTELEPORT_DOMAIN_NAME=example.com\nTELEPORT_S3_BUCKET=bucket-1\n"
        "TELEPORT_DOMAIN_ADMIN_EMAIL=a@example.com\n",
        "all",
        "teleport.service",
        {GET, RENEW, CHECK},
        ROOT,
        "root",
        True,
    ),
    "all-acm": (
        "USE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\n",
        "all-acm",
        "teleport-acm.service",
        set(),
        ROOT,
        "root",
        False,
    ),
    "auth": (
        AUTH + "USE_LETSENCRYPT=false\n",
        "auth",
        "teleport-auth.service",
        {PUBLISH},
        SERVICE,
        "teleport",
        False,
    ),
    "auth, Let's Encrypt by default": (
        AUTH,
        "auth",
        "teleport-auth.service",
        {PUBLISH, GET, RENEW},
        SERVICE,
        "teleport",
        True,
    ),
    "proxy": (
        PROXY + "USE_LETSENCRYPT=false\n",
        "proxy",
        "teleport-proxy.service",
        {FETCH},
        SERVICE,
        "teleport",
        False,
    ),
    "proxy, Let's Encrypt by default": (
        PROXY + "TELEPORT_S3_BUCKET=bucket-1\n",
        "proxy",
        "teleport-proxy.service",
        {FETCH, CHECK},
        SERVICE,
        "teleport",
        True,
    ),
    "proxy-acm": (
        PROXY + "USE_ACM=true\n",
        "proxy-acm",
        "teleport-proxy-acm.service",
        {FETCH},
        SERVICE,
        "teleport",
        False,
    ),
    "node": (NODE, "node", "teleport-node.service", {FETCH}, ROOT, "root", False),
    "node, whatever is said of certificates": (
        NODE + "USE_ACM=true\nUSE_LETSENCRYPT=true\n",
        "node",
        "teleport-node.service",
        {FETCH},
        ROOT,
        "root",
        False,
    ),
    "agent": (AGENT + AGENT_SSH, "agent", "teleport.service", set(), ROOT, "root", False),
}


@pytest.mark.parametrize("case", PLACES)
def test_exactly_one_role_marker_is_there_and_every_other_is_not(case: str) -> None:
    text, marker, *_, letsencrypt = PLACES[case]
    wanted = plan(text).activation
    path = f"/etc/teleport.d/role.{marker}"
    expected = {path: f"{marker}\n"}
    if letsencrypt:
        expected["/etc/teleport.d/use-letsencrypt"] = "use-letsencrypt\n"
    written = {each.path: each for each in wanted.files if each.path.startswith("/etc/teleport.d/")}
    assert {path: each.content for path, each in written.items()} == expected
    assert {(each.mode, each.owner, each.group) for each in written.values()} == {(0o644, "root", "root")}
    assert {each for each in wanted.absent if each.startswith("/etc/teleport.d/")} == ALL_MARKERS - set(expected)
    assert sorted(wanted.markers) == sorted(path.rpartition("/")[2] for path in expected)


@pytest.mark.parametrize(
    ("signal", "is_watched"),
    [
        ("lifecycle", True),
        ("lifecycle:launch", True),
        ("cloudformation", False),
        ("cloudformation:teleport/Group", False),
    ],
)
def test_a_host_that_a_hook_waits_for_looks_every_minute_whether_it_does(signal: str, is_watched: bool) -> None:
    units = plan(f"{ALL_IN_ONE}TELEPORT_SIGNAL={signal}\n").activation.units
    assert (SIGNAL in units.enable) == (SIGNAL in units.start) == is_watched
    assert (SIGNAL in units.disable) == (SIGNAL in units.stop) == (not is_watched)


@pytest.mark.parametrize("case", PLACES)
def test_one_teleport_unit_and_the_timers_of_the_role_run_and_all_others_do_not(case: str) -> None:
    text, _, unit, timers, *_ = PLACES[case]
    units = plan(text).activation.units
    assert set(units.enable) == set(units.start) == {unit} | timers
    certbots = {"certbot.timer", "certbot-renew.timer", "snap.certbot.renew.timer"} if GET in timers else set()
    assert set(units.disable) == set(units.stop) == ((ALL_UNITS | TIMERS) - {unit} - timers) | certbots


@pytest.mark.parametrize("case", PLACES)
def test_files_and_directories_belong_to_whom_the_unit_runs_as(case: str) -> None:
    text, _, _, _, (owner, group, mode), user, _ = PLACES[case]
    planned = plan(text)
    yaml_file = planned.teleport_yaml
    assert (yaml_file.path, yaml_file.owner, yaml_file.group, yaml_file.mode) == (
        "/etc/teleport.yaml",
        owner,
        group,
        mode,
    )
    assert [(each.path, each.mode, each.owner, each.group) for each in planned.activation.directories] == [
        ("/var/lib/teleport", 0o700, user, user),
        ("/var/lib/teleport-bootstrap", 0o700, "root", "root"),
    ]


# What --insecure-no-tls follows: only a target that speaks plain HTTP, which is the default only without a role.
FLAGS = {
    "all": (ALL_IN_ONE, {}, ""),
    "all, FIPS": ("TELEPORT_AUTH_TYPE=saml\n", {"fips": True}, "--fips"),
    "guide's ACM": ("USE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\n", {}, "--insecure-no-tls"),
    "an empty role is none": (
        "TELEPORT_ROLE=\nUSE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\n",
        {},
        "--insecure-no-tls",
    ),
    "guide's ACM, FIPS": (
        "USE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\nTELEPORT_AUTH_TYPE=oidc\n",
        {"fips": True},
        "--fips --insecure-no-tls",
    ),
    "ACM, target speaks HTTPS": (
        "USE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\nTELEPORT_ACM_TARGET_PROTOCOL=https\n",
        {},
        "",
    ),
    "Terraform's all-in-one with ACM": (
        "TELEPORT_ROLE=auth,node,proxy\nUSE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\n",
        {},
        "",
    ),
    "all-in-one with a role and HTTP": (
        "TELEPORT_ROLE=auth,node,proxy\nUSE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\n"
        "TELEPORT_ACM_TARGET_PROTOCOL=http\n",
        {},
        "--insecure-no-tls",
    ),
    "proxy with ACM": (PROXY + "USE_ACM=true\n", {}, ""),
    "proxy with ACM over HTTP": (PROXY + "USE_ACM=true\nTELEPORT_ACM_TARGET_PROTOCOL=http\n", {}, "--insecure-no-tls"),
    "HTTP without ACM means nothing": ("TELEPORT_ACM_TARGET_PROTOCOL=http\n", {}, ""),
    "proxy, FIPS": (PROXY + "USE_ACM=true\n", {"fips": True}, "--fips"),
    "auth, FIPS": (AUTH, {"fips": True}, "--fips"),
    "node, FIPS": (NODE, {"fips": True}, "--fips"),
    "agent, FIPS": (AGENT + AGENT_SSH, {"fips": True}, "--fips"),
}


@pytest.mark.parametrize("case", FLAGS)
def test_start_flags(case: str) -> None:
    text, build, flags = FLAGS[case]
    files = {each.path: each for each in plan(text, **build).files}
    environment = files["/var/lib/teleport-bootstrap/unit.env"]
    assert environment.content == f"TELEPORT_START_FLAGS={flags}\n"
    assert (environment.mode, environment.owner, environment.group) == (0o600, "root", "root")


def secrets(text: str) -> set[tuple[object, ...]]:
    return {
        (each.path, each.parameter or each.variable, each.mode, each.owner, each.group, each.may_be_pending)
        for each in plan(text).activation.secrets
    }


TOKEN, PIN, LICENSE = "/var/lib/teleport/token", "/var/lib/teleport/ca-pin-hash", "/var/lib/teleport/license.pem"

SECRETS = {
    "all-in-one": (ALL_IN_ONE, set()),
    "all-in-one with a license": (
        "TELEPORT_LICENSE_PATH=1\nTELEPORT_CLUSTER_NAME=cluster-1\n",
        {(LICENSE, "/teleport/cluster-1/license", 0o600, "root", "root", False)},
    ),
    "the domain names the cluster where nothing else does": (
        "TELEPORT_LICENSE_PATH=1\nTELEPORT_DOMAIN_NAME=example.com\n",
        {(LICENSE, "/teleport/example.com/license", 0o600, "root", "root", False)},
    ),
    "auth": (AUTH, set()),
    "auth with a license": (
        AUTH + "TELEPORT_LICENSE_PATH=1\n",
        {(LICENSE, "/teleport/cluster-1/license", 0o600, "teleport", "teleport", False)},
    ),
    "proxy": (
        PROXY + "USE_ACM=true\n",
        {
            (TOKEN, "/teleport/cluster-1/tokens/proxy", 0o600, "teleport", "teleport", True),
            (PIN, "/teleport/cluster-1/ca-pin-hash", 0o644, "teleport", "teleport", True),
        },
    ),
    "node": (
        NODE,
        {
            (TOKEN, "/teleport/cluster-1/tokens/node", 0o600, "root", "root", True),
            (PIN, "/teleport/cluster-1/ca-pin-hash", 0o644, "root", "root", True),
        },
    ),
    "node, joining with its role": (
        NODE + "TELEPORT_JOIN_METHOD=iam\nTELEPORT_JOIN_TOKEN_NAME=nodes\n",
        {(PIN, "/teleport/cluster-1/ca-pin-hash", 0o644, "root", "root", True)},
    ),
    "agent": (AGENT + AGENT_SSH, {(TOKEN, "TELEPORT_JOIN_TOKEN", 0o600, "root", "root", False)}),
    "a node does not get a license": (
        NODE + "TELEPORT_LICENSE_PATH=1\n",
        {
            (TOKEN, "/teleport/cluster-1/tokens/node", 0o600, "root", "root", True),
            (PIN, "/teleport/cluster-1/ca-pin-hash", 0o644, "root", "root", True),
        },
    ),
}


@pytest.mark.parametrize("case", SECRETS)
def test_which_secrets_go_into_which_files(case: str) -> None:
    text, expected = SECRETS[case]
    assert secrets(text) == expected


def test_no_secret_is_in_the_plan() -> None:
    planned = plan(AGENT + AGENT_SSH)
    assert "planted-token" not in repr(planned)
    assert "planted-token" not in planned.teleport_yaml.content


GATES = {
    "all-in-one": (ALL_IN_ONE, None, []),
    "node": (
        NODE,
        "/etc/systemd/system/teleport-node.service.d/50-teleport-bootstrap.conf",
        [
            "ConditionPathExists=|/var/lib/teleport/token",
            "ConditionPathExists=|/var/lib/teleport/proc/sqlite.db",
            "ConditionPathExists=/var/lib/teleport/ca-pin-hash",
        ],
    ),
    "proxy with Let's Encrypt": (
        PROXY + "TELEPORT_S3_BUCKET=bucket-1\n",
        "/etc/systemd/system/teleport-proxy.service.d/50-teleport-bootstrap.conf",
        [
            "ConditionPathExists=|/var/lib/teleport/token",
            "ConditionPathExists=|/var/lib/teleport/proc/sqlite.db",
            "ConditionPathExists=/var/lib/teleport/ca-pin-hash",
            "ConditionPathExists=/var/lib/teleport/fullchain.pem",
            "ConditionPathExists=/var/lib/teleport/privkey.pem",
        ],
    ),
    "auth has Let's Encrypt for others": (AUTH, None, []),
    "agent": (AGENT + AGENT_SSH, None, []),
}


@pytest.mark.parametrize("case", GATES)
def test_the_unit_waits_for_files_it_cannot_start_without(case: str) -> None:
    text, path, conditions = GATES[case]
    written = {each.path: each.content for each in plan(text).files if each.path.startswith("/etc/systemd/")}
    assert list(written) == ([] if path is None else [path])
    lines = [line for content in written.values() for line in content.splitlines() if "=" in line]
    assert lines == conditions
    for content in written.values():
        assert "\n[Unit]\n" in content


def test_drop_ins_of_other_units_go_away() -> None:
    absent = plan(NODE).activation.absent
    for unit in ALL_UNITS - {"teleport-node.service"}:
        assert f"/etc/systemd/system/{unit}.d/50-teleport-bootstrap.conf" in absent
    assert "/etc/systemd/system/teleport-node.service.d/50-teleport-bootstrap.conf" not in absent
