"""Where the cluster keeps its state."""

from __future__ import annotations

from teleport_bootstrap.conf import kinds
from teleport_bootstrap.conf.variable import ALL_IN_ONE, AUTH, PROXY, Group, Variable

TELEPORT_DYNAMO_TABLE_NAME = Variable(
    name="TELEPORT_DYNAMO_TABLE_NAME",
    kind=kinds.TABLE_NAME,
    roles=(ALL_IN_ONE, AUTH),
    required="for auth",
    help="DynamoDB table of the cluster's state.",
)
TELEPORT_DYNAMO_EVENTS_TABLE_NAME = Variable(
    name="TELEPORT_DYNAMO_EVENTS_TABLE_NAME",
    kind=kinds.TABLE_NAME,
    roles=(ALL_IN_ONE, AUTH),
    required="for auth",
    help="DynamoDB table of the audit events.",
)
TELEPORT_S3_BUCKET = Variable(
    name="TELEPORT_S3_BUCKET",
    kind=kinds.BUCKET,
    roles=(ALL_IN_ONE, AUTH, PROXY),
    required="for auth, and with Let's Encrypt",
    help="S3 bucket of the session recordings and of Let's Encrypt's certificates.",
)
TELEPORT_LOCKS_TABLE_NAME = Variable(
    name="TELEPORT_LOCKS_TABLE_NAME",
    kind=kinds.TABLE_NAME,
    roles=(ALL_IN_ONE, AUTH),
    required="for auth",
    help="DynamoDB table through which auth servers agree on who renews certificates and tokens.",
)

GROUP = Group(
    "Storage",
    "An all-in-one with both tables and the bucket keeps its state in DynamoDB and S3, and on its own disk otherwise. "
    "A table without the rest is an error; the bucket alone is fine.",
    (
        TELEPORT_DYNAMO_TABLE_NAME,
        TELEPORT_DYNAMO_EVENTS_TABLE_NAME,
        TELEPORT_S3_BUCKET,
        TELEPORT_LOCKS_TABLE_NAME,
    ),
)
