"""Terraform files that patch Athena into teleport.yaml after `generate` leave a file that means what they intend."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulated.agent import Agent
from tests.simulated_ec2 import imds as emulator

AUTH = (
    "TELEPORT_ROLE=auth\nTELEPORT_CLUSTER_NAME=acme\nTELEPORT_DOMAIN_NAME=teleport.acmeinc.com\nEC2_REGION=us-west-2\n"
    "TELEPORT_AUTH_SERVER_LB=auth.acmeinc.com\nTELEPORT_AUTH_TYPE=github\nTELEPORT_DYNAMO_TABLE_NAME=acme\n"
    "TELEPORT_DYNAMO_EVENTS_TABLE_NAME=acme_events-1.x\nTELEPORT_LOCKS_TABLE_NAME=acme-locks\n"
    "TELEPORT_S3_BUCKET=acme\nUSE_LETSENCRYPT=false\n"
)
URI = (
    "athena://acme.audit_events?topicArn=arn:aws:sns:us-west-2:123456789012:a&largeEventsS3=s3://acme-a/large"
    "&locationS3=s3://acme-b/events&queueURL=https://sqs.us-west-2.amazonaws.com/123456789012/a"
)
ROLE = "arn:aws:iam::123456789012:role/acme-monitoring"
MONITORING = {
    "enabled": True,
    "role_arn": ROLE,
    "report_results": "s3://acme-b/reports",
    "workgroup": "acme",
}
ATHENA = (
    f"TELEPORT_ATHENA_EVENTS_URI='{URI}'\nTELEPORT_ACCESS_MONITORING_ROLE_ARN={ROLE}\n"
    "TELEPORT_ACCESS_MONITORING_REPORT_RESULTS=s3://acme-b/reports\nTELEPORT_ACCESS_MONITORING_WORKGROUP=acme\n"
)
# What such a script does: it replaces one line, which it knows by its beginning, and appends settings of auth_service.
PATCH = r"""
set -e
sed -i "s|^    audit_events_uri: dynamodb://.*|    audit_events_uri: '$2'|" "$1"
grep -q access_monitoring: "$1" || cat >>"$1" <<END
  access_monitoring:
    enabled: true
    role_arn: $3
    report_results: s3://acme-b/reports
    workgroup: acme
END
"""


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    root = tmp_path / "root"
    (root / "etc/teleport.d").mkdir(parents=True)
    return Agent(root, imds=imds.url)


def patched(agent: Agent) -> dict[str, Any]:
    """Return the document that the script leaves."""
    subprocess.run(
        ["bash", "-c", PATCH, "patch", str(agent.teleport_yaml), URI.replace("&", r"\&"), ROLE], check=True, timeout=60
    )
    found: dict[str, Any] = yaml.safe_load(agent.teleport_yaml.read_text())
    return found


def generated(agent: Agent, conf: str) -> dict[str, Any]:
    agent.conf(conf)
    done = agent.generate()
    assert done.status == 0, done.errors
    found: dict[str, Any] = yaml.safe_load(agent.teleport_yaml.read_text())
    return found


@pytest.mark.parametrize("override", [None, "kubernetes_service:\n  enabled: no\nmetrics_service:\n  enabled: no\n"])
def test_fact_6_a_script_that_appends_settings_leaves_a_right_file(agent: Agent, override: str | None) -> None:
    """Also where an override adds sections, auth_service is the last one."""
    if override is not None:
        agent.write("/etc/teleport.d/teleport.yaml.d/10-more.yaml", override)
    before = generated(agent, AUTH)
    after = patched(agent)
    assert after["teleport"]["storage"].pop("audit_events_uri") == URI
    assert after["auth_service"].pop("access_monitoring") == MONITORING
    assert before["teleport"]["storage"].pop("audit_events_uri") == "dynamodb://acme_events-1.x"
    assert after == before


@pytest.mark.parametrize(
    ("mode", "uris"),
    [
        ("", URI),
        ("TELEPORT_ATHENA_MIGRATION_MODE=dual_dynamo_primary\n", ["dynamodb://acme_events-1.x", URI]),
        ("TELEPORT_ATHENA_MIGRATION_MODE=dual_athena_primary\n", [URI, "dynamodb://acme_events-1.x"]),
    ],
    ids=["Athena alone", "DynamoDB first", "Athena first"],
)
def test_fact_6_with_the_variables_the_script_changes_nothing(agent: Agent, mode: str, uris: object) -> None:
    before = generated(agent, AUTH + ATHENA + mode)
    text = agent.teleport_yaml.read_text()
    assert before["teleport"]["storage"]["audit_events_uri"] == uris
    assert before["auth_service"]["access_monitoring"] == MONITORING
    assert patched(agent) == before
    assert agent.teleport_yaml.read_text() == text
