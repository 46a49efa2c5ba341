from __future__ import annotations

import sys

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.ec2 import facts

GOOD = """\
local-ipv4: 10.0.0.12
public-ipv4: 203.0.113.12
local-hostname: ip-10-0-0-12.ec2.internal
instance-id: i-0123456789abcdef0
region: us-east-1
"""


def without(key: str) -> str:
    return "".join(line for line in GOOD.splitlines(keepends=True) if not line.startswith(key + ":"))


def refused(text: str, region: str | None = None) -> str:
    with pytest.raises(errors.MetadataFileInvalid) as caught:
        facts.from_yaml(text, "instance.yaml", region=region)
    assert caught.value.hint
    return caught.value.message


def test_a_complete_file_gives_the_facts() -> None:
    assert facts.from_yaml(GOOD, "instance.yaml") == facts.Facts(
        local_ipv4="10.0.0.12",
        local_hostname="ip-10-0-0-12.ec2.internal",
        instance_id="i-0123456789abcdef0",
        region="us-east-1",
        public_ipv4="203.0.113.12",
    )


@pytest.mark.parametrize("line", ["", "public-ipv4:\n", "public-ipv4: null\n", "public-ipv4: ~\n"])
def test_an_instance_may_have_no_public_address(line: str) -> None:
    assert facts.from_yaml(without("public-ipv4") + line, "instance.yaml").public_ipv4 is None


@pytest.mark.parametrize("line", ["", "local-ipv4:\n", "local-ipv4: null\n"])
def test_an_instance_may_have_only_an_ipv6_address(line: str) -> None:
    found = facts.from_yaml(without("local-ipv4") + line + "ipv6: 2600:1f16::12\n", "instance.yaml")
    assert (found.local_ipv4, found.ipv6, found.address) == (None, "2600:1f16::12", "2600:1f16::12")
    assert found.is_ipv6_only


def test_with_both_addresses_an_instance_is_not_ipv6_only() -> None:
    found = facts.from_yaml(GOOD + "ipv6: 2600:1f16::12\n", "instance.yaml")
    assert found.address == "10.0.0.12" and not found.is_ipv6_only


def test_reads_tags_as_they_are_written() -> None:
    written = "tags: {version: 1.10, enabled: yes, zip: 0123, float: 1e3, nothing: null, quoted: 'a: b', empty: }\n"
    assert facts.from_yaml(GOOD + written, "instance.yaml").tags == {
        "version": "1.10",
        "enabled": "yes",
        "zip": "0123",
        "float": "1e3",
        "nothing": "null",
        "quoted": "a: b",
        "empty": "",
    }


def test_the_region_of_the_conf_wins_and_may_be_the_only_one() -> None:
    assert facts.from_yaml(GOOD, "instance.yaml", region="eu-west-1").region == "eu-west-1"
    assert facts.from_yaml(without("region"), "instance.yaml", region="eu-west-1").region == "eu-west-1"
    assert "region: missing, and no EC2_REGION in the conf" in refused(without("region"))


@pytest.mark.parametrize("key", ["local-ipv4", "local-hostname", "instance-id"])
def test_a_missing_key_is_named(key: str) -> None:
    assert f"{key}: missing" in refused(without(key))


def test_reports_all_problems_at_once() -> None:
    message = refused(
        "local-ipv4: 10.0.0.999\nlocal-hostname: [a]\ninstance-id: nope\nregion: us-east-1\nregion: us-east-2\n"
        "hostname: x\ntags: [a, b]\n"
    )
    for expected in (
        "instance.yaml: not valid facts",
        'local-ipv4: "10.0.0.999" is not an IPv4 address',
        "local-hostname: not plain text (line 2)",
        'instance-id: "nope" is not an instance id',
        '"region": given twice (line 5)',
        "hostname: unknown (line 6)",
        "tags: not a mapping",
    ):
        assert expected in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "not a mapping"),
        ("- a\n", "not a mapping"),
        ("just text\n", "not a mapping"),
        ("a: 'open\n", "not YAML"),
        ("a: b\n\tc: d\n", "instance.yaml:2:1: not YAML"),
        ("a: \x07\n", "not YAML"),
        (GOOD + "---\n" + GOOD, "not YAML"),
        (GOOD + "tags: {a: 1, a: 2}\n", '"a": given twice'),
        (GOOD + "tags: {a: {b: c}}\n", "a: not plain text"),
        (GOOD + "tags: {[a]: b}\n", "a key that is not plain text"),
        (GOOD + "tags: text\n", "tags: not a mapping"),
        (GOOD + "tags: {a: !!python/object/apply:os.system [id]}\n", "a: not plain text"),
        (GOOD + "tags: {a: !!int '3'}\n", "a: not plain text"),
        (GOOD + "tags: &t {a: *t}\n", "not"),
        ("local-ipv4: <html>\n", "local-ipv4"),
    ],
)
def test_refuses_other_files(text: str, expected: str) -> None:
    assert expected in refused(text)


def test_deep_nesting_is_an_error_and_not_a_crash() -> None:
    assert "not" in refused("a: " + "[" * sys.getrecursionlimit() + "]" * sys.getrecursionlimit())


@pytest.mark.parametrize("written", ["local-hostname: <html>\n", "local-hostname: ''\n", ""])
def test_row_10_a_private_dns_name_that_is_not_needed_is_not_required(written: str) -> None:
    text = without("local-hostname") + written
    assert "local-hostname" in refused(text)
    assert facts.from_yaml(text, "instance.yaml", needs_hostname=False).local_hostname is None


@pytest.mark.parametrize("needed", [True, False])
def test_row_10_what_is_usable_of_a_private_dns_name_is_used(needed: bool) -> None:
    text = without("local-hostname") + "local-hostname: web_1.corp.example other.example_\n"
    assert facts.from_yaml(text, "instance.yaml", needs_hostname=needed).local_hostname == "web-1.corp.example"


@pytest.mark.parametrize("escape", ["\\ud800", "\\ud83d\\ude00", "\\U00110000", "\\UFFFFFFFF"])
@pytest.mark.parametrize("line", ['tags: {{Name: "{}"}}', 'tags: {{"{}": a}}', 'public-ipv4: "{}"'])
def test_an_escape_that_is_not_a_character_is_refused(line: str, escape: str) -> None:
    """Found by the fuzzer, issue 14."""
    refused(without("public-ipv4") + line.format(escape) + "\n")


@pytest.mark.skipif(not hasattr(sys, "get_int_max_str_digits"), reason="this Python reads numbers of any length")
def test_a_version_of_yaml_with_thousands_of_digits_is_refused() -> None:
    refused(f"%YAML 1.{'9' * 5000}\n---\n{GOOD}")
