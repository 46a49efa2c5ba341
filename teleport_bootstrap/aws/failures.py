"""What failed in a call to AWS: AWS's error codes and failures on the way, sorted by what the operator can do.

Codes are those of the "Common errors" pages of each service's API reference and of botocore's _retry.json.
Texts of the libraries' exceptions are never repeated: some show the values that were sent.
"""

from __future__ import annotations

import datetime
import email.utils
import enum
import re
from collections.abc import Mapping

from teleport_bootstrap import errors, escaping, masking, regex
from teleport_bootstrap.aws import endpoints
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import certificate_form, retry
from teleport_bootstrap.records import dataclass


class NotAnAnswer(Exception):
    """Something between here and AWS, such as a proxy, answered with a page of its own."""


class Unreachable(Exception):
    """The request did not reach AWS, or the answer did not arrive; `cause` is the error of the connection."""

    def __init__(self, cause: BaseException, *, is_tls: bool = False) -> None:
        super().__init__()
        self.cause = cause
        self.is_tls = is_tls


class Unusable(Exception):
    """The library did not send the request; `cause` is its error."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__()
        self.cause = cause


class Refusal(Exception):
    """AWS answered with an error; `code` returns which. `response` has Error and ResponseMetadata, as botocore's."""

    def __init__(self, response: Mapping[str, Any], operation_name: str) -> None:
        super().__init__()
        self.response = response
        self.operation_name = operation_name


# All that a request raises for failures outside this program.
RAISED = (Refusal, NotAnAnswer, Unreachable, Unusable, OSError)

# fmt: off
_THROTTLING = frozenset({
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
    "SlowDown", "TooManyRequestsException", "ProvisionedThroughputExceededException", "RequestLimitExceeded",
    "BandwidthLimitExceeded", "PriorRequestNotComplete", "TransactionInProgressException",
})
_FAULTY = frozenset({
    "InternalError", "InternalFailure", "InternalServerError", "InternalServerException", "ServiceUnavailable",
    "ServiceUnavailableException", "Unavailable", "RequestTimeout", "RequestTimeoutException",
    # S3's, for a body that was damaged or cut short on its way, and for two calls about one object at once.
    "BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch", "OperationAborted",
})
# The code is the HTTP status where the body cannot be read (moto's XML) or there is none (S3's answer to HEAD).
_DENIED = frozenset({
    "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedAccess", "AuthorizationError",
    "NotAuthorized", "Forbidden", "403", "KMSAccessDeniedException", "KMS.AccessDeniedException",
})
_EXPIRED = frozenset({
    "ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidToken", "UnrecognizedClientException",
    "InvalidClientTokenId", "InvalidClientTokenIdException",
})
# With a wrong clock, fresh credentials look expired and signatures invalid.
_CREDENTIALS = _EXPIRED | {
    "SignatureDoesNotMatch", "InvalidSignatureException", "InvalidSignature", "RequestTimeTooSkewed",
    "RequestInTheFuture", "AuthFailure", "IncompleteSignature", "IncompleteSignatureException",
}
# fmt: on
# AWS allows five minutes (S3 fifteen); a smaller error of the clock does not explain a refusal.
_NOTABLE_SKEW_SECONDS = 120.0
_SHOWN_CHARACTERS = 400
_CODE = regex.compile(r"[A-Za-z0-9._:-]{1,100}", re.ASCII)
# A proxy's page is elsewhere; what S3 says of a bucket in another region is 301 or 307.
_PAGE_ELSEWHERE = (300, 302, 303, 304, 305, 308)


# Kinds of failure: the first three may pass by themselves, EXPIRED after a renewal of the credentials.
Kind = enum.Enum("Kind", "THROTTLED UNREACHABLE FAULTY EXPIRED DENIED CLOCK OTHER")


@dataclass(frozen=True)
class Call:
    """A call as messages name it: the IAM action, the ARNs it is about, and the endpoint it was sent to."""

    action: str
    resources: tuple[str, ...]
    endpoint: str
    region: str
    partition: str = "aws"


