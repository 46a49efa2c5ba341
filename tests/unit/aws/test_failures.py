from __future__ import annotations

import email.utils
from collections.abc import Mapping
from typing import Any, Optional

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.aws import failures
from teleport_bootstrap.aws.ssm import ParameterStore
from teleport_bootstrap.host import clock

NOW = 1_700_000_000.0
CALL = failures.Call(
    action="ssm:GetParameters",
    resources=("arn:aws:ssm:us-east-1:*:parameter/teleport/c/license",),
    endpoint="https://ssm.us-east-1.amazonaws.com",
    region="us-east-1",
)
USER = "arn:aws:sts::123456789012:assumed-role/teleport-role/i-0123456789abcdef0"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def answered(code: str, message: str = "", status: int = 400, ahead: Optional[float] = 0.0) -> failures.Refusal:
    """Return an error of AWS, whose clock this machine's is so many seconds ahead of (None: the answer has no Date)."""
    headers = {} if ahead is None else {"date": email.utils.formatdate(NOW - ahead, usegmt=True)}
    return failures.Refusal(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
        },
        "GetParameters",
    )


def connection(cause: str, *, is_tls: bool = False) -> failures.Unreachable:
    return failures.Unreachable(OSError(cause), is_tls=is_tls)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (answered("ThrottlingException"), failures.Kind.THROTTLED),
        (answered("RequestLimitExceeded", status=503), failures.Kind.THROTTLED),
        (answered("SlowDown", status=503), failures.Kind.THROTTLED),
        (answered("Whatever", status=429), failures.Kind.THROTTLED),
        (answered("InternalServerError", status=500), failures.Kind.FAULTY),
        (answered("502", status=502), failures.Kind.FAULTY),
        (answered("RequestTimeout"), failures.Kind.FAULTY),
        (answered("AccessDeniedException"), failures.Kind.DENIED),
        (answered("UnauthorizedOperation", status=403), failures.Kind.DENIED),
        (answered("403", status=403), failures.Kind.DENIED),
        (answered("ExpiredTokenException"), failures.Kind.EXPIRED),
        (answered("UnrecognizedClientException"), failures.Kind.EXPIRED),
        (answered("InvalidSignatureException", ahead=400), failures.Kind.CLOCK),
        (answered("RequestTimeTooSkewed", status=403, ahead=-4000), failures.Kind.CLOCK),
        (answered("ExpiredTokenException", ahead=86400), failures.Kind.CLOCK),
        (answered("AuthFailure", status=401, ahead=400), failures.Kind.CLOCK),
        (answered("InvalidSignatureException", ahead=2), failures.Kind.OTHER),
        (answered("InvalidSignatureException", ahead=None), failures.Kind.OTHER),
        (answered("AccessDeniedException", ahead=400), failures.Kind.DENIED),
        (answered("ValidationException"), failures.Kind.OTHER),
        (connection("refused"), failures.Kind.UNREACHABLE),
        (ConnectionResetError("connection reset"), failures.Kind.UNREACHABLE),
        (connection("EOF occurred", is_tls=True), failures.Kind.UNREACHABLE),
        (connection("certificate verify failed", is_tls=True), failures.Kind.OTHER),
        (failures.NotAnAnswer(), failures.Kind.UNREACHABLE),
        (failures.Unusable(ValueError("x")), failures.Kind.OTHER),
    ],
)
def test_classifies_failures(error: Exception, expected: failures.Kind) -> None:
    assert failures.kind(error, now=NOW) is expected


def test_a_denial_names_the_action_the_parameter_and_the_role() -> None:
    error = failures.final(
        answered("AccessDeniedException", f"User: {USER} is not authorized to perform: ssm:GetParameters"),
        CALL,
        now=NOW,
    )
    assert isinstance(error, errors.AwsDenied)
    assert error.hint == (
        "Allow ssm:GetParameters on arn:aws:ssm:us-east-1:123456789012:parameter/teleport/c/license "
        "in the policy of the instance role teleport-role."
    )


