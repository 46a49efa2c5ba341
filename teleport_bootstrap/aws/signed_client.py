"""Calls of all services but S3: one signed request each, over the library requests.

One attempt only: teleport_bootstrap.aws.service retries. Source of the forms: Smithy specification, "AWS JSON 1.0" and
"1.1" protocols; those of XML are in modules of their own.
"""

from __future__ import annotations

import http.client
import json
import zlib
from collections.abc import Mapping

import requests
import requests.utils
import urllib3.exceptions

import teleport_bootstrap
from teleport_bootstrap import json_data
from teleport_bootstrap.aws import (
    answers,
    description_shapes,
    failures,
    query_form,
    route53_paths,
    shapes,
    signing,
    xml_answers,
)
from teleport_bootstrap.aws.connection import Connection
from teleport_bootstrap.hints import Any, NamedTuple, Protocol
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import http_session, time_limit
from teleport_bootstrap.records import dataclass

_READING = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError)


class Credentials(Protocol):
    """Where keys come from: teleport_bootstrap.ec2.credentials or, in tests, botocore's own."""

    def get_frozen_credentials(self) -> Any:
        """Return keys as teleport_bootstrap.aws.signing takes them, renewed if need be."""


@dataclass(frozen=True)
class _Form:
    """How a service is asked: in JSON, where `target` is the prefix of an operation, and otherwise by a query.

    `version` is that of the API in a query; EC2 and Route 53, whose forms are their own, have none here.
    """

    content_type: str
    target: str = ""
    version: str = ""


class _Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


_JSON = "application/x-amz-json-1.1"
_QUERY = "application/x-www-form-urlencoded; charset=utf-8"
_FORMS = {
    "ssm": _Form(_JSON, "AmazonSSM"),
    "dynamodb": _Form("application/x-amz-json-1.0", "DynamoDB_20120810"),
    "kms": _Form(_JSON, "TrentService"),
    "athena": _Form(_JSON, "AmazonAthena"),
    "glue": _Form(_JSON, "AWSGlue"),
    "application-autoscaling": _Form(_JSON, "AnyScaleFrontendService"),
    "ec2": _Form(_QUERY),
    "sts": _Form(_QUERY, version="2011-06-15"),
    "iam": _Form(_QUERY, version="2010-05-08"),
    "elasticloadbalancing": _Form(_QUERY, version="2015-12-01"),
    "cloudformation": _Form(_QUERY, version="2010-05-15"),
    "autoscaling": _Form(_QUERY, version="2011-01-01"),
    "route53": _Form(""),
}


