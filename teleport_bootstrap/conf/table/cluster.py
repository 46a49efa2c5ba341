"""What the instance is and which cluster it belongs to."""

from __future__ import annotations

from teleport_bootstrap import paths, roles
from teleport_bootstrap.conf import kinds
from teleport_bootstrap.conf.variable import EVERY_ROLE, Elsewhere, From, Required, Variable
from teleport_bootstrap.roles import Role

TITLE = "The instance and its cluster"
INTRODUCTION = "An instance without any of these is an all-in-one: auth server, proxy and node together."

_NAME_IT = "add TELEPORT_CLUSTER_NAME=… or TELEPORT_DOMAIN_NAME=…"

TELEPORT_ROLE = Variable(
    name="TELEPORT_ROLE",
    kind=kinds.ROLE,
    roles=EVERY_ROLE,
    default=roles.DEFAULT,
    help="What this instance does; `auth,node,proxy` is an all-in-one.",
)
TELEPORT_CLUSTER_NAME = Variable(
    name="TELEPORT_CLUSTER_NAME",
    kind=kinds.CLUSTER_NAME,
    roles=EVERY_ROLE,
    default=From(("TELEPORT_DOMAIN_NAME",)),
    required=(
        Required(
            "for auth and node, unless `TELEPORT_DOMAIN_NAME` is set",
            lambda deployment: deployment.role in (Role.AUTH, Role.NODE) and deployment.cluster is None,
            "the role {role} needs it to know which cluster it belongs to",
            _NAME_IT,
        ),
        Required(
            "for an all-in-one with a license, unless `TELEPORT_DOMAIN_NAME` is set",
            lambda deployment: (
                deployment.role is Role.ALL
                and "TELEPORT_LICENSE_PATH" in deployment.assigned
                and deployment.cluster is None
            ),
            "the license is read from the SSM parameter /teleport/<cluster name>/license",
            _NAME_IT,
        ),
    ),
    help="Name of the cluster, and the `<cluster>` in SSM parameter names. It cannot change once the cluster exists; "
    "an all-in-one with neither name leaves the choice to Teleport.",
)
EC2_REGION = Variable(
    name="EC2_REGION",
    kind=kinds.REGION,
    roles=EVERY_ROLE,
    default=From(("placement/region",)),
    help="The region whose SSM, DynamoDB and S3 are used.",
)
TELEPORT_NODENAME = Variable(
    name="TELEPORT_NODENAME",
    kind=kinds.NODE_NAME,
    roles=EVERY_ROLE,
    default=From(("local-hostname",), ", with `-` in place of each `.`", change=lambda name: name.replace(".", "-")),
    help="Name under which Teleport lists this instance.",
    since="0.1",
)
TELEPORT_AUTH_TYPE = Variable(
    name="TELEPORT_AUTH_TYPE",
    kind=kinds.choice("local", "github", "saml", "oidc"),
    roles=(Role.ALL, Role.AUTH),
    default=Elsewhere("Teleport's own default, `local`"),
    required=(
        Required(
            "for auth and all-in-one on a FIPS image, where `local` is refused",
            lambda deployment: deployment.fips and deployment.role.runs_auth,
            "a FIPS Teleport has no local users",
            "set TELEPORT_AUTH_TYPE to github, saml or oidc",
        ),
    ),
    help="How people log in.",
)
TELEPORT_LICENSE_PATH = Variable(
    name="TELEPORT_LICENSE_PATH",
    kind=kinds.FLAG,
    roles=(Role.ALL, Role.AUTH),
    default=Elsewhere("no license"),
    help="When this holds anything at all, the license is fetched from the SSM parameter "
    f"`/teleport/<cluster>/license` into `{paths.LICENSE}`. What it holds does not matter.",
)
TELEPORT_RESTORE_FROM = Variable(
    name="TELEPORT_RESTORE_FROM",
    kind=kinds.BACKUP_PLACE,
    roles=EVERY_ROLE,
    default=Elsewhere("start empty"),
    help="A backup to restore on this instance's first boot, once: a file, s3://BUCKET/KEY, or s3://BUCKET/PREFIX/ for "
    "the newest one there. The conf in the backup then takes the place of this one.",
    since="0.1",
)
TELEPORT_SSM_KMS_KEY_ID = Variable(
    name="TELEPORT_SSM_KMS_KEY_ID",
    kind=kinds.KMS_KEY,
    roles=(Role.ALL, Role.AUTH),
    default=Elsewhere("the account's default key for SSM"),
    help="KMS key that encrypts what this instance puts into SSM.",
    since="0.1",
)
DEBUG = Variable(
    name="DEBUG",
    kind=kinds.BOOLEAN,
    roles=EVERY_ROLE,
    default=False,
    help="Log what teleport-bootstrap does in detail. Teleport's own log is not affected.",
)
TELEPORT_INFLUXDB_ADDRESS = Variable(
    name="TELEPORT_INFLUXDB_ADDRESS",
    kind=kinds.TEXT,
    roles=EVERY_ROLE,
    help="Ignored: monitoring left the images. Accepted so that old user-data still works.",
)