@pytest.mark.parametrize(
    ("message", "resource"),
    [
        (f"User: {USER} is not authorized to perform: kms:Decrypt on resource: {KEY} because no policy allows it", KEY),
        (
            "The ciphertext refers to a customer master key that does not exist, does not exist in this region, "
            "or you are not allowed to access.",
            "arn:aws:kms:us-east-1:*:key/KEY-OF-THE-PARAMETER",
        ),
    ],
)
def test_a_denied_decryption_asks_for_the_key_and_not_for_the_parameter(message: str, resource: str) -> None:
    error = failures.final(answered("AccessDeniedException", message), CALL, now=NOW)
    assert error.hint.startswith(f"Allow kms:Decrypt on {resource} in the policy of the instance role")
    assert "ssm:GetParameters" not in error.hint


@pytest.mark.parametrize(
    ("ahead", "expected"), [(400, "400 s ahead of AWS"), (-4000, "67 min behind AWS"), (86400, "1440 min ahead of AWS")]
)
def test_reports_by_how_much_the_clock_is_wrong(ahead: float, expected: str) -> None:
    error = failures.final(answered("InvalidSignatureException", "Signature expired", ahead=ahead), CALL, now=NOW)
    assert isinstance(error, errors.ClockWrong)
    assert expected in error.message
    assert "chronyc makestep" in error.hint


def test_issue_17_row_5_an_authority_that_newer_systems_refuse_gets_its_remedy() -> None:
    """A proxy that intercepts TLS with a private authority: requests refuses it on Python 3.13, botocore does not."""
    refused = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {} (_ssl.c:1020)"
    cause = refused.format("CA cert does not include key usage extension")
    error = failures.final(connection(cause, is_tls=True), CALL, now=NOW)
    assert isinstance(error, errors.AwsUnreachable)
    assert "keyUsage=critical,keyCertSign,cRLSign" in error.hint

    unknown = refused.format("unable to get local issuer certificate")
    assert "AWS_CA_BUNDLE" in failures.final(connection(unknown, is_tls=True), CALL, now=NOW).hint


def test_rejected_input_is_not_repeated_since_it_may_be_a_secret() -> None:
    told = "1 validation error detected: Value 'hunter2' at 'value' failed to satisfy constraint: Member must match"
    error = failures.final(answered("ValidationException", told), CALL, now=NOW)
    assert isinstance(error, errors.AwsFailed)
    assert "hunter2" not in error.message + error.hint
    assert "rejected input: value" in error.message


def test_a_librarys_own_texts_are_not_repeated_since_they_show_values() -> None:
    error = failures.final(failures.Unusable(ValueError("Invalid value: hunter2")), CALL, now=NOW)
    assert "hunter2" not in error.message + error.hint


def test_aws_cannot_write_control_characters_to_the_terminal() -> None:
    error = failures.final(answered("ValidationException", "\x1b[2J\r\nlong" * 1000), CALL, now=NOW)
    assert error.message.isprintable()
    assert len(error.message) < 700


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        ("[Errno 111] Connection refused", "connection refused"),
        ("[Errno -2] Name or service not known", "the endpoint's name does not resolve"),
        ("[Errno -3] Temporary failure in name resolution", "the endpoint's name does not resolve"),
        ("[Errno 101] Network is unreachable", "network is unreachable"),
    ],
)
def test_reports_why_there_is_no_connection(cause: str, expected: str) -> None:
    assert failures.reason(connection(cause)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Sat, 01 Jan 2022 00:00:00 GMT", NOW - 1640995200), ("nonsense", None), ("", None)],
)
def test_the_skew_comes_from_the_date_of_the_answer(text: str, expected: Optional[float]) -> None:
    assert failures.clock_skew({"ResponseMetadata": {"HTTPHeaders": {"Date": text}}}, now=NOW) == expected


