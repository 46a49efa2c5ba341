"""The instance metadata service, version 2 only.

The EC2 User Guide, "Use the Instance Metadata Service to access instance metadata", describes its behaviour: a PUT
returns a session token, which each GET sends; 401 means that the token is invalid, 403 that the service is turned off,
404 that there is no such item. There is no fallback to version 1, which needs no token: a service that only speaks
version 1, or another server that answers at its address, is an error.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from teleport_bootstrap import errors, paths, regex
from teleport_bootstrap.ec2 import endpoint as endpoints
from teleport_bootstrap.ec2 import refusals
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import http_session, retry, time_limit
from teleport_bootstrap.secret import Secret

TOKEN_SECONDS = 21600  # the longest that the service grants
CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0
LARGEST_ANSWER_BYTES = 64 * 1024

_PIECE_BYTES = 4096
_SHORTEST_SECONDS = 0.05

_TOKEN_PATH = "api/token"  # noqa: S105
_TOKEN_MARGIN_SECONDS = 60.0
_TOKEN_SYNTAX = regex.compile(r"[A-Za-z0-9+/=_.~-]{1,1024}")
_REFUSALS_BEFORE_GIVING_UP = 3  # the current token, then two fresh ones
# The service is on this host: long pauses between attempts gain nothing.
_LONGEST_PAUSE_SECONDS = 2.0
_ATTEMPT_SECONDS = 0.25  # the minimum for a last attempt; its timeouts end with the deadline in any case
# For a network that comes up while this host boots.
_SETTLING_SECONDS = 5.0
# Happens when the hop limit is too low.
_UNANSWERED = "the request for a session token was not answered"
_MODIFY = "aws ec2 modify-instance-metadata-options --instance-id INSTANCE"


class Imds:
    """A session with the metadata service: one token and one connection for any number of items.

    No proxy, netrc file or redirect is ever used, whatever the environment says. Until one of `url` and `other_url` has
    answered, they are tried in turn; the other one is then forgotten.
    """

    def __init__(
        self,
        url: str,
        *,
        other_url: str | None = None,
        deadline_seconds: float = 60.0,
        clock: clocks.Clock | None = None,
    ) -> None:
        self.url = url
        self._other_url = other_url
        self._was_put_unanswered = False
        # Of each address that was tried, why this host refused the last connection to it.
        self._refused: dict[str, refusals.Refusal | None] = {}
        self.deadline_seconds = deadline_seconds
        self.clock = clock or clocks.SYSTEM
        self._token: Secret | None = None
        self._token_end = 0.0
        self._session = http_session.create()

    @classmethod
    def from_environment(
        cls,
        environ: Mapping[str, str],
        root: paths.Root | None = None,
        *,
        deadline_seconds: float = 60.0,
        clock: clocks.Clock | None = None,
    ) -> Imds:
        """Return the service that `environ` names (see teleport_bootstrap.ec2.endpoint); nothing is sent yet.

        `root` is the root directory that is worked on: for another than this machine's own, the service of this machine
        is not asked, unless `environ` names it. Raises MetadataDisabled and UsageError.
        """
        if root is not None and not root.is_live and not endpoints.is_named(environ):
            raise errors.MetadataDisabled(
                f"{root.directory} is another machine's root directory, about which the metadata service of this "
                "machine says nothing",
                hint=f"Set {endpoints.ENDPOINT} to a service that may be asked, or give the command --metadata FILE "
                "where it has that option.",
            )
        return cls(
            endpoints.from_environment(environ),
            other_url=endpoints.other(environ),
            deadline_seconds=deadline_seconds,
            clock=clock,
        )

    def within(self, seconds: float) -> Imds:
        """Return this session, with the same token and connection, and `seconds` for what names no other deadline."""
        if seconds == self.deadline_seconds:
            return self
        other = copy.copy(self)
        other.deadline_seconds = seconds
        return other

    def deadline(self, seconds: float | None = None) -> retry.Deadline:
        """Return a deadline that begins now; pass it to several calls of `get` to bound them together."""
        wanted = self.deadline_seconds if seconds is None else seconds
        # Where credentials are renewed in the middle of a call to AWS, that call's limit counts too.
        return retry.Deadline(min(wanted, time_limit.remaining()), self.clock)

    def get(self, path: str, *, deadline: retry.Deadline | None = None) -> str | None:
        """Return the item at `path`, relative to /latest/meta-data/, or None when the service has no such item.

        A missing item under iam/ is waited for: a role is attached some time after the instance starts.
        Raises MetadataUnreachable after the deadline, MetadataDisabled, MetadataInvalid; CredentialsMissing when
        an item under iam/ stayed missing.
        """
        return self.get_absolute(f"meta-data/{path}", deadline=deadline)

    def get_absolute(self, path: str, *, deadline: retry.Deadline | None = None) -> str | None:
        """Return the item at `path`, relative to /latest/, such as `dynamic/instance-identity/document`; see `get`."""
        deadline = deadline or self.deadline()
        try:
            return retry.until(
                deadline,
                lambda: self._item(path, deadline),
                attempt_seconds=_ATTEMPT_SECONDS,
                longest=_LONGEST_PAUSE_SECONDS,
                what=f"the instance metadata service at {self.url}",
            )
        except retry.DeadlinePassed as passed:
            raise self._late(path, passed) from None
        except _Refused as refused:
            raise self._unreachable(_item(path), refused.why.what, self._remedy(refused.why)) from None

    def _item(self, path: str, deadline: retry.Deadline) -> str | None:
        for _ in range(_REFUSALS_BEFORE_GIVING_UP):
            token = self._fresh_token(deadline)
            headers = {"X-aws-ec2-metadata-token": token.reveal()}
            status, text = self._exchange("GET", path, headers, deadline)[:2]
            if status != 401:
                return self._interpret(path, status, text)
            self._token = None
        raise errors.MetadataDisabled(
            f"the instance metadata service at {self.url} refuses its own fresh session tokens (401)",
            hint="Something between this host and the service answers instead: look for a metadata proxy "
            "(kube2iam and the like), iptables rules on 169.254.169.254, or a wrong AWS_EC2_METADATA_SERVICE_ENDPOINT.",
        )

    def _interpret(self, path: str, status: int, text: str) -> str | None:
        if status == 200:
            return text
        if status == 404:
            if path.startswith("meta-data/iam/"):
                raise _NoRole("404: no role is attached")
            return None
        self._refuse_common(status)
        raise endpoints.invalid(f"at {self.url} answered {status} to the request for {path}")

    def _refuse_common(self, status: int) -> None:
        """Raise the errors that all requests share: Again for a transient failure, MetadataDisabled for 403."""
        if status >= 500 or status == 429:
            raise retry.Again(f"answered {status}")
        if status == 403:
            raise errors.MetadataDisabled(
                f"the instance metadata service at {self.url} answered 403: it is turned off for this instance",
                hint=f"`{_MODIFY} --http-endpoint enabled --http-tokens required` turns it on.",
            )

    def _fresh_token(self, deadline: retry.Deadline) -> Secret:
        if self._token is None or self.clock.monotonic() >= self._token_end:
            requested = self.clock.monotonic()
            headers = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_SECONDS)}
            status, text, granted = self._exchange("PUT", _TOKEN_PATH, headers, deadline)
            self._refuse_common(status)
            if status != 200 or not _TOKEN_SYNTAX.fullmatch(text):
                raise errors.MetadataInvalid(
                    f"the server at {self.url} returned no session token (status {status}): it does not speak IMDSv2",
                    hint="IMDSv1 is never used. Check AWS_EC2_METADATA_SERVICE_ENDPOINT, and which other server "
                    "could answer at that address.",
                )
            self._token = Secret(text)
            # A short-lived token is renewed after half its lifetime.
            self._token_end = requested + max(granted - _TOKEN_MARGIN_SECONDS, granted / 2)
        return self._token

    def _exchange(
        self, method: str, path: str, headers: Mapping[str, str], deadline: retry.Deadline
    ) -> tuple[int, str, float]:
        """Return the status, text and token lifetime of the answer; raises Again without a complete answer."""
        left = max(deadline.remaining(), _SHORTEST_SECONDS)
        try:
            limit = time_limit.Limit(min(CONNECT_SECONDS + READ_SECONDS, left))
            with (
                limit,
                self._session.request(
                    method,
                    f"{self.url}/latest/{path}",
                    headers={**headers, "Accept-Encoding": "identity"},
                    timeout=(min(CONNECT_SECONDS, left), min(READ_SECONDS, left)),
                    allow_redirects=False,
                    stream=True,
                ) as answer,
            ):
                self._other_url = None
                text = self._text(path, answer) if answer.status_code == 200 else ""
                return answer.status_code, text, _lifetime(answer.headers)
        # A ValueError is what the libraries below make of some answers that are not HTTP.
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            self._refused[self.url] = refusals.find(error)
            refusal = self._refusal()
            if refusal is not None and (refusal.ends or deadline.elapsed() >= _SETTLING_SECONDS):
                raise _Refused(refusal) from None
            if self._other_url is not None:
                self.url, self._other_url = self._other_url, self.url
            if method == "PUT" and isinstance(error, (requests.Timeout, time_limit.TimeUp)):
                self._was_put_unanswered = True
                raise retry.Again(_UNANSWERED) from None
            raise retry.Again(retry.reason(error)) from None

    def _late(self, path: str, passed: retry.DeadlinePassed) -> errors.BootstrapError:
        """Return the error for `path`, which was not answered before the deadline."""
        item = _item(path)
        if isinstance(passed.last, _NoRole):
            return errors.CredentialsMissing(
                f"this instance has no role: the metadata service had nothing at {item} ({passed.effort()})",
                hint="Attach an instance profile: `aws ec2 associate-iam-instance-profile --instance-id INSTANCE "
                "--iam-instance-profile Name=PROFILE`",
            )
        hint = "Check the route to 169.254.169.254, local firewall rules, and that this is an EC2 instance."
        reason = passed.last.reason
        if self._was_put_unanswered and (self._other_url is not None or reason == _UNANSWERED):
            # Of two addresses, the one that takes requests says more than the one that does not exist here.
            reason = _UNANSWERED
            hint = (
                "Inside a container, the answer to the token request does not arrive when the hop limit is 1: "
                f"`{_MODIFY} --http-put-response-hop-limit 2`. Elsewhere: " + hint
            )
        elif (refusal := self._refusal()) is not None:
            reason, hint = refusal.what, self._remedy(refusal)
        return self._unreachable(item, f"{reason} ({passed.effort()})", hint)

    def _unreachable(self, item: str, why: str, hint: str) -> errors.MetadataUnreachable:
        urls = " and ".join(self._addresses())
        return errors.MetadataUnreachable(
            f"waited for {item} from the instance metadata service at {urls}: {why}", hint=hint
        )

    def _addresses(self) -> tuple[str, ...]:
        """Return the addresses of which one may answer; that of IPv4 comes first."""
        return tuple(sorted(filter(None, (self.url, self._other_url)), key=lambda each: "[" in each))

    def _refusal(self) -> refusals.Refusal | None:
        """Return why this host refuses connections to each of the addresses; None where it does not."""
        found = [self._refused.get(each) for each in self._addresses()]
        lasting = [each for each in found if each is not None and each.ends]
        return None if None in found else (lasting or found)[0]

    def _remedy(self, refusal: refusals.Refusal) -> str:
        """Return what to do about `refusal`, for the address that was refused so."""
        url = next(each for each in self._addresses() if self._refused[each] is refusal)
        return refusal.remedy.replace("{host}", urlsplit(url).hostname or "")

    def _text(self, path: str, answer: requests.Response) -> str:
        """Return the body."""
        body = bytearray()
        # Not decompressed: that was not asked for, and may be much more.
        for piece in answer.raw.stream(_PIECE_BYTES, decode_content=False):
            body += piece
            if len(body) > LARGEST_ANSWER_BYTES:
                raise endpoints.invalid(f"gave more than {LARGEST_ANSWER_BYTES // 1024} KiB for {path}")
        said = answer.headers.get("Content-Length", "")
        if said.isascii() and said.isdigit() and "Transfer-Encoding" not in answer.headers and len(body) < int(said):
            raise retry.Again("the connection broke off")
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError:
            raise endpoints.invalid(f"gave bytes that are not UTF-8 for {path}") from None


def _item(path: str) -> str:
    """Return how messages name the item at `path`."""
    return path.replace("meta-data/", "", 1)


class _Refused(Exception):
    """This host refuses the connection, and goes on doing so."""

    def __init__(self, why: refusals.Refusal) -> None:
        super().__init__(why.what)
        self.why = why


class _NoRole(retry.Again):
    """Nothing exists under iam/ yet."""


def _lifetime(headers: Mapping[str, str]) -> float:
    """Return the lifetime of a token in seconds; the requested one when the answer does not say."""
    granted = headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
    return float(min(int(granted), TOKEN_SECONDS)) if re.fullmatch(r"[0-9]{1,6}", granted) else float(TOKEN_SECONDS)
