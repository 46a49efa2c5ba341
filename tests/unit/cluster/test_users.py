"""Users: their names, which of them are people, and the link of an invitation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from teleport_bootstrap import errors, masking, secret
from teleport_bootstrap.cluster import users
from teleport_bootstrap.secret import Secret

TOKEN = "2f1e0d9c8b7a69584736251403f2e1d0"


def of(name: str, **labels: str) -> dict[str, Any]:
    return {"kind": "user", "version": "v2", "metadata": {"name": name, "labels": labels or None}, "spec": {}}


def link(address: str) -> Secret:
    return Secret(f"https://{address}/web/invite/{TOKEN}")


@pytest.mark.parametrize("name", ["alice", "Alice.B", "alice@example.com", "a", "svc_1+x-y", "a" * 128])
def test_issue_18_point_4_names_that_are_taken(name: str) -> None:
    assert users.name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "-x", "--roles=editor", "@teleport-access-approval-bot", "a b", "a/b", "a,b", "a\n", "ä", "a" * 129, "a;b"],
)
def test_issue_18_point_4_names_that_are_refused(name: str) -> None:
    with pytest.raises(errors.UsageError, match=r"the name of the user cannot be"):
        users.name(name)


def test_issue_18_point_4_lists() -> None:
    assert users.logins("ec2-user, admin,ec2-user") == ("ec2-user", "admin")
    assert users.roles("editor,access") == ("editor", "access")
    for wrong in ("", "a,,b", "-x", "a b", "root,--x", "{{internal.logins}}", "*"):
        with pytest.raises(errors.UsageError, match="a login cannot be"):
            users.logins(wrong)
        with pytest.raises(errors.UsageError, match="a role cannot be"):
            users.roles(wrong)


def test_issue_18_point_4_people_are_not_teleports_own_users_nor_bots() -> None:
    listed = [
        of("alice"),
        of("@teleport-access-approval-bot", **{"teleport.internal/resource-type": "system"}),
        of("@new-kind"),
        of("other-system", **{"teleport.internal/resource-type": "system"}),
        of("preset", **{"teleport.internal/resource-type": "preset"}),
        of("bot-ci", **{"teleport.internal/bot": "ci"}),
        {"metadata": None},
        {"metadata": {"name": 7}},
        {},
    ]
    assert users.people(listed) == ("alice", "preset")
    assert users.people([]) == ()


def test_issue_18_point_4_an_invitation_is_read_from_json_and_from_text() -> None:
    url = f"https://teleport.example.com:443/web/invite/{TOKEN}"
    metadata = {"name": TOKEN, "expires": "2026-11-29T14:35:01.123456Z"}
    found = users.invitation(json.dumps({"kind": "user_token", "metadata": metadata, "spec": {"url": url}}))
    assert found == users.Invitation(Secret(url), "2026-11-29T14:35:01+00:00")
    text = f'User "a" has been created but requires a password.\n{url}\n\nNOTE: Make sure x points at a proxy.\n'
    assert users.invitation(text) == users.Invitation(Secret(url), None)
    older = users.invitation(f"https://<proxyhost>:3080/web/newuser/{TOKEN}")
    assert older is not None and older.link.reveal().endswith(f"/web/newuser/{TOKEN}")


@pytest.mark.parametrize(
    "output",
    ["", "{}", "[]", "7", "created", '{"spec": {"url": 7}}', '{"spec": {"url": "http://x/web/invite/abc"}}'],
)
def test_issue_18_point_4_output_without_a_link_is_refused(output: str) -> None:
    assert users.invitation(output) is None


def test_issue_18_point_4_the_token_of_a_link_is_a_secret_from_then_on() -> None:
    secret.forget()
    users.invitation(f"https://teleport.example.com/web/invite/{TOKEN}")
    assert TOKEN not in masking.mask(f"x {TOKEN} y https://other.example.com/web/invite/{TOKEN}")


ALL_IN_ONE = {
    "proxy_service": {"enabled": "yes", "web_listen_addr": "0.0.0.0:3080", "public_addr": "teleport.example.com:443"},
    "auth_service": {"enabled": "yes", "authentication": {"webauthn": {"rp_id": "example.com"}}},
}
AUTH = {"proxy_service": {"enabled": "no"}, "auth_service": ALL_IN_ONE["auth_service"]}
UNKNOWN = {"proxy_service": {"enabled": "no"}, "auth_service": {"enabled": "yes"}}


@pytest.mark.parametrize(
    ("document", "said", "wanted", "note"),
    [
        # A proxy beside the auth server: its public address is what people use.
        (ALL_IN_ONE, "teleport.example.com:443", "teleport.example.com:443", ""),
        (ALL_IN_ONE, "Teleport.Example.com", "Teleport.Example.com", ""),
        (ALL_IN_ONE, "<proxyhost>:3080", "teleport.example.com", "no proxy has joined the cluster yet"),
        (ALL_IN_ONE, "%3Cproxyhost%3E:3080", "teleport.example.com", "no proxy has joined the cluster yet"),
        (ALL_IN_ONE, "ip-10-0-0-12.ec2.internal:3080", "teleport.example.com", "Teleport named ip-10-0-0-12"),
        (ALL_IN_ONE, "teleport.example.com:3080", "teleport.example.com", "Teleport named teleport.example.com:3080"),
        # None: the domain of security keys is in every address of the cluster.
        (AUTH, "teleport.example.com:443", "teleport.example.com:443", ""),
        (AUTH, "example.com:8443", "example.com:8443", ""),
        (AUTH, "<proxyhost>:3080", "example.com", "the link works once one answers at example.com"),
        (AUTH, "ip-10-0-0-12:3080", "example.com", "Teleport named ip-10-0-0-12:3080"),
        (AUTH, "badexample.com:443", "example.com", "Teleport named badexample.com:443"),
        # Nothing is known here.
        (UNKNOWN, "teleport.example.com:443", "teleport.example.com:443", ""),
        (UNKNOWN, "<proxyhost>:3080", "<proxyhost>:3080", "put the address of one in place of <proxyhost>:3080"),
        ({}, "x:1", "x:1", ""),
    ],
)
def test_issue_18_point_4_the_link_is_at_an_address_that_people_reach(
    document: dict[str, Any], said: str, wanted: str, note: str
) -> None:
    found = users.reachable(link(said), document)
    assert found.link == link(wanted)
    assert note in found.note and bool(note) == bool(found.note)
    assert TOKEN not in found.note


def test_issue_18_point_4_several_public_addresses_and_ports() -> None:
    proxy = {
        "enabled": "yes",
        "web_listen_addr": "0.0.0.0:3080",
        "public_addr": ["a.example.com", "[2001:db8::1]:8443"],
    }
    document = {"proxy_service": proxy}
    for said in ("a.example.com:3080", "[2001:db8::1]:8443"):
        assert users.reachable(link(said), document).note == ""
    assert users.reachable(link("b:1"), document).link == link("a.example.com:3080")


def test_issue_18_point_4_local_users() -> None:
    assert users.takes_local_users({}) and users.takes_local_users(ALL_IN_ONE)
    for word in (False, "no", "false"):
        assert not users.takes_local_users({"auth_service": {"authentication": {"local_auth": word}}})
