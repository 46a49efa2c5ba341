"""What an agent gives access to."""

from __future__ import annotations

from teleport_bootstrap.conf import kinds
from teleport_bootstrap.conf.variable import AGENT, Group, Variable

_ROLES = (AGENT,)

TELEPORT_AGENT_SSH_ENABLED = Variable(
    name="TELEPORT_AGENT_SSH_ENABLED",
    kind=kinds.BOOLEAN,
    roles=_ROLES,
    default="false",
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
    default="false",
    help="Give access to a database.",
)
TELEPORT_AGENT_DB_NAME = Variable(
    name="TELEPORT_AGENT_DB_NAME",
    kind=kinds.TEXT,
    roles=_ROLES,
    required="when the database is enabled",
    help="Name of the database in Teleport.",
)
TELEPORT_AGENT_DB_DESCRIPTION = Variable(
    name="TELEPORT_AGENT_DB_DESCRIPTION", kind=kinds.TEXT, roles=_ROLES, help="Description of the database, for people."
)
TELEPORT_AGENT_DB_PROTOCOL = Variable(
    name="TELEPORT_AGENT_DB_PROTOCOL",
    kind=kinds.WORD,
    roles=_ROLES,
    required="when the database is enabled",
    help="What the database speaks, such as `postgres` or `mysql`.",
)
TELEPORT_AGENT_DB_URI = Variable(
    name="TELEPORT_AGENT_DB_URI",
    kind=kinds.TEXT,
    roles=_ROLES,
    required="when the database is enabled",
    help="Where the database is, as Teleport takes it: usually `host:port`.",
)
TELEPORT_AGENT_DB_REGION = Variable(
    name="TELEPORT_AGENT_DB_REGION",
    kind=kinds.REGION,
    roles=_ROLES,
    default="`EC2_REGION`",
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
    default="false",
    help="Give access to an application.",
)
TELEPORT_AGENT_APP_NAME = Variable(
    name="TELEPORT_AGENT_APP_NAME",
    kind=kinds.TEXT,
    roles=_ROLES,
    required="when the application is enabled",
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
    required="when the application is enabled",
    help="Where the application is, such as `http://127.0.0.1:8080`.",
)
TELEPORT_AGENT_APP_PUBLIC_ADDR = Variable(
    name="TELEPORT_AGENT_APP_PUBLIC_ADDR",
    kind=kinds.DNS_NAME,
    roles=_ROLES,
    default="Teleport's own choice: the application's name under the proxy's domain",
    help="The DNS name under which people reach the application.",
)
TELEPORT_AGENT_APP_INSECURE_SKIP_VERIFY = Variable(
    name="TELEPORT_AGENT_APP_INSECURE_SKIP_VERIFY",
    kind=kinds.BOOLEAN,
    roles=_ROLES,
    default="false",
    help="Do not check the application's certificate.",
)
TELEPORT_AGENT_APP_LABELS = Variable(
    name="TELEPORT_AGENT_APP_LABELS", kind=kinds.LABELS, roles=_ROLES, help="Fixed labels of the application."
)
TELEPORT_AGENT_KUBE_ENABLED = Variable(
    name="TELEPORT_AGENT_KUBE_ENABLED",
    kind=kinds.BOOLEAN,
    roles=_ROLES,
    default="false",
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

GROUP = Group(
    "What an agent gives access to",
    "An agent enables at least one of SSH, database, application and Kubernetes; any mix will do.",
    (
        TELEPORT_AGENT_SSH_ENABLED,
        TELEPORT_AGENT_SSH_LABELS,
        TELEPORT_AGENT_DB_ENABLED,
        TELEPORT_AGENT_DB_NAME,
        TELEPORT_AGENT_DB_DESCRIPTION,
        TELEPORT_AGENT_DB_PROTOCOL,
        TELEPORT_AGENT_DB_URI,
        TELEPORT_AGENT_DB_REGION,
        TELEPORT_AGENT_DB_REDSHIFT_CLUSTER_ID,
        TELEPORT_AGENT_DB_LABELS,
        TELEPORT_AGENT_APP_ENABLED,
        TELEPORT_AGENT_APP_NAME,
        TELEPORT_AGENT_APP_DESCRIPTION,
        TELEPORT_AGENT_APP_URI,
        TELEPORT_AGENT_APP_PUBLIC_ADDR,
        TELEPORT_AGENT_APP_INSECURE_SKIP_VERIFY,
        TELEPORT_AGENT_APP_LABELS,
        TELEPORT_AGENT_KUBE_ENABLED,
        TELEPORT_AGENT_KUBE_CLUSTER_NAME,
        TELEPORT_AGENT_KUBE_LABELS,
    ),
)
