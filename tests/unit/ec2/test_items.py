from __future__ import annotations

import pytest

from teleport_bootstrap.ec2 import items

PAGE = "<!DOCTYPE html><html></html>"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("local-ipv4", "10.0.0.12"),
        ("public-ipv4", "203.0.113.12"),
        ("local-hostname", "ip-10-0-0-12.ec2.internal"),
        ("local-hostname", "ip-10-0-0-12"),
        ("local-hostname", "i-0123456789abcdef0.us-west-2.compute.internal"),
        ("instance-id", "i-0123456789abcdef0"),
        ("instance-id", "i-1a2b3c4d"),
        ("ipv6", "2600:1f16:127c:7a00:3a27:ce6c:78d5:db1c"),
        ("ipv6", "fd00:ec2::12"),
        ("region", "us-east-1"),
        ("region", "us-gov-west-1"),
        ("region", "cn-northwest-1"),
        ("region", "us-isob-east-1"),
        ("region", "eusc-de-east-1"),
        ("region", "ap-southeast-7"),
    ],
)
def test_accepts_values_of_ec2_unchanged(name: str, text: str) -> None:
    assert items.CHECKS[name](text) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[(name, PAGE) for name in items.CHECKS],
        *[(name, "") for name in items.CHECKS],
        *[(name, "\n") for name in items.CHECKS],
        ("local-ipv4", "10.0.0.12\n"),
        ("local-ipv4", " 10.0.0.12"),
        ("local-ipv4", "10.0.0"),
        ("local-ipv4", "010.0.0.12"),
        ("local-ipv4", "10.0.0.256"),
        ("local-ipv4", "0.0.0.0"),
        ("local-ipv4", "224.0.0.1"),
        ("local-ipv4", "fd00::1"),
        *[
            ("ipv6", text)
            for text in ("10.0.0.12", "fe80::1", "::", "::1", "ff02::1", "2600::1%eth0", "[2600::1]", "2600::1 ")
        ],
        ("local-hostname", "-a.internal"),
        ("local-hostname", "a..internal"),
        ("local-hostname", "a_b.internal"),
        ("local-hostname", "a.internal\nb"),
        ("local-hostname", "a" * 64),
        ("local-hostname", ".".join(["a" * 60] * 5)),
        ("local-hostname", "a.internal <html>"),
        ("instance-id", "0123456789abcdef0"),
        ("instance-id", "i-0123/../x"),
        ("region", "us-east-1a"),
        ("region", "US-EAST-1"),
        ("region", "us-east-1.evil.example"),
    ],
)
def test_refuses_invalid_values(name: str, text: str) -> None:
    with pytest.raises(ValueError, match="not "):
        items.CHECKS[name](text)


def test_uses_the_first_of_several_host_names() -> None:
    assert items.hostname("ip-10-0-0-12.example.com corp.example.com") == "ip-10-0-0-12.example.com"


def test_an_excerpt_is_short_and_cannot_move_the_cursor() -> None:
    shown = items.excerpt("\x1b[2J\n\x07" + "<html>" * 100)
    assert len(shown) <= 45
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        ("ip-10-0-0-12.ec2.internal", "ip-10-0-0-12.ec2.internal"),
        ("ip-10-0-0-12.corp_net.example", "ip-10-0-0-12.corp-net.example"),
        ("_web_1_.example", "web-1.example"),
        ("ip-10-0-0-12.a_b ip-10-0-0-12.c", "ip-10-0-0-12.c"),
        ("ip-10-0-0-12.a, ip-10-0-0-12.b", "ip-10-0-0-12.a"),
        ("ip-10-0-0-12.a;b", "ip-10-0-0-12.a"),
        ("ip-10-0-0-12.a  b ", "ip-10-0-0-12.a"),
        ("ip-10-0-0-12..internal", "ip-10-0-0-12.internal"),
        ("a" * 70 + ".internal", "a" * 63 + ".internal"),
        (".".join(["ip-10-0-0-12", *["b" * 60] * 5]), ".".join(["ip-10-0-0-12", *["b" * 60] * 3])),
        *((text, None) for text in ("", " ", ",", "___", "a.internal\nb", "<!DOCTYPE html>", "a.internal <html>", "é")),
    ],
)
def test_row_10_uses_what_is_usable_of_a_private_dns_name(text: str, usable: str | None) -> None:
    assert items.usable_hostname(text) == usable
