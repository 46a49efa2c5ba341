"""Row 2: of a document that is shown, only the secrets are masked: in YAML, in text that is none, and in messages."""

from __future__ import annotations

import json

import pytest
import yaml

from teleport_bootstrap import errors
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.plan import overrides, planner, secret_mask, teleport_build, yaml_reading
from teleport_bootstrap.secret import MASK
from tests.unit.plan import planning

S = "pl4nted-93af"
PEM = f"-----BEGIN EC PRIVATE KEY-----\nMHcC{S}\n-----END EC PRIVATE KEY-----"

SECRETS = [
    f"teleport: {{auth_token: {S}}}",
    f"teleport: {{join_params: {{method: token, token_name: {S}}}}}",
    f"teleport: {{join_params: {{token_name: {S}}}}}",
    f"teleport:\n  join_params:\n    method: bound_keypair\n    bound_keypair: {{registration_secret: {S}}}",
    f"teleport: {{storage: {{conn_string: 'postgresql://u:{S}@db.example.com/x?sslmode=require'}}}}",
    f"teleport: {{storage: {{conn_string: 'host=db user=u password={S} dbname=x'}}}}",
    f"teleport: {{storage: {{conn_string: 'https://x.example.com/?sslpassword={S}&a=b'}}}}",
    f"teleport: {{storage: {{audit_events_uri: ['dynamodb://t', 'postgres://u:{S}@h/x']}}}}",
    f"teleport: {{storage: {{audit_sessions_uri: 'azblob-http://u:{S}@h/x'}}}}",
    f"teleport: {{storage: {{access_key: {S}}}}}",
    f"teleport: {{storage: {{tls_pass: x, password: /{S}+x==}}}}",
    f"auth_service: {{tokens: ['proxy,node:{S}', 'node:/etc/token']}}",
    f"auth_service:\n  tokens:\n  - node:{S}",
    f"auth_service: {{ca_key_params: {{pkcs11: {{module_path: /x.so, token_label: t, pin: '{S}'}}}}}}",
    f"auth_service: {{license_file: '{S}'}}",
    f"app_service: {{apps: [{{name: a, rewrite: {{headers: ['Authorization: Basic {S}', 'X-Env: prod']}}}}]}}",
    f"app_service: {{apps: [{{name: a, rewrite: {{headers: ['X-Api-Key: {S}']}}}}]}}",
    f"app_service: {{apps: [{{name: a, rewrite: {{headers: [{{name: Cookie, value: {S}}}]}}}}]}}",
    f"app_service: {{apps: [{{name: a, rewrite: {{headers: [{{name: X-Amz-Signature, value: {S}}}]}}}}]}}",
    f"app_service: {{apps: [{{name: a, uri: 'https://u:{S}@127.0.0.1'}}]}}",
    f"app_service: {{apps: [{{name: a, dynamic_labels: {{api-key: {S}}}}}]}}",
    f"db_service: {{databases: [{{name: d, uri: 'mongodb+srv://u:{S}@h.example.com', protocol: mongodb}}]}}",
    f"db_service: {{databases: [{{name: d, uri: 'redis://:{S}@h:6379'}}]}}",
    f"windows_desktop_service: {{static_hosts: [{{name: w, credentials: {{user: u, pass: {S}}}}}]}}",
    f"okta_service: {{api_token: {S}}}",
    f"jamf_service: {{inventory: [{{client_secret: {S}, password: {S}}}]}}",
    f'new_service: {{azure: {{client_secret: {S}}}, gcp: {{credentials: \'{{"private_key": "{S}"}}\'}}}}',
    "new_service:\n  ssh: |\n" + "".join(f"    {line}\n" for line in PEM.splitlines()),
    f"new_service: {{text: {json.dumps(PEM)}}}",
    f"plugin: {{webhook_url: 'https://hooks.example.com/{S}'}}",
]


