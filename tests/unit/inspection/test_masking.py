"""Whatever looks like a secret is masked in a text; what a supporter needs is kept."""

from __future__ import annotations

import time

import pytest

from teleport_bootstrap.inspection import bundle_parts, known_secrets, redaction
from teleport_bootstrap.secret import MASK, Secret

BCRYPT = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
HEX = "9b1a9953c4611296a827abf8c47804d7"

# A line, and the part of it that must be masked.
SECRET_LINES = {
    f"    passwd_hash: {BCRYPT}": BCRYPT,
    f"user alice has {BCRYPT} in the table": BCRYPT,
    "root:$6$rounds=5000$saltsalt$hashhashhash:19000:0": "hashhashhash",
    "  pass: shortpass8": "shortpass8",
    "pwd=pwd-j-1": "pwd-j-1",
    "otp=774411": "774411",
    "  totp_seed: JBSWY3DPEHPK3PXP": "JBSWY3DPEHPK3PXP",
    "PGPASS=pgp-77a": "pgp-77a",
    'Environment="GITHUB_PAT=gitp4t-1" "X_PASS=two words"': "words",
    "ExecStart=/usr/local/bin/teleport start --token argv-t0k2 --config=/etc/teleport.yaml": "argv-t0k2",
    "exec [teleport --auth-token 'argv t0k3']": "t0k3",
    "mysql --password spaced-pw -h db": "spaced-pw",
    "+ curl -u admin:curlu-p4ss https://x": "curlu-p4ss",
    "using ghp_abcdefghijklmnopqrstuvwxyz0123456789 to read": "ghp_",
    "slack xoxb-123456789012-abcdefABCDEF": "xoxb",
    "posting to https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXabcdefghijklmnop": "XXXXXXXX",
    "glpat-ABCDEFGHIJ1234567890": "ABCDEFGHIJ",
    "X-Vault-Token: hvs.CAESIJ": "CAESIJ",
    "hvs.CAESIJabcdef": "CAESIJ",
    "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ": "QQQQ",
    "recovery code: tele-abandon-ability-able-about-above-absent-absorb-abstract": "abandon",
    "secret used je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY end": "je7Mt",
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/x, Signature=deadbee1": "deadbee1",
    "https://x/v1/webapi/github/callback?state=1&code=ghcode99aa": "ghcode99aa",
    "SAMLResponse=PHNhbWxwOlJlc3BvbnNl": "PHNhb",
    "Cookie: foo=bar; __Host-session=7b2275736572223a22zz": "7b22",
    "__Host-session=7b2275736572223a22yy": "7b22",
    "open https://x:443/web/invite/short12?x=1": "short12",
    "https://x/web/device/authorize/abc/devtokenaa12bb34": "devtoken",
    f"curl https://x/scripts/{HEX}/install-node.sh": HEX,
    f"{HEX} Node,Proxy 22 Nov 26 10:00 UTC": HEX,
    f"tokens: node:{HEX}": HEX,
    "the join token is prose-tok9a8b7c6d5e4f3a2b": "prose-tok9",
    "passphrase for key is: corr3cthorse": "corr3cthorse",
    "tokens=[one, tw0tok]": "tw0tok",
    "connect to mysql://root:p/w@rd12@db.example.com/x": "rd12",
    "https://abcdefghij0123456789xyz@github.com/x": "abcdefghij",
    "amqp://u:p%40ss@h,amqp://u:s3cond@h2": "s3cond",
    '- name: "Authorization"\n  value: "opaque words"\n': "opaque",
    'password = "abc \\\nsec0ndline"\n': "sec0ndline",
    "key LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFcEFJQkFBS0NBUUVB": "QpNSUl",
    "AQICAHhabcdEFGH1234567890abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789+/AQ==": "AQICAHh",
}

KEPT = [
    "2026-11-22T10:00:00+0000 ip-10-0-1-17 teleport[712]: INFO [PROC:1] Service auth is starting on 0.0.0.0:3025.",
    "the token was fetched from /teleport/example.com/tokens/proxy and written to /var/lib/teleport/token",
    "the token is 17 hours old",
    "teleport.service: Main process exited, code=exited, status=1/FAILURE",
    "sudo[12]: admin : TTY=pts/0 ; PWD=/home/admin ; USER=root ; COMMAND=/usr/local/bin/tctl status",
    "serving at https://teleport.example.com:3080/web/users?who=bob@example.com",
    "https://teleport.example.com:443",
    "git+ssh://git@github.com/x",
    f"sha256:{'5e' * 32}",
    f'"teleport_yaml_sha256": "{"5e" * 32}",',
    f"ca_pin: sha256:{'7e' * 32}",
    "commit 0123456789abcdef0123456789abcdef01234567",
    "arn:aws:iam::123456789012:role/teleport-auth on i-0123456789abcdef0",
    "AccessDenied: ssm:GetParameters on /teleport/example.com/tokens/proxy",
    "no token for this node; the key of the cluster was rotated to a new one",
    "token_name: /var/lib/teleport/token",
    "key_file: /var/lib/teleport/privkey.pem",
    "/usr/lib/python3/dist-packages/teleport_bootstrap/apply/fetch_secrets.py",
    "password authentication is not allowed",
    "Environment=$MAINPID PASS=$PASS",
    "the path and the pattern: x",
    '"secrets": [],',
    '"secrets": [\n  {\n   "name": "join token",\n   "state": "present"\n  }\n ],',
    "secrets: token 2 hours old, license missing, ca-pin-hash present",
    "Node failed to establish connection to cluster: token expired or not found. service/connect.go:122",
    '{"code":"T1000I","event":"user.login","sid":"7c5cb0f0-0b3f-4c8c-9a25-1df8ce9d5d44"}',
]


