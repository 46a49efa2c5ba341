"""Which keys of a backend belong to resources that people created."""

from __future__ import annotations

import pytest

from teleport_bootstrap.restore import local_data


@pytest.mark.parametrize(
    "key",
    ["/web/users/@teleport-access-approval-bot/params", "/roles/access/params", "/roles/auditor/params"],
)
def test_ignores_what_teleport_creates_at_its_first_start(key: str) -> None:
    assert not any(local_data.user_resources([key]).values())


def test_separates_users_connectors_roles_and_other_resources() -> None:
    keys = [
        "/web/users/alice/params",
        "/web/users/alice/pwd",
        "/web/connectors/saml/connectors/okta",
        "/roles/dba/params",
        "/roles/access/params",
        "/trustedclusters/leaf",
    ]
    assert local_data.user_resources(keys) == {
        "users": ["alice"],
        "connectors": ["saml/connectors/okta"],
        "roles": ["dba"],
        "resources": ["/trustedclusters/leaf"],
    }
