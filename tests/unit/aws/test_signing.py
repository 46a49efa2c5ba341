"""Signatures, against AWS's published examples and against botocore's own signer."""

from __future__ import annotations

import calendar
import datetime
import random
import string

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from teleport_bootstrap.aws import signing

# AWS's "Signature Version 4 test suite": the key, the time and the place are the same in all of them.
SUITE = botocore.credentials.Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SCOPE = signing.Scope("us-east-1", "service", calendar.timegm((2015, 8, 30, 12, 36, 0)))
HOST = "https://example.amazonaws.com/"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("url", "headers", "body", "expected"),
    [
        (HOST, {}, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (f"{HOST}?Param1=value1", {}, b"", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"),
        (HOST, {"My-Header1": "VALUE1"}, b"", "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"),
        (HOST, {"My-Header1": "value1"}, b"", "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"),
        (
            HOST,
            {"Content-Type": FORM},
            b"Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        (
            HOST,
            {"Content-Type": f"{FORM}; charset=utf8"},
            b"Param1=value1",
            "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
        ),
    ],
    ids=["vanilla", "vanilla-query", "header-value-case", "header-key-sort", "form", "form-parameters"],
)
def test_issue_16_signs_the_published_examples(url: str, headers: dict[str, str], body: bytes, expected: str) -> None:
    found = signing.signed(url, headers, body, keys=SUITE, scope=SCOPE)["Authorization"]
    assert found.rpartition("Signature=")[2] == expected
    assert "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, " in found


def _word(chance: random.Random, letters: str, least: int = 1, most: int = 20) -> str:
    return "".join(chance.choice(letters) for _ in range(chance.randint(least, most)))


# Older releases of botocore sign an IPv6 address without its brackets, which no server takes.
_HOSTS = ["ssm.us-east-1.amazonaws.com", "127.0.0.1", "localhost", "Xn--Bcher-KVA.example"]
if tuple(map(int, botocore.__version__.split(".")[:2])) >= (1, 31):
    _HOSTS += ["[::1]", "[fd00:ec2::254]"]


def _url(chance: random.Random) -> str:
    host = chance.choice(_HOSTS)
    scheme = chance.choice(["http", "https"])
    port = chance.choice(["", "", ":80", ":443", ":4566", ":65535"])
    path = chance.choice(["/", "/", "/a/b", "/a//b/", "/./a/../b", "/a%20b", "/~x/:y@z", "/..", "/a/.", "/%C3%BC"])
    return f"{scheme}://{host}{port}{path}"


def test_issue_16_signs_as_botocore_does() -> None:
    """Random requests: odd headers, names and bodies, hosts with and without ports, of IPv4, IPv6 and names."""
    chance = random.Random(16)
    odd = string.ascii_letters + string.digits + " /+=,.:;@_-\"'"
    for _ in range(3000):
        url = _url(chance)
        headers = {
            f"X-Amz-{_word(chance, string.ascii_lowercase).title()}": _word(chance, odd, 0, 60) for _ in range(5)
        }
        headers["Content-Type"] = chance.choice(["application/x-amz-json-1.1", f"{FORM};  charset=utf-8 "])
        body = _word(chance, f"{odd}äß漢字\n", 0, 200).encode()
        token = chance.choice([None, _word(chance, string.ascii_letters + "/+=", 10, 400)])
        keys = botocore.credentials.Credentials(
            _word(chance, string.ascii_uppercase, 16), _word(chance, odd, 10, 40), token
        )
        region = chance.choice(["us-east-1", "cn-north-1", "us-gov-west-1"])
        service = chance.choice(["ssm", "dynamodb", "ec2"])
        now = chance.randint(0, 4_000_000_000)
        request = botocore.awsrequest.AWSRequest("POST", url, headers=headers, data=body)
        moment = datetime.datetime.fromtimestamp(now, datetime.timezone.utc)
        request.context["timestamp"] = moment.strftime("%Y%m%dT%H%M%SZ")
        theirs = botocore.auth.SigV4Auth(keys, service, region)
        # What its add_auth does, which takes the time from the clock.
        theirs._modify_request_before_signing(request)
        text = theirs.string_to_sign(request, theirs.canonical_request(request))
        theirs._inject_signature_to_request(request, theirs.signature(text, request))
        ours = signing.signed(url, headers, body, keys=keys, scope=signing.Scope(region, service, now))
        assert ours["Authorization"] == request.headers["Authorization"], (url, headers, body)
        assert ours["X-Amz-Date"] == request.headers["X-Amz-Date"]
        assert ours.get("X-Amz-Security-Token") == request.headers.get("X-Amz-Security-Token")
