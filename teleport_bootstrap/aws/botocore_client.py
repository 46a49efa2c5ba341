"""S3 through botocore, without any configuration file on the host, and with this program's own failures.

botocore is needed for S3 alone, and only imported where S3 is used.
"""

from __future__ import annotations

import logging
import os
import types
from collections.abc import Mapping

import botocore.config
import botocore.session
import urllib3.exceptions
from botocore import exceptions, xform_name
from botocore.credentials import Credentials
from botocore.parsers import ResponseParserError

import teleport_bootstrap
from teleport_bootstrap.aws import answers, botocore_session, failures
from teleport_bootstrap.aws.connection import Connection
from teleport_bootstrap.hints import Any

_CONNECTION = (exceptions.ConnectionError, exceptions.HTTPClientError)
# All that its requests raise for failures outside this program.
_RAISED = (exceptions.BotoCoreError, exceptions.ClientError, ResponseParserError)


class BotocoreClient:
    """A client of one service; `attempt_seconds` is how long an attempt takes whose steps come within their limits."""

    def __init__(self, client: Any) -> None:
        self.region = str(client.meta.region_name)
        self.endpoint = str(client.meta.endpoint_url)
        config = client.meta.config
        self.attempt_seconds = float(config.connect_timeout + config.read_timeout)
        self.client = client

    def send(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        """Return the answer as botocore does; raises failures.RAISED."""
        try:
            answer = getattr(self.client, xform_name(operation))(**parameters)
        except _RAISED as error:
            raise _translated(error) from None
        answers.check(answer, self.client.meta.service_model.operation_model(operation).output_shape)
        if "Body" in answer:
            answer["Body"] = _Stream(answer["Body"])
        return answer


class _Stream:
    """The body of an answer that is read piece by piece. Its methods raise failures.RAISED."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, amount: int) -> bytes:
        try:
            found: bytes = self._body.read(amount)
        except (*_RAISED, urllib3.exceptions.HTTPError) as error:  # not all is wrapped by botocore
            raise failures.Unreachable(_cause(error)) from None
        return found

    def close(self) -> None:
        self._body.close()


def _translated(error: Exception) -> Exception:
    """Return what failed as one of failures.RAISED."""
    if isinstance(error, exceptions.ClientError):
        return failures.Refusal(error.response, error.operation_name)
    if isinstance(error, ResponseParserError):
        return failures.NotAnAnswer()
    if isinstance(error, exceptions.SSLError):
        return failures.Unreachable(_cause(error), is_tls=True)
    return failures.Unreachable(_cause(error)) if isinstance(error, _CONNECTION) else failures.Unusable(_cause(error))


def _cause(error: Exception) -> Exception:
    """Return the error of the connection, which botocore wraps, and which its own text does not show."""
    cause = getattr(error, "kwargs", {}).get("error")
    return cause if isinstance(cause, Exception) else error


class _Renewed(Credentials):  # type: ignore[misc]  # botocore has no types
    """Credentials as botocore wants them, which are those of `source` at each moment."""

    def __init__(self, source: Any) -> None:
        super().__init__("", "")
        self._source = source

    def get_frozen_credentials(self) -> Any:
        return self._source.get_frozen_credentials()


def create(connection: Connection, *, credentials: Any, deadline_seconds: float = 60.0) -> BotocoreClient:
    """Return a client that signs with `credentials` (see teleport_bootstrap.ec2.credentials).

    No ~/.aws, AWS_CONFIG_FILE or AWS_PROFILE is read; botocore itself reads the proxy variables. The client makes one
    attempt only: teleport_bootstrap.aws.service retries, within `deadline_seconds`.
    """
    _keep_secrets_out_of_logs()
    session = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    chain = types.SimpleNamespace(load_credentials=lambda: _Renewed(credentials))
    session.register_component("credential_provider", chain)
    url = connection.url if connection.is_configured else None
    options: dict[str, Any] = {}
    if knows_endpoint_variants():
        options = {"use_fips_endpoint": connection.fips, "use_dualstack_endpoint": connection.dual_stack}
    else:
        url = connection.url
    if "ignore_configured_endpoint_urls" in botocore.config.Config.OPTION_DEFAULTS:
        options["ignore_configured_endpoint_urls"] = True  # those in the environment were read before
    # Not the global endpoint that us-east-1 still has, which a VPC endpoint for S3 does not cover. And at another
    # host, botocore would prefix it with the bucket's name, which rarely resolves or fits the certificate.
    style = {} if url is None else {"addressing_style": "path"}
    options["s3"] = {"us_east_1_regional_endpoint": "regional", **style}
    for name in ("request_checksum_calculation", "response_checksum_validation"):
        if name in botocore.config.Config.OPTION_DEFAULTS:
            # Some services that speak S3 do not know the checksums that a newer botocore adds by itself. Where a
            # checksum matters we send Content-MD5, which every botocore knows.
            options[name] = "when_required"
    client = session.create_client(
        connection.service,
        region_name=connection.region,
        endpoint_url=url,
        verify=connection.verify,
        config=botocore.config.Config(
            connect_timeout=connection.connect_seconds,
            read_timeout=connection.read_seconds,
            retries={"mode": "legacy", "total_max_attempts": 1},
            user_agent_extra=f"teleport-bootstrap/{teleport_bootstrap.__version__}",
            **options,
        ),
    )
    piece_seconds = max(connection.connect_seconds + connection.read_seconds, deadline_seconds / 2)
    client._endpoint.http_session = botocore_session.Session(client._endpoint.http_session, piece_seconds=piece_seconds)
    client.meta.events.register("before-call.s3", _stay_in_region)
    return BotocoreClient(client)


def _stay_in_region(params: dict[str, Any], **_: Any) -> None:
    """Have botocore report that a bucket is in another region, and not follow: old ones forget FIPS and our endpoint.

    These are the marks that its two ways of redirecting leave; teleport_bootstrap.aws.s3 follows instead.
    """
    params["context"]["s3_redirected"] = True
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


def knows_endpoint_variants() -> bool:
    """Return whether the installed botocore can choose FIPS and dual-stack endpoints itself (1.23 and newer)."""
    return "use_fips_endpoint" in botocore.config.Config.OPTION_DEFAULTS


def _keep_secrets_out_of_logs() -> None:
    # At level DEBUG botocore logs whole answers, parameter values included, and the session token of each request.
    logger = logging.getLogger("botocore")
    if logger.getEffectiveLevel() < logging.INFO:
        logger.setLevel(logging.INFO)
