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
    "TELEPORT_ROLE",
    kinds.ROLE,
    EVERY_ROLE,
    "What this instance does; `auth,node,proxy` is an all-in-one.",
    default=roles.DEFAULT,
)
TELEPORT_CLUSTER_NAME = Variable(
    "TELEPORT_CLUSTER_NAME",
    kinds.CLUSTER_NAME,
    EVERY_ROLE,
    "Name of the cluster, and the `<cluster>` in SSM parameter names. It cannot change once the cluster exists; "
    "an all-in-one with neither name leaves the choice to Teleport.",
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
)
EC2_REGION = Variable(
    "EC2_REGION",
    kinds.REGION,
    EVERY_ROLE,
    "The region whose SSM, DynamoDB and S3 are used.",
    default=From(("placement/region",)),
)
TELEPORT_NODENAME = Variable(
    "TELEPORT_NODENAME",
    kinds.NODE_NAME,
    EVERY_ROLE,
    "Name under which Teleport lists this instance.",
    default=From(("local-hostname",), ", with `-` in place of each `.`", change=lambda name: name.replace(".", "-")),
    since="0.1",
)
TELEPORT_AUTH_TYPE = Variable(
    "TELEPORT_AUTH_TYPE",
    kinds.choice("local", "github", "saml", "oidc"),
    (Role.ALL, Role.AUTH),
    "How people log in.",
    default=Elsewhere("Teleport's own default, `local`"),
    required=(
        Required(
            "for auth and all-in-one on a FIPS image, where `local` is refused",
            lambda deployment: deployment.fips and deployment.role.runs_auth,
            "a FIPS Teleport has no local users",
            "set TELEPORT_AUTH_TYPE to github, saml or oidc",
        ),
    ),
)
TELEPORT_LICENSE_PATH = Variable(
    "TELEPORT_LICENSE_PATH",
    kinds.FLAG,
    (Role.ALL, Role.AUTH),
    "With any value, the license is fetched from the SSM parameter "
    f"`/teleport/<cluster>/license` into `{paths.LICENSE}`. The value itself does not matter.",
    default=Elsewhere("no license"),
)
TELEPORT_RESTORE_FROM = Variable(
    "TELEPORT_RESTORE_FROM",
    kinds.BACKUP_PLACE,
    EVERY_ROLE,
    "A backup to restore on this instance's first boot, once: a file, s3://BUCKET/KEY, or s3://BUCKET/PREFIX/ for "
    "the newest one there. The conf in the backup then replaces this one.",
    default=Elsewhere("start empty"),
    since="0.1",
)
TELEPORT_SSM_KMS_KEY_ID = Variable(
    "TELEPORT_SSM_KMS_KEY_ID",
    kinds.KMS_KEY,
    (Role.ALL, Role.AUTH),
    "KMS key that encrypts what this instance puts into SSM.",
    default=Elsewhere("the account's default key for SSM"),
    since="0.1",
)
DEBUG = Variable(
    "DEBUG",
    kinds.BOOLEAN,
    EVERY_ROLE,
    "Log what teleport-bootstrap does in detail. Teleport's own log is not affected.",
    default=False,
)
TELEPORT_INFLUXDB_ADDRESS = Variable(
    "TELEPORT_INFLUXDB_ADDRESS",
    kinds.TEXT,
    EVERY_ROLE,
    "Ignored, because the images no longer include monitoring. Accepted so that old user-data still works.",
)
