"""The table of rules and the checks say the same, and the page shows the table."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.manual import refusals_page
from teleport_bootstrap.plan import activation, document, overrides, plan_inputs, planner, provenance, teleport_build
from teleport_bootstrap.plan.checks import rules
from teleport_bootstrap.plan.checks.context import Context
from tests.unit.plan import test_checks, test_teleport_start
from tests.unit.plan.planning import INSTANCE

DOCS = Path(__file__).resolve().parents[3] / "docs"
EMPTY = "the value is empty"


def findings(text: str, override: str, version: str, *, fips: bool = False) -> tuple[Finding, ...]:
    """Return everything that is found in the document for a conf and an override, the warnings too."""
    settings = conf_file.load(text.encode(), "conf")
    build = teleport_build.of_version(version, fips=fips, edition=teleport_build.COMMUNITY)
    activated = activation.plan(settings, build)
    built = document.build(plan_inputs.Inputs(settings, activated.deployment, INSTANCE, build))
    merged = overrides.merge(built, [overrides.Override("10.yaml", override.encode())])
    wanted = provenance.document(merged.tree)
    context = functools.partial(Context, merged.tree, wanted, build, activated.deployment, merged.removed)
    return planner._judged(context)


def cases() -> Iterator[tuple[str, str, str, bool]]:
    for case in test_teleport_start.MEASURED:
        text = yaml.safe_dump(case["override"], allow_unicode=True, sort_keys=False)
        for version in ("12.0.0", "14.0.0", "18.0.0"):
            yield test_teleport_start.CONF, text, version, False
    for test in (
        test_checks.test_an_override_that_teleport_would_refuse_is_refused,
        test_checks.test_what_teleport_accepts_and_the_operator_should_know_is_a_note,
    ):
        for text, override, *_ in test.pytestmark[0].args[1]:
            yield text, override, "17.5.1", False
    for override, version, _ in test_teleport_start.test_row_n_what_only_some_majors_refuse.pytestmark[0].args[1]:
        yield test_teleport_start.CONF, override, version, False
    yield test_checks.AUTH, "auth_service: {authentication: {local_auth: true}}", "17.5.1", True
    yield test_checks.ALL, "auth_service: {authentication: {headless: yes, second_factors: [otp]}}", "17.5.1", False
    yield test_checks.ALL, "auth_service: {ca_key_params: {pkcs11: {pin: a, pin_path: /b}}}", "17.5.1", False
    hosts = "windows_desktop_service: {enabled: yes, listen_addr: ':3028', hosts: [a]}"
    yield test_checks.ALL, hosts, "17.5.1", False


@functools.lru_cache(maxsize=1)
def everything() -> frozenset[tuple[str, int, str, bool]]:
    """Subject, major and severity of each finding, and whether it is about an empty value."""
    return frozenset(
        (each.subject, int(version.partition(".")[0]), each.severity, EMPTY in each.message)
        for text, override, version, fips in cases()
        for each in findings(text, override, version, fips=fips)
    )


def test_each_finding_belongs_to_a_rule_for_its_setting_and_major() -> None:
    without = {
        (subject, major)
        for subject, major, _, is_empty in everything()
        if len(rules.rules_for(subject, major)) < (1 if is_empty else 2)
    }
    assert without == set()


@pytest.mark.parametrize("rule", rules.RULES, ids=[f"{each.subjects[0]}: {each.what}" for each in rules.RULES])
def test_each_rule_has_a_finding_in_its_majors(rule: rules.Rule) -> None:
    severity = "warning" if rule.what.endswith("(warning)") else "error"
    general = rule.subjects == ("*",)
    assert any(
        rule.covers(subject, major) and found == severity and (is_empty or not general)
        for subject, major, found, is_empty in everything()
    )


@pytest.mark.parametrize(
    "rule",
    [each for each in rules.RULES if each.words is not None],
    ids=[each.subjects[0] for each in rules.RULES if each.words is not None],
)
def test_each_word_of_the_table_is_taken_by_the_newest_major_or_says_why_not(rule: rules.Rule) -> None:
    assert rule.words is not None
    for name, word in rule.words.table.items():
        verdict = rule.words.judge(name, teleport_build.of_version("18.7.0", fips=False, edition="enterprise"))
        assert verdict is None or not verdict.certain or word.removed
        beyond = rule.words.judge("no-such-word", teleport_build.of_version("99.0.0", fips=False))
        assert beyond is not None
        assert not beyond.certain


def test_the_page_shows_the_table() -> None:
    page = (DOCS / "teleport-behaviour.md").read_text("utf-8")
    _, title, rest = page.partition(refusals_page.TITLE)
    section = title + rest.partition("\n## ")[0]
    assert section.rstrip() == refusals_page.page().rstrip(), (
        "put the output of `python3 -m teleport_bootstrap.manual refusals` there"
    )
