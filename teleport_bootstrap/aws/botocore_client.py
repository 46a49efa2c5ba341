"""botocore clients that obey this agent's options, and no configuration file on the host."""

from __future__ import annotations

import logging
import os
import types
from collections.abc import Mapping
from typing import Any

import botocore.config
import botocore.session

import teleport_bootstrap
from teleport_bootstrap import errors
from teleport_bootstrap.aws import endpoints, http_session
from teleport_bootstrap.host import regular_file

_CONNECT_SECONDS = 2.0
_READ_SECONDS = 8.0
_SHORTEST_SECONDS = 0.1
_S3_READ_SECONDS = 30.0  # it assembles an upload of many parts while the caller waits


def create(
    service: str,
    *,
    region: str,
    credentials: Any,
    environ: Mapping[str, str],
    fips: bool = False,
    dual_stack: bool = False,
    deadline_seconds: float = 60.0,
) -> Any:
    """Return a botocore client for `service` that signs with `credentials` (see teleport_bootstrap.ec2.credentials).

    No ~/.aws, AWS_CONFIG_FILE or AWS_PROFILE is read. `environ` may set AWS_ENDPOINT_URL[_<SERVICE>] (which is then
    called whatever `fips` and `dual_stack` say), AWS_USE_FIPS_ENDPOINT (equivalent to `fips`),
    AWS_USE_DUALSTACK_ENDPOINT (which overrules `dual_stack`) and AWS_CA_BUNDLE; botocore itself reads the proxy
    variables.

    The client makes one attempt only: teleport_bootstrap.aws.service retries, within `deadline_seconds`, of which one
    attempt uses at most half. Raises UsageError for an invalid value.
    """
    _keep_secrets_out_of_logs()
    session = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    chain = types.SimpleNamespace(load_credentials=lambda: credentials)
    session.register_component("credential_provider", chain)
    configured = endpoints.configured(service, environ)
    fips = (fips or endpoints.is_set(environ, endpoints.FIPS)) and configured is None
    if environ.get(endpoints.DUAL_STACK, "").strip():
        dual_stack = endpoints.is_set(environ, endpoints.DUAL_STACK)
    dual_stack = dual_stack and configured is None
    options: dict[str, Any] = {}
    if knows_endpoint_variants():
        options = {"use_fips_endpoint": fips, "use_dualstack_endpoint": dual_stack}
    elif configured is None:
        configured = endpoints.url(service, region, fips=fips, dual_stack=dual_stack)
    if "ignore_configured_endpoint_urls" in botocore.config.Config.OPTION_DEFAULTS:
        options["ignore_configured_endpoint_urls"] = True  # those in `environ` were read above
    if service == "s3":
        # Not the global endpoint that us-east-1 still has, which a VPC endpoint for S3 does not cover. And at another
        # host, botocore would prefix it with the bucket's name, which rarely resolves or fits the certificate.
        style = {} if configured is None else {"addressing_style": "path"}
        options["s3"] = {"us_east_1_regional_endpoint": "regional", **style}
    for name in ("request_checksum_calculation", "response_checksum_validation"):
        if name in botocore.config.Config.OPTION_DEFAULTS:
            # Some services that speak S3 do not know the checksums that a newer botocore adds by itself. Where a
            # checksum matters we send Content-MD5, which every botocore knows.
            options[name] = "when_required"
    connect_seconds = max(min(_CONNECT_SECONDS, deadline_seconds / 6), _SHORTEST_SECONDS)
    read_seconds = max(
        min(_S3_READ_SECONDS if service == "s3" else _READ_SECONDS, deadline_seconds / 3), _SHORTEST_SECONDS
    )
    client = session.create_client(
        service,
        region_name=region,
        endpoint_url=configured,
        verify=_trusted_certificates(environ),
        config=botocore.config.Config(
            connect_timeout=connect_seconds,
            read_timeout=read_seconds,
            retries={"mode": "legacy", "total_max_attempts": 1},
            user_agent_extra=f"teleport-bootstrap/{teleport_bootstrap.__version__}",
            **options,
        ),
    )
    piece_seconds = max(connect_seconds + read_seconds, deadline_seconds / 2)
    client._endpoint.http_session = http_session.Session(
        client._endpoint.http_session,
        piece_seconds=piece_seconds,
        largest=http_session.LARGEST_OF_S3 if service == "s3" else http_session.LARGEST,
        is_json=client.meta.service_model.protocol == "json",
    )
    if service == "s3":
        client.meta.events.register("before-call.s3", _stay_in_region)
    return client


def _stay_in_region(params: dict[str, Any], **_: Any) -> None:
    """Have botocore report that a bucket is in another region, and not follow: old ones forget FIPS and our endpoint.

    These are the marks that its two ways of redirecting leave; teleport_bootstrap.aws.s3 follows instead.
    """
    params["context"]["s3_redirected"] = True
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


def knows_endpoint_variants() -> bool:
    """Return whether the installed botocore can choose FIPS and dual-stack endpoints itself (1.23 and newer)."""
    return "use_fips_endpoint" in botocore.config.Config.OPTION_DEFAULTS


def _trusted_certificates(environ: Mapping[str, str]) -> Any:
    """Return botocore's `verify`: a file of trusted certificates, or True for the default ones."""
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        path = environ.get(name, "")
        if path and not os.path.exists(path):
            raise errors.UsageError(
                f"{name} names {path}, which does not exist", hint=f"Unset {name}, or create the file."
            )
        # botocore would wait for a named pipe; a directory of certificates is fine.
        what = regular_file.kind(os.stat(path).st_mode) if path and not os.path.isdir(path) else ""
        if what:
            raise errors.UsageError(f"{name} names {path}, which is {what}", hint=f"Unset {name}, or name a file.")
        if path:
            return path
    return True


def _keep_secrets_out_of_logs() -> None:
    # At level DEBUG botocore logs whole answers, parameter values included, and the session token of each request.
    logger = logging.getLogger("botocore")
    if logger.getEffectiveLevel() < logging.INFO:
        logger.setLevel(logging.INFO)
