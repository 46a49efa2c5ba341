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
SERVING = f"""\
version: v3
teleport: {{proxy_server: 'tp.acmeinc.com:443'}}
ssh_service: {{enabled: 'no'}}
{OFF}db_service:
  enabled: 'yes'
  databases:
  - {{name: orders, protocol: postgres, uri: 'orders.acmeinc.com:5432', static_labels: {{env: prod}}}}
  - {{name: stock, protocol: mysql, uri: 'stock.x1.eu-west-1.rds.amazonaws.com:3306', aws: {{region: eu-west-1}}}}
  - {{name: 'a "b"', protocol: mysql, uri: 'other.acmeinc.com:3306'}}
  - {{name: lake, protocol: postgres, uri: 'lake.acmeinc.com:5439', admin_user: {{name: admin}},
      aws: {{region: eu-west-1, redshift: {{cluster_id: lake-1}}}}}}
  aws:
  - {{types: [rds, elasticache], regions: [eu-west-1], tags: {{team: core}}}}
app_service:
  enabled: 'yes'
  apps:
  - {{name: wiki, uri: 'http://127.0.0.1:8080', public_addr: wiki.acmeinc.com, labels: {{team: core}}}}
  - {{name: grafana, uri: 'https://127.0.0.1:3000', insecure_skip_verify: 'true'}}
kubernetes_service: {{enabled: 'yes', kube_cluster_name: eks, labels: {{env: prod}}}}
"""
DESKTOPS = f"""\
version: v3
teleport: {{proxy_server: 'tp.acmeinc.com:443'}}
ssh_service: {{enabled: 'no'}}
{OFF}windows_desktop_service: {{enabled: 'yes'}}
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


@pytest.mark.parametrize(
    "text", [AGENT, ALL, SERVING, DESKTOPS], ids=["agent", "all-in-one", "databases and applications", "desktops"]
)
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


def test_issue_19_point_7_databases_applications_and_kubernetes_are_in_the_conf() -> None:
    lines = existing.propose(meaning(SERVING)).text.split("\n")
    for line in (
        'TELEPORT_AGENT_DB_ENABLED="true"',
        'TELEPORT_AGENT_DB_URI="orders.acmeinc.com:5432"',
        'TELEPORT_AGENT_DB_LABELS="env: prod"',
        'TELEPORT_AGENT_DB_2_NAME="stock"',
        'TELEPORT_AGENT_DB_2_REGION="eu-west-1"',
        'TELEPORT_AGENT_DB_3_REDSHIFT_CLUSTER_ID="lake-1"',
        'TELEPORT_AGENT_DB_AWS_TYPES="rds,elasticache"',
        'TELEPORT_AGENT_DB_AWS_TAGS="team: core"',
        'TELEPORT_AGENT_APP_PUBLIC_ADDR="wiki.acmeinc.com"',
        'TELEPORT_AGENT_APP_2_INSECURE_SKIP_VERIFY="true"',
        'TELEPORT_AGENT_KUBE_CLUSTER_NAME="eks"',
    ):
        assert line in lines
    assert not any("SSH_ENABLED" in line or 'a "b"' in line for line in lines)


def test_names_without_quotes_and_regions_of_addresses_are_read() -> None:
    text = ALL.replace("cluster_name: main", "cluster_name: 5").replace("events'", "events?region=us-east-1'")
    proposed = existing.propose(meaning(text.replace("records'", "records?region=us-east-1'"))).text
    assert 'TELEPORT_CLUSTER_NAME="5"' in proposed
    assert 'TELEPORT_DYNAMO_EVENTS_TABLE_NAME="events"' in proposed and 'TELEPORT_S3_BUCKET="recordings"' in proposed