def kind(error: BaseException, *, now: float) -> Kind:  # noqa: PLR0911 - one for each kind
    """Return what kind of failure `error` is; `now` is this machine's clock, in seconds since 1970."""
    if not isinstance(error, Refusal):
        return Kind.UNREACHABLE if _is_transient_network_failure(error) else Kind.OTHER
    which, status = code(error), int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    skew = clock_skew(error.response, now=now)
    if which in _THROTTLING or status == 429:
        return Kind.THROTTLED
    if which in _CREDENTIALS and skew is not None and abs(skew) >= _NOTABLE_SKEW_SECONDS:
        return Kind.CLOCK
    if which in _EXPIRED:
        return Kind.EXPIRED
    if which in _FAULTY or status >= 500:
        return Kind.FAULTY
    if status in _PAGE_ELSEWHERE and which == str(status):
        return Kind.UNREACHABLE
    return Kind.DENIED if which in _DENIED else Kind.OTHER


def reason(error: BaseException) -> str:
    """Return in a few words why the call failed, for messages and logs."""
    if isinstance(error, Refusal):
        return f"AWS answered {code(error)}"
    if isinstance(error, NotAnAnswer):
        return "the answer did not come from AWS (a proxy's page?)"
    return retry.reason(error.cause if isinstance(error, (Unreachable, Unusable)) else error)


def final(error: BaseException, call: Call, *, now: float) -> errors.BootstrapError:
    """Return the catalogue's error for a failure that a retry does not mend."""
    if isinstance(error, Refusal):
        which = kind(error, now=now)
        if which is Kind.DENIED:
            return _denied(error, call)
        if which is Kind.CLOCK:
            return _clock(clock_skew(error.response, now=now) or 0.0, call)
        return errors.AwsFailed(
            f"{call.action} failed at {call.endpoint}: {code(error)}{_message_of(error)}",
            hint="The credentials of the instance role are refused: check the clock (`chronyc tracking`), that the "
            "role still exists, and that no proxy changes the request."
            if code(error) in _CREDENTIALS
            else "Look up the code in the API reference of the service.",
        )
    if isinstance(error, Unreachable) and error.is_tls:
        return errors.AwsUnreachable(
            f"{call.action}: {reason(error)} ({call.endpoint})",
            hint=certificate_form.remedy(str(error.cause))
            or "Check AWS_CA_BUNDLE, the clock (`chronyc tracking`), and whether a proxy intercepts TLS.",
        )
    return errors.AwsFailed(
        f"{call.action} at {call.endpoint}: {reason(error)}",
        hint="Run again with --log-level debug; if it fails again, report it with the output.",
    )


def late(which: Kind, call: Call, why: str) -> errors.BootstrapError:
    """Return the catalogue's error for a transient failure that lasted until the deadline; `why` says how it ended."""
    if which is Kind.THROTTLED:
        return errors.AwsThrottled(
            f"AWS kept throttling {call.action} in {call.region}: {why}",
            hint="Many instances start at once, or something polls: try again in a minute, or raise the limit "
            " (`aws ssm update-service-setting`, or Service Quotas)."
            if call.action.startswith("ssm:")
            else "Something else calls it very often: try again in a few minutes.",
        )
    if which is Kind.FAULTY:
        return errors.AwsFailed(
            f"AWS kept failing at {call.action} in {call.region}: {why}",
            hint="Check the AWS Health Dashboard, then try again.",
        )
    service = call.action.partition(":")[0]
    prefix = "com.amazonaws" if endpoints.is_global(service) else f"com.amazonaws.{call.region}"
    return errors.AwsUnreachable(
        f"waited for {call.action} at {call.endpoint}: {why}",
        hint="Check DNS, the route out of the subnet (a NAT gateway, or a VPC endpoint for "
        f"{prefix}.{service} whose security group allows 443) and the security group"
        + ("; FIPS endpoints exist only in the US and Canada" if "-fips." in call.endpoint else "")
        + ".",
    )


