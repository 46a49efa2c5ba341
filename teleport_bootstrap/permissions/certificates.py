"""What a certificate from Let's Encrypt takes: DNS records in Route 53, and its files in the bucket."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.cluster.certificate import lineage_files as files
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.conf.deployment import Deployment
from teleport_bootstrap.permissions import agent
from teleport_bootstrap.permissions.need import ANY, CERTIFICATES, Condition, Need
from teleport_bootstrap.permissions.scope import Scope

_SHARING = "auth servers keep the certificate, its renewal settings and the ACME account in the bucket"
_INSTALLING = "proxies copy the certificate from the bucket"
_PROVING = "certbot proves with a DNS record that the domain is yours"


def needs(
    conf: conf_file.Conf, decided: Deployment, scope: Scope, *, zone: str | None, bucket_key: str | None
) -> Iterator[Need]:
    """Yield what obtaining, renewing and installing a certificate call; nothing for a role without a part in that.

    `zone` is the id of the domain's hosted zone, None for any zone of the account that has this domain. `bucket_key` is
    the KMS key of the bucket, None where S3 encrypts with its own.
    """
    domain, bucket = conf.value(variables.TELEPORT_DOMAIN_NAME), conf.value(variables.TELEPORT_S3_BUCKET)
    if not decided.letsencrypt or domain is None or bucket is None:
        return
    domain = domain.lower()
    obtains = decided.role.runs_auth
    call = _SHARING if obtains else _INSTALLING
    read = [f"{files.live(domain)}*", f"{files.archive(domain)}*"]
    # Where S3 denies an object, a list of its own key shows whether it is missing.
    listed = [f"{files.live(domain)}*", f"{files.archive(domain)}*"]
    if obtains:
        read += [files.renewal(domain), f"{files.ACCOUNTS}*"]
        listed += [files.renewal(domain), f"{files.ACCOUNTS}*"]
    objects = tuple(scope.objects(bucket, each) for each in read)
    prefixes = Condition("StringLike", "s3:prefix", tuple(listed))
    yield Need(CERTIFICATES, "s3:ListBucket", (scope.bucket(bucket),), call, (prefixes,))
    yield Need(CERTIFICATES, "s3:GetObject", objects, call)
    if bucket_key is not None:
        yield from with_bucket_key(CERTIFICATES, scope, bucket_key, call, writes=obtains)
    if not obtains:
        return
    yield Need(CERTIFICATES, "s3:PutObject", objects, call)
    table = conf.value(variables.TELEPORT_LOCKS_TABLE_NAME)
    if table is not None:
        yield from agent.locking(CERTIFICATES, scope, table)
    yield Need(CERTIFICATES, "route53:ListHostedZones", ANY, _PROVING)
    yield Need(CERTIFICATES, "route53:GetChange", (scope.global_arn("route53", "change/*"),), _PROVING)
    yield Need(
        CERTIFICATES,
        "route53:ChangeResourceRecordSets",
        (scope.global_arn("route53", f"hostedzone/{zone or '*'}"),),
        _PROVING,
        (
            # Route 53 developer guide: names are lower case, without a dot at their end. That of *.DOMAIN is the same.
            _all_are("Names", "NormalizedRecord", (f"_acme-challenge.{domain}",)),
            _all_are("Types", "Record", ("TXT",)),
            Condition("ForAllValues:StringEquals", "route53:ChangeResourceRecordSetsActions", ("UPSERT", "DELETE")),
        ),
    )


def with_bucket_key(part: str, scope: Scope, key: str, call: str, *, writes: bool) -> Iterator[Need]:
    """Yield what S3 needs of the KMS `key` on behalf of an instance that reads objects, and `writes` them too."""
    arn, conditions = scope.key(key)
    for action in ("kms:Decrypt", *(("kms:GenerateDataKey",) if writes else ())):
        yield Need(part, action, (arn,), f"{call}, encrypted with a KMS key", (*conditions, scope.via("s3")))


def _all_are(what: str, of: str, values: tuple[str, ...]) -> Condition:
    return Condition("ForAllValues:StringEquals", f"route53:ChangeResourceRecordSets{of}{what}", values)
