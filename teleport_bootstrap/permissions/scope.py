"""Where the resources of a cluster are, and their ARNs."""

from __future__ import annotations

import re

from teleport_bootstrap import errors, regex
from teleport_bootstrap.aws import endpoints
from teleport_bootstrap.permissions.need import Condition
from teleport_bootstrap.records import dataclass

# They stand for a region or an account that only the tool which creates the policy knows. No name in AWS holds a NUL.
UNKNOWN_PARTITION, UNKNOWN_REGION, UNKNOWN_ACCOUNT = "\0partition\0", "\0region\0", "\0account\0"

_ACCOUNT = regex.compile(r"[0-9]{12}", re.ASCII)
_KEY_ID = regex.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_KEY_ALIAS = regex.compile(r"alias/[A-Za-z0-9/_-]{1,250}", re.ASCII)
_KEY_ARN = regex.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[A-Za-z0-9/_-]+", re.ASCII)

# API reference, CreateAutoScalingGroup, without what means something in a policy.
_GROUP = regex.compile(r"[^:*?$\x00-\x1f\x7f]{1,255}")


@dataclass(frozen=True)
class Scope:
    """A region and an account; None where the tool that creates the policy fills them in."""

    region: str | None
    account: str | None

    def __post_init__(self) -> None:
        if self.account is not None and not _ACCOUNT.fullmatch(self.account):
            raise errors.UsageError(f"{self.account!r} is not an AWS account number", hint="Give its twelve digits.")

    @property
    def partition(self) -> str:
        """The partition, as in ARNs."""
        return UNKNOWN_PARTITION if self.region is None else endpoints.partition_of(self.region).name

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource in this region and account."""
        region = UNKNOWN_REGION if self.region is None else self.region
        account = UNKNOWN_ACCOUNT if self.account is None else self.account
        return f"arn:{self.partition}:{service}:{region}:{account}:{resource}"

    def global_arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource whose name is unique without region and account, as buckets and zones have."""
        return f"arn:{self.partition}:{service}:::{resource}"

    def account_arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource of this account that is in no region, as roles are."""
        account = UNKNOWN_ACCOUNT if self.account is None else self.account
        return f"arn:{self.partition}:{service}::{account}:{resource}"

    def parameter(self, name: str) -> str:
        """Return the ARN of the SSM parameter `name`, which may be an ARN."""
        return name if name.startswith("arn:") else self.arn("ssm", f"parameter/{name.lstrip('/')}")

    def table(self, name: str) -> str:
        """Return the ARN of a DynamoDB table."""
        return self.arn("dynamodb", f"table/{name}")

    def bucket(self, name: str) -> str:
        """Return the ARN of an S3 bucket."""
        return self.global_arn("s3", name)

    def objects(self, bucket: str, pattern: str) -> str:
        """Return the ARN of the objects in `bucket` whose keys match `pattern`."""
        return self.global_arn("s3", f"{bucket}/{pattern}")

    def group(self, name: str | None) -> str:
        """Return the ARN of an auto scaling group, of all where it has no name; AWS chooses a part of it.

        Raises UsageError for what is not the name of one.
        """
        if name is not None and not _GROUP.fullmatch(name):
            raise errors.UsageError(
                f"{name!r} is not the name of an auto scaling group",
                hint="`aws autoscaling describe-auto-scaling-groups`.",
            )
        return self.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{name or '*'}")

    def via(self, service: str) -> Condition:
        """Return the condition that a KMS key is used by `service` of this region, and not by a call to KMS itself."""
        host = f"{service}.{UNKNOWN_REGION if self.region is None else self.region}.amazonaws.com"
        # The key's reference names hosts of the commercial domain, and guides for China both. Both are named too where
        # the partition is not known: no service has the second elsewhere.
        also = (f"{host}.cn",) if self.partition in ("aws-cn", UNKNOWN_PARTITION) else ()
        return Condition("StringEquals", "kms:ViaService", (host, *also))

    def key(self, named: str) -> tuple[str, tuple[Condition, ...]]:
        """Return ARN and conditions for the KMS key `named`: an id, an ARN, or an alias, which becomes a condition.

        Raises UsageError for anything else.
        """
        if _KEY_ARN.fullmatch(named):
            before, is_alias, alias = named.partition(":alias/")
            return (f"{before}:key/*", (_with_alias(f"alias/{alias}"),)) if is_alias else (named, ())
        if _KEY_ALIAS.fullmatch(named):
            return self.arn("kms", "key/*"), (_with_alias(named),)
        if _KEY_ID.fullmatch(named):
            return self.arn("kms", f"key/{named}"), ()
        raise errors.UsageError(f"{named!r} does not name a KMS key", hint="Give its id, its ARN, or alias/NAME.")


def _with_alias(alias: str) -> Condition:
    # A policy cannot name an alias as a resource; KMS developer guide, "Alias authorization".
    return Condition("ForAnyValue:StringEquals", "kms:ResourceAliases", (alias,))
