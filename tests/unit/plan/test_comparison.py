"""What differs between two documents, and what follows from it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleport_bootstrap.plan import comparison, secret_mask

DOCUMENT: dict[str, Any] = {
    "version": "v3",
    "teleport": {"nodename": "a", "log": {"severity": "INFO"}, "storage": {"type": "dir"}},
    "auth_service": {"cluster_name": "cluster-1", "authentication": {"webauthn": {"rp_id": "a.example.com"}}},
    "ssh_service": {"enabled": "yes", "labels": {"env": "prod"}, "commands": []},
    "proxy_service": {"enabled": "yes", "public_addr": "a.example.com:443", "web_listen_addr": "0.0.0.0:3080"},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return DOCUMENT with `value` at the dotted `path`; without that key where `value` is None."""
    document = copy.deepcopy(DOCUMENT)
    *parents, last = path.split(".")
    node = document
    for key in parents:
        node = node.setdefault(key, {})
    if value is None:
        del node[last]
    else:
        node[last] = value
    return document


# ---------------------------------------------------------------- merge patches, as in RFC 7396

scalars = st.one_of(st.booleans(), st.integers(-9, 9), st.text("abc", max_size=3))
keys = st.sampled_from(["a", "b", "c", "d"])
documents = st.dictionaries(
    keys,
    st.recursive(
        st.one_of(scalars, st.lists(scalars, max_size=2)), lambda below: st.dictionaries(keys, below, max_size=3)
    ),
    max_size=4,
)


def patched(target: Any, patch: Any) -> Any:
    """The algorithm of RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = patched(result.get(name), value)
    return result


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types throughout: True is not 1 in a configuration."""
    return repr(_sorted(one)) == repr(_sorted(other))


def _sorted(value: Any) -> Any:
    return {key: _sorted(value[key]) for key in sorted(value)} if isinstance(value, dict) else value


@given(documents, documents)
def test_a_patch_turns_one_document_into_the_other(before: Any, after: Any) -> None:
    assert same(patched(before, comparison.merge_patch(before, after)), after)


@given(documents)
def test_the_patch_between_equal_documents_is_empty(document: Any) -> None:
    assert comparison.merge_patch(document, copy.deepcopy(document)) == {}


@given(documents, documents)
def test_a_document_keeps_a_patch_exactly_where_the_patch_changes_nothing_in_it(before: Any, after: Any) -> None:
    patch = comparison.merge_patch(before, after)
    assert comparison.keeps(after, patch)
    assert comparison.keeps(before, patch) == same(before, after)


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({"a": 1}, {"a": True}, {"a": True}),
        ({"a": "1"}, {"a": 1}, {"a": 1}),
        ({"a": [1, 2]}, {"a": [2]}, {"a": [2]}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": 1}, {"a": 1}),
    ],
)
def test_patches(before: Any, after: Any, patch: Any) -> None:
    assert same(comparison.merge_patch(before, after), patch)


# ---------------------------------------------------------------- reload or restart


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("teleport.log.severity", "DEBUG"),
        ("teleport.log", None),
        ("ssh_service.labels.env", "test"),
        ("ssh_service.labels", None),
        ("ssh_service.commands", [{"name": "a"}]),
        ("proxy_service.trust_x_forwarded_for", True),
    ],
)
def test_settings_that_a_reload_applies(path: str, value: Any) -> None:
    assert comparison.reload_suffices(DOCUMENT, changed(path, value))
    assert comparison.reload_suffices(changed(path, value), DOCUMENT)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("teleport.nodename", "b"),
        ("teleport.storage.type", "dynamodb"),
        ("auth_service.cluster_name", "cluster-2"),
        ("ssh_service.enabled", "no"),
        ("proxy_service.web_listen_addr", "0.0.0.0:443"),
        ("proxy_service", None),
        ("app_service", {"enabled": "yes"}),
        ("version", "v2"),
    ],
)
def test_settings_that_need_a_restart(path: str, value: Any) -> None:
    assert not comparison.reload_suffices(DOCUMENT, changed(path, value))
    assert not comparison.reload_suffices(changed(path, value), DOCUMENT)


