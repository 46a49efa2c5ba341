"""The types of values that AWS makes the rules for; like `values`, whose functions these complete."""

from __future__ import annotations

import re

from teleport_bootstrap.conf import values
from teleport_bootstrap.conf.values import Unfit, quoted


def region(value: str) -> str:
    """Return the name of an AWS region, such as us-east-1 or us-gov-west-1."""
    if re.fullmatch("[a-z]{2,8}(-[a-z]{2,12}){1,3}-[0-9]{1,2}", value):
        return value
    if re.fullmatch("[a-z]{2,8}(-[a-z]{2,12}){1,3}-[0-9]{1,2}[a-z]", value):
        raise Unfit(f"is an availability zone, not a region: {quoted(value)}", f"write {value[:-1]}")
    raise Unfit(f"is not an AWS region: {quoted(value)}", "write it like us-east-1")


def tag_keys(value: str) -> tuple[str, ...]:
    """Return EC2 tag keys from a comma-separated list: letters, digits, spaces and `+ - = . _ : / @`, at most 128."""
    parts = values.list_parts(value)
    for part in parts:
        if len(part) > 128 or not all(character.isalnum() or character in " +-=._:/@" for character in part):
            raise Unfit(
                f"holds {quoted(part)}, which is not an EC2 tag key",
                "a tag key is at most 128 letters, digits, spaces and + - = . _ : / @; commas separate keys",
            )
    return parts


def bucket(value: str) -> str:
    """Return the name of an S3 bucket, by AWS's naming rules for general purpose buckets."""
    if value.startswith("s3://"):
        raise Unfit(f"is a URI, not a bucket: {quoted(value)}", "write the bucket's name alone, without s3://")
    if (
        re.fullmatch("[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value) is None
        or ".." in value
        or value.startswith(("xn--", "sthree-"))
        or value.endswith(("-s3alias", "--ol-s3"))
        or values.is_address(value)
    ):
        raise Unfit(
            f"is not the name of an S3 bucket: {quoted(value)}",
            "3 to 63 lower-case letters, digits, dots and hyphens, beginning and ending with a letter or digit",
        )
    return value


def backup_place(value: str) -> str:
    """Return where a backup is: an absolute path, or s3://bucket/key."""
    if values.text(value).startswith("s3://"):
        name, slash, key = value[len("s3://") :].partition("/")
        if not slash or not key:
            raise Unfit(f"names no object in the bucket: {quoted(value)}", "write it like s3://bucket/path/backup.tar")
        bucket(name)
        return value
    if not value.startswith("/") or value.strip("/") == "":
        raise Unfit(f"is not a backup's place: {quoted(value)}", "write an absolute path, or s3://bucket/key")
    return value