class Client:
    """A door that gives what it was told to, one after the other."""

    region = "us-east-1"
    endpoint = "https://ssm.us-east-1.amazonaws.com"
    attempt_seconds = 10.0

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[list[str]] = []

    def send(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        assert operation == "GetParameters"
        assert parameters["WithDecryption"]
        self.asked.append(parameters["Names"])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(parameters["Names"]) if callable(answer) else answer


def everything(names: list[str]) -> dict[str, Any]:
    return {"Parameters": [{"Name": name, "Value": f"value of {name}"} for name in reversed(names)]}


def stepping() -> clock.Clock:
    now = [NOW]
    return clock.Clock(
        monotonic=lambda: now[0],
        wall=lambda: NOW,
        sleep=lambda seconds: now.__setitem__(0, now[0] + seconds),
        chance=lambda: 0.5,
    )


def get(client: Client, *names: str, **options: Any) -> dict[str, str]:
    found = ParameterStore(client, clock=stepping(), **options).fetch(names)
    return {name: secret.reveal() for name, secret in found.items()}


def test_ten_names_are_one_call_and_eleven_are_two() -> None:
    client = Client(everything)
    names = [f"/p/{number}" for number in range(11)]
    assert list(get(client, *names)) == names
    assert [len(asked) for asked in client.asked] == [10, 1]


def test_a_name_that_is_wanted_twice_is_asked_for_once() -> None:
    client = Client(everything)
    get(client, "/a", "/b", "/a")
    assert client.asked == [["/a", "/b"]]


def test_expired_credentials_are_renewed_once_and_not_again() -> None:
    renewals: list[int] = []
    expired = answered("ExpiredTokenException")
    assert get(Client(expired, everything), "/a", renew=lambda: renewals.append(1)) == {"/a": "value of /a"}
    assert renewals == [1]
    with pytest.raises(errors.AwsFailed, match="ExpiredTokenException"):
        get(Client(expired), "/a", renew=lambda: renewals.append(1))
    assert renewals == [1, 1]


def test_a_denial_is_not_repeated() -> None:
    client = Client(answered("AccessDeniedException"))
    with pytest.raises(errors.AwsDenied):
        get(client, "/a")
    assert len(client.asked) == 1


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (answered("ThrottlingException"), errors.AwsThrottled),
        (answered("InternalServerError", status=500), errors.AwsFailed),
        (connection("Connection refused"), errors.AwsUnreachable),
        (failures.NotAnAnswer(), errors.AwsUnreachable),
        ({}, errors.AwsUnreachable),
    ],
)
def test_retries_transient_failures_until_the_deadline(failure: Any, expected: type[errors.BootstrapError]) -> None:
    client = Client(failure)
    with pytest.raises(expected, match=r"\d+ attempts in \d\d s\)") as caught:
        get(client, "/a")
    assert type(caught.value) is expected
    assert len(client.asked) > 5


def test_a_transient_failure_is_not_an_error() -> None:
    failure = answered("ThrottlingException")
    assert get(Client(failure, failure, failure, everything), "/a") == {"/a": "value of /a"}


def test_the_hint_for_an_unreachable_fips_endpoint_says_where_those_are() -> None:
    class FipsClient(Client):
        region = "eu-west-1"
        endpoint = "https://ssm-fips.eu-west-1.amazonaws.com"

    unreachable = connection("Name or service not known")
    with pytest.raises(errors.AwsUnreachable) as caught:
        get(FipsClient(unreachable), "/a")
    assert "FIPS endpoints exist only in the US and Canada" in caught.value.hint
    assert "com.amazonaws.eu-west-1.ssm" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "region", "expected"),
    [
        ("/teleport/c/license", "us-east-1", "arn:aws:ssm:us-east-1:*:parameter/teleport/c/license"),
        ("plain", "cn-north-1", "arn:aws-cn:ssm:cn-north-1:*:parameter/plain"),
    ],
)
def test_arns_follow_the_partition_and_have_a_star_for_the_unknown_account(
    name: str, region: str, expected: str
) -> None:
    client = Client(answered("AccessDeniedException"))
    client.region = region
    with pytest.raises(errors.AwsDenied) as caught:
        get(client, name)
    assert f" on {expected} in the policy" in caught.value.hint


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("sts:GetCallerIdentity", "com.amazonaws.us-east-1.sts"),
        ("route53:ListHostedZonesByName", "com.amazonaws.route53"),
    ],
)
def test_issue_18_a_global_service_has_a_vpc_endpoint_without_a_region(action: str, expected: str) -> None:
    call = failures.Call(action, ("*",), "https://example.amazonaws.com", "us-east-1")
    assert f"a VPC endpoint for {expected} whose" in failures.late(failures.Kind.UNREACHABLE, call, "no answer").hint
