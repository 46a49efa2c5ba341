"""Commands that set up a bucket as it should be."""

from __future__ import annotations

from teleport_bootstrap.doctor import commands

# It is not named when a bucket is created there.
_FIRST_REGION = "us-east-1"


def creation(region: str, bucket: str) -> tuple[str, ...]:
    """Return the commands that create a private bucket with versions; S3 encrypts what is in it."""
    where = () if region == _FIRST_REGION else ("--create-bucket-configuration", f"LocationConstraint={region}")
    created = commands.aws(region, "s3api", "create-bucket", "--bucket", bucket, *where)
    return created, versioning(region, bucket), privacy(region, bucket)


def versioning(region: str, bucket: str) -> str:
    """Return the command that switches versions on."""
    words = ("put-bucket-versioning", "--bucket", bucket, "--versioning-configuration", "Status=Enabled")
    return commands.aws(region, "s3api", *words)


def privacy(region: str, bucket: str) -> str:
    """Return the command that blocks all public access."""
    ways = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    blocked = ",".join(f"{each}=true" for each in ways)
    words = ("put-public-access-block", "--bucket", bucket, "--public-access-block-configuration", blocked)
    return commands.aws(region, "s3api", *words)


def encryption(region: str, bucket: str) -> str:
    """Return the command that encrypts by default, with a key of S3's own."""
    rule = '{"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}'
    words = ("put-bucket-encryption", "--bucket", bucket, "--server-side-encryption-configuration", rule)
    return commands.aws(region, "s3api", *words)
