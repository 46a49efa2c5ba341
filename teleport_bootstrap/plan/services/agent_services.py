"""The sections that only an agent enables: `db_service:`, `app_service:` and `kubernetes_service:`."""

from __future__ import annotations

from typing import Any

from teleport_bootstrap.conf import variables
from teleport_bootstrap.plan import label_values, plan_inputs


def database(inputs: plan_inputs.Inputs) -> dict[str, Any]:
    """Return `db_service:` with the one database of the conf."""
    served: dict[str, Any] = {"name": inputs.need(variables.TELEPORT_AGENT_DB_NAME)}
    description = inputs.get(variables.TELEPORT_AGENT_DB_DESCRIPTION)
    if description is not None:
        served["description"] = description
    served["protocol"] = inputs.need(variables.TELEPORT_AGENT_DB_PROTOCOL)
    served["uri"] = inputs.need(variables.TELEPORT_AGENT_DB_URI)
    served["aws"] = {"region": inputs.certain(variables.TELEPORT_AGENT_DB_REGION)}
    redshift = inputs.get(variables.TELEPORT_AGENT_DB_REDSHIFT_CLUSTER_ID)
    if redshift is not None:
        served["aws"]["redshift"] = {"cluster_id": redshift}
    static = label_values.static(inputs, variables.TELEPORT_AGENT_DB_LABELS)
    if static:
        served["static_labels"] = static
    return {"enabled": "yes", "databases": [served]}


def application(inputs: plan_inputs.Inputs) -> dict[str, Any]:
    """Return `app_service:` with the one application of the conf."""
    served: dict[str, Any] = {"name": inputs.need(variables.TELEPORT_AGENT_APP_NAME)}
    description = inputs.get(variables.TELEPORT_AGENT_APP_DESCRIPTION)
    if description is not None:
        served["description"] = description
    served["uri"] = inputs.need(variables.TELEPORT_AGENT_APP_URI)
    public_address = inputs.get(variables.TELEPORT_AGENT_APP_PUBLIC_ADDR)
    if public_address is not None:
        served["public_addr"] = public_address
    insecure = inputs.get(variables.TELEPORT_AGENT_APP_INSECURE_SKIP_VERIFY)
    if insecure is not None and insecure.value:
        served["insecure_skip_verify"] = insecure
    static = label_values.static(inputs, variables.TELEPORT_AGENT_APP_LABELS)
    if static:
        served["labels"] = static
    return {"enabled": "yes", "apps": [served]}


def kubernetes(inputs: plan_inputs.Inputs) -> dict[str, Any]:
    """Return `kubernetes_service:` with the cluster of the conf."""
    section: dict[str, Any] = {"enabled": "yes"}
    name = inputs.get(variables.TELEPORT_AGENT_KUBE_CLUSTER_NAME)
    if name is not None:
        section["kube_cluster_name"] = name
    static = label_values.static(inputs, variables.TELEPORT_AGENT_KUBE_LABELS)
    if static:
        section["labels"] = static
    return section
