"""Answers of S3: lists end, an object is whole and of one version, and its facts have their types; or an error."""

from __future__ import annotations

import datetime
import itertools

from teleport_bootstrap.aws import s3_download
from tests.fuzz import aws_door
from tests.fuzz.oracle import catalogue, holds, same

LONGEST = 2048


def check(data: bytes) -> None:
    """List, look at, get, download or put, with the rest of the input as the answers."""
    which, script = data[:1], data[1:]
    bucket = aws_door.bucket()
    with aws_door.answering(script), catalogue():
        if which == b"h":
            found = bucket.head("p/a")
            _typed(*([found] if found is not None else []))
        elif which == b"g":
            content = bucket.get("p/a", largest=4096)
            holds(type(content) is bytes and len(content) <= 4096, content)
        elif which == b"d":
            with s3_download.Download(bucket, "p/a") as stream:
                same(len(stream.read()), stream.size)
        elif which == b"p":
            holds(type(bucket.put("p/a", b"abc")) is str, which)
        else:
            listed = list(itertools.islice(bucket.list("p/"), 2000))
            _typed(*listed)
            holds(all(each.key.startswith("p/") for each in listed), listed)


def _typed(*found: object) -> None:
    for each in found:
        key, size, etag, modified = each.key, each.size, each.etag, each.modified  # type: ignore[attr-defined]
        same((str, int, str, datetime.datetime), (type(key), type(size), type(etag), type(modified)))
        holds(size >= 0, each)
