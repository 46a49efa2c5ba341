"""Calls of AWS's services for JSON, and of EC2: one signed POST each, over requests.

One attempt only: teleport_bootstrap.aws.service retries. Source of the forms: Smithy specification, "AWS JSON 1.0" and
"1.1" protocols.
"""

from __future__ import annotations

import http.client
import json
import zlib
from collections.abc import Callable, Mapping

import requests
import requests.utils
import urllib3.exceptions

import teleport_bootstrap
from teleport_bootstrap import json_data
from teleport_bootstrap.aws import answers, ec2_query, failures, shapes, signing
from teleport_bootstrap.aws.connection import Connection
from teleport_bootstrap.hints import Any, Protocol
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
    """How a service is asked. `target` is the prefix of an operation, "" for the query form of EC2."""

    content_type: str
    target: str = ""


_FORMS = {
    "ssm": _Form("application/x-amz-json-1.1", "AmazonSSM"),
    "dynamodb": _Form("application/x-amz-json-1.0", "DynamoDB_20120810"),
    "ec2": _Form("application/x-www-form-urlencoded; charset=utf-8"),
}


class SignedClient:
    """A client of one service; `attempt_seconds` is how long an attempt takes whose steps come within their limits."""

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
        headers = {"Content-Type": self._form.content_type}
        if self._form.target:
            headers["X-Amz-Target"] = f"{self._form.target}.{operation}"
            body = json.dumps(parameters).encode()
            read: Callable[[bytes], dict[str, Any]] = _json
        else:
            body = ec2_query.encoded(operation, parameters)
            read = ec2_query.read
        answer, content = self._exchange(headers, body)
        metadata = {
            "HTTPStatusCode": answer.status_code,
            "HTTPHeaders": {name.lower(): value for name, value in answer.headers.items()},
            "RequestId": answer.headers.get("x-amzn-RequestId", ""),
        }
        if answer.status_code >= 300:
            error = _json_error if self._form.target else ec2_query.error
            code, message = error(content)
            # A page that is not from AWS has the status for a code.
            told = {"Code": code or str(answer.status_code), "Message": message}
            raise failures.Refusal({"Error": told, "ResponseMetadata": metadata}, operation)
        _check_sum(answer.headers, content)
        found = read(content)
        answers.conform(found, shapes.OF[operation])
        return {**found, "ResponseMetadata": metadata}

    def _exchange(self, headers: Mapping[str, str], body: bytes) -> tuple[requests.Response, bytes]:
        connection, url = self._connection, self.endpoint + ("" if self.endpoint.count("/") > 2 else "/")
        scope = signing.Scope(connection.region, connection.service, self._clock.wall())
        keys = self._credentials.get_frozen_credentials()
        signed = signing.signed(url, headers, body, keys=keys, scope=scope)
        # Not signed, since a proxy may change them.
        others = {"User-Agent": f"teleport-bootstrap/{teleport_bootstrap.__version__}", "Accept-Encoding": "identity"}
        try:
            answer = self._session.request(
                "POST",
                url,
                data=body,
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