class SignedClient:
    """A client of one service; `attempt_seconds` is how long an attempt takes whose steps come within their limits.

    Each thread needs its own; they may share `credentials`.
    """

    def __init__(self, connection: Connection, *, credentials: Credentials, clock: clocks.Clock) -> None:
        self.region = connection.region
        self.endpoint = connection.url
        self.attempt_seconds = connection.connect_seconds + connection.read_seconds
        self._connection = connection
        self._credentials = credentials
        self._clock = clock
        self._form = _FORMS[connection.service]
        self._session = http_session.create()

    def send(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer, with its headers and request id under ResponseMetadata; raises failures.RAISED.

        What the answer holds is as in teleport_bootstrap.aws.shapes; times are seconds since 1970.
        """
        answer, content = self._exchange(self._request(operation, parameters))
        metadata = {
            "HTTPStatusCode": answer.status_code,
            "HTTPHeaders": {name.lower(): value for name, value in answer.headers.items()},
            "RequestId": answer.headers.get("x-amzn-RequestId", ""),
        }
        if answer.status_code >= 300:
            error = _json_error if self._form.target else xml_answers.error
            code, message = error(content)
            # A page that is not from AWS has the status for a code.
            told = {"Code": code or str(answer.status_code), "Message": message}
            raise failures.Refusal({"Error": told, "ResponseMetadata": metadata}, operation)
        _check_sum(answer.headers, content)
        shape = shapes.OF.get(operation) or description_shapes.OF[operation]
        if self._form.target:
            found = _json(content)
            answers.conform(found, shape)
        else:
            found = xml_answers.read(content, operation, shape)
        return {**found, "ResponseMetadata": metadata}

    def _request(self, operation: str, parameters: Mapping[str, Any]) -> _Request:
        form, headers = self._form, {"Content-Type": self._form.content_type}
        if self._connection.service == "route53":
            return _Request("GET", route53_paths.path(operation, parameters), {}, b"")
        if form.target:
            headers["X-Amz-Target"] = f"{form.target}.{operation}"
            body = json.dumps(parameters).encode()
        elif form.version:
            body = query_form.encoded(operation, parameters, version=form.version)
        else:
            body = query_form.encoded_for_ec2(operation, parameters)
        return _Request("POST", "" if self.endpoint.count("/") > 2 else "/", headers, body)

    def _exchange(self, request: _Request) -> tuple[requests.Response, bytes]:
        connection, url = self._connection, self.endpoint + request.path
        scope = signing.Scope(connection.signing_region, connection.service, self._clock.wall())
        keys = self._credentials.get_frozen_credentials()
        signed = signing.signed(url, request.headers, request.body, keys=keys, scope=scope, method=request.method)
        # Not signed, since a proxy may change them.
        others = {"User-Agent": f"teleport-bootstrap/{teleport_bootstrap.__version__}", "Accept-Encoding": "identity"}
        try:
            answer = self._session.request(
                request.method,
                url,
                data=request.body,
                headers={**signed, **others},
                timeout=(connection.connect_seconds, connection.read_seconds),
                verify=connection.verify,
                proxies=requests.utils.get_environ_proxies(url),
                allow_redirects=False,
                stream=True,
            )
        except requests.RequestException as error:
            raise _unreachable(error) from None
        with answer:
            return answer, _body(answer)


def _body(answer: requests.Response) -> bytes:
    largest = answers.LARGEST if answer.status_code < 300 else answers.LARGEST_ERROR
    found = bytearray()
    try:
        # Not decompressed: that was not asked for, and may be much more.
        for part in answer.raw.stream(time_limit.PIECE_BYTES, decode_content=False):
            found += part
            if len(found) > largest:
                raise failures.NotAnAnswer
    except _READING as error:
        raise failures.Unreachable(error) from None
    said = answer.headers.get("Content-Length", "")
    is_plain = "Transfer-Encoding" not in answer.headers
    if is_plain and said.isascii() and said.isdigit() and len(found) < int(said):
        raise failures.Unreachable(ConnectionResetError("connection reset"))
    return bytes(found)


def _unreachable(error: requests.RequestException) -> failures.Unreachable | failures.Unusable:
    if isinstance(error, requests.exceptions.SSLError):
        return failures.Unreachable(error, is_tls=True)
    # Two are errors of connections besides, but say that an address is wrong.
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        return failures.Unusable(error)
    passing = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return failures.Unreachable(error) if isinstance(error, passing) else failures.Unusable(error)


def _check_sum(headers: Mapping[str, str], content: bytes) -> None:
    """Raise NotAnAnswer where the body is not the one that DynamoDB has sent."""
    said = headers.get("x-amz-crc32", "")
    if said.isascii() and said.isdigit() and int(said) != zlib.crc32(content):
        raise failures.NotAnAnswer


def _json(content: bytes) -> dict[str, Any]:
    try:
        found = json_data.parsed(content.decode("utf-8"))
    except ValueError:
        raise failures.NotAnAnswer from None
    if not isinstance(found, dict):
        raise failures.NotAnAnswer
    return found


def _json_error(content: bytes) -> tuple[str, str]:
    """Return code and message, "" where there is none: services write `__type` with and without a namespace."""
    try:
        found = json_data.parsed(content.decode("utf-8"))
    except ValueError:
        return "", content.decode("utf-8", errors="replace")
    if not isinstance(found, dict):
        return "", ""
    code, message = found.get("__type", ""), found.get("message", found.get("Message", ""))
    code = code if isinstance(code, str) else ""
    return code.rpartition("#")[2].partition(":")[0], message if isinstance(message, str) else ""
