"""A conf for a host whose teleport.yaml was written by other means: valid, near to it, and without its secrets."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from teleport_bootstrap.cli import sources
from teleport_bootstrap.launch import existing
from teleport_bootstrap.plan import adoption, comparison, overrides, planner, requirements, teleport_build
from teleport_bootstrap.roles import Role

OFF = "auth_service: {enabled: 'no'}\nproxy_service: {enabled: 'no'}\n"
AGENT = f"""\
version: v3
teleport:
  nodename: host-1
  proxy_server: tp.acmeinc.com:443
  auth_token: {"planted-token"}
ssh_service:
  enabled: yes
  labels: {{env: prod, odd: 'a|b'}}
{OFF}"""
NODE = f"version: v2\nteleport:\n  auth_servers: ['auth.acmeinc.com:3025']\nssh_service: {{enabled: 'yes'}}\n{OFF}"
ALL = """\
version: v3
teleport:
  storage: {type: dynamodb, table_name: state, audit_events_uri: ['dynamodb://events'],
    audit_sessions_uri: 's3://recordings/records'}
auth_service:
  enabled: 'yes'
  cluster_name: main
  authentication: {type: github}
proxy_service:
  enabled: 'yes'
  public_addr: tp.acmeinc.com:443
ssh_service: {enabled: 'yes'}
"""


def meaning(text: str) -> dict[str, Any]:
    found: dict[str, Any] = adoption.meaning(yaml.load(text, Loader=yaml.BaseLoader))
    return found


@pytest.mark.parametrize(
    ("text", "role", "to_fill"),
    [
        (AGENT, Role.AGENT, ()),
        (NODE, Role.NODE, ("TELEPORT_CLUSTER_NAME",)),
        (ALL, Role.ALL, ()),
        (ALL.replace("enabled: 'yes'\n  public_addr", "enabled: 'no'\n  public_addr"), Role.AUTH, None),
        (
            f"version: v3\nteleport: {{proxy_server: 'tp.acmeinc.com:443'}}\nssh_service: {{enabled: 'no'}}\n{OFF}",
            Role.AGENT,
            (),
        ),
    ],
    ids=["agent", "node", "all-in-one", "auth", "agent without SSH"],
)
def test_issue_19_point_7_the_role_and_what_is_to_be_filled_in(
    text: str, role: Role, to_fill: tuple[str, ...] | None
) -> None:
    found = existing.propose(meaning(text))
    assert found.role is role
    if to_fill is None:
        assert found.to_fill == ("TELEPORT_AUTH_SERVER_LB", "TELEPORT_LOCKS_TABLE_NAME")
    else:
        assert found.to_fill == to_fill


@pytest.mark.parametrize("text", [AGENT, ALL], ids=["agent", "all-in-one"])
def test_issue_19_point_7_the_proposed_conf_and_an_override_give_the_same_document(text: str) -> None:
    wanted = meaning(text)
    conf = requirements.load(existing.propose(wanted).text.encode(), "conf")
    build = teleport_build.NEWEST
    base = adoption.meaning(planner.unjudged(conf, sources.ANY_INSTANCE, build))
    file = overrides.Override("/adopted.yaml", adoption.override(base, wanted).encode())
    made = adoption.meaning(planner.unjudged(conf, sources.ANY_INSTANCE, build, (file,)))
    assert comparison.same(made, wanted)


def test_issue_19_point_7_the_token_is_not_in_the_conf_and_odd_values_stay_in_the_file() -> None:
    text = existing.propose(meaning(AGENT)).text
    assert "planted-token" not in text and 'TELEPORT_JOIN_TOKEN_PARAMETER="/teleport/join-token"' in text
    assert "TELEPORT_AGENT_SSH_LABELS" not in text, "a label with | cannot be written there"
    assert 'TELEPORT_NODENAME="host-1"' in text and 'TELEPORT_PROXY_SERVER_LB="tp.acmeinc.com:443"' in text
