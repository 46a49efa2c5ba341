"""A manual edit becomes an override with which the plan means the edited file, or it is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from teleport_bootstrap import errors
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.plan import adoption, comparison, overrides, planner, teleport_build, yaml_reading
from tests.unit.plan.planning import INSTANCE

CONFS = {
    "all": "TELEPORT_DOMAIN_NAME=example.com\nTELEPORT_SSH_LABELS='env: prod, team: core'\n",
    "node": "TELEPORT_ROLE=node\nTELEPORT_AUTH_SERVER_LB=auth.example.com\nTELEPORT_CLUSTER_NAME=example.com\n"
    "TELEPORT_SSH_LABELS='env: prod'\n",
}
BUILD = teleport_build.of_version("17.5.1", fips=False)
PATH = "/etc/teleport.d/teleport.yaml.d/90-adopted.yaml"


def planned(name: str, *files: tuple[str, str]) -> Any:
    conf = conf_file.load(CONFS[name].encode(), "/etc/teleport.d/conf")
    return planner.plan(conf, INSTANCE, BUILD, [overrides.Override(path, text.encode()) for path, text in files])


PLANNED = {name: planned(name) for name in CONFS}


def adopted(name: str, text: str) -> str:
    edited = adoption.meaning(yaml_reading.parse_as_teleport(text))
    base = adoption.meaning(PLANNED[name].document)
    return adoption.override(base, adoption.target(base, base, edited))


WORDS = st.sampled_from(
    ["DEBUG", "on", "yes", "0123", "1e3", "a b", "x: y", "#", "null", "~", "é", "127.0.0.1:9000", ""]
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 70000), WORDS, st.text(max_size=6))
KEYS = st.sampled_from(
    [
        *("enabled", "labels", "commands", "log", "severity", "output", "public_addr", "listen_addr", "description"),
        *("cluster_name", "on", "1", "data_dir", "nodename", "advertise_ip", "storage", "apps", "name", "uri", "env"),
    ]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | WORDS, inner, max_size=3), max_leaves=5
)
SECTIONS = st.sampled_from(["teleport", "ssh_service", "auth_service", "proxy_service", "app_service", "new"])
EDIT = st.tuples(SECTIONS, st.lists(KEYS, max_size=2), st.sampled_from(["set", "delete"]), VALUES)
# Most of what is drawn at random is refused; these are what operators do.
SENSIBLE = st.one_of(
    st.tuples(st.just("ssh_service"), st.just(["labels"]), st.just("set"), st.dictionaries(KEYS, WORDS, max_size=3)),
    st.tuples(st.just("ssh_service"), st.just(["labels", "env"]), st.just("set"), SCALARS),
    st.tuples(st.just("teleport"), st.just(["log", "severity"]), st.just("set"), st.sampled_from(["DEBUG", "WARN"])),
    st.tuples(st.just("teleport"), st.just(["log"]), st.just("delete"), st.none()),
    st.tuples(st.just("ssh_service"), st.just(["commands"]), st.sampled_from(["set", "delete"]), st.none()),
)


def edit(document: dict[str, Any], changes: list[tuple[str, list[str], str, Any]]) -> dict[str, Any]:
    edited = json.loads(json.dumps(document))
    for section, keys, what, value in changes:
        at, path = edited, [section, *keys]
        for key in path[:-1]:
            if not isinstance(at.get(key), dict):
                at[key] = {}
            at = at[key]
        if what == "delete":
            at.pop(path[-1], None)
        else:
            at[path[-1]] = value
    return edited


def check(name: str, text: str) -> bool:
    """Return whether the edit `text` was accepted; then the plan with its override means it."""
    try:
        document = yaml_reading.parse_as_teleport(text)
    except yaml_reading.Unreadable:
        return False
    try:
        result = planned(name, (PATH, adopted(name, text)))
    except (errors.DocumentInvalid, errors.OverrideInvalid):
        return False
    assert comparison.same(adoption.meaning(result.document), adoption.meaning(document))
    again = yaml_reading.parse_as_teleport(result.teleport_yaml.content)
    assert comparison.same(adoption.meaning(again), adoption.meaning(document))
    return True


@given(st.sampled_from(sorted(CONFS)), st.lists(EDIT | SENSIBLE, min_size=1, max_size=4))
def test_after_adopt_render_means_the_edited_file(name: str, changes: list[tuple[str, list[str], str, Any]]) -> None:
    edited = edit(yaml_reading.parse_as_teleport(PLANNED[name].teleport_yaml.content), changes)
    check(name, yaml.safe_dump(edited, allow_unicode=True))


@given(st.sampled_from(sorted(CONFS)), st.lists(SENSIBLE, min_size=1, max_size=3))
def test_sensible_edits_as_json_and_with_another_style(name: str, changes: list[Any]) -> None:
    edited = edit(PLANNED[name].document, changes)
    for text in (json.dumps(edited), yaml.safe_dump(edited, default_flow_style=True), yaml.safe_dump(edited, indent=4)):
        check(name, text)


@pytest.mark.parametrize(
    "change",
    [
        ("ssh_service", ["labels", "env"], "set", None),
        ("ssh_service", ["labels"], "set", {}),
        ("ssh_service", ["labels"], "delete", None),
        ("ssh_service", ["labels"], "set", {"on": "yes", "1": "x"}),
        ("ssh_service", ["commands"], "set", None),
        ("teleport", ["log"], "set", {"severity": "DEBUG"}),
    ],
)
def test_an_edit_that_teleport_reads_is_accepted(change: Any) -> None:
    for name in CONFS:
        assert check(name, yaml.safe_dump(edit(PLANNED[name].document, [change]))), name


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (("db_service", ["enabled"], "set", "yes"), "teleport.auth_server"),
        (("app_service", ["enabled"], "set", True), "teleport.auth_server"),
        (("teleport", ["data_dir"], "set", "/srv/teleport"), "teleport.data_dir"),
        (("teleport", ["ca_pin"], "set", "sha256:PLACEHOLDER"), "teleport.ca_pin"),
    ],
)
def test_row_3_the_merged_result_is_judged_and_the_line_of_the_edit_is_named(change: Any, subject: str) -> None:
    text = yaml.safe_dump(edit(PLANNED["node"].document, [change]))
    with pytest.raises((errors.DocumentInvalid, errors.OverrideInvalid)) as caught:
        planned("node", (PATH, adopted("node", text)))
    root = yaml_reading.read_as_teleport(text).root
    found = adoption.at_edit(caught.value.findings, PATH, "/etc/teleport.yaml", root)
    assert subject in [each.subject for each in found]
    assert PATH not in "".join(map(str, found))


@pytest.mark.parametrize(
    ("server", "key"),
    [
        ("auth.example.com:3025", "auth_server"),
        ("p.example.com:443", "proxy_server"),
        ("p.example.com:3080", "proxy_server"),
    ],
)
def test_row_4_a_file_of_an_earlier_version_for_a_node_says_the_same_in_v3(server: str, key: str) -> None:
    off = {"enabled": "no"}
    old = {"teleport": {"auth_token": "t", "auth_servers": [server]}, "auth_service": off, "proxy_service": off}
    for version in (None, "v1", "v2"):
        found = adoption.meaning({**old, **({"version": version} if version else {})})
        section = {"auth_token": "t", key: server, "data_dir": "/var/lib/teleport"}
        assert found == {**old, "version": "v3", "teleport": section}
    assert "version" not in adoption.meaning({**old, "proxy_service": {}})


def test_an_override_says_what_was_added_taken_away_and_no_more() -> None:
    base = {"a": {"b": 1, "c": 2}, "d": [1], "e": "x"}
    text = adoption.override(base, {"a": {"b": 1}, "d": [1, 2], "e": "x", "f": {"g": "yes"}})
    assert yaml.safe_load(text) == {"a": {"c": None}, "d": [1, 2], "f": {"g": "yes"}}
    assert yaml.safe_load(adoption.override(base, base)) == {}


def test_what_has_changed_in_the_conf_since_stays() -> None:
    applied = {"a": 1, "b": {"c": 1}}
    now = {"a": 1, "b": {"c": 1}, "new": True}
    assert adoption.target(now, applied, {"a": 2, "b": {}}) == {"a": 2, "b": {}, "new": True}
    assert adoption.target(now, None, {"a": 2}) == {"a": 2}


def test_a_file_that_does_not_name_the_data_directory_means_the_usual_one() -> None:
    assert adoption.meaning({"teleport": {}})["teleport"] == {"data_dir": "/var/lib/teleport"}
    assert adoption.meaning({"teleport": {"data_dir": "/srv"}})["teleport"] == {"data_dir": "/srv"}
