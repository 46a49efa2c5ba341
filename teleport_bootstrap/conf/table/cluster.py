"""What the instance is and which cluster it belongs to."""

from __future__ import annotations

from teleport_bootstrap.conf import kinds
from teleport_bootstrap.conf.variable import AGENT, ALL_IN_ONE, AUTH, EVERY_ROLE, Group, Variable

TELEPORT_ROLE = Variable(
    name="TELEPORT_ROLE",
    kind=kinds.ROLE,
    roles=EVERY_ROLE,
    default="all-in-one, which is the same as `auth,node,proxy`",
    help="What this instance does.",
)
EC2_REGION = Variable(
    name="EC2_REGION",
    kind=kinds.REGION,
    roles=EVERY_ROLE,
    default="the instance's own region, from its metadata",
    help="The region whose SSM, DynamoDB and S3 are used.",
)
TELEPORT_CLUSTER_NAME = Variable(
    name="TELEPORT_CLUSTER_NAME",
    kind=kinds.CLUSTER_NAME,
    roles=EVERY_ROLE,
    default="`TELEPORT_DOMAIN_NAME`",
    required="auth, proxy and node need this or `TELEPORT_DOMAIN_NAME`",
    help="Name of the cluster, and the `<cluster>` in SSM parameter names. It cannot change once the cluster exists; "
    "an all-in-one with neither name leaves the choice to Teleport.",
)
TELEPORT_NODENAME = Variable(
    name="TELEPORT_NODENAME",
    kind=kinds.NODE_NAME,
    roles=EVERY_ROLE,
    default="the private DNS name with each `.` turned into `-`",
    help="Name under which Teleport lists this instance.",
    since="0.1",
)
TELEPORT_AUTH_TYPE = Variable(
    name="TELEPORT_AUTH_TYPE",
    kind=kinds.choice("local", "github", "saml", "oidc"),
    roles=(ALL_IN_ONE, AUTH),
    default="Teleport's own default, `local`",
    required="on a FIPS image, where `local` is refused",
    help="How people log in.",
)
TELEPORT_LICENSE_PATH = Variable(
    name="TELEPORT_LICENSE_PATH",
    kind=kinds.FLAG,
    roles=(ALL_IN_ONE, AUTH),
    default="no license",
    help="When this holds anything at all, the license is fetched from the SSM parameter "
    "`/teleport/<cluster>/license` into `/var/lib/teleport/license.pem`. What it holds does not matter.",
)
TELEPORT_SSM_KMS_KEY_ID = Variable(
    name="TELEPORT_SSM_KMS_KEY_ID",
    kind=kinds.KMS_KEY,
    roles=(ALL_IN_ONE, AUTH),
    default="the account's default key for SSM",
    help="KMS key that encrypts what this instance puts into SSM.",
    since="0.1",
)
TELEPORT_RESTORE_FROM = Variable(
    name="TELEPORT_RESTORE_FROM",
    kind=kinds.BACKUP_PLACE,
    roles=EVERY_ROLE,
    default="start empty",
    help="A backup to restore on this instance's first boot, once: a file, s3://BUCKET/KEY, or s3://BUCKET/PREFIX/ for "
    "the newest one there. The conf in the backup then takes the place of this one.",
    since="0.1",
)
DEBUG = Variable(
    name="DEBUG",
    kind=kinds.BOOLEAN,
    roles=EVERY_ROLE,
    default="false",
    help="Log what teleport-bootstrap does in detail. Teleport's own log is not affected.",
)
TELEPORT_INFLUXDB_ADDRESS = Variable(
    name="TELEPORT_INFLUXDB_ADDRESS",
    kind=kinds.TEXT,
    roles=EVERY_ROLE,
    help="Ignored: monitoring left the images. Accepted so that old user-data still works.",
)

GROUP = Group(
    "The instance and its cluster",
    "An instance without any of these is an all-in-one: auth server, proxy and node together.",
    (
        TELEPORT_ROLE,
        TELEPORT_CLUSTER_NAME,
        EC2_REGION,
        TELEPORT_NODENAME,
        TELEPORT_AUTH_TYPE,
        TELEPORT_LICENSE_PATH,
        TELEPORT_RESTORE_FROM,
        TELEPORT_SSM_KMS_KEY_ID,
        DEBUG,
        TELEPORT_INFLUXDB_ADDRESS,
    ),
)

TELEPORT_JOIN_METHOD = Variable(
    name="TELEPORT_JOIN_METHOD",
    kind=kinds.choice("token", "iam", "ec2"),
    roles=EVERY_ROLE,
    default="token",
    help="How this instance proves to the auth server that it may join. On an auth server, `iam` lets instances with "
    "its own IAM role join.",
    since="0.1",
)
TELEPORT_JOIN_TOKEN_NAME = Variable(
    name="TELEPORT_JOIN_TOKEN_NAME",
    kind=kinds.WORD,
    roles=EVERY_ROLE,
    required="with the join methods `iam` and `ec2`",
    help="Name of the token resource on the auth server that allows the join; it is no secret.",
    since="0.1",
)
TELEPORT_JOIN_TOKEN = Variable(
    name="TELEPORT_JOIN_TOKEN",
    kind=kinds.SECRET,
    roles=(AGENT,),
    required="for an agent with the join method `token`",
    help="The join token itself. It is written to the token file, never into teleport.yaml; the conf is made readable "
    "by root alone. User-data stays readable through the metadata service: prefer a short-lived token, or `iam`.",
    secret=True,
)

JOINING = Group(
    "Joining a cluster",
    "Proxies and nodes find their token and CA pin in SSM by themselves; an agent is given its token here.",
    (TELEPORT_JOIN_METHOD, TELEPORT_JOIN_TOKEN_NAME, TELEPORT_JOIN_TOKEN),
)
