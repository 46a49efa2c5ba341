"""Faults that public reports and files showed, each named after its row in the list of them."""

from __future__ import annotations

import pytest

from teleport_bootstrap.conf import conf_file
from tests.unit.plan.planning import plan, problems

CLUSTER = "TELEPORT_CLUSTER_NAME=c\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"


def warned(text: str) -> list[str]:
    """Return the subjects of the warnings about the conf `text`."""
    return [each.subject for each in conf_file.load(text.encode()).warnings]


@pytest.mark.parametrize(
    "line",
    [
        *("TELEPORT_ROLES=node", "TELEPORT_ROEL=agent", "TELEPORTROLE=proxy", "teleport_role=node", "TELPORT_ROLES=x"),
        *("TELEPROT_ROLE=auth", "ROLE=node", "ROLES=auth,node", "Role=nodde", "INSTANCE_ROLE=Nodes", "NODE_ROLE=proxy"),
    ],
)
def test_row_1_a_name_that_was_meant_to_be_the_role_is_an_error(line: str) -> None:
    found = problems(f"{CLUSTER}{line}\n")
    assert len(found) == 1
    assert found[0].startswith(f"conf:3:1: {line.partition('=')[0]} ") and "did you mean TELEPORT_ROLE?" in found[0]


@pytest.mark.parametrize("line", ["TELEPORT_ROLES=node", "teleport_role=node"])
def test_row_1_a_slip_of_the_role_is_an_error_beside_the_role_too(line: str) -> None:
    assert len(problems(f"{CLUSTER}TELEPORT_ROLE=node\n{line}\n")) == 1


@pytest.mark.parametrize(
    "text", ["", "\n", "# TELEPORT_ROLE=node\n", "# a\n\n# b\n", "BASE=a.example.com\n", "A=1 B=$A"]
)
def test_row_1_a_conf_that_assigns_nothing_known_is_an_error(text: str) -> None:
    found = problems(text)
    assert len(found) == 1 and "assigns no variable" in found[0]


@pytest.mark.parametrize(
    "text",
    [
        *("TELEPORT_ROLE=\n", "DEBUG=true\n", "TELEPORT_NODENAME=\n", "TELEPORT_INFLUXDB_ADDRESS=\n"),
        *(f"R=node\n{CLUSTER}TELEPORT_ROLE=$R\n", f"ROLE=node\n{CLUSTER}TELEPORT_ROLE=$ROLE\n"),
        *(
            f"ROLE=node\n{CLUSTER}TELEPORT_ROLE=node\n",
            f"TELEPORT_ROLES=\n{CLUSTER}",
            f"TELEPORT_ROLE_ARN=arn:aws:iam::1:role/node\n{CLUSTER}",
        ),
        *(f"ROLE=arn:aws:iam::1:role/x\n{CLUSTER}", f"IAM_ROLE=teleport\n{CLUSTER}", f"TELEPORT_NODE=x\n{CLUSTER}"),
        *(f"CONTROLLER=prod\n{CLUSTER}", f"TELEPORT_QQQQ=1\n{CLUSTER}", f"MINE=1\n{CLUSTER}"),
    ],
)
def test_row_1_other_unknown_names_and_empty_values_stay_accepted(text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize(
    ("text", "subjects"),
    [
        ("DOMAIN_NAME=a.example.com\nDEBUG=true\n", ["DOMAIN_NAME"]),
        ("ACM=true\nDEBUG=true\n", ["ACM"]),
        ("TELEPROT_DOMAIN_NAME=a.example.com\nDEBUG=true\n", ["TELEPROT_DOMAIN_NAME"]),
        ("DOMAIN_NAME=a.example.com\nTELEPORT_DOMAIN_NAME=$DOMAIN_NAME\n", []),
        ("DOMAIN_NAME=a.example.com\nTELEPORT_DOMAIN_NAME=b.example.com\n", []),
        ("DOMAIN=a.example.com\nDEBUG=true\n", []),
    ],
)
def test_row_1_other_names_that_were_meant_to_be_ours_are_no_longer_silent(text: str, subjects: list[str]) -> None:
    assert warned(text) == subjects


@pytest.mark.parametrize("hostname", [None, "db-1.corp.example"])
def test_row_10_a_node_with_a_name_of_its_own_needs_no_private_dns_name(hostname: str | None) -> None:
    assert plan("TELEPORT_NODENAME=web-7\n", local_hostname=hostname).document["teleport"]["nodename"] == "web-7"
