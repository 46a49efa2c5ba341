"""The table of variables: complete, and consistent in itself."""

from __future__ import annotations

import pytest

from teleport_bootstrap.conf import refusals, variables
from teleport_bootstrap.conf.kinds import Unfit
from teleport_bootstrap.conf.variable import EVERY_ROLE

# The names that user-data, Terraform and operators rely on, and those that this agent added.
CONTRACT = """
TELEPORT_ROLE EC2_REGION TELEPORT_CLUSTER_NAME TELEPORT_DOMAIN_NAME TELEPORT_EXTERNAL_HOSTNAME TELEPORT_EXTERNAL_PORT
TELEPORT_AUTH_SERVER_LB TELEPORT_PROXY_SERVER_LB TELEPORT_PROXY_SERVER_NLB_ALIAS TELEPORT_AUTH_TYPE
TELEPORT_DOMAIN_ADMIN_EMAIL TELEPORT_DYNAMO_TABLE_NAME TELEPORT_DYNAMO_EVENTS_TABLE_NAME TELEPORT_S3_BUCKET
TELEPORT_LOCKS_TABLE_NAME TELEPORT_LICENSE_PATH TELEPORT_ENABLE_MYSQL TELEPORT_ENABLE_POSTGRES TELEPORT_ENABLE_MONGODB
USE_ACM USE_LETSENCRYPT USE_TLS_ROUTING PROXY_MULTIPLEXING TELEPORT_JOIN_TOKEN
TELEPORT_AGENT_SSH_ENABLED TELEPORT_AGENT_SSH_LABELS
TELEPORT_AGENT_DB_ENABLED TELEPORT_AGENT_DB_NAME TELEPORT_AGENT_DB_DESCRIPTION TELEPORT_AGENT_DB_PROTOCOL
TELEPORT_AGENT_DB_URI TELEPORT_AGENT_DB_REGION TELEPORT_AGENT_DB_REDSHIFT_CLUSTER_ID TELEPORT_AGENT_DB_LABELS
TELEPORT_AGENT_APP_ENABLED TELEPORT_AGENT_APP_NAME TELEPORT_AGENT_APP_DESCRIPTION TELEPORT_AGENT_APP_URI
TELEPORT_AGENT_APP_PUBLIC_ADDR TELEPORT_AGENT_APP_INSECURE_SKIP_VERIFY TELEPORT_AGENT_APP_LABELS
TELEPORT_AGENT_KUBE_ENABLED TELEPORT_AGENT_KUBE_CLUSTER_NAME TELEPORT_AGENT_KUBE_LABELS
TELEPORT_INFLUXDB_ADDRESS DEBUG
TELEPORT_ACM_TARGET_PROTOCOL TELEPORT_JOIN_METHOD TELEPORT_JOIN_TOKEN_NAME TELEPORT_COMMAND_LABELS TELEPORT_SSH_LABELS
TELEPORT_JOIN_THROUGH TELEPORT_PROXY_NODE_TOKEN TELEPORT_AGENT_DB_AWS_TYPES TELEPORT_AGENT_DB_AWS_REGIONS
TELEPORT_AGENT_DB_AWS_TAGS
TELEPORT_TAG_LABELS TELEPORT_NODENAME TELEPORT_WEB_LISTEN_PORT TELEPORT_RESTORE_FROM TELEPORT_SSM_KMS_KEY_ID
TELEPORT_FIPS TELEPORT_PROXY_PROTOCOL TELEPORT_ATHENA_EVENTS_URI TELEPORT_ATHENA_MIGRATION_MODE
TELEPORT_IAM_JOIN_ROLES TELEPORT_JOIN_TOKEN_PARAMETER TELEPORT_FETCH_SPREAD_SECONDS
TELEPORT_REGISTRATION_SECRET_PARAMETER TELEPORT_REGISTRATION_SECRET_PATH
TELEPORT_ACCESS_MONITORING_ROLE_ARN TELEPORT_ACCESS_MONITORING_REPORT_RESULTS TELEPORT_ACCESS_MONITORING_WORKGROUP
TELEPORT_SIGNAL TELEPORT_SIGNAL_SECONDS TELEPORT_DRAIN_HOOK TELEPORT_DRAIN_SECONDS
"""


def test_the_table_holds_the_contracts_variables_once_each_and_no_others() -> None:
    assert sorted(variable.name for variable in variables.TABLE) == sorted(CONTRACT.split())


def test_each_variable_is_a_constant_of_its_own_name() -> None:
    for variable in variables.TABLE:
        assert getattr(variables, variable.name) is variable


@pytest.mark.parametrize("variable", variables.TABLE, ids=lambda variable: variable.name)
def test_a_declaration_is_complete(variable: variables.Variable[object]) -> None:
    assert variable.help.endswith(".")
    assert variable.kind.name
    assert variable.roles
    assert set(variable.roles) <= set(EVERY_ROLE)
    assert refusals.for_special_name(variable.name) is None


def test_only_the_join_token_is_secret_and_only_command_labels_mean_something_when_empty() -> None:
    assert [variable.name for variable in variables.TABLE if variable.secret] == ["TELEPORT_JOIN_TOKEN"]
    assert [variable.name for variable in variables.TABLE if variable.empty_is_value] == ["TELEPORT_COMMAND_LABELS"]


@pytest.mark.parametrize("variable", variables.TABLE, ids=lambda variable: variable.name)
@pytest.mark.parametrize("text", ["\x00", "\n", "a\nb", "\ud800", "'", "💠" * 1000, "{{ x }}", "-", ":", "|", ","])
def test_every_type_answers_any_text_with_a_value_or_unfit(variable: variables.Variable[object], text: str) -> None:
    try:
        value = variable.parse(text)
    except Unfit as unfit:
        assert unfit.hint
        unfit.message.encode()
    else:
        assert value is not None
