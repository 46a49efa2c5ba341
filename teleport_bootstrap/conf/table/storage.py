"""Where the cluster keeps its state."""

from __future__ import annotations

from teleport_bootstrap.conf import kinds
from teleport_bootstrap.conf.table import needs
from teleport_bootstrap.conf.variable import Variable
from teleport_bootstrap.roles import Role

TITLE = "Storage"
INTRODUCTION = (
    "An all-in-one with both tables and the bucket keeps its state in DynamoDB and S3, and on its own disk otherwise. "
    "A table without the rest is an error; the bucket alone is fine."
)

TELEPORT_DYNAMO_TABLE_NAME = Variable(
    "TELEPORT_DYNAMO_TABLE_NAME",
    kinds.TABLE_NAME,
    (Role.ALL, Role.AUTH),
    "DynamoDB table of the cluster's state.",
    required=(needs.of_role(Role.AUTH),),
)
TELEPORT_DYNAMO_EVENTS_TABLE_NAME = Variable(
    "TELEPORT_DYNAMO_EVENTS_TABLE_NAME",
    kinds.TABLE_NAME,
    (Role.ALL, Role.AUTH),
    "DynamoDB table of the audit events.",
    required=(needs.of_role(Role.AUTH),),
)
TELEPORT_S3_BUCKET = Variable(
    "TELEPORT_S3_BUCKET",
    kinds.BUCKET,
    (Role.ALL, Role.AUTH, Role.PROXY),
    "S3 bucket of the session recordings and of Let's Encrypt's certificates.",
    required=(needs.of_role(Role.AUTH), *needs.of_letsencrypt()),
)
TELEPORT_LOCKS_TABLE_NAME = Variable(
    "TELEPORT_LOCKS_TABLE_NAME",
    kinds.TABLE_NAME,
    (Role.ALL, Role.AUTH),
    "DynamoDB table through which auth servers agree on who renews certificates and tokens.",
    required=(needs.of_role(Role.AUTH),),
)
