"""Row 4: a manual teleport.yaml is judged: placeholders, contradictions, fragments, and text that is not YAML."""

from __future__ import annotations

import pytest

from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.finding import ERROR, WARNING, Finding
from teleport_bootstrap.plan import activation, manual_file, teleport_build

CONF = b"TELEPORT_ROLE=node\nTELEPORT_AUTH_SERVER_LB=auth.example.com\nTELEPORT_CLUSTER_NAME=example.com\n"
BUILD = teleport_build.of_version("17.5.1", fips=False)
OFF = 'auth_service: {enabled: "no"}\nproxy_service: {enabled: "no"}\n'
PATH = "/etc/teleport.yaml"


def judged(text: str) -> tuple[Finding, ...]:
    wanted = activation.plan(conf_file.load(CONF, "/etc/teleport.d/conf"), BUILD)
    return manual_file.judge(text.encode(), PATH, BUILD, wanted.deployment)


@pytest.mark.parametrize(
    "value",
    [
        *("<your-token>", "${TOKEN}", "$JOIN_TOKEN", "{{ token }}", "__TOKEN__", "CHANGE_ME", "change-me-please"),
        *("REPLACE_ME", "your-token", "YOUR_AUTH_TOKEN_HERE", "my-secret", "xxxx", "TODO", "********", "%TOKEN%"),
    ],
)
def test_row_4_a_placeholder_is_named_with_its_line(value: str) -> None:
    (found,) = judged(f'version: v3\nteleport:\n  auth_server: a:3025\n  auth_token: "{value}"\n{OFF}')
    assert (found.code, found.subject, found.severity) == ("teleport-yaml-placeholder", "teleport.auth_token", WARNING)
    assert found.place is not None and str(found.place).startswith(f"{PATH}:4")


@pytest.mark.parametrize(
    "pin", ["sha256:PLACEHOLDER", "sha256:" + "0" * 64, "sha256:xxxx", "sha256:<pin>", "sha256:..."]
)
def test_row_4_a_placeholder_pin(pin: str) -> None:
    found = judged(f"version: v3\nteleport:\n  auth_server: a:3025\n  ca_pin: '{pin}'\n{OFF}")
    assert "teleport-yaml-placeholder" in [each.code for each in found if each.subject == "teleport.ca_pin"]


@pytest.mark.parametrize(
    "value",
    ["k3Jd8s0aQ", "node-7", "{{internal.logins}}", "ip-10-0-0-1", "0123456789", "todolist", "sha", "exxon"],
)
def test_row_4_an_ordinary_value_is_not_taken_for_a_placeholder(value: str) -> None:
    assert judged(f'version: v3\nteleport:\n  auth_server: a:3025\n  auth_token: "{value}"\n{OFF}') == ()


@pytest.mark.parametrize(
    ("lines", "subject"),
    [
        ("  auth_servers: [a:3025]\n", "teleport.auth_servers"),
        ("  auth_server: a:3025\n  proxy_server: p:443\n", "teleport.proxy_server"),
        (
            "  auth_server: a:3025\n  auth_token: t\n  join_params: {method: iam, token_name: x}\n",
            "teleport.auth_token",
        ),
        ("  auth_server: a:3025\n  ca_pin: nonsense\n", "teleport.ca_pin"),
        ("  nodename: x\n", "teleport.auth_server"),
    ],
)
def test_row_4_contradictions_are_warnings_with_their_place(lines: str, subject: str) -> None:
    found = [each for each in judged(f"version: v3\nteleport:\n{lines}{OFF}") if each.subject == subject]
    assert found and {each.severity for each in found} == {WARNING}
    assert (
        any(each.place is not None and each.place.file == PATH for each in found) or subject == "teleport.auth_server"
    )


def test_row_4_a_file_that_contradicts_the_role_is_named() -> None:
    subjects = [each.subject for each in judged("version: v3\nteleport: {nodename: x}\n")]
    assert {"auth_service.enabled", "proxy_service.enabled"} <= set(subjects)


def test_row_4_a_file_of_an_earlier_version_may_use_its_own_keys() -> None:
    assert judged(f"teleport:\n  auth_token: t0k\n  auth_servers: ['a:3025']\n{OFF}") == ()


@pytest.mark.parametrize(
    "text",
    [
        "auth_service:\n  access_monitoring: {enabled: true}\n",
        "  access_monitoring:\n    enabled: true\n",
        "ssh_service: {labels: {a: b}}\n",
    ],
)
def test_row_4_a_fragment_is_called_one(text: str) -> None:
    (found,) = judged(text)
    assert found.code == "teleport-yaml-fragment" and "teleport.yaml.d" in found.remedy


@pytest.mark.parametrize("text", ["teleport: [\n", "a:\n\tb: 1\n", "- a\n", "a: 1\na: 2\n", "teleport: *x\n"])
def test_row_4_what_teleport_cannot_read_is_an_error(text: str) -> None:
    found = judged(text)
    assert found and all(each.severity == ERROR and each.code == "teleport-yaml-unreadable" for each in found)


def test_row_2_a_judgement_quotes_no_secret() -> None:
    text = f"version: v3\nteleport:\n  auth_server: a:3025\n  auth_token: s3cr3t-1\n  ca_pin: s3cr3t-1\n{OFF}"
    assert judged(text) and not any("s3cr3t" in str(each.data()) for each in judged(text))
