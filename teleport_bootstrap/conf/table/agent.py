"""What an agent gives access to."""

from __future__ import annotations

from teleport_bootstrap.conf import kinds
from teleport_bootstrap.conf.table import needs
from teleport_bootstrap.conf.variable import Elsewhere, From, Variable
from teleport_bootstrap.roles import Role

TITLE = "What an agent gives access to"
INTRODUCTION = "An agent enables at least one of SSH, database, application and Kubernetes; in any combination."

_ROLES = (Role.AGENT,)
_DATABASE = needs.of_service("database", "TELEPORT_AGENT_DB_ENABLED")
_APPLICATION = needs.of_service("application", "TELEPORT_AGENT_APP_ENABLED")

TELEPORT_AGENT_SSH_ENABLED = Variable(
    "TELEPORT_AGENT_SSH_ENABLED", kinds.BOOLEAN, _ROLES, "Give access to this instance itself.", default=False
)
TELEPORT_AGENT_SSH_LABELS = Variable(
    "TELEPORT_AGENT_SSH_LABELS", kinds.LABELS, _ROLES, "Fixed labels of this instance's SSH service."
)
TELEPORT_AGENT_DB_ENABLED = Variable(
    "TELEPORT_AGENT_DB_ENABLED", kinds.BOOLEAN, _ROLES, "Give access to a database.", default=False
)
TELEPORT_AGENT_DB_NAME = Variable(
    "TELEPORT_AGENT_DB_NAME", kinds.TEXT, _ROLES, "Name of the database in Teleport.", required=(_DATABASE,)
)
TELEPORT_AGENT_DB_DESCRIPTION = Variable(
    "TELEPORT_AGENT_DB_DESCRIPTION", kinds.TEXT, _ROLES, "Description of the database, for people."
)
TELEPORT_AGENT_DB_PROTOCOL = Variable(
    "TELEPORT_AGENT_DB_PROTOCOL",
    kinds.WORD,
    _ROLES,
    "What the database speaks, such as `postgres` or `mysql`.",
    required=(_DATABASE,),
)
TELEPORT_AGENT_DB_URI = Variable(
    "TELEPORT_AGENT_DB_URI",
    kinds.TEXT,
    _ROLES,
    "Where the database is, as Teleport takes it: usually `host:port`.",
    required=(_DATABASE,),
)
TELEPORT_AGENT_DB_REGION = Variable(
    "TELEPORT_AGENT_DB_REGION",
    kinds.REGION,
    _ROLES,
    "The region of an RDS or Redshift database.",
    default=From(("EC2_REGION",)),
)
TELEPORT_AGENT_DB_REDSHIFT_CLUSTER_ID = Variable(
    "TELEPORT_AGENT_DB_REDSHIFT_CLUSTER_ID", kinds.WORD, _ROLES, "The cluster identifier of a Redshift database."
)
TELEPORT_AGENT_DB_LABELS = Variable("TELEPORT_AGENT_DB_LABELS", kinds.LABELS, _ROLES, "Fixed labels of the database.")
TELEPORT_AGENT_APP_ENABLED = Variable(
    "TELEPORT_AGENT_APP_ENABLED", kinds.BOOLEAN, _ROLES, "Give access to an application.", default=False
)
TELEPORT_AGENT_APP_NAME = Variable(
    "TELEPORT_AGENT_APP_NAME", kinds.TEXT, _ROLES, "Name of the application in Teleport.", required=(_APPLICATION,)
)
TELEPORT_AGENT_APP_DESCRIPTION = Variable(
    "TELEPORT_AGENT_APP_DESCRIPTION", kinds.TEXT, _ROLES, "Description of the application, for people."
)
TELEPORT_AGENT_APP_URI = Variable(
    "TELEPORT_AGENT_APP_URI",
    kinds.APPLICATION_URI,
    _ROLES,
    "Where the application is, such as `http://127.0.0.1:8080`.",
    required=(_APPLICATION,),
)
TELEPORT_AGENT_APP_PUBLIC_ADDR = Variable(
    "TELEPORT_AGENT_APP_PUBLIC_ADDR",
    kinds.DNS_NAME,
    _ROLES,
    "The DNS name under which people reach the application.",
    default=Elsewhere("Teleport's own choice: the application's name under the proxy's domain"),
)
TELEPORT_AGENT_APP_INSECURE_SKIP_VERIFY = Variable(
    "TELEPORT_AGENT_APP_INSECURE_SKIP_VERIFY",
    kinds.BOOLEAN,
    _ROLES,
    "Do not check the application's certificate.",
    default=False,
)
TELEPORT_AGENT_APP_LABELS = Variable(
    "TELEPORT_AGENT_APP_LABELS", kinds.LABELS, _ROLES, "Fixed labels of the application."
)
TELEPORT_AGENT_KUBE_ENABLED = Variable(
    "TELEPORT_AGENT_KUBE_ENABLED",
    kinds.BOOLEAN,
    _ROLES,
    "Give access to the Kubernetes cluster that this instance can reach.",
    default=False,
)
TELEPORT_AGENT_KUBE_CLUSTER_NAME = Variable(
    "TELEPORT_AGENT_KUBE_CLUSTER_NAME",
    kinds.KUBERNETES_CLUSTER_NAME,
    _ROLES,
    "Name of the Kubernetes cluster in Teleport.",
)
TELEPORT_AGENT_KUBE_LABELS = Variable(
    "TELEPORT_AGENT_KUBE_LABELS", kinds.LABELS, _ROLES, "Fixed labels of the Kubernetes cluster."
)

# What switches each service of an agent on.
SWITCHES = (
    TELEPORT_AGENT_SSH_ENABLED,
    TELEPORT_AGENT_DB_ENABLED,
    TELEPORT_AGENT_APP_ENABLED,
    TELEPORT_AGENT_KUBE_ENABLED,
)
