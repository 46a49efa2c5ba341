"""Releases of Teleport with a known fault, and majors that were not checked."""

from __future__ import annotations

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.finding import NOTE, WARNING
from teleport_bootstrap.plan import teleport_build, teleport_versions
from tests.unit.plan.planning import ALL_IN_ONE, plan


def severities(version: str) -> list[str]:
    """Return the severities of what is known of `version`."""
    return [each.severity for each in teleport_versions.findings(teleport_build.of_version(version, fips=False).number)]


@pytest.mark.parametrize("version", ["18.7.4", "v18.7.4", "18.4.2", "18.4.9", "18.5.0"])
def test_fact_11_a_release_with_a_known_fault_is_a_warning(version: str) -> None:
    assert severities(version) == [WARNING]
    noted = [each for each in plan(ALL_IN_ONE, version=version).notes if "known fault" in each]
    assert len(noted) == 1 and version.lstrip("v") in noted[0]


@pytest.mark.parametrize("version", ["18.7.3", "18.7.5", "18.4.1", "18.5.1", "17.7.4", "12.0.0", "18.99.0"])
def test_fact_11_other_releases_are_none(version: str) -> None:
    assert severities(version) == []
    assert not [
        each for each in plan(ALL_IN_ONE, version=version).notes if "known fault" in each or "newer than" in each
    ]


@pytest.mark.parametrize("more", [1, 7])
def test_fact_10_a_newer_major_than_the_newest_that_was_checked_is_a_note(more: int) -> None:
    version = f"{teleport_versions.NEWEST_CHECKED + more}.0.1"
    assert severities(version) == [NOTE]
    assert [each for each in plan(ALL_IN_ONE, version=version).notes if f"{version} is newer than" in each]


def test_fact_10_an_older_major_than_the_oldest_tested_is_refused_in_those_words() -> None:
    with pytest.raises(errors.TeleportUnsupported, match="oldest major that this agent is tested with is 12"):
        plan(ALL_IN_ONE, version=f"{teleport_versions.OLDEST_TESTED - 1}.3.4")


def test_bad_builds_are_ranges_of_one_major_that_was_checked() -> None:
    for bad in teleport_versions.BAD_BUILDS:
        assert bad.first <= bad.last and bad.first[0] == bad.last[0] <= teleport_versions.NEWEST_CHECKED
