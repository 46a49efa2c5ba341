"""The templates: every expression becomes a YAML scalar, and the text is proved to say what was planned."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from teleport_bootstrap import errors
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.plan import overrides, planner, teleport_build, yaml_reading, yaml_text
from teleport_bootstrap.plan.yaml_reading import Plain
from tests.unit.plan.planning import ALL_IN_ONE, INSTANCE, plan

TEMPLATES = Path(yaml_text.__file__).parent / "templates"
HEADER = {"program": "p 1", "conf": "/c", "instance": "i-1", "teleport": "Teleport 17"}


def rendered(source: str, **names: object) -> str:
    return yaml_text._environment().from_string(source).render(**names)


@pytest.mark.parametrize(
    ("source", "names", "text"),
    [
        ("{{ a }}", {"a": "yes"}, '"yes"'),
        ("{{ a }}", {"a": "{{ b }}"}, '"{{ b }}"'),
        ("{{ a }}", {"a": "x\nb: 1"}, '"x\\nb: 1"'),
        ("{{ a }}", {"a": True}, "true"),
        ("{% for k, v in a.items() %}{{ k }}: {{ v }}{% endfor %}", {"a": {"no": "0123"}}, '"no": "0123"'),
        ("{% if true %}{{ a }}{% endif %}", {"a": "# x"}, '"# x"'),
        ("{{ a | upper }}", {"a": "yes"}, '"YES"'),
        ("yes: {{ a }} # no", {"a": "b"}, "yes: b # no"),
    ],
)
def test_every_expression_is_a_yaml_scalar_and_the_template_s_own_text_is_not(source, names, text) -> None:
    assert rendered(source, **names) == text


@pytest.mark.parametrize("source", ["{{ a }}", "{{ a.b }}", "{% for x in a %}{% endfor %}", "{% if a %}{% endif %}"])
def test_an_undefined_name_is_an_error(source: str) -> None:
    with pytest.raises((jinja2.UndefinedError, TypeError)):
        rendered(source)


def test_an_undefined_attribute_is_an_error() -> None:
    with pytest.raises((jinja2.UndefinedError, TypeError)):
        rendered("{{ a.b }}", a={"c": 1})
    with pytest.raises((jinja2.UndefinedError, TypeError)):
        rendered("{{ a }}", a=jinja2.Undefined())
    assert rendered("{{ a }}", a=None) == "null"


@pytest.mark.parametrize(
    "source", ["{{ a.__class__ }}", "{{ a.__class__.__mro__ }}", "{% if a.update({1: 2}) %}{% endif %}"]
)
def test_templates_run_in_a_sandbox(source: str) -> None:
    with pytest.raises((jinja2.exceptions.SecurityError, TypeError)):
        rendered(source, a={})


def templates() -> list[Path]:
    found = sorted(TEMPLATES.glob("*.j2"))
    assert len(found) == 2
    return found


@pytest.mark.parametrize("template", templates(), ids=lambda path: path.name)
def test_templates_use_nothing_that_bypasses_the_scalars(template: Path) -> None:
    text = template.read_text()
    # Text captured by these would be quoted a second time; these filters and tests have no place in YAML.
    for word in ("macro", "set", "call", "filter", "autoescape", "raw", "import", "from", "extends", "block"):
        assert not re.search(r"{%-?\s*" + word + r"\b", text), word
    expressions = re.findall(r"{{(.*?)}}", text, re.DOTALL)
    assert "{{" not in re.sub(r"{{.*?}}", "", text, flags=re.DOTALL)
    for expression in expressions:
        assert re.fullmatch(r" [a-z_.]+(\[place\])? ", expression), expression


@pytest.mark.parametrize("template", templates(), ids=lambda path: path.name)
def test_each_expression_is_a_whole_node(template: Path) -> None:
    text = re.sub(r"{%.*?%}|{#.*?#}", "\n", template.read_text(), flags=re.DOTALL)
    for line in text.splitlines():
        if "{{" in line and not line.startswith("#"):
            assert re.fullmatch(r"(\? )?{{ key }}|{{ key }}:|-? {{ value }}|{{ comments\[place\] }}", line), line


def test_a_text_that_differs_is_refused_and_the_place_is_named() -> None:
    with pytest.raises(errors.RenderMismatch, match=r"teleport\.log\.severity"):
        yaml_text.faithful("teleport: {log: {severity: info}}\n", {"teleport": {"log": {"severity": "INFO"}}})


@pytest.mark.parametrize(
    "text",
    ["a: '1'\nb: 2\n", "a: 1\n", "a: 1\nb: 2\n", "a: '1'\n", "a: '1'\nb: '2'\nc: 3\n", "[]\n", ""],
)
def test_types_and_keys_count(text: str) -> None:
    with pytest.raises(errors.RenderMismatch):
        yaml_text.faithful(text, {"a": "1", "b": "2"})


def test_a_text_that_is_not_yaml_is_refused_with_its_line() -> None:
    with pytest.raises(errors.RenderMismatch, match="line 2"):
        yaml_text.faithful("a: 1\nb: : 2\n", {"a": 1})


def test_an_unknown_section_or_key_is_written_like_the_others() -> None:
    document = {**plan(ALL_IN_ONE).document, "more": {"enabled": "yes"}}
    document["proxy_service"] = {**document["proxy_service"], "peer_listen_addr": "0.0.0.0:3021"}
    text = yaml_text.teleport_yaml(document, HEADER)
    assert yaml.safe_load(text) == document
    assert '\n\nmore:\n  enabled: "yes"\n' in text


NODE = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"

# Each shape that an override can give, with how it is written.
SHAPES = [
    ({"a": {}, "b": []}, "a: {}\n\nb: []\n"),
    ({"a": ["x", 1, None, True, Plain("on")]}, "a: [x, 1, null, true, on]\n"),
    ({"a": ["h:1", "yes"]}, 'a: ["h:1", "yes"]\n'),
    ({"a": [{"b": 1, "c": {"d": "e"}}, "f", {}]}, "a:\n  - b: 1\n    c:\n      d: e\n  - f\n  - {}\n"),
    ({"a": [[{"b": "c", "d": "e"}], [1, 2]]}, "a:\n  - - b: c\n      d: e\n  - [1, 2]\n"),
    ({"a": {"b": {"c": {"d": {"e": "f"}}}}}, "a:\n  b:\n    c:\n      d:\n        e: f\n"),
    ({"a": "first\n  second: 2\n"}, 'a: "first\\n  second: 2\\n"\n'),
    ({"a": {"b: c": "d", "": "e", "items": "f"}}, 'a:\n  "b: c": d\n  "": e\n  items: f\n'),
    ({"k" * 1100: {"a": "b"}, "l" * 1100: "c"}, f"? {'k' * 1100}\n:\n  a: b\n\n? {'l' * 1100}\n: c\n"),
    ({"a": [{"k" * 1100: ["x"]}]}, f"a:\n  - ? {'k' * 1100}\n    : [x]\n"),
]


@pytest.mark.parametrize(("document", "text"), SHAPES, ids=range(len(SHAPES)))
def test_any_shape_of_document_is_written(document: dict[str, Any], text: str) -> None:
    assert yaml_text.body(document) == f"\n{text}"


def test_a_document_may_be_as_deep_as_an_override() -> None:
    document: dict[str, Any] = {"a": "b"}
    for level in range(yaml_reading.DEEPEST // 2 - 1):
        document = {"a": [document]} if level % 2 else {"a": document}
    assert yaml_reading.parse(yaml_text.body(document)) == document


def with_overrides(text: str, *files: str) -> str:
    settings = conf_file.load(text.encode(), "/etc/teleport.d/conf")
    merged = [overrides.Override(f"/{index}.yaml", each.encode()) for index, each in enumerate(files)]
    return planner.plan(
        settings, INSTANCE, teleport_build.of_version("17.5.1", fips=False), merged
    ).teleport_yaml.content


def test_overrides_change_what_they_name_and_leave_the_layout() -> None:
    """With any override, earlier versions lost the comments of the whole file."""
    text = "USE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\n"
    without = with_overrides(text).partition("\nversion")[2]
    changed = with_overrides(text, "ssh_service: {labels: {zip: 0123}}\n").partition("\nversion")[2]
    assert changed == without.replace("\n\ndb_service", "\n  labels:\n    zip: 0123\n\ndb_service")


def test_each_comment_stands_above_its_key() -> None:
    lines = with_overrides(
        "USE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\n", "teleport: {join_params: {method: iam, token_name: a}}\n"
    ).splitlines()
    for path, comment in yaml_text.COMMENTS.items():
        above = lines.index("  " * (len(path) - 1) + f"# {comment}")
        assert lines[above + 1].strip().startswith(f"{path[-1]}:")


def test_no_value_of_a_document_becomes_a_comment() -> None:
    for comment in yaml_text.COMMENTS.values():
        assert yaml.safe_load(yaml_text.body({"a": str(comment), "b": [f"# {comment}"]})) == {
            "a": comment,
            "b": [f"# {comment}"],
        }


@pytest.mark.parametrize("override", ["", "windows_desktop_service: {enabled: 'no'}\nauth_service: {a: {b: c}}\n"])
@pytest.mark.parametrize("conf", ["TELEPORT_DOMAIN_NAME=example.com\n", NODE])
def test_settings_of_auth_service_can_be_appended_to_the_file(override: str, conf: str) -> None:
    """Tools append an indented `access_monitoring:` to the end of the file, so auth_service is the last section."""
    text = with_overrides(conf, override)
    before = yaml.safe_load(text)
    assert list(before)[-1] == "auth_service"
    before["auth_service"]["access_monitoring"] = {"enabled": True}
    assert yaml.safe_load(f"{text}  access_monitoring:\n    enabled: true\n") == before


def test_the_file_begins_with_its_origin() -> None:
    head = plan(ALL_IN_ONE, version="17.5.1").teleport_yaml.content.partition("\n\n")[0]
    assert all(line.startswith("#") for line in head.splitlines())
    for word in ("i-0123456789abcdef0", "/etc/teleport.d/conf", "Teleport 17.5.1", "teleport-bootstrap 0."):
        assert word in head


@pytest.mark.parametrize("path", ["/a\n- x: 1", "/with blank", "/größe", "/{{ a }}", "/\u2028x"])
def test_the_name_of_the_conf_cannot_leave_its_comment(path: str) -> None:
    document = plan(ALL_IN_ONE).document
    text = yaml_text.teleport_yaml(document, {**HEADER, "conf": path})
    head = text.partition("\n\n")[0]
    assert all(line.startswith("#") for line in head.splitlines())


def test_the_file_has_no_stray_blanks_and_its_sections_in_order() -> None:
    text = plan("USE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\n").teleport_yaml.content
    assert text.endswith("\n") and not text.endswith("\n\n")
    assert "\n\n\n" not in text
    assert not any(line != line.rstrip() for line in text.splitlines())
    assert "\t" not in text
    names = re.findall(r"^([a-z_]+):", text, re.MULTILINE)
    assert names == [
        "version",
        "teleport",
        "proxy_service",
        "ssh_service",
        "db_service",
        "app_service",
        "kubernetes_service",
        "auth_service",
    ]


def test_the_same_inputs_give_the_same_bytes() -> None:
    text = "TELEPORT_SSH_LABELS='b: 1|a: 2'\nUSE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\n"
    assert plan(text).teleport_yaml.content == plan(text).teleport_yaml.content


def test_the_head_names_the_conf_by_its_path_on_the_instance() -> None:
    """An image build reads the conf under another root directory, which must not be in the file."""
    given = conf_file.load(b"A=1\n", "/mnt/image/etc/teleport.d/conf")

    head = planner.header(given, INSTANCE, teleport_build.of_version("17.5.1", fips=False))

    assert head["conf"] == "/etc/teleport.d/conf"
