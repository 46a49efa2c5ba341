"""What an agent gives access to."""

from __future__ import annotations

from teleport_bootstrap.conf import kinds
from teleport_bootstrap.conf.table import needs
from teleport_bootstrap.conf.variable import Elsewhere, From, Variable
from teleport_bootstrap.roles import Role

TITLE = "What an agent gives access to"
INTRODUCTION = "An agent enables at least one of SSH, database, application and Kubernetes; any mix will do."

_ROLES = (Role.AGENT,)
_DATABASE = needs.of_service("database", "TELEPORT_AGENT_DB_ENABLED")
_APPLICATION = needs.of_service("application", "TELEPORT_AGENT_APP_ENABLED")

TELEPORT_AGENT_SSH_ENABLED = Variable(
    name="TELEPORT_AGENT_SSH_ENABLED",
    kind=kinds.BOOLEAN,
    roles=_ROLES,
    default=False,
    help="Give access to this instance itself.",
)
TELEPORT_AGENT_SSH_LABELS = Variable(
    name="TELEPORT_AGENT_SSH_LABELS",
    kind=kinds.LABELS,
    roles=_ROLES,
    help="Fixed labels of this instance's SSH service.",
)
TELEPORT_AGENT_DB_ENABLED = Variable(
    name="TELEPORT_AGENT_DB_ENABLED",
    kind=kinds.BOOLEAN,
    roles=_ROLES,
    default=False,
    help="Give access to a database.",
)
TELEPORT_AGENT_DB_NAME = Variable(
    name="TELEPORT_AGENT_DB_NAME",
    kind=kinds.TEXT,
    roles=_ROLES,
    required=(_DATABASE,),
    help="Name of the database in Teleport.",
)
TELEPORT_AGENT_DB_DESCRIPTION = Variable(
    name="TELEPORT_AGENT_DB_DESCRIPTION", kind=kinds.TEXT, roles=_ROLES, help="Description of the database, for people."
)
TELEPORT_AGENT_DB_PROTOCOL = Variable(
    name="TELEPORT_AGENT_DB_PROTOCOL",
    kind=kinds.WORD,
    roles=_ROLES,
    required=(_DATABASE,),
    help="What the database speaks, such as `postgres` or `mysql`.",
)
TELEPORT_AGENT_DB_URI = Variable(
    name="TELEPORT_AGENT_DB_URI",
    kind=kinds.TEXT,
    roles=_ROLES,
    required=(_DATABASE,),
    help="Where the database is, as Teleport takes it: usually `host:port`.",
)
TELEPORT_AGENT_DB_REGION = Variable(
    name="TELEPORT_AGENT_DB_REGION",
    kind=kinds.REGION,
    roles=_ROLES,
    default=From(("EC2_REGION",)),
    help="The region of an RDS or Redshift database.",
)
TELEPORT_AGENT_DB_REDSHIFT_CLUSTER_ID = Variable(
    name="TELEPORT_AGENT_DB_REDSHIFT_CLUSTER_ID",
    kind=kinds.WORD,
    roles=_ROLES,
    help="The cluster identifier of a Redshift database.",
)
TELEPORT_AGENT_DB_LABELS = Variable(
    name="TELEPORT_AGENT_DB_LABELS", kind=kinds.LABELS, roles=_ROLES, help="Fixed labels of the database."
)
TELEPORT_AGENT_APP_ENABLED = Variable(
    name="TELEPORT_AGENT_APP_ENABLED",
    kind=kinds.BOOLEAN,
    roles=_ROLES,
    default=False,
    help="Give access to an application.",
)
TELEPORT_AGENT_APP_NAME = Variable(
    name="TELEPORT_AGENT_APP_NAME",
    kind=kinds.TEXT,
    roles=_ROLES,
    required=(_APPLICATION,),
    help="Name of the application in Teleport.",
)
TELEPORT_AGENT_APP_DESCRIPTION = Variable(
    name="TELEPORT_AGENT_APP_DESCRIPTION",
    kind=kinds.TEXT,
    roles=_ROLES,
    help="Description of the application, for people.",
)
TELEPORT_AGENT_APP_URI = Variable(
    name="TELEPORT_AGENT_APP_URI",
    kind=kinds.APPLICATION_URI,
    roles=_ROLES,
    required=(_APPLICATION,),
    help="Where the application is, such as `http://127.0.0.1:8080`.",
)
TELEPORT_AGENT_APP_PUBLIC_ADDR = Variable(
    name="TELEPORT_AGENT_APP_PUBLIC_ADDR",
    kind=kinds.DNS_NAME,
    roles=_ROLES,
    default=Elsewhere("Teleport's own choice: the application's name under the proxy's domain"),
    help="The DNS name under which people reach the application.",
)
TELEPORT_AGENT_APP_INSECURE_SKIP_VERIFY = Variable(
    name="TELEPORT_AGENT_APP_INSECURE_SKIP_VERIFY",
    kind=kinds.BOOLEAN,
    roles=_ROLES,
    default=False,
    help="Do not check the application's certificate.",
)
TELEPORT_AGENT_APP_LABELS = Variable(
    name="TELEPORT_AGENT_APP_LABELS", kind=kinds.LABELS, roles=_ROLES, help="Fixed labels of the application."
)
TELEPORT_AGENT_KUBE_ENABLED = Variable(
    name="TELEPORT_AGENT_KUBE_ENABLED",
    kind=kinds.BOOLEAN,
    roles=_ROLES,
    default=False,
    help="Give access to the Kubernetes cluster that this instance can reach.",
)
TELEPORT_AGENT_KUBE_CLUSTER_NAME = Variable(
    name="TELEPORT_AGENT_KUBE_CLUSTER_NAME",
    kind=kinds.KUBERNETES_CLUSTER_NAME,
    roles=_ROLES,
    help="Name of the Kubernetes cluster in Teleport.",
)
TELEPORT_AGENT_KUBE_LABELS = Variable(
    name="TELEPORT_AGENT_KUBE_LABELS", kind=kinds.LABELS, roles=_ROLES, help="Fixed labels of the Kubernetes cluster."
)

# What switches each service of an agent on.
SWITCHES = (
    TELEPORT_AGENT_SSH_ENABLED,
    TELEPORT_AGENT_DB_ENABLED,
    TELEPORT_AGENT_APP_ENABLED,
    TELEPORT_AGENT_KUBE_ENABLED,
)
