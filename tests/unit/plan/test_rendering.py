"""The templates: every expression becomes a YAML scalar, and the text is proved to say what was meant."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.plan import planner, teleport_build, yaml_text
from tests.unit.plan.planning import INSTANCE, plan

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
def test_a_name_that_is_not_there_is_never_rendered_as_nothing(source: str) -> None:
    with pytest.raises((jinja2.UndefinedError, TypeError)):
        rendered(source)


def test_an_attribute_that_is_not_there_is_never_rendered_as_nothing() -> None:
    with pytest.raises((jinja2.UndefinedError, TypeError)):
        rendered("{{ a.b }}", a={"c": 1})
    with pytest.raises((jinja2.UndefinedError, TypeError)):
        rendered("{{ a }}", a=None)


@pytest.mark.parametrize(
    "source", ["{{ a.__class__ }}", "{{ a.__class__.__mro__ }}", "{% if a.update({1: 2}) %}{% endif %}"]
)
def test_templates_run_in_a_sandbox(source: str) -> None:
    with pytest.raises((jinja2.exceptions.SecurityError, TypeError)):
        rendered(source, a={})


def templates() -> list[Path]:
    found = sorted(TEMPLATES.glob("*.j2"))
    assert len(found) >= 6
    return found


@pytest.mark.parametrize("template", templates(), ids=lambda path: path.name)
def test_templates_hold_nothing_that_would_go_round_the_scalars(template: Path) -> None:
    text = template.read_text()
    # Text captured by these would be quoted a second time; these filters and tests have no place in YAML.
    for word in ("macro", "set", "call", "filter", "autoescape", "raw", "import", "from", "extends", "block"):
        assert not re.search(r"{%-?\s*" + word + r"\b", text), word
    expressions = re.findall(r"{{(.*?)}}", text, re.DOTALL)
    assert "{{" not in re.sub(r"{{.*?}}", "", text, flags=re.DOTALL)
    for expression in expressions:
        assert re.fullmatch(r" [a-z_.]+ ", expression), expression


@pytest.mark.parametrize("template", templates(), ids=lambda path: path.name)
def test_an_expression_stands_where_a_whole_node_stands(template: Path) -> None:
    for line in template.read_text().splitlines():
        if "{{" in line and not line.startswith("#"):
            assert re.fullmatch(r" *(- )?([a-z_]+|{{ key }}): {{ [a-z_.]+ }}", line), line


def test_a_text_that_says_something_else_is_refused_and_the_place_is_named() -> None:
    with pytest.raises(errors.RenderMismatch, match=r"teleport\.log\.severity"):
        yaml_text.faithful("teleport: {log: {severity: info}}\n", {"teleport": {"log": {"severity": "INFO"}}})


@pytest.mark.parametrize(
    "text",
    ["a: '1'\nb: 2\n", "a: 1\n", "a: 1\nb: 2\n", "a: '1'\n", "a: '1'\nb: '2'\nc: 3\n", "[]\n", ""],
)
def test_types_and_keys_count(text: str) -> None:
    with pytest.raises(errors.RenderMismatch):
        yaml_text.faithful(text, {"a": "1", "b": "2"})


def test_a_text_that_is_no_yaml_is_refused_with_its_line() -> None:
    with pytest.raises(errors.RenderMismatch, match="line 2"):
        yaml_text.faithful("a: 1\nb: : 2\n", {"a": 1})


def test_a_document_that_the_templates_do_not_know_is_refused() -> None:
    document = {**plan("").document, "more": {"enabled": "yes"}}
    with pytest.raises(errors.RenderMismatch, match="more"):
        yaml_text.templated(document, HEADER)
    document = plan("").document
    document["proxy_service"] = {**document["proxy_service"], "peer_listen_addr": "0.0.0.0:3021"}
    with pytest.raises(errors.RenderMismatch, match=r"proxy_service\.peer_listen_addr"):
        yaml_text.templated(document, HEADER)


def test_the_file_begins_with_where_it_came_from() -> None:
    head = plan("", version="17.5.1").teleport_yaml.content.partition("\n\n")[0]
    assert all(line.startswith("#") for line in head.splitlines())
    for word in ("i-0123456789abcdef0", "/etc/teleport.d/conf", "Teleport 17.5.1", "teleport-bootstrap 0."):
        assert word in head


@pytest.mark.parametrize("path", ["/a\n- x: 1", "/with blank", "/größe", "/{{ a }}", "/\u2028x"])
def test_the_name_of_the_conf_cannot_leave_its_comment(path: str) -> None:
    document = plan("").document
    text = yaml_text.templated(document, {**HEADER, "conf": path})
    head = text.partition("\n\n")[0]
    assert all(line.startswith("#") for line in head.splitlines())


def test_the_file_reads_well() -> None:
    text = plan("USE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\n").teleport_yaml.content
    assert text.endswith("\n") and not text.endswith("\n\n")
    assert "\n\n\n" not in text
    assert not any(line != line.rstrip() for line in text.splitlines())
    assert "\t" not in text
    names = re.findall(r"^([a-z_]+):", text, re.MULTILINE)
    assert names == [
        "version",
        "teleport",
        "auth_service",
        "proxy_service",
        "ssh_service",
        "db_service",
        "app_service",
        "kubernetes_service",
    ]


def test_the_same_inputs_give_the_same_bytes() -> None:
    text = "TELEPORT_SSH_LABELS='b: 1|a: 2'\nUSE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\n"
    assert plan(text).teleport_yaml.content == plan(text).teleport_yaml.content


def test_the_head_names_the_conf_as_the_instance_has_it_though_it_was_read_in_an_image() -> None:
    """An image build reads the conf below a root of its own, which must not be baked into the file."""
    given = conf_file.load(b"A=1\n", "/mnt/image/etc/teleport.d/conf")

    head = planner.header(given, INSTANCE, teleport_build.named("17.5.1", fips=False))

    assert head["conf"] == "/etc/teleport.d/conf"
