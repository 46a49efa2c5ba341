"""What is missing and what contradicts itself is an error that names the line, or the variable that is absent."""

from __future__ import annotations

import pytest

from teleport_bootstrap import errors
from tests.unit.plan.planning import ALL_IN_ONE, plan, problems

PROXY = "TELEPORT_ROLE=proxy\nTELEPORT_DOMAIN_NAME=example.com\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
NODE = "TELEPORT_ROLE=node\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
AGENT = "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN=planted-token\n"
DATABASE = "TELEPORT_AGENT_DB_ENABLED=true\n"
DATABASE_REST = "TELEPORT_AGENT_DB_NAME=a\nTELEPORT_AGENT_DB_PROTOCOL=mysql\nTELEPORT_AGENT_DB_URI=c:1\n"
STORAGE = (
    "TELEPORT_DYNAMO_TABLE_NAME=state-1\nTELEPORT_DYNAMO_EVENTS_TABLE_NAME=events-1\nTELEPORT_S3_BUCKET=bucket-1\n"
)
AUTH = "TELEPORT_ROLE=auth\nTELEPORT_CLUSTER_NAME=c\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n" + STORAGE
LOCKS = "TELEPORT_LOCKS_TABLE_NAME=locks-1\n"
FOR_LETSENCRYPT = "TELEPORT_DOMAIN_NAME=example.com\nTELEPORT_DOMAIN_ADMIN_EMAIL=a@example.com\n"

