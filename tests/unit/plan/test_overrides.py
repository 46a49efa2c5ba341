"""An operator's overrides: merged last, each value with its line, or refused with file and line."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from teleport_bootstrap import errors
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.plan import overrides, plan_model, planner, provenance, teleport_build
from tests.unit.plan.planning import INSTANCE

PROXY = (
    "TELEPORT_ROLE=proxy\nTELEPORT_DOMAIN_NAME=example.com\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
    "USE_LETSENCRYPT=false\n"
)
ALL = "TELEPORT_DOMAIN_NAME=example.com\n"
DIRECTORY = "/etc/teleport.d/teleport.yaml.d"


def files(*texts: str) -> list[overrides.Override]:
    """One override file for each text: 10.yaml, 20.yaml and so on."""
    return [
        overrides.Override(f"{DIRECTORY}/{index}0.yaml", text.encode()) for index, text in enumerate(texts, start=1)
    ]


def plan(*texts: str, text: str = PROXY, version: str = "17.5.1") -> plan_model.Plan:
    settings = conf_file.load(text.encode(), "/etc/teleport.d/conf")
    return planner.plan(settings, INSTANCE, teleport_build.of_version(version, fips=False), files(*texts))


def refused(*texts: str, text: str = PROXY) -> str:
    with pytest.raises(errors.OverrideInvalid) as caught:
        plan(*texts, text=text)
    assert caught.value.exit_status == 2
    return caught.value.message


def origin(planned: plan_model.Plan, *path: str | int) -> tuple[str, ...]:
    return tuple(map(str, provenance.origins(planned.tree, path)))


def test_an_added_setting_is_merged_with_its_line() -> None:
    """Fault 20: there was no way to add a setting that the generator does not know."""
    before = plan().document
    planned = plan('# ours\nproxy_service:\n  proxy_protocol: "on"\n')
    before["proxy_service"]["proxy_protocol"] = "on"
    assert planned.document == before
    assert origin(planned, "proxy_service", "proxy_protocol") == (f"override {DIRECTORY}/10.yaml:3",)
    assert yaml.safe_load(planned.teleport_yaml.content) == before


def test_null_deletes_a_key_and_the_plan_lists_it() -> None:
    planned = plan("proxy_service:\n  kube_public_addr: null\n")
    assert "kube_public_addr" not in planned.document["proxy_service"]
    assert "kube_listen_addr" in planned.document["proxy_service"]
    assert [(each.path, str(each.origin)) for each in planned.removed] == [
        (("proxy_service", "kube_public_addr"), f"override {DIRECTORY}/10.yaml:2")
    ]


def test_a_tab_is_refused_with_file_and_line() -> None:
    assert f"{DIRECTORY}/10.yaml:2:1: a tab" in refused("proxy_service:\n\tproxy_protocol: 'on'\n")


def test_a_duplicate_key_is_refused_with_file_and_line() -> None:
    said = refused("version: v3\n", "proxy_service: {}\nssh_service: {}\nproxy_service: {}\n")
    assert f"{DIRECTORY}/20.yaml:3:1: duplicate key 'proxy_service'" in said


def test_the_problems_of_all_files_are_reported_at_once() -> None:
    said = refused("a: 1\na: 2\n", "b:\n\tc: 1\n", "- 1\n", "d:\n")
    for place in ("10.yaml:2:1", "20.yaml:2:1", "30.yaml:1:1", "40.yaml:1:1"):
        assert f"{DIRECTORY}/{place}: " in said
    assert "overrides: 4 problems" in said


@pytest.mark.parametrize("text", ["- a\n", "text\n", "3\n", "null\n"])
def test_a_file_that_is_not_a_mapping_is_refused(text: str) -> None:
    assert "not a mapping" in refused(text)


def test_a_file_of_comments_changes_nothing() -> None:
    assert plan("# nothing yet\n", "").document == plan().document


@pytest.mark.parametrize(
    "text",
    ["ssh_service:\n", "ssh_service:\n  # labels: {}\n", "ssh_service: {enabled: }\n", "a: [b, ]\nc: [ ~, x]\nd:\n"],
)
def test_a_key_without_a_value_deletes_nothing_by_accident(text: str) -> None:
    assert "has no value (write null to delete the key, or remove the line)" in refused(text)


def test_bytes_that_are_not_utf_8_are_refused_at_their_place() -> None:
    with pytest.raises(errors.OverrideInvalid, match=r"x\.yaml:2:4: not UTF-8"):
        overrides.check([overrides.Override("x.yaml", b"a: 1\nb: \xff\n")])


def test_a_byte_order_mark_is_ignored() -> None:
    merged = overrides.merge({"a": 1}, [overrides.Override("x.yaml", b"\xef\xbb\xbfa: 2\n")])
    assert provenance.document(merged.tree) == {"a": 2}


def test_a_later_file_wins_and_a_list_is_replaced_whole() -> None:
    planned = plan(
        "proxy_service:\n  ssh_public_addr: [a.example.com:3023, b.example.com:3023]\n",
        "proxy_service:\n  ssh_public_addr: [c.example.com:3023]\n",
    )
    assert planned.document["proxy_service"]["ssh_public_addr"] == ["c.example.com:3023"]
    assert origin(planned, "proxy_service", "ssh_public_addr") == (f"override {DIRECTORY}/20.yaml:2",)


def test_a_later_file_can_restore_a_key_that_another_deletes() -> None:
    planned = plan(
        "proxy_service:\n  kube_public_addr: null\n", "proxy_service:\n  kube_public_addr: k.example.com:3026\n"
    )
    assert planned.document["proxy_service"]["kube_public_addr"] == "k.example.com:3026"
    assert planned.removed == ()


def test_deleting_a_missing_key_is_a_note() -> None:
    planned = plan("proxy_service:\n  prxy_protocol: null\n")
    assert (
        f"{DIRECTORY}/10.yaml:2 deletes proxy_service.prxy_protocol, which the document does not have" in planned.notes
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("teleport:\n  data_dir: /data\n", 2),
        ("teleport:\n  nodename: a\n  data_dir: null\n", 3),
        ("version: v3\nteleport: null\n", 2),
        ("teleport: text\n", 1),
    ],
)
def test_a_changed_data_directory_is_refused_with_file_and_line(text: str, line: int) -> None:
    said = refused(text)
    assert f"{DIRECTORY}/10.yaml:{line}:" in said
    assert "teleport.data_dir, which stays /var/lib/teleport" in said


def test_the_same_data_directory_may_be_repeated() -> None:
    assert plan("teleport:\n  data_dir: /var/lib/teleport\n").document["teleport"]["data_dir"] == "/var/lib/teleport"


def test_the_merged_file_names_its_overrides_and_keeps_words_as_they_were_written() -> None:
    planned = plan("ssh_service:\n  labels: {zip: 0123, x: on, v: 1.10}\n", text=ALL)
    content = planned.teleport_yaml.content
    assert f"#   {DIRECTORY}/10.yaml\n" in content
    assert "    zip: 0123\n    x: on\n    v: 1.10\n" in content
    assert planned.document["ssh_service"]["labels"] == {"zip": "0123", "x": "on", "v": "1.10"}


def test_the_name_of_a_file_cannot_break_out_of_the_comment() -> None:
    settings = conf_file.load(ALL.encode(), "/etc/teleport.d/conf")
    hostile = overrides.Override("/x\nversion: v1\n#.yaml", b"ssh_service: {labels: {a: b}}\n")
    planned = planner.plan(settings, INSTANCE, teleport_build.of_version("17.5.1", fips=False), [hostile])
    assert yaml.safe_load(planned.teleport_yaml.content)["version"] == "v3"


def test_ownership_and_mode_stay_those_of_the_unit() -> None:
    planned = plan("proxy_service:\n  proxy_protocol: off\n")
    written = planned.teleport_yaml
    assert (written.mode, written.owner, written.group) == (0o640, "root", "teleport")


def test_which_files_of_a_directory_are_read() -> None:
    names = ["20-b.yaml", "10-a.yaml", "x.yml", "y.yaml~", ".z.yaml.swp", ".hidden.yaml", "README", "a.yaml.rpmsave"]
    read, notes = overrides.chosen(names)
    assert read == ["10-a.yaml", "20-b.yaml"]
    assert [note.partition(" ")[0] for note in notes] == ["x.yml"]


# RFC 7396, appendix A, where both sides are objects: an override is never anything else.
@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_rfc_7396(target: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]) -> None:
    merged = overrides.merge(target, [overrides.Override("x.yaml", json.dumps(patch).encode())])
    assert provenance.document(merged.tree) == result


def rfc_7396(target: Any, patch: Any) -> Any:
    """The algorithm as the RFC writes it down."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = rfc_7396(result.get(name), value)
    return result


KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 9), st.sampled_from(["x", "", "on"])),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=3)


@given(OBJECTS, st.lists(OBJECTS, min_size=1, max_size=3))
def test_merging_does_what_the_rfc_says_and_leaves_its_input_alone(
    target: dict[str, Any], patches: list[dict[str, Any]]
) -> None:
    expected, kept = target, copy.deepcopy(target)
    for patch in patches:
        expected = rfc_7396(expected, patch)
    merged = overrides.merge(target, files(*map(json.dumps, patches)))
    assert provenance.document(merged.tree) == expected
    assert target == kept
    for removed in merged.removed:
        place: Any = expected
        for part in removed.path[:-1]:
            place = place.get(part, {}) if isinstance(place, dict) else {}
        assert removed.path[-1] not in place
