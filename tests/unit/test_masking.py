"""Issue 14, row 4: one masker for everything that is shown, whatever the form in which a secret appears."""

from __future__ import annotations

import base64
import json
import re
import shlex
import textwrap
from collections.abc import Callable
from urllib import parse

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from teleport_bootstrap import display, errors, escaping, masking, secret
from teleport_bootstrap.finding import ERROR, Finding
from teleport_bootstrap.secret import MASK, Secret

VALUES = (
    "pl4nted-93af",
    "p@ss/w%rd+93af=",
    "with spaces 'and' \"quotes\" 93af",
    "naïve-geheimnis-93af",
    "back\\slash\ttab-93af",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ93afKzp9QmXcV7T4MIIEvQIBADANBgkqhkiG9w0",
)
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "URL": parse.quote,
    "query": lambda value: parse.quote(value, safe=""),
    "form": parse.quote_plus,
    "JSON": json.dumps,
    "JSON as it is": lambda value: json.dumps(value, ensure_ascii=False),
    "repr": repr,
    "YAML": lambda value: yaml.safe_dump({"k": value}, width=10_000, allow_unicode=True),
    "YAML in ASCII": lambda value: yaml.safe_dump({"k": value}, width=10_000),
    "YAML in single quotes": lambda value: "'" + value.replace("'", "''") + "'",
    "shell": shlex.quote,
    "hexadecimal": lambda value: value.encode().hex(),
    "HEXADECIMAL": lambda value: value.encode().hex().upper(),
    **{
        f"Base64 after {before} bytes": lambda value, before=before: base64.b64encode(  # type: ignore[misc]
            b"x" * before + value.encode() + b"yz"
        ).decode()
        for before in range(3)
    },
    "Base64 for URLs": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
    "escaped": escaping.one_line,
    "wrapped": lambda value: f"{value[:9]}\n    {value[9:]}",
    "wrapped in a difference": lambda value: f"+ {value[:9]}\\\n+ {value[9:]}",
    "cut off": lambda value: f"{value[:9]}…",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", VALUES)
def test_row_4_a_secret_that_was_met_is_masked_in_every_form(value: str, form: str) -> None:
    Secret(value)
    text = f"it says [{FORMS[form](value)}] here"
    shown = masking.mask(text)
    assert MASK in shown and "93af" not in shown and FORMS[form](value)[:9] not in shown, shown
    assert "93af" not in display.block(text) and "93af" not in display.line(text)
    assert "93af" not in display.json({"it": [text], text: 1})


@pytest.mark.parametrize(
    "text",
    [
        "postgres://u:{}@db.example.com/x",
        "mongodb+srv://user:{}@h/?x=1",
        "redis://:{}@h:6379",
        "anything://u:a@b/{}@h",
        "https://x.example.com/?a=b&sslpassword={}&c=d",
        "https://x.blob.example.com/c?sv=2020&sig={}",
        "https://x.example.com/?AccessKeyId=1&AccessKey={}",
        "https://x.example.com/hook?token={}",
        "https://s3.example.com/k?X-Amz-Signature={}&X-Amz-Security-Token={}",
        "Authorization: Bearer {}",
        "proxy header `Basic {}`",
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY----- {} never ended",
        "https://hooks.slack.com/services/T000/B000/{}",
    ],
)
def test_row_4_what_can_only_be_a_secret_is_masked_though_it_is_not_known(text: str) -> None:
    value = "Unkn0wnPlanted93af"
    for shown in (
        masking.mask(text.replace("{}", value)),
        errors.FileTrouble(text.replace("{}", value), hint=text.replace("{}", value)).message,
        str(Finding(ERROR, "x", "a", text.replace("{}", value), text.replace("{}", value))),
    ):
        assert value not in shown and MASK in shown, shown


@pytest.mark.parametrize(
    "text", ["ASIAPLANTED000000001", "ghp_abcdefghijklmnopqrstuvwxyz0123456789", "eyJhbGciOiJS.eyJzdWIiOiJ.c2ln"]
)
def test_row_4_so_are_tokens_of_a_known_form(text: str) -> None:
    assert text not in masking.mask(f"x {text} y")


@pytest.mark.parametrize(
    "text", ["token: abcd-1234", "password=hunter2", "client_secret: 'x y z'", "--auth-token abcd1", "PGPASSWORD=x1"]
)
def test_row_4_in_words_of_other_programs_what_is_named_like_a_secret_is_masked_too(text: str) -> None:
    assert MASK in masking.mask_foreign(f"error: {text}")


@pytest.mark.parametrize(
    "text",
    [
        "add TELEPORT_JOIN_TOKEN=…, or TELEPORT_JOIN_TOKEN_PARAMETER=… with the name of an SSM parameter",
        "wrote /var/lib/teleport/token; the token of the node is pending",
        "sha256:" + "5e" * 32,
        "https://example.com:3080/web/login and athena://db.table?topicArn=arn:aws:sns:us-east-1:1:t",
        "i-0123456789abcdef0 eni-0123456789abcdef0 user@example.com",
    ],
)
def test_row_4_what_is_not_secret_stays(text: str) -> None:
    for each in ("teleport", "token", "sha256:" + "5e" * 32, "node"):
        Secret(each)
    assert masking.mask(text) == text


def test_row_4_each_line_of_a_key_is_known_and_there_is_a_limit_to_what_is_remembered() -> None:
    lines = [f"{number:02d}MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" for number in range(5)]
    Secret("-----BEGIN X-----\n" + "\n".join(lines) + "\n-----END X-----\n")
    assert not any(each in masking.mask(f"line {each} of it") for each in lines)
    for number in range(5000):
        secret.remember(f"secret-number-{number}")
    assert len(secret.met()) <= 2000
    assert "4999" not in masking.mask("it is secret-number-4999")


@given(st.text(min_size=8, max_size=40), st.text(max_size=30), st.text(max_size=30))
def test_row_4_a_secret_of_any_characters_is_in_nothing_that_is_shown(value: str, before: str, after: str) -> None:
    secret.forget()
    value = value.strip()
    if len(value) < 8 or value in before + after or set(value) <= {"*"}:
        return
    Secret(value)
    assert value not in display.line(f"{before}{value}{after}").replace(MASK, "")


def test_row_4_a_long_text_with_many_secrets_is_masked_in_bounded_time() -> None:
    for number in range(500):
        secret.remember(f"secret-number-{number}-" + "x" * 40)
    text = textwrap.fill("some words and more of them " * 4000, 80)
    assert masking.mask(text) == text


@pytest.mark.parametrize(
    ("pattern", "parts"), [each for each in masking._PATTERNS if each[1]], ids=lambda value: str(value)[:40]
)
@given(data=st.data())
def test_issue_16_start_no_pattern_matches_a_text_without_its_parts(
    pattern: re.Pattern[str], parts: tuple[str, ...], data: st.DataObject
) -> None:
    """`mask` looks for the parts first. Letters that only Python takes for an s or k match, too."""
    text = data.draw(st.from_regex(re.compile(pattern.pattern, pattern.flags)))
    text = data.draw(st.sampled_from([text, text.replace("s", "\u017f"), text.replace("k", "\u212a"), text.upper()]))
    if pattern.search(text) is not None and text.isascii():
        assert any(part in text.lower() for part in parts)
    every = secret.without_passwords(masking._met(secret.met()).masked(text)[0])
    for each, _ in masking._PATTERNS:
        every = each.sub(masking._replaced, every)
    assert masking.mask(text) == every