# conf; for each problem the line (0 where something is absent), and words it must hold
REFUSED: dict[str, tuple[str, list[tuple[int, list[str]]]]] = {
    "proxy without anything": (
        "TELEPORT_ROLE=proxy\nUSE_ACM=true\n",
        [(0, ["TELEPORT_DOMAIN_NAME is not set", "proxy"]), (0, ["TELEPORT_AUTH_SERVER_LB is not set", "proxy"])],
    ),
    "proxy with Let's Encrypt and no bucket": (PROXY, [(0, ["TELEPORT_S3_BUCKET is not set", "Let's Encrypt"])]),
    "node without anything": (
        "TELEPORT_ROLE=node\n",
        [
            (0, ["TELEPORT_CLUSTER_NAME is not set", "TELEPORT_DOMAIN_NAME"]),
            (0, ["TELEPORT_AUTH_SERVER_LB is not set"]),
        ],
    ),
    "auth without anything": (
        "TELEPORT_ROLE=auth\nUSE_LETSENCRYPT=false\n",
        [
            (0, ["TELEPORT_CLUSTER_NAME is not set"]),
            (0, ["TELEPORT_AUTH_SERVER_LB is not set"]),
            (0, ["TELEPORT_DYNAMO_TABLE_NAME is not set"]),
            (0, ["TELEPORT_DYNAMO_EVENTS_TABLE_NAME is not set"]),
            (0, ["TELEPORT_S3_BUCKET is not set"]),
            (0, ["TELEPORT_LOCKS_TABLE_NAME is not set"]),
        ],
    ),
    "auth without locks": (
        AUTH + "USE_LETSENCRYPT=false\n",
        [(0, ["TELEPORT_LOCKS_TABLE_NAME is not set"])],
    ),
    "auth with Let's Encrypt by default": (
        AUTH + LOCKS,
        [
            (0, ["TELEPORT_DOMAIN_NAME is not set", "Let's Encrypt"]),
            (0, ["TELEPORT_DOMAIN_ADMIN_EMAIL is not set", "Let's Encrypt"]),
        ],
    ),
    "all-in-one with Let's Encrypt and nothing for it": (
        "USE_LETSENCRYPT=true\n",
        [
            (0, ["TELEPORT_DOMAIN_NAME is not set", "USE_LETSENCRYPT"]),
            (0, ["TELEPORT_DOMAIN_ADMIN_EMAIL is not set", "USE_LETSENCRYPT"]),
            (0, ["TELEPORT_S3_BUCKET is not set", "USE_LETSENCRYPT"]),
        ],
    ),
    "ACM without a domain": ("USE_ACM=true\n", [(0, ["TELEPORT_DOMAIN_NAME is not set", "USE_ACM"])]),
    "ACM and Let's Encrypt": (
        FOR_LETSENCRYPT + "USE_ACM=true\nUSE_LETSENCRYPT=true\n",
        [(4, ["USE_LETSENCRYPT and USE_ACM are both true"])],
    ),
    "a proxy with ACM and Let's Encrypt": (
        PROXY + "USE_LETSENCRYPT=yes\nUSE_ACM=1\n",
        [(4, ["USE_LETSENCRYPT and USE_ACM are both true"])],
    ),
    "plain HTTP and TLS routing, without a role": (
        "USE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\nUSE_TLS_ROUTING=true\n",
        [(3, ["USE_TLS_ROUTING", "plain HTTP", "TELEPORT_ACM_TARGET_PROTOCOL=https"])],
    ),
    "plain HTTP and TLS routing, on a proxy": (
        PROXY + "USE_ACM=true\nUSE_TLS_ROUTING=true\nTELEPORT_ACM_TARGET_PROTOCOL=http\n",
        [(5, ["USE_TLS_ROUTING", "plain HTTP"])],
    ),
    "plain HTTP and MongoDB": (
        "USE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\nTELEPORT_ENABLE_MONGODB=true\n",
        [(3, ["MongoDB needs TLS", "plain HTTP"])],
    ),
    "a license without a cluster to look it up for": (
        "TELEPORT_LICENSE_PATH=1\n",
        [(0, ["TELEPORT_CLUSTER_NAME is not set", "license"])],
    ),
    "an external hostname outside the domain": (
        "TELEPORT_DOMAIN_NAME=example.com\nTELEPORT_EXTERNAL_HOSTNAME=example.org\n",
        [(2, ["TELEPORT_EXTERNAL_HOSTNAME", "example.org", "example.com", "WebAuthn"])],
    ),
    "an external hostname that only ends like the domain": (
        "TELEPORT_DOMAIN_NAME=example.com\nTELEPORT_EXTERNAL_HOSTNAME=notexample.com\n",
        [(2, ["TELEPORT_EXTERNAL_HOSTNAME", "notexample.com"])],
    ),
    "an address beside a domain": (
        "TELEPORT_DOMAIN_NAME=example.com\nTELEPORT_EXTERNAL_HOSTNAME=192.0.2.7\n",
        [(2, ["TELEPORT_EXTERNAL_HOSTNAME", "192.0.2.7"])],
    ),
    "an agent with nothing": (
        "TELEPORT_ROLE=agent\n",
        [
            (1, ["no service enabled", "TELEPORT_AGENT_SSH_ENABLED", "TELEPORT_AGENT_KUBE_ENABLED"]),
            (0, ["TELEPORT_PROXY_SERVER_LB is not set"]),
            (0, ["TELEPORT_JOIN_TOKEN is not set"]),
        ],
    ),
    "an agent with every service off": (
        AGENT + "TELEPORT_AGENT_SSH_ENABLED=false\nTELEPORT_AGENT_DB_ENABLED=no\n",
        [(1, ["no service enabled"])],
    ),
    "a database without its settings": (
        AGENT + DATABASE,
        [
            (4, ["TELEPORT_AGENT_DB_NAME is not set"]),
            (4, ["TELEPORT_AGENT_DB_PROTOCOL is not set"]),
            (4, ["TELEPORT_AGENT_DB_URI is not set"]),
        ],
    ),
    "an application without its settings": (
        AGENT + "TELEPORT_AGENT_APP_ENABLED=true\n",
        [(4, ["TELEPORT_AGENT_APP_NAME is not set"]), (4, ["TELEPORT_AGENT_APP_URI is not set"])],
    ),
    "an empty setting is an absent one": (
        AGENT + DATABASE + DATABASE_REST + "TELEPORT_AGENT_DB_URI=\n",
        [(4, ["TELEPORT_AGENT_DB_URI is not set"])],
    ),
    "joining with the instance role and no token name": (
        NODE + "TELEPORT_CLUSTER_NAME=c\nTELEPORT_JOIN_METHOD=iam\n",
        [(4, ["TELEPORT_JOIN_METHOD=iam", "TELEPORT_JOIN_TOKEN_NAME"])],
    ),
    "two at once, of different kinds, in the order of their lines": (
        "TELEPORT_DYNAMO_TABLE_NAME=state-1\nTELEPORT_S3_BUCKET=bucket-1\nTELEPORT_DOMAIN_NAME=example.com\n"
        "USE_ACM=true\nUSE_TLS_ROUTING=true\nTELEPORT_EXTERNAL_HOSTNAME=example.org\n",
        [
            (1, ["TELEPORT_DYNAMO_EVENTS_TABLE_NAME"]),
            (5, ["USE_TLS_ROUTING"]),
            (6, ["TELEPORT_EXTERNAL_HOSTNAME"]),
        ],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    text, expected = REFUSED[case]
    found = problems(text)
    assert len(found) == len(expected), found
    for problem, (line, words) in zip(found, expected):
        assert problem.startswith(f"conf:{line}:" if line else "conf: "), problem
        for word in words:
            assert word in problem, problem


ACCEPTED = {
    "the shortest conf": ALL_IN_ONE,
    "a proxy that has its own certificate": PROXY + "USE_LETSENCRYPT=false\n",
    "a domain in capitals": "TELEPORT_DOMAIN_NAME=Example.com\nTELEPORT_EXTERNAL_HOSTNAME=access.example.COM\n",
    "plain HTTP and MySQL": "USE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\nTELEPORT_ENABLE_MYSQL=true\n",
    "a node does not mind what is said of certificates": NODE
    + "TELEPORT_DOMAIN_NAME=example.com\nUSE_ACM=true\nUSE_LETSENCRYPT=true\nUSE_TLS_ROUTING=true\n",
    "an agent with one service": AGENT + DATABASE + DATABASE_REST,
    "a token name without another method means nothing": NODE
    + "TELEPORT_CLUSTER_NAME=c\nTELEPORT_JOIN_TOKEN_NAME=nodes\n",
    "auth with ACM in front of its proxies": AUTH + LOCKS + "USE_ACM=true\n",
    "a single instance of the Terraform set-up": "TELEPORT_ROLE=auth,node,proxy\nTELEPORT_AUTH_SERVER_LB=localhost\n",
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted(case: str) -> None:
    assert problems(ACCEPTED[case]) == []


def test_the_role_monitor_is_refused_with_a_pointer_to_what_does_its_work() -> None:
    (problem,) = problems("TELEPORT_ROLE=monitor\n")
    assert problem.startswith("conf:1:") and "removed upstream" in problem and "metrics" in problem


@pytest.mark.parametrize("word", ["Auth", "auth,proxy", "auth,proxy,node", "proxies", "all", "node,", "nodes", "1"])
def test_a_mistyped_role_is_an_error_and_never_an_all_in_one(word: str) -> None:
    (problem,) = problems(f"TELEPORT_ROLE={word}\n")
    assert problem.startswith("conf:1:") and "TELEPORT_ROLE" in problem


@pytest.mark.parametrize("role", [ALL_IN_ONE, AUTH + LOCKS + FOR_LETSENCRYPT], ids=["all-in-one", "auth"])
@pytest.mark.parametrize(("text", "at_line"), [("", False), ("TELEPORT_AUTH_TYPE=local\n", True)])
def test_fips_needs_single_sign_on(role: str, text: str, at_line: bool) -> None:
    (problem,) = problems(role + text, fips=True)
    line = role.count("\n") + 1
    assert problem.startswith(f"conf:{line}:" if at_line else "conf: ")
    assert "TELEPORT_AUTH_TYPE" in problem and "github, saml or oidc" in problem
    assert problems(role + text) == []


@pytest.mark.parametrize("text", [PROXY + "USE_ACM=true\n", NODE + "TELEPORT_CLUSTER_NAME=c\n"])
def test_fips_asks_nothing_of_roles_without_auth_service(text: str) -> None:
    assert problems(text, fips=True) == []


def test_all_problems_come_as_one_error_with_the_status_for_a_bad_conf() -> None:
    with pytest.raises(errors.ConfInvalid) as caught:
        plan("TELEPORT_ROLE=agent\n")
    assert caught.value.exit_status == 2
    assert len(caught.value.findings) == 3
    assert "/etc/teleport.d/conf: 3 problems" in caught.value.message


def test_a_teleport_that_is_too_old_is_refused_by_its_version() -> None:
    with pytest.raises(errors.TeleportUnsupported) as caught:
        plan(ALL_IN_ONE, version="11.3.27")
    assert "11.3.27" in caught.value.message and "12" in caught.value.message
    assert caught.value.exit_status == 5
    assert plan(ALL_IN_ONE, version="12.0.0").document["version"] == "v3"


def test_row_14_a_license_on_a_community_build_is_a_note_with_the_line() -> None:
    """Teleport ignores it there, and the instance has to boot."""
    text = "TELEPORT_CLUSTER_NAME=c\nTELEPORT_LICENSE_PATH=/x\n"
    found = plan(text, edition="community")
    (note,) = [each for each in found.notes if "TELEPORT_LICENSE_PATH" in each]
    assert "/etc/teleport.d/conf:2 has no effect" in note and "community edition" in note
    assert "license_file" not in found.document["auth_service"]
    assert not [each for each in found.activation.secrets if "license" in each.path]
    assert not [each for each in plan(text, edition="enterprise").notes if "no effect" in each]
    assert plan(text, edition="enterprise").document["auth_service"]["license_file"] == "/var/lib/teleport/license.pem"
    assert plan(NODE + text, edition="community").document["auth_service"] == {"enabled": "no"}


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        ("TELEPORT_JOIN_TOKEN_PARAMETER=/a\n", "TELEPORT_JOIN_TOKEN and TELEPORT_JOIN_TOKEN_PARAMETER are both set"),
        (
            "TELEPORT_JOIN_METHOD=bound_keypair\nTELEPORT_JOIN_TOKEN_NAME=a\n",
            "TELEPORT_REGISTRATION_SECRET_PARAMETER is not set, but bound_keypair joins with a registration secret",
        ),
        (
            "TELEPORT_JOIN_METHOD=bound_keypair\nTELEPORT_REGISTRATION_SECRET_PATH=/a\n",
            "TELEPORT_JOIN_TOKEN_NAME is not set",
        ),
        (
            "TELEPORT_JOIN_METHOD=bound_keypair\nTELEPORT_JOIN_TOKEN_NAME=a\nTELEPORT_REGISTRATION_SECRET_PATH=/a\n"
            "TELEPORT_REGISTRATION_SECRET_PARAMETER=/a\n",
            "TELEPORT_REGISTRATION_SECRET_PATH and TELEPORT_REGISTRATION_SECRET_PARAMETER are both set",
        ),
    ],
)
def test_join_3_what_joining_needs_and_what_excludes_each_other(conf: str, expected: str) -> None:
    found = problems(AGENT + "TELEPORT_AGENT_SSH_ENABLED=true\n" + conf)
    assert [expected in each for each in found] == [True]


def test_join_3_an_auth_server_joins_nothing() -> None:
    assert ["joins nothing" in each for each in problems("TELEPORT_ROLE=\nTELEPORT_JOIN_METHOD=bound_keypair\n")] == [
        True
    ]
