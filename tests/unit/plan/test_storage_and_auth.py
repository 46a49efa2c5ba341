"""Where state is kept, and what auth_service says of names and of people signing in."""

from __future__ import annotations

import pytest

from tests.unit.plan.planning import ALL_IN_ONE, plan, problems
from tests.unit.plan.test_roles import AUTH

TABLE, EVENTS, BUCKET = (
    "TELEPORT_DYNAMO_TABLE_NAME=state-1\n",
    "TELEPORT_DYNAMO_EVENTS_TABLE_NAME=events-1\n",
    "TELEPORT_S3_BUCKET=bucket-1\n",
)
LOCAL = {"type": "dir", "path": "/var/lib/teleport/backend"}


def test_an_all_in_one_with_both_tables_and_the_bucket_keeps_its_state_there() -> None:
    assert plan(TABLE + EVENTS + BUCKET).document["teleport"]["storage"] == {
        "type": "dynamodb",
        "region": "us-east-1",
        "table_name": "state-1",
        "audit_events_uri": "dynamodb://events-1",
        "audit_sessions_uri": "s3://bucket-1/records",
    }


def test_the_region_of_the_conf_wins() -> None:
    document = plan("EC2_REGION=eu-central-1\n" + TABLE + EVENTS + BUCKET).document
    assert document["teleport"]["storage"]["region"] == "eu-central-1"


@pytest.mark.parametrize("text", [ALL_IN_ONE, BUCKET, "TELEPORT_LOCKS_TABLE_NAME=locks-1\n"])
def test_an_all_in_one_without_tables_keeps_its_state_on_its_disk(text: str) -> None:
    assert plan(text).document["teleport"]["storage"] == LOCAL


@pytest.mark.parametrize(
    ("text", "line", "absent"),
    [
        (TABLE, 1, ["TELEPORT_DYNAMO_EVENTS_TABLE_NAME", "TELEPORT_S3_BUCKET"]),
        (EVENTS, 1, ["TELEPORT_DYNAMO_TABLE_NAME", "TELEPORT_S3_BUCKET"]),
        ("# storage\n" + TABLE + EVENTS, 2, ["TELEPORT_S3_BUCKET"]),
        (BUCKET + TABLE, 2, ["TELEPORT_DYNAMO_EVENTS_TABLE_NAME"]),
        (BUCKET + EVENTS, 2, ["TELEPORT_DYNAMO_TABLE_NAME"]),
    ],
)
def test_a_table_without_the_rest_is_an_error_at_its_line(text: str, line: int, absent: list[str]) -> None:
    found = problems(text)
    assert len(found) == len(absent)
    for problem, name in zip(found, absent):
        assert problem.startswith(f"conf:{line}:")
        assert f"{name} is not set" in problem


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("TELEPORT_AUTH_SERVER_LB=nlb.example.com\n", "nlb.example.com:3025"),
        ("TELEPORT_AUTH_SERVER_LB=localhost\n", None),
        (ALL_IN_ONE, None),
    ],
)
def test_public_address_of_an_all_in_ones_auth_server(text: str, public: str | None) -> None:
    assert plan(text).document["auth_service"].get("public_addr") == public


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        (ALL_IN_ONE, None),
        ("PROXY_MULTIPLEXING=multiplex\n", "multiplex"),
        ("PROXY_MULTIPLEXING=separate\n", "separate"),
        ("USE_TLS_ROUTING=true\n", "multiplex"),
        ("USE_TLS_ROUTING=true\nPROXY_MULTIPLEXING=separate\n", "multiplex"),
        ("USE_TLS_ROUTING=false\n", None),
    ],
)
@pytest.mark.parametrize("role", [ALL_IN_ONE, AUTH], ids=["all-in-one", "auth"])
def test_proxy_listener_mode(role: str, text: str, mode: str | None) -> None:
    assert plan(role + text).document["auth_service"].get("proxy_listener_mode") == mode


@pytest.mark.parametrize("kind", ["local", "github", "saml", "oidc"])
def test_authentication_type(kind: str) -> None:
    assert plan(f"TELEPORT_AUTH_TYPE={kind}\n").document["auth_service"]["authentication"]["type"] == kind


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("12.4.0", {"second_factor": "on"}),
        ("13.4.26", {"second_factor": "on"}),
        ("14.3.36", {"second_factor": "on"}),
        ("16.5.0", {"second_factor": "on"}),
        ("17.0.0", {"second_factors": ["webauthn", "otp"]}),
        ("18.1.2", {"second_factors": ["webauthn", "otp"]}),
        ("18.0.0-alpha.1", {"second_factors": ["webauthn", "otp"]}),
    ],
)
def test_second_factors_with_a_domain_by_version(version: str, expected: dict[str, object]) -> None:
    authentication = plan("TELEPORT_DOMAIN_NAME=example.com\n", version=version).document["auth_service"][
        "authentication"
    ]
    assert authentication == {**expected, "webauthn": {"rp_id": "example.com"}}


@pytest.mark.parametrize(
    ("version", "expected"),
    [("16.5.0", {"second_factor": "otp"}), ("17.0.0", {"second_factors": ["otp"]})],
)
def test_second_factors_without_a_domain_are_one_time_codes(version: str, expected: dict[str, object]) -> None:
    assert plan(ALL_IN_ONE, version=version).document["auth_service"]["authentication"] == expected


@pytest.mark.parametrize(
    ("version", "known"), [("12.0.1", False), ("13.4.26", False), ("14.0.0", True), ("17.5.1", True), ("18.0.0", True)]
)
def test_trust_x_forwarded_for_is_written_where_teleport_knows_it(version: str, known: bool) -> None:
    planned = plan("USE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\n", version=version)
    assert planned.document["proxy_service"].get("trust_x_forwarded_for", False) is known
    assert any("trust_x_forwarded_for" in note for note in planned.notes) is not known


@pytest.mark.parametrize("role", [ALL_IN_ONE, AUTH], ids=["all-in-one", "auth"])
@pytest.mark.parametrize("kind", ["github", "saml", "oidc"])
def test_fips_turns_local_users_off(role: str, kind: str) -> None:
    authentication = plan(role + f"TELEPORT_AUTH_TYPE={kind}\n", fips=True).document["auth_service"]["authentication"]
    assert authentication["local_auth"] is False
    assert authentication["type"] == kind
    assert "local_auth" not in plan(role).document["auth_service"]["authentication"]
