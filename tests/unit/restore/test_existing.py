"""Which keys of a backend are a person's doing."""

from __future__ import annotations

import pytest

from teleport_bootstrap.restore import existing


@pytest.mark.parametrize(
    "key",
    ["/web/users/@teleport-access-approval-bot/params", "/roles/access/params", "/roles/auditor/params"],
)
def test_what_teleport_makes_by_itself_is_nobodys(key: str) -> None:
    assert existing.sorted_out([key]) == ([], [], [], [])


def test_users_connectors_roles_and_the_rest_are_told_apart() -> None:
    keys = [
        "/web/users/alice/params",
        "/web/users/alice/pwd",
        "/web/connectors/saml/connectors/okta",
        "/roles/dba/params",
        "/roles/access/params",
        "/trustedclusters/leaf",
    ]
    assert existing.sorted_out(keys) == (["alice"], ["saml/connectors/okta"], ["dba"], ["/trustedclusters/leaf"])
