"""What every client of AWS needs to know before it connects: which endpoint, whom to trust, and how long to wait."""

from __future__ import annotations

import os
from collections.abc import Mapping

from teleport_bootstrap import errors
from teleport_bootstrap.aws import endpoints
from teleport_bootstrap.host import regular_file
from teleport_bootstrap.records import dataclass

_CONNECT_SECONDS = 2.0
_READ_SECONDS = 8.0
_S3_READ_SECONDS = 30.0  # it assembles an upload of many parts while the caller waits
_SHORTEST_SECONDS = 0.1


@dataclass(frozen=True)
class Connection:
    """How to reach one service in one region.

    `signing_region` differs from `region` where a service is global. `url` is its endpoint; `is_configured` where the
    environment names it. `verify` is a path of trusted certificates, or True for the default ones. The two times are
    those of one attempt.
    """

    service: str
    region: str
    signing_region: str
    url: str
    is_configured: bool
    fips: bool
    dual_stack: bool
    verify: str | bool
    connect_seconds: float
    read_seconds: float


def plan(
    service: str,
    *,
    region: str,
    environ: Mapping[str, str],
    fips: bool = False,
    dual_stack: bool = False,
    deadline_seconds: float = 60.0,
) -> Connection:
    """Return how to reach `service`. One attempt uses at most half of `deadline_seconds`.

    `environ` may set AWS_ENDPOINT_URL[_<SERVICE>] (which is then called whatever `fips` and `dual_stack` say),
    AWS_USE_FIPS_ENDPOINT (equivalent to `fips`), AWS_USE_DUALSTACK_ENDPOINT (which overrules `dual_stack`) and
    AWS_CA_BUNDLE. Raises UsageError for an invalid value.
    """
    configured = endpoints.configured(service, environ)
    fips = (fips or endpoints.is_set(environ, endpoints.FIPS)) and configured is None
    if environ.get(endpoints.DUAL_STACK, "").strip():
        dual_stack = endpoints.is_set(environ, endpoints.DUAL_STACK)
    dual_stack = dual_stack and configured is None
    read_seconds = _S3_READ_SECONDS if service == "s3" else _READ_SECONDS
    return Connection(
        service=service,
        region=region,
        signing_region=endpoints.signing_region(service, region),
        url=configured or endpoints.url(service, region, fips=fips, dual_stack=dual_stack),
        is_configured=configured is not None,
        fips=fips,
        dual_stack=dual_stack,
        verify=_trusted_certificates(environ),
        connect_seconds=max(min(_CONNECT_SECONDS, deadline_seconds / 6), _SHORTEST_SECONDS),
        read_seconds=max(min(read_seconds, deadline_seconds / 3), _SHORTEST_SECONDS),
    )


def _trusted_certificates(environ: Mapping[str, str]) -> str | bool:
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        path = environ.get(name, "")
        if path and not os.path.exists(path):
            raise errors.UsageError(
                f"{name} names {path}, which does not exist", hint=f"Unset {name}, or create the file."
            )
        # The library would wait for a named pipe; a directory of certificates is fine.
        what = regular_file.kind(os.stat(path).st_mode) if path and not os.path.isdir(path) else ""
        if what:
            raise errors.UsageError(f"{name} names {path}, which is {what}", hint=f"Unset {name}, or name a file.")
        if path:
            return path
    return True
