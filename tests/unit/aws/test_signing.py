"""Signatures, against AWS's published examples and against botocore's own signer."""

from __future__ import annotations

import calendar
import datetime
import random
import string
from urllib import parse

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


UNRESERVED = f"-._~{string.digits}{string.ascii_uppercase}{string.ascii_lowercase}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("?Param1=value1", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
        ("?Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        ("?Param1=value2&Param1=Value1", "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"),
        ("?Param1=value2&Param1=value1", "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"),
        (f"?{UNRESERVED}={UNRESERVED}", "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"),
        ("?%E1%88%B4=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
    ],
    ids=["vanilla", "empty-query-key", "order-key-case", "order-key", "order-value", "unreserved", "utf8-query"],
)
def test_issue_18_signs_the_published_examples_of_get(query: str, expected: str) -> None:
    found = signing.signed(f"{HOST}{query}", {}, b"", keys=SUITE, scope=SCOPE, method="GET")["Authorization"]
    assert found.rpartition("Signature=")[2] == expected


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


def _sign(request: botocore.awsrequest.AWSRequest, signer: botocore.auth.SigV4Auth, now: int) -> None:
    """Do what the signer's add_auth does, which takes the time from the clock."""
    moment = datetime.datetime.fromtimestamp(now, datetime.timezone.utc)
    request.context["timestamp"] = moment.strftime("%Y%m%dT%H%M%SZ")
    signer._modify_request_before_signing(request)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(text, request))


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
        _sign(request, botocore.auth.SigV4Auth(keys, service, region), now)
        ours = signing.signed(url, headers, body, keys=keys, scope=signing.Scope(region, service, now))
        assert ours["Authorization"] == request.headers["Authorization"], (url, headers, body)
        assert ours["X-Amz-Date"] == request.headers["X-Amz-Date"]
        assert ours.get("X-Amz-Security-Token") == request.headers.get("X-Amz-Security-Token")


def test_issue_18_signs_get_with_a_query_as_botocore_does() -> None:
    """Names that begin with another one, equal names, values that are escaped or empty."""
    chance = random.Random(18)
    for _ in range(3000):
        names = [_word(chance, "a1-._~A", 1, 3) for _ in range(chance.randint(0, 6))]
        values = [parse.quote(_word(chance, "ab1 /=&+*ä漢:.", 0, 6), safe="") for _ in names]
        url = _url(chance) + ("?" if names else "") + "&".join(map("=".join, zip(names, values)))
        keys = botocore.credentials.Credentials(_word(chance, string.ascii_uppercase, 16), "secret", "token")
        now = chance.randint(0, 4_000_000_000)
        request = botocore.awsrequest.AWSRequest("GET", url)
        _sign(request, botocore.auth.SigV4Auth(keys, "route53", "us-east-1"), now)
        scope = signing.Scope("us-east-1", "route53", now)
        ours = signing.signed(url, {}, b"", keys=keys, scope=scope, method="GET")
        assert ours["Authorization"] == request.headers["Authorization"], url