# Issue 14, row 4: others than those above, and where they are shown as they are written only.
MORE = [
    f"teleport: {{storage: {{conn_string: \"host=db password='a {S} b' dbname=x\"}}}}",
    f'x: \'{{"password": "a {S}", "n": {{"api_token": "b {S}"}}}}\'',
    f"db_service: {{databases: [{{name: d, uri: 'u:{S}@h:3306'}}, {{name: e, uri: 'mongodb://u:a {S}@h,i:2/'}}]}}",
    f"x: ['u:{S}@tcp(h:3306)/db', '//u:{S}@h/']",
    f"ssh_service: {{commands: [{{name: c, command: [/bin/x, --api-token, {S}]}}]}}",
    f"ssh_service: {{commands: [{{name: c, command: [sudo, curl, -u, 'bob:{S}', 'http://h']}}]}}",
    f"ssh_service: {{commands: [{{name: c, command: [/bin/mysql, '-p{S}']}}]}}",
    f"ssh_service: {{commands: [{{name: c, command: [sh, -c, \"curl --user bob:{S} h; x --password 'a {S}'\"]}}]}}",
    f"app_service: {{apps: [{{name: a, rewrite: {{headers: ['X-Custom: Bearer {S}']}}}}]}}",
    f"x: {{'http://u:{S}@h.example.com': 1, 'password={S}': 2, 'X-Custom: Bearer {S}': 3}}",
    f"teleport: {{auth_token: x}}\n---\nteleport: {{auth_token: {S}}}",
    f"teleport:\n  auth_token: #{S}",
    f"teleport:\n  auth_token: &{S}",
    f"auth_token {S}\nteleport: [",
]
HARMLESS = [
    "x: {image: 'repo/name:tag@sha256:abcdef', host: 'h.example.com:3022'}",
    "ssh_service: {commands: [{name: c, command: [date, -u, '+%H:%M']}, {name: d, command: [ssh, -p22, h]}]}",
    "ssh_service: {commands: [{name: c, command: [x, --token, /etc/token]}, {name: d, command: [x, -u, '10:10']}]}",
    "teleport:\n  auth_token: # see the vault",
    "x: {'http://h.example.com:80': 1, long-and-harmless: 2}",
]


@pytest.mark.parametrize("text", MORE)
def test_row_4_no_secret_is_shown_that_is_written_in_another_way(text: str) -> None:
    """Issue 14, row 4: options of programs, quoted settings, accounts without a scheme, keys, later documents."""
    # An account without a scheme is recognized in a value of its own only.
    is_alone = f"'u:{S}@" in text or "curl, -u" in text or "/bin/mysql" in text
    for each in (text, *(() if is_alone else (f"{text}\nx: [\n",))):
        assert S not in secret_mask.masked(each)
        assert S in " ".join(secret_mask.secrets_in(each))


@pytest.mark.parametrize("text", MORE[:-4])
def test_row_4_no_secret_is_left_in_the_values_of_a_document(text: str) -> None:
    assert S not in json.dumps(secret_mask.document(yaml.safe_load(text)))
    assert S in " ".join(secret_mask.secrets_of(yaml.safe_load(text)))


@pytest.mark.parametrize("text", HARMLESS)
def test_row_4_what_only_looks_like_these_stays(text: str) -> None:
    assert secret_mask.masked(text) == text
    assert not secret_mask.secrets_in(text)


def in_quotes(text: str) -> str:
    return json.dumps(yaml.safe_load(text))


@pytest.mark.parametrize("text", SECRETS)
def test_row_2_no_secret_is_shown(text: str) -> None:
    broken = [f"{text}\nx: [\n", f"{text}\n\ty: {{\n"]
    commented = "".join(f"# {line}\n" for line in text.splitlines())
    for form in (text, f"{text}\n", in_quotes(text), yaml.safe_dump(yaml.safe_load(text)), *broken, commented):
        shown = secret_mask.masked(form)
        assert S not in shown and MASK in shown, shown
        assert any(S in each for each in secret_mask.secrets_in(form))
        assert secret_mask.holds_secret(form.encode())
    assert S not in json.dumps(secret_mask.document(yaml.safe_load(text)))


@pytest.mark.parametrize("before", [" {p|\n  asoa}\n", "[a]\n", "{a: b} # c\n", "a: 1\n...\n", "- a\n- b\n...\n\n"])
def test_row_4_what_follows_the_first_node_of_a_document_is_masked(before: str) -> None:
    """The reader stops at the end of the first node; what follows is an error, and may be shown with it."""
    text = f"{before}auth_token: {S}\n# password: {S}\n"
    for shown in (secret_mask.masked(text), secret_mask.masked(text, as_yaml=True)):
        assert S not in shown and shown.startswith(before)
    assert S in secret_mask.secrets_in(text)