@pytest.mark.parametrize("line", SECRET_LINES)
def test_masks_what_looks_like_a_secret(line: str) -> None:
    shown = redaction.Mask([]).apply(line)
    assert SECRET_LINES[line] not in shown
    assert MASK in shown


@pytest.mark.parametrize("line", KEPT)
def test_keeps_what_helps(line: str) -> None:
    assert redaction.Mask([]).apply(line) == line


KEY = ("MHcREVLINE1aaaaaaaaa", "AwEHoUQDQgAEx", "zzRev2==")


@pytest.mark.parametrize("kind", ["PRIVATE KEY", "RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK"])
@pytest.mark.parametrize("whole", ["both", "begin", "end"])
@pytest.mark.parametrize("newest_first", [True, False])
def test_masks_a_key_over_several_entries_though_an_end_is_cut_off_and_others_are_in_between(
    kind: str, whole: str, newest_first: bool
) -> None:
    entries = [f"x[1]: {line}" for line in KEY]
    if whole != "end":
        entries.insert(0, f"x[1]: -----BEGIN {kind}-----")
    if whole != "begin":
        entries.append(f"x[1]: -----END {kind}-----")
    entries.insert(2, "y[2]: another program says this")
    lines = list(reversed(entries)) if newest_first else entries
    text = "".join(
        f"2026-11-22T10:00:00+0000 host {line}\n" for line in ["z[3]: kept before", *lines, "z[3]: kept behind"]
    )
    shown = redaction.Mask([]).apply(text)
    assert not [line for line in KEY if line in shown]
    assert "kept before\n" in shown and "kept behind\n" in shown


def test_keeps_text_between_two_keys() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMHcREVLINE1aaaaaaaaa\n-----END PRIVATE KEY-----\n"
    shown = redaction.Mask([]).apply(f"{key}this is in between\n{key}")
    assert "this is in between\n" in shown and "MHc" not in shown


def test_the_first_and_last_line_of_a_key_are_not_secret() -> None:
    found = known_secrets.Found()
    for value in ("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nMIIEline1\n-----END PRIVATE KEY-----"):
        found.add(value)
    text = "x: -----BEGIN PRIVATE KEY-----\nx: 0therKeyLine\nx: -----END PRIVATE KEY-----\n"
    shown = redaction.Mask(found.secrets).apply(text)
    assert "0therKeyLine" not in shown and "-----BEGIN PRIVATE KEY-----" in shown


@pytest.mark.parametrize(
    "line",
    [
        "://a:" * 300_000,
        "://a:b@" * 200_000,
        "name: token\n" * 150_000,
        "--token " * 200_000,
        "the key is " * 150_000,
        'cookie:"' * 200_000,
        "cookie:" + "\\" * 1_500_000,
        "-----BEGIN PRIVATE KEY-----\n" * 60_000,
        "-----BEGIN PRIVATE KEY-----\nx: aGVsbG8\n" * 30_000,
        "tele" + "-ab" * 500_000,
        '"' + "a.token" * 200_000,
        "Aa1+/" * 300_000,
    ],
    ids=lambda line: line[:30],
)
def test_runs_in_linear_time(line: str) -> None:
    """Seconds would be minutes otherwise, or hours; the limit is far from both."""
    begun = time.process_time()
    redaction.Mask([Secret("a-known-secret")]).apply(line)
    assert time.process_time() - begun < 30


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("TELEPORT_NODENAME=x # pw tr41lingpw", "TELEPORT_NODENAME=x # ********"),
        ("TELEPORT_NODENAME=x # the first host", "TELEPORT_NODENAME=x # the first host"),
    ],
)
def test_masks_a_comment_after_a_value_of_the_conf(line: str, shown: str) -> None:
    assert bundle_parts.masked_conf(line) == f"{shown}\n"