def test_a_label_together_with_another_setting_needs_a_restart() -> None:
    after = changed("ssh_service.labels.env", "test")
    after["teleport"]["nodename"] = "b"
    assert not comparison.reload_suffices(DOCUMENT, after)


def test_comparing_changes_neither_document() -> None:
    before, after = copy.deepcopy(DOCUMENT), changed("ssh_service.labels.env", "test")
    kept = copy.deepcopy(after)
    comparison.reload_suffices(before, after)
    assert (before, after) == (DOCUMENT, kept)


def test_a_section_that_is_not_a_mapping_is_compared_as_it_is() -> None:
    assert not comparison.reload_suffices(DOCUMENT, changed("ssh_service", "odd"))


# ---------------------------------------------------------------- dangers


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("auth_service.cluster_name", "cluster-2", "from cluster-1 to cluster-2"),
        ("auth_service.cluster_name", None, "from cluster-1 to nothing"),
        ("auth_service.authentication.webauthn.rp_id", "b.example.com", "security key"),
        ("proxy_service.public_addr", "b.example.com:443", "cannot find the new one"),
        ("teleport.storage.type", "dynamodb", "stay behind"),
    ],
)
def test_a_change_of_identity_is_a_danger(path: str, value: Any, words: str) -> None:
    (danger,) = comparison.dangers(DOCUMENT, changed(path, value))
    assert danger.startswith(path) and words in danger


def test_another_table_is_a_danger_and_the_first_one_is_not() -> None:
    before = changed("teleport.storage.table_name", "one")
    (danger,) = comparison.dangers(before, changed("teleport.storage.table_name", "two"))
    assert "from one to two" in danger
    assert comparison.dangers(DOCUMENT, before) == ()


@pytest.mark.parametrize(
    ("old", "new", "is_danger"),
    [
        ("dynamodb://a", ["dynamodb://a", "athena://b.c?x=1"], False),
        (["dynamodb://a", "athena://b.c?x=1"], ["athena://b.c?x=1", "dynamodb://a"], True),
        (["athena://b.c?x=1", "dynamodb://a"], "athena://b.c?x=2", False),
        ("dynamodb://a", "athena://b.c", True),
        ("dynamodb://a", "dynamodb://b", True),
        ("dynamodb://a", None, True),
    ],
)
def test_another_first_place_of_the_audit_log_is_a_danger(old: Any, new: Any, is_danger: bool) -> None:
    path = "teleport.storage.audit_events_uri"
    found = comparison.dangers(changed(path, old), changed(path, new) if new else DOCUMENT)
    assert [each.startswith(path) for each in found] == ([True] if is_danger else [])


def test_the_place_of_the_audit_log_is_shown_without_its_password() -> None:
    path = "teleport.storage.audit_events_uri"
    (danger,) = comparison.dangers(changed(path, "postgresql://teleport:hunter2@db.example.com/a"), DOCUMENT)
    assert "postgresql://db.example.com/a" in danger and "hunter2" not in danger


@pytest.mark.parametrize("path", ["teleport.log.severity", "ssh_service.labels.env", "proxy_service.web_listen_addr"])
def test_other_changes_are_not_dangers(path: str) -> None:
    assert comparison.dangers(DOCUMENT, changed(path, "other")) == ()