@pytest.mark.parametrize("text", SECRETS)
def test_row_2_the_rest_is_still_the_same_document(text: str) -> None:
    shown = yaml.safe_load(secret_mask.masked(text, as_yaml=True))
    assert json.dumps(shown).count(MASK) >= 1
    assert shown == secret_mask.document(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "teleport: {join_params: {method: iam, token_name: iam-token}}",
        "teleport: {join_params: {method: token, token_name: /var/lib/teleport/token}}",
        "teleport: {ca_pin: 'sha256:5e5e', auth_token: /etc/token, data_dir: /var/lib/teleport}",
        "auth_service: {tokens: ['node:/etc/token'], proxy_checks_host_keys: 'no', license_file: /etc/license.pem}",
        "auth_service: {ca_key_params: {gcp_kms: {keyring: projects/p/keyRings/r, protection_level: HSM}}}",
        "proxy_service: {https_keypairs: [{key_file: /etc/key.pem, cert_file: /etc/cert.pem}]}",
        "app_service: {apps: [{name: a, uri: 'https://127.0.0.1:8443/a@b', rewrite: {headers: ['X-Env: prod']}}]}",
        "db_service: {databases: [{name: d, uri: 'db.example.com:5432', protocol: postgres}]}",
        "ssh_service: {labels: {env: prod}, commands: [{name: arch, command: [uname, -p], period: 1h0m0s}]}",
        "teleport: {storage: {audit_events_uri: ['dynamodb://t', 'stdout://'], region: us-east-1}}",
    ],
)
def test_row_2_what_is_not_secret_stays(text: str) -> None:
    assert secret_mask.masked(text) == text
    assert not secret_mask.holds_secret(text)
    assert secret_mask.document(yaml.safe_load(text)) == yaml.safe_load(text)


def test_row_2_the_useful_part_of_a_value_stays() -> None:
    text = (
        f"a:\n  uri: postgres://user:{S}@db.example.com:5432/x\n  tokens: ['proxy,node:{S}']\n  h: 'X-Api-Key: {S}'\n"
    )
    shown = secret_mask.masked(text)
    assert f"postgres://user:{MASK}@db.example.com:5432/x" in shown
    assert f"proxy,node:{MASK}" in shown and f"X-Api-Key: {MASK}" in shown


def test_row_2_a_finding_does_not_quote_a_secret() -> None:
    conf = "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=p.example.com\nTELEPORT_JOIN_TOKEN=t\n"
    conf += "TELEPORT_AGENT_SSH_ENABLED=true\n"
    text = (
        f"db_service: {{enabled: yes, databases: [{{name: d, protocol: nosuch, uri: 'postgres://u:{S}@h'}}]}}\n"
        f"auth_service: {{enabled: yes, tokens: ['{S}', 'nosuch:{S}']}}\n"
        f"app_service: {{enabled: yes, apps: [{{name: a, uri: 'h ttp://u:{S}@x', rewrite: {{headers: ['x']}}}}]}}\n"
    )
    with pytest.raises(errors.BootstrapError) as caught:
        _plan(conf, text)
    assert len(caught.value.findings) >= 3
    assert S not in caught.value.message + "".join(str(each.data()) for each in caught.value.findings)


def _plan(conf: str, text: str) -> None:
    parsed = conf_file.load(conf.encode(), "/etc/teleport.d/conf")
    build = teleport_build.of_version("12.0.0", fips=False)
    planner.plan(parsed, planning.INSTANCE, build, [overrides.Override("/x.yaml", text.encode())])


def test_a_deep_or_long_text_is_masked_in_bounded_time() -> None:
    deep = "{a: " * 200 + f"{{password: {S}}}" + "}" * 200
    assert S not in secret_mask.masked(deep)
    bomb = "a: &a [x, x]\n" + "".join(
        f"b{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else '*a'] * 9)}]\n" for n in range(9)
    )
    assert secret_mask.masked(bomb).startswith("a: ")
    assert yaml_reading.node("a: &s {b: *s}\n") is not None
    assert secret_mask.masked("a: &s {b: *s}\n")
