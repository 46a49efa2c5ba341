"""Join tokens as Teleport's resources."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from teleport_bootstrap.cluster import join_tokens
from teleport_bootstrap.secret import Secret

ACCOUNT = "123456789012"
NOW = 1_800_000_000.0  # in January 2027
WANTED = join_tokens.for_instance_role("iam-1", account=ACCOUNT, partition="aws", role="teleport-role")


def test_tokens_are_long_and_never_the_same() -> None:
    tokens = {join_tokens.fresh().reveal() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 64 for token in tokens)


@pytest.mark.parametrize(
    ("role", "system_role"), [("proxy", "Proxy"), ("node", "Node"), ("kube", "Kube"), ("app", "App"), ("db", "Db")]
)
def test_a_token_is_for_one_role_and_for_four_hours(role: str, system_role: str) -> None:
    given = join_tokens.temporary(Secret("planted"), role, now=1_700_000_000.9)
    assert "planted" not in repr(given)
    assert json.loads(given.reveal()) == {
        "kind": "token",
        "version": "v2",
        "metadata": {"name": "planted", "expires": "2023-11-15T02:13:20Z"},
        "spec": {"roles": [system_role], "join_method": "token"},
    }


def test_the_roles_are_those_of_the_contract() -> None:
    assert set(join_tokens.ROLES) == {"proxy", "node", "kube", "app", "db"}


def test_instances_join_by_the_account_and_the_role_that_they_have() -> None:
    china = join_tokens.for_instance_role("iam-1", account=ACCOUNT, partition="aws-cn", role="teleport-role")
    assert china["spec"]["allow"] == [
        {"aws_account": ACCOUNT, "aws_arn": f"arn:aws-cn:sts::{ACCOUNT}:assumed-role/teleport-role/i-*"}
    ]
    assert china["spec"]["join_method"] == "iam"


def test_row_j_a_resource_to_join_with_has_an_end_that_no_cluster_lives_to_see() -> None:
    """Teleport 12 gives one without any end half an hour."""
    assert WANTED["metadata"] == {"name": "iam-1", "expires": "2099-12-31T00:00:00Z"}


@pytest.mark.parametrize(
    "far",
    ["2099-12-31T00:00:00Z", "2099-12-31T00:00:00.000000001Z", "2050-01-01T00:00:00Z", "2099-12-31T01:00:00+01:00",
     "2037-01-20T00:00:00Z", "9999-12-31T23:59:59Z"],
)  # fmt: skip
def test_row_j_a_far_end_counts_as_none(far: str) -> None:
    found = _as_teleport_gives_it()
    found["metadata"]["expires"] = far
    assert join_tokens.is_as_wanted(found, WANTED, now=NOW)


@pytest.mark.parametrize("near", ["2027-01-15T08:30:00Z", "2036-12-01T00:00:00Z", "2020-01-01T00:00:00Z", "soon", 7])
def test_row_j_any_other_end_is_a_difference(near: object) -> None:
    found = _as_teleport_gives_it()
    found["metadata"]["expires"] = near
    assert not join_tokens.is_as_wanted(found, WANTED, now=NOW)


def _as_teleport_gives_it() -> dict[str, Any]:
    found = copy.deepcopy(WANTED)
    found["metadata"] |= {"revision": "5c0b", "labels": {"teleport.internal/x": "1"}, "expires": None}
    found["spec"] |= {"suggested_labels": {}, "bot_name": "", "aws_iid_ttl": 0, "join_method": "IAM"}
    found["spec"]["roles"] = list(reversed(found["spec"]["roles"]))
    found["spec"]["allow"][0]["aws_regions"] = None
    return found


def test_ignores_what_teleport_adds() -> None:
    assert join_tokens.is_as_wanted(_as_teleport_gives_it(), WANTED, now=NOW)


@pytest.mark.parametrize("never", [None, "", "0001-01-01T00:00:00Z"])
def test_an_unset_time_means_no_expiry(never: object) -> None:
    found = _as_teleport_gives_it()
    found["metadata"]["expires"] = never
    assert join_tokens.is_as_wanted(found, WANTED, now=NOW)


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        ("metadata", "expires", "2030-01-01T00:00:00Z"),
        ("metadata", "name", "iam-2"),
        ("spec", "join_method", "token"),
        ("spec", "join_method", "ec2"),
        ("spec", "roles", ["Node"]),
        ("spec", "roles", None),
        ("spec", "allow", None),
        ("spec", "allow", "x"),
        ("spec", "allow", [{"aws_account": ACCOUNT}]),
        ("spec", "allow", [{"aws_account": "999999999999"}]),
        ("spec", "allow", [*WANTED["spec"]["allow"], {"aws_account": "999999999999"}]),
    ],
)
def test_other_permissions_are_a_difference(place: str, key: str, value: object) -> None:
    found = _as_teleport_gives_it()
    found[place][key] = value
    assert not join_tokens.is_as_wanted(found, WANTED, now=NOW)


@pytest.mark.parametrize("found", [{}, {"metadata": None, "spec": "x"}, {"metadata": [], "spec": {"roles": [None]}}])
def test_anything_but_a_resource_is_a_difference(found: dict[str, Any]) -> None:
    assert not join_tokens.is_as_wanted(found, WANTED, now=NOW)


def test_the_token_of_a_proxy_that_is_a_node_too_allows_both_and_is_not_one_of_the_usual() -> None:
    made = json.loads(join_tokens.temporary(Secret("t"), join_tokens.PROXY_AND_NODE, now=0.0).reveal())
    assert made["spec"]["roles"] == ["Proxy", "Node"]
    assert join_tokens.PROXY_AND_NODE not in join_tokens.ROLES


def test_join_3_a_merged_resource_is_as_wanted() -> None:
    wanted = join_tokens.for_instance_role(
        "iam-1", account=ACCOUNT, partition="aws", role="teleport-role", others=("a", "teleport-role", "a")
    )
    assert [rule["aws_arn"].split("/")[1] for rule in wanted["spec"]["allow"]] == ["teleport-role", "a"]
    found = _as_teleport_gives_it()
    theirs = {"aws_account": "999999999999", "aws_arn": ""}
    found["spec"]["allow"].append(theirs)
    merged = join_tokens.merged(found, wanted)
    assert not join_tokens.is_as_wanted(found, merged, now=NOW)
    assert theirs in merged["spec"]["allow"] and len(merged["spec"]["allow"]) == 3
    assert "revision" not in merged["metadata"] and merged["metadata"]["labels"]["teleport.internal/x"] == "1"
    assert join_tokens.is_as_wanted(merged, join_tokens.merged(merged, wanted), now=NOW)


@pytest.mark.parametrize("allow", [None, "x", [None, "y"]])
def test_join_3_a_resource_with_odd_rules_gets_ours(allow: object) -> None:
    found = _as_teleport_gives_it()
    found["spec"]["allow"] = allow
    assert WANTED["spec"]["allow"][0] in join_tokens.merged(found, WANTED)["spec"]["allow"]