@pytest.mark.parametrize(
    ("path", "old", "new", "words"),
    [
        ("proxy_service.web_listen_addr", "0.0.0.0:3080", "0.0.0.0:443", "moves from port 3080 to 443"),
        ("proxy_service.web_listen_addr", "0.0.0.0:8443", "[::]:9443", "moves from port 8443 to 9443"),
        ("proxy_service.tunnel_listen_addr", "0.0.0.0:443", "0.0.0.0:3024", "moves from port 443 to 3024"),
        ("proxy_service.kube_listen_addr", "0.0.0.0:3026", None, "port 3026 closes"),
        ("proxy_service.postgres_listen_addr", "0.0.0.0:5432", None, "port 5432 closes"),
        ("ssh_service.listen_addr", "0.0.0.0:3022", "0.0.0.0:22", "moves from port 3022 to 22"),
        ("auth_service.listen_addr", "0.0.0.0:3025", "0.0.0.0:3125", "moves from port 3025 to 3125"),
        ("proxy_service.tunnel_public_addr", "a.example.com:443", "a.example.com:3024", "port 3024 instead of 443"),
        ("auth_service.public_addr", ["a.example.com:3025", "b:1"], "a.example.com:3025", "port 3025 instead of 1, 30"),
    ],
)
def test_a_public_port_that_moves_is_a_danger(path: str, old: Any, new: Any, words: str) -> None:
    (danger,) = comparison.dangers(changed(path, old), changed(path, new) if new else DOCUMENT)
    assert danger.startswith(path) and words in danger


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("proxy_service.web_listen_addr", "0.0.0.0:3080", "[::]:3080"),
        ("proxy_service.web_listen_addr", "0.0.0.0:3080", "10.0.0.12"),
        ("proxy_service.mysql_listen_addr", "", "0.0.0.0:3036"),
        ("proxy_service.ssh_public_addr", "a.example.com:3023", "b.example.com:3023"),
        ("proxy_service.enabled", "no", "yes"),
        ("metrics_service.listen_addr", "127.0.0.1:3081", "127.0.0.1:3091"),
    ],
)
def test_a_port_that_stays_or_opens_is_not_a_danger(path: str, old: str, new: str) -> None:
    assert comparison.dangers(changed(path, old), changed(path, new)) == ()


def test_a_new_section_is_not_a_danger() -> None:
    assert comparison.dangers({"version": "v3"}, DOCUMENT) == ()


# ---------------------------------------------------------------- differences, and their masks


def test_a_difference_names_the_file_on_the_sides_where_it_is() -> None:
    assert comparison.unified("/etc/a", None, "x\n").startswith("--- /dev/null\n+++ /etc/a\n")
    assert comparison.unified("/etc/a", "x\n", None).startswith("--- /etc/a\n+++ /dev/null\n")
    assert comparison.unified("/etc/a", "x\n", "x\n") == ""
    assert comparison.unified("/etc/a", "x\n", "y").endswith("+y\n\\ No newline at end of file\n")


PLANTED = "planted-93af"


@pytest.mark.parametrize(
    "text",
    [
        f"auth_token: {PLANTED}\n",
        f'  auth_token: "{PLANTED}"\n',
        f"  - token_name: {PLANTED}\n",
        f"tokens:\n  - {PLANTED}\n",
        f"tokens:\n- {PLANTED}\n- {PLANTED}\n",
        f"tokens: [{PLANTED}]\n",
        f"client_secret: |\n  {PLANTED}\n  {PLANTED}\n",
        f"# auth_token: {PLANTED}\n",
        f"password: {PLANTED}",
        f"'secret': {PLANTED}\n",
    ],
)
def test_values_of_keys_named_like_secrets_are_masked(text: str) -> None:
    shown = secret_mask.masked(text)
    assert PLANTED not in shown and "****" in shown
    assert PLANTED not in comparison.unified("/etc/a", "b: 1\n", text)


@pytest.mark.parametrize(
    "text",
    [
        "token_name: /var/lib/teleport/token\n",
        'key_file: "/etc/key.pem"\n',
        "https_keypairs:\n  - key_file: /etc/key.pem\n    cert_file: /etc/cert.pem\nother: text\n",
        "ssh_service:\n  enabled: yes\n",
        "token: null\nnext: x\n",
    ],
)
def test_values_that_are_not_secrets_stay(text: str) -> None:
    assert secret_mask.masked(text) == text


def test_lines_after_a_secret_are_shown() -> None:
    shown = secret_mask.masked(f"tokens:\n  - {PLANTED}\nnext: shown\n")
    assert shown.endswith("next: shown\n") and PLANTED not in shown


def test_a_difference_only_in_secrets_is_reported_without_them() -> None:
    diff = comparison.unified("/etc/a", "auth_token: planted-one\n", "auth_token: planted-two\n")
    assert "secret" in diff and "planted" not in diff
