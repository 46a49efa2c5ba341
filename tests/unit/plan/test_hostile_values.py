"""No value can break out of its place: the document holds exactly what was written, and nothing else changes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from teleport_bootstrap import errors
from tests.unit.plan.planning import plan, unjudged
from tests.unit.plan.test_yaml_scalar import HOSTILE

AGENT = (
    "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_METHOD=iam\n"
    "TELEPORT_AGENT_SSH_ENABLED=1\nTELEPORT_AGENT_KUBE_ENABLED=1\n"
    "TELEPORT_AGENT_DB_ENABLED=1\nTELEPORT_AGENT_APP_ENABLED=1\nTELEPORT_AGENT_APP_NAME=a\n"
    "TELEPORT_AGENT_DB_NAME=d\n"
)
# Variable, and the path in the document at which exactly its text stands.
TEXTS: dict[str, tuple[Any, ...]] = {
    "TELEPORT_AGENT_DB_DESCRIPTION": ("db_service", "databases", 0, "description"),
    "TELEPORT_AGENT_DB_URI": ("db_service", "databases", 0, "uri"),
    "TELEPORT_AGENT_APP_DESCRIPTION": ("app_service", "apps", 0, "description"),
}
WORDS: dict[str, tuple[Any, ...]] = {
    "TELEPORT_AGENT_DB_PROTOCOL": ("db_service", "databases", 0, "protocol"),
    "TELEPORT_AGENT_DB_REDSHIFT_CLUSTER_ID": ("db_service", "databases", 0, "aws", "redshift", "cluster_id"),
    "TELEPORT_JOIN_TOKEN_NAME": ("teleport", "join_params", "token_name"),
}
URIS: dict[str, tuple[Any, ...]] = {"TELEPORT_AGENT_APP_URI": ("app_service", "apps", 0, "uri")}
LABELS: dict[str, tuple[Any, ...]] = {
    "TELEPORT_SSH_LABELS": ("ssh_service", "labels"),
    "TELEPORT_AGENT_DB_LABELS": ("db_service", "databases", 0, "static_labels"),
    "TELEPORT_AGENT_APP_LABELS": ("app_service", "apps", 0, "labels"),
    "TELEPORT_AGENT_KUBE_LABELS": ("kubernetes_service", "labels"),
}
PLACES = {**TEXTS, **WORDS, **URIS, **LABELS}
# Teleport takes only some values for these: other texts are refused later, but nothing that is written breaks out.
JUDGED = {"TELEPORT_AGENT_DB_URI": "benign:1", "TELEPORT_AGENT_DB_PROTOCOL": "mysql"}
BENIGN = {
    **dict.fromkeys((*TEXTS, *WORDS), "benign"),
    **JUDGED,
    **dict.fromkeys(URIS, "http://benign"),
    **dict.fromkeys(LABELS, "key: benign"),
}


def quoted(text: str) -> str:
    """`text` quoted as one word for bash."""
    return "'" + text.replace("'", "'\\''") + "'"


def conf_with(values: dict[str, str]) -> str:
    return AGENT + "".join(f"{name}={quoted(value)}\n" for name, value in values.items())


def replaced(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


BASE = plan(conf_with(BENIGN)).document


def holds_exactly(variable: str, written: str, expected: Any) -> None:
    conf = conf_with({**BENIGN, variable: written})
    meant = replaced(BASE, PLACES[variable], expected)
    document, content = unjudged(conf)
    assert document == meant
    assert yaml.safe_load(content) == meant
    if variable not in JUDGED and variable not in URIS:
        assert plan(conf).teleport_yaml.content.endswith(content.partition("\nversion:")[2])


# What a conf can contain: no control characters, which the grammar refuses, and nothing else that ends a line.
LINE = st.text(
    alphabet=st.one_of(
        st.sampled_from("'\"\\:#{}[]%&*!|>@`-?,~$;= aeinoyN0159._/"),
        st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")),
    ),
    min_size=1,
    max_size=50,
).filter(lambda text: bool(text.strip()))  # what is blank counts as not given


@given(st.sampled_from(sorted(TEXTS)), LINE)
@settings(max_examples=150)
def test_any_text_is_written_in_its_place_and_nothing_else_changes(variable: str, text: str) -> None:
    holds_exactly(variable, text, text)


@given(st.sampled_from(sorted(WORDS)), LINE.filter(lambda text: not any(each.isspace() for each in text)))
@settings(max_examples=100)
def test_any_word_is_written_in_its_place_and_nothing_else_changes(variable: str, text: str) -> None:
    holds_exactly(variable, text, text)


@given(LINE.filter(lambda text: not any(each.isspace() for each in text)))
@settings(max_examples=50)
def test_any_address_of_an_application_is_written_in_its_place(text: str) -> None:
    holds_exactly("TELEPORT_AGENT_APP_URI", f"http://{text}", f"http://{text}")


@given(
    st.sampled_from(sorted(LABELS)),
    st.text(alphabet="abyesnoNO/.019_:*-", min_size=1, max_size=20).filter(
        # `a: b: c` would split at its first colon that a blank follows.
        lambda key: not key.endswith(":")
    ),
    LINE.filter(lambda text: "|" not in text and text == text.strip(" ") and text[0] not in "'\""),
)
@settings(max_examples=200)
def test_any_label_is_written_in_its_place_and_nothing_else_changes(variable: str, key: str, text: str) -> None:
    holds_exactly(variable, f"{key}: {text}", {key: text})


CONF_HOLDS = [
    text
    for text in HOSTILE
    if text.strip() and not any(ord(each) < 32 or each in "\x7f\x85\x9b\u2028\u2029" for each in text)
]


@pytest.mark.parametrize("text", CONF_HOLDS, ids=[ascii(text)[:30] for text in CONF_HOLDS])
@pytest.mark.parametrize("variable", ["TELEPORT_AGENT_DB_DESCRIPTION", "TELEPORT_AGENT_DB_URI"])
def test_hostile_text_is_written_in_its_place(variable: str, text: str) -> None:
    holds_exactly(variable, text, text)


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\x9b", "\x7f", "\x01", "\x1b"])
def test_line_breaks_and_terminal_controls_are_refused_at_their_line(character: str) -> None:
    with pytest.raises(errors.ConfInvalid) as caught:
        plan(AGENT + f"TELEPORT_AGENT_DB_DESCRIPTION='a{character}b'\n")
    assert any(each.place.line == 10 for each in caught.value.findings)


def test_no_quoting_of_the_conf_can_give_a_line_break() -> None:
    for written in ("$'a\\nb'", "'a\nb'", '"a\nb"', '"$(printf a\\\\nb)"'):
        with pytest.raises(errors.ConfInvalid):
            plan(AGENT + f"TELEPORT_AGENT_DB_DESCRIPTION={written}\n")


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=60))
@settings(max_examples=150)
def test_any_tag_of_the_instance_becomes_its_label(text: str) -> None:
    """The value of a tag may contain characters that a conf cannot, such as line breaks."""
    planned = plan("TELEPORT_TAG_LABELS=Name\nTELEPORT_COMMAND_LABELS=\n", tags={"Name": text})
    expected = {"enabled": "yes", "listen_addr": "0.0.0.0:3022", "labels": {"Name": text}}
    assert planned.document["ssh_service"] == expected
    assert yaml.safe_load(planned.teleport_yaml.content)["ssh_service"] == expected


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "a\nb: 1", "\x00", "\x85", "\u2028", "yes", "0123", "{{ x }}", "x" * 256]
)
def test_hostile_tags_become_their_labels(text: str) -> None:
    assert plan("TELEPORT_TAG_LABELS=Name\n", tags={"Name": text}).document["ssh_service"]["labels"] == {"Name": text}