def clock_skew(response: Mapping[str, Any], *, now: float) -> float | None:
    """Return how many seconds this machine's clock is ahead of AWS's, by the Date of an answer; None without a Date."""
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    date = next((value for name, value in headers.items() if name.lower() == "date"), "")
    try:
        moment = email.utils.parsedate_to_datetime(date)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.timezone.utc)
        return now - moment.timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _is_transient_network_failure(error: BaseException) -> bool:
    if isinstance(error, Unreachable) and error.is_tls:
        return "certificate" not in str(error.cause).lower()
    # A page that is not from AWS comes from a proxy or load balancer that has no backend at the moment.
    return isinstance(error, (NotAnAnswer, Unreachable, OSError))


def _clock(skew: float, call: Call) -> errors.ClockWrong:
    size = f"{abs(skew):.0f} s" if abs(skew) < 600 else f"{abs(skew) / 60:.0f} min"
    return errors.ClockWrong(
        f"this machine's clock is {size} {'ahead of' if skew > 0 else 'behind'} AWS's, so {call.action} is refused",
        hint="Set it and keep it synchronized: `chronyc makestep`, then `systemctl enable --now chronyd` (Debian: "
        "chrony), with `server 169.254.169.123 prefer iburst` in its configuration.",
    )


def _denied(error: Refusal, call: Call) -> errors.AwsDenied:
    text = _field(error, "Message")
    action, resources = call.action, call.resources
    account = _first(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12}):", text)
    if re.search(r"\bkms\b|ciphertext|customer master key", text + code(error), re.IGNORECASE):
        action = _first(r"perform: (kms:[A-Za-z]+)", text) or "kms:Decrypt"
        key = _first(r"(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)", text)
        of = "PARAMETER" if call.action.startswith("ssm:") else "BUCKET"
        resources = (key or f"arn:{call.partition}:kms:{call.region}:{account or '*'}:key/KEY-OF-THE-{of}",)
    elif account:
        resources = tuple(resource.replace(":*:", f":{account}:", 1) for resource in resources)
    role = _first(r":assumed-role/([\w+=,.@-]{1,64})/", text)
    listed = ", ".join(resources)
    return errors.AwsDenied(
        f"AWS denied {action} on {listed}{_message_of(error)}",
        hint=f"Allow {action} on {listed} in the policy of the instance role{' ' + role if role else ''}"
        + (", and in the key's own policy." if action.startswith("kms:") else "."),
    )


def _message_of(error: Refusal) -> str:
    """Return AWS's own message, truncated; one about rejected input repeats the input, so only its name is kept."""
    text = _field(error, "Message")
    if "validation error" in text:
        text = "rejected input: " + ", ".join(re.findall(r" at '([A-Za-z0-9._]+)' failed", text))
    elif text.lstrip().startswith("<"):  # moto's denials, or a page of a proxy
        text = _first("<Message>([^<]*)</Message>", text) or "with a page that is not from AWS"
    text = escaping.one_line(masking.mask_foreign(" ".join(text.split())), _SHOWN_CHARACTERS)
    return f" ({text})" if text else ""


def code(error: Refusal) -> str:
    """Return AWS's error code; "Unknown" where something else than a code is in its place."""
    found = _field(error, "Code")
    return found if _CODE.fullmatch(found) else "Unknown"


def with_code(error: Refusal, new: str) -> Refusal:
    """Return `error` with another of AWS's error codes, which decides whether to retry."""
    return Refusal({**error.response, "Error": {"Code": new, "Message": code(error)}}, error.operation_name)


def text(error: Refusal) -> str:
    """Return AWS's own words, which may repeat what was sent; not for messages."""
    return _field(error, "Message")


def _field(error: Refusal, name: str) -> str:
    return str(error.response.get("Error", {}).get(name, ""))


def _first(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text)
    return found.group(1) if found else None
