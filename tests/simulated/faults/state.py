"""What a host and AWS hold before and after a command, without what differs from run to run."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

from tests.simulated.faults.names import without_chance
from tests.simulated_ec2 import Aws

# By path: kind, mode, owner, group, and content.
State = dict[str, tuple[str, int, int, int, str]]

# The programs, which are replaced; and what is no more than a lock, a log or a cache of another program.
_LEFT_OUT = re.compile(
    r"(usr/|(?:bin|lib|lib32|lib64|libx32|sbin)$|(?:proc|dev|tmp)/|bytecode/|var/log/letsencrypt/|etc/letsencrypt/archive/|var/lib/teleport/tctl-|var/lib/teleport-bootstrap/(?:[a-z-]+\.)?lock$)"
)
# How it ended, and when: of a job, of a generation.
_VARY = re.compile(r"var/lib/teleport-bootstrap/(jobs/|published/|events)")
_TIMES = re.compile(
    rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?|\d{8}T\d{6}Z(?:-\d+)?|\b1[6-9]\d{8}(?:\.\d+)?\b"
    rb"|\b[0-9a-f]{32,64}\b"
)
# Of a generation that Teleport was not seen healthy with yet, which changes nothing else.
_UNCONFIRMED = re.compile(rb'"(?:confirmed|previous|made_by|made_at|by)": [^\n]*')
_ARCHIVES = (".tar.zst", ".tar.gz")
_HIDDEN = re.compile(
    r"\.teleport-bootstrap-(?:new|old)$|/generations/\.|change\.json$|\.restoring-|-partial$|/\.teleport-c"
)


def of_host(root: Path, vary: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> State:
    """Return every file, link and directory below `root`: names alone below `vary`, and none that ends in `without`."""
    found: State = {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            shown = os.path.relpath(path, root)
            if _LEFT_OUT.match(shown) or shown.endswith(without):
                continue
            facts = os.lstat(path)
            kind = stat.S_IFMT(facts.st_mode)
            content = ""
            if stat.S_ISREG(facts.st_mode):
                content = "varies" if shown.startswith(vary) else _content(Path(path), shown, root)
            elif stat.S_ISLNK(facts.st_mode):
                content = "varies" if shown.startswith(vary) else os.readlink(path).replace(str(root), "")
            elif stat.S_ISDIR(facts.st_mode) and not os.listdir(path):
                continue  # says nothing, and remains where what was in it is gone
            found[without_chance(shown)] = (
                {stat.S_IFREG: "file", stat.S_IFLNK: "link", stat.S_IFDIR: "directory"}.get(kind, "other"),
                stat.S_IMODE(facts.st_mode),
                facts.st_uid,
                facts.st_gid,
                content,
            )
    return found


def _content(path: Path, shown: str, root: Path) -> str:
    if _VARY.match(shown):
        return "varies"
    if shown.endswith((*_ARCHIVES, ".sha256")) or ".tar." in shown:
        return "an archive"
    data = path.read_bytes().replace(os.fsencode(root), b"")
    if shown.endswith(("sqlite.db-wal", "sqlite.db-shm")):
        return "of SQLite"
    if shown.startswith(("var/lib/teleport-bootstrap/", "etc/letsencrypt/")):
        data = _UNCONFIRMED.sub(b"", _TIMES.sub(b"TIME", data))
    return hashlib.sha256(data).hexdigest()


def leftovers(root: Path) -> list[str]:
    """Return what only a run that is under way may have there."""
    found = []
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            shown = os.path.relpath(os.path.join(folder, name), root)
            if _HIDDEN.search(shown):
                found.append(shown)
    return found


def differing(one: State, other: State) -> list[str]:
    """Return the paths that two states do not have in common."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def content_of_aws(aws: Aws) -> dict[str, Any]:
    """Return the parameters, tables and buckets, as JSON; `load_aws` brings them back."""
    ssm, dynamodb, s3 = (aws.client(service) for service in ("ssm", "dynamodb", "s3"))
    parameters = {}
    pages = ssm.get_paginator("describe_parameters").paginate()
    for each in [each for page in pages for each in page["Parameters"]]:
        value = ssm.get_parameter(Name=each["Name"], WithDecryption=True)["Parameter"]["Value"]
        parameters[each["Name"]] = [each["Type"], value]
    tables = {}
    for name in dynamodb.list_tables()["TableNames"]:
        facts = dynamodb.describe_table(TableName=name)["Table"]
        tables[name] = [facts["KeySchema"], facts["AttributeDefinitions"], dynamodb.scan(TableName=name)["Items"]]
    buckets: dict[str, Any] = {}
    for bucket in [each["Name"] for each in s3.list_buckets()["Buckets"]]:
        objects = buckets[bucket] = {}
        for each in s3.list_objects_v2(Bucket=bucket).get("Contents", ()):
            kept = s3.get_object(Bucket=bucket, Key=each["Key"])
            objects[each["Key"]] = [kept["Body"].read().decode("latin-1"), kept["Metadata"]]
    return {"parameters": parameters, "tables": tables, "buckets": buckets}


def load_aws(aws: Aws, content: dict[str, Any]) -> None:
    """Have AWS hold just this."""
    aws.reset()
    for name, (kind, value) in content["parameters"].items():
        aws.put_parameters({name: value}, kind=kind)
    dynamodb, s3 = aws.client("dynamodb"), aws.client("s3")
    for name, (schema, attributes, items) in content["tables"].items():
        dynamodb.create_table(
            TableName=name, KeySchema=schema, AttributeDefinitions=attributes, BillingMode="PAY_PER_REQUEST"
        )
        for item in items:
            dynamodb.put_item(TableName=name, Item=item)
    for bucket, objects in content["buckets"].items():
        s3.create_bucket(Bucket=bucket)
        for key, (text, metadata) in objects.items():
            s3.put_object(Bucket=bucket, Key=key, Body=text.encode("latin-1"), Metadata=metadata)


def of_aws(content: dict[str, Any]) -> dict[str, str]:
    """Return what AWS holds by name, with a digest of what a command must not lose."""
    found = {f"parameter {name}": json.dumps(value) for name, value in content["parameters"].items()}
    for bucket, objects in content["buckets"].items():
        found.update({f"s3://{bucket}/{key}": text for key, (text, _) in objects.items()})
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in found.items()}
