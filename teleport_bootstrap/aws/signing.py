"""Signature Version 4: the headers that prove to AWS who sends a request.

Source: IAM User Guide, "Create a signed AWS API request". Nothing is sent or read here.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from urllib import parse

from teleport_bootstrap import port_table
from teleport_bootstrap.hints import NamedTuple, Protocol

_ALGORITHM = "AWS4-HMAC-SHA256"
_PORTS = {"http": 80, "https": port_table.HTTPS}


class Keys(Protocol):
    """Credentials at one moment: ec2.credentials.Keys or, in tests, botocore's."""

    @property
    def access_key(self) -> str:
        """The id of the key; not a secret."""

    @property
    def secret_key(self) -> str:
        """The key."""

    @property
    def token(self) -> str | None:
        """The token of a session, which temporary credentials have."""


class Scope(NamedTuple):
    """What a signature is good for: one service in one region, around one time, in seconds since 1970."""

    region: str
    service: str
    now: float


def signed(
    url: str, headers: Mapping[str, str], body: bytes, *, keys: Keys, scope: Scope, method: str = "POST"
) -> dict[str, str]:
    """Return `headers`, and with them those that sign a request with `body` to `url`.

    The host of `url` is in ASCII, and its query is percent-encoded as it is sent.
    """
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(scope.now))
    given = {**headers, "Host": host(url), "X-Amz-Date": moment}
    if keys.token:
        given["X-Amz-Security-Token"] = keys.token
    canonical = {name.lower(): re.sub(r"\s+", " ", value.strip()) for name, value in given.items()}
    names = ";".join(sorted(canonical))
    parts = parse.urlsplit(url)
    request = "\n".join(
        [
            method,
            _path(parts.path),
            _query(parts.query),
            *(f"{name}:{canonical[name]}" for name in sorted(canonical)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    place = f"{moment[:8]}/{scope.region}/{scope.service}/aws4_request"
    text = "\n".join([_ALGORITHM, moment, place, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{keys.secret_key}".encode()
    for each in place.split("/"):
        key = hmac.digest(key, each.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    given["Authorization"] = (
        f"{_ALGORITHM} Credential={keys.access_key}/{place}, SignedHeaders={names}, Signature={signature}"
    )
    return given


def host(url: str) -> str:
    """Return the value of the header Host for `url`: without the port, where that is the usual one."""
    parts = parse.urlsplit(url)
    name = parts.hostname or ""
    if ":" in name:
        name = f"[{name}]"
    return name if parts.port in (None, _PORTS.get(parts.scheme)) else f"{name}:{parts.port}"


def _path(path: str) -> str:
    """Return the path as it is signed: its parts without `.` and `..`, and escaped once more than in the URL."""
    kept: list[str] = []
    for each in path.split("/"):
        if each == "..":
            del kept[-1:]
        elif each not in ("", "."):
            kept.append(each)
    end = "/" if kept and path.endswith("/") else ""
    return parse.quote(f"/{'/'.join(kept)}{end}", safe="/~")


def _query(query: str) -> str:
    # By name and then value: sorted as texts, `a1=` would precede `a=`.
    pairs = sorted(each.partition("=")[::2] for each in query.split("&") if each)
    return "&".join(f"{name}={value}" for name, value in pairs)
