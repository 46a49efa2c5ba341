"""AWS's APIs behind the door of `http_door`: real clients of botocore, made once, and a clock that does not wait."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import botocore.credentials

from teleport_bootstrap.aws import account
from tests.fuzz import http_door
from tests.fuzz.oracle import PLANTED

_TIME = http_door.Time()


@functools.lru_cache(maxsize=1)
def _aws() -> account.Aws:
    keys = botocore.credentials.Credentials("AKIDEXAMPLE", PLANTED, PLANTED)
    environ = {"AWS_ENDPOINT_URL": http_door.URL}
    return account.Aws("us-east-1", keys, environ, wait_seconds=30.0, clock=_TIME.clock())


@functools.lru_cache(maxsize=8)
def service(name: str) -> Any:
    """Return one service of `account.Aws`, by the name of its property."""
    return getattr(_aws(), name)


def bucket() -> Any:
    """Return a bucket; a new one, since it remembers the region that it was found in."""
    fresh = _bucket()
    return type(fresh)(fresh._service, fresh.name, in_region=lambda _: fresh._service)


@functools.lru_cache(maxsize=1)
def _bucket() -> Any:
    return _aws().s3("example-bucket")


@contextlib.contextmanager
def answering(script: bytes) -> Iterator[None]:
    """Answer with `script` as http_door.answering does, on connections that no input before has used."""
    with http_door.answering(script):
        yield
