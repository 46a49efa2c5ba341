"""The types as the variables table uses them: each a name for the manual and its function in `values`."""

from __future__ import annotations

from teleport_bootstrap import roles
from teleport_bootstrap.conf import aws_values, values
from teleport_bootstrap.conf.variable import Kind

BOOLEAN = Kind("true or false", values.boolean)
FLAG = Kind("any text", values.flag)
PORT = Kind("port", values.port)
ROLE = Kind(", ".join(f"`{word}`" for word in roles.BY_CONF_VALUE), values.role)
TEXT = Kind("text", values.text)
WORD = Kind("text without blanks", values.word)
SECRET = Kind("secret", values.secret)
REGION = Kind("AWS region", aws_values.region)
DNS_NAME = Kind("DNS name", values.dns_name)
DNS_NAME_OR_ADDRESS = Kind("DNS name or IP address", values.dns_name_or_address)
HOST_PORT = Kind("DNS name, optionally with `:port`", values.host_port)
EMAIL = Kind("e-mail address", values.email)
LABELS = Kind("labels", values.labels)
TAG_KEYS = Kind("comma-separated EC2 tag keys", aws_values.tag_keys)
BUCKET = Kind("S3 bucket name", aws_values.bucket)
APPLICATION_URI = Kind("URI with its scheme", values.application_uri)
BACKUP_PLACE = Kind("absolute path or `s3://bucket/key`", aws_values.backup_place)

# It becomes part of SSM parameter names, which take these characters and no others.
CLUSTER_NAME = Kind(
    "cluster name",
    values.matching(
        "[A-Za-z0-9][A-Za-z0-9._-]{0,254}",
        "a cluster name",
        "write letters, digits, dots, hyphens and underscores, beginning with a letter or digit",
    ),
)
TABLE_NAME = Kind(
    "DynamoDB table name",
    values.matching(
        "[A-Za-z0-9_.-]{3,255}",
        "the name of a DynamoDB table",
        "write 3 to 255 letters, digits, underscores, dots and hyphens",
    ),
)
# Teleport replaces node names outside this, so they are refused here.
NODE_NAME = Kind(
    "node name",
    values.matching(
        "[A-Za-z0-9][A-Za-z0-9.-]{0,255}",
        "a node name",
        "write at most 256 letters, digits, dots and hyphens, beginning with a letter or digit",
    ),
)
KUBERNETES_CLUSTER_NAME = Kind(
    "Kubernetes cluster name",
    values.matching(
        "[A-Za-z0-9._-]{1,253}", "a Kubernetes cluster name", "write letters, digits, dots, hyphens and underscores"
    ),
)
KMS_KEY = Kind(
    "KMS key id, `alias/…` or ARN",
    values.matching(
        "(mrk-[0-9a-f]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|alias/[A-Za-z0-9/_-]{1,250}"
        "|arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[A-Za-z0-9/_-]+)",
        "a KMS key",
        "write its id, its alias as alias/name, or its ARN",
    ),
)


def choice(*words: str) -> Kind[str]:
    """Return the type of a variable that is exactly one of `words`."""
    return Kind(" or ".join(f"`{word}`" for word in words), values.choice(*words))


def chosen_words(*words: str) -> Kind[tuple[str, ...]]:
    """Return the type of a variable that lists some of `words`."""
    return Kind("some of " + ", ".join(f"`{word}`" for word in words), values.chosen_words(words))
