"""Which findings forbid restoring an archive on a host, and which warn."""

from __future__ import annotations

from typing import Optional

import pytest

from teleport_bootstrap import finding, records
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import teleport_build
from teleport_bootstrap.plan.teleport_build import TeleportBuild
from teleport_bootstrap.restore import rules
from teleport_bootstrap.restore.rules import Here, Origin, Space, Statement

MEGABYTE = 1_000_000


def build(version: str, *, fips: bool = False, edition: Optional[str] = None) -> TeleportBuild:
    return teleport_build.of_version(version, fips=fips, edition=edition)


ORIGIN = Origin("a.tar.zst", build=build("16.4.2"), role="auth", cluster="cluster-1", instance="i-old", host_uuid=True)
HERE = Here(build("17.0.0"), instance="i-new")


def refused(origin: Origin = ORIGIN, here: Here = HERE, *, force: bool = False) -> str:
    return "\n".join(map(str, finding.errors_in(rules.check(origin, here, force=force))))


def warned(origin: Origin = ORIGIN, here: Here = HERE, *, force: bool = False) -> str:
    return "\n".join(str(each) for each in rules.check(origin, here, force=force) if not each.is_error)


@pytest.mark.parametrize("version", ["16.4.2", "16.4.3", "16.9.0", "17.0.0", "17.9.9"])
def test_accepts_the_same_major_version_and_the_next(version: str) -> None:
    assert refused(here=records.replace(HERE, build=build(version))) == ""


@pytest.mark.parametrize(
    ("version", "why"),
    [("16.4.1", "older"), ("15.9.9", "older"), ("18.0.0", "skipped"), ("19.1.0", "skipped")],
)
def test_refuses_an_older_teleport_and_a_skipped_major_version(version: str, why: str) -> None:
    said = refused(here=records.replace(HERE, build=build(version)))
    assert why in said and version in said and "16.4.2" in said


def test_names_the_image_to_use_when_a_major_version_is_skipped() -> None:
    assert "an image with Teleport 17 first" in refused(here=records.replace(HERE, build=build("18.2.0")))


def test_warns_if_a_version_is_not_known() -> None:
    unknown = records.replace(ORIGIN, build=None)
    assert refused(unknown) == "" and "does not say which Teleport" in warned(unknown)
    assumed = records.replace(HERE, build=teleport_build.ASSUMED)
    assert refused(here=assumed) == "" and "no Teleport is installed" in warned(here=assumed)


@pytest.mark.parametrize(
    ("old", "new", "refusal", "warning"),
    [
        (build("17.0.0", fips=True), build("17.0.0"), "FIPS", ""),
        (build("17.0.0"), build("17.0.0", fips=True), "", "FIPS"),
        (build("18.0.0", fips=True), build("19.0.0"), "", ""),
        (build("17.0.0", edition="enterprise"), build("17.0.0", edition="community"), "Enterprise", ""),
        (build("17.0.0", edition="community"), build("17.0.0", edition="enterprise"), "", "Enterprise"),
        (build("17.0.0", edition=None), build("17.0.0", edition="community"), "", ""),
    ],
)
def test_compares_fips_and_editions(old: TeleportBuild, new: TeleportBuild, refusal: str, warning: str) -> None:
    origin, here = records.replace(ORIGIN, build=old), records.replace(HERE, build=new)
    assert (refusal in refused(origin, here)) and bool(refusal) == bool(refused(origin, here))
    assert warning in warned(origin, here)


def test_refuses_another_role_or_cluster_with_its_source_even_with_force() -> None:
    here = records.replace(
        HERE,
        role=Statement("node", "/etc/teleport.d/conf:1 (TELEPORT_ROLE)"),
        cluster=Statement("cluster-2", rules.APPLIED),
    )
    for force in (False, True):
        said = refused(here=here, force=force)
        assert "role auth, and this host is node according to /etc/teleport.d/conf:1" in said
        assert "cluster cluster-1, and this host is cluster-2 according to what was applied" in said
    same = records.replace(HERE, role=Statement("auth", "x"), cluster=Statement("cluster-1", "x"))
    assert refused(here=same) == ""


def test_existing_data_needs_force_and_is_then_a_warning() -> None:
    here = records.replace(HERE, user_data=("users alice",))
    assert "users alice" in refused(here=here) and "--force" in refused(here=here)
    assert refused(here=here, force=True) == "" and "users alice" in warned(here=here, force=True)


@pytest.mark.parametrize(
    ("space", "fits"),
    [
        (Space("/var/lib", 100 * MEGABYTE, 200 * MEGABYTE), True),
        (Space("/var/lib", 190 * MEGABYTE, 200 * MEGABYTE), False),
        (Space("/var/lib", 1, 10**12, files=101, free_files=100), False),
        (Space("/var/lib", 1, 10**12, files=100, free_files=100), True),
        (Space("/var/lib", 1, 10**12, files=10**6, free_files=None), True),
    ],
)
def test_checks_free_bytes_and_inodes(space: Space, fits: bool) -> None:
    assert (refused(here=records.replace(HERE, spaces=(space,))) == "") is fits


def test_warns_of_two_hosts_with_one_identity_and_names_the_old_one() -> None:
    assert "stop Teleport on instance i-old" in warned()
    assert "on this very instance" in warned(here=records.replace(HERE, instance="i-old"))
    assert "host_uuid" not in warned(records.replace(ORIGIN, host_uuid=False))


def test_says_that_tables_are_not_touched_and_names_their_backups() -> None:
    origin = records.replace(
        ORIGIN, tables=("state", "events"), backups=("arn:aws:dynamodb:1",), bucket="s3://sessions/records"
    )
    said = warned(origin)
    assert "state, events" in said and "arn:aws:dynamodb:1" in said and "does not touch" in said
    assert "names no backups" in warned(records.replace(origin, backups=()))


def test_returns_all_errors_at_once() -> None:
    here = Here(
        build("15.0.0"),
        role=Statement("node", "x"),
        cluster=Statement("c", "x"),
        user_data=("users bob",),
        spaces=(Space("/", 10, 0),),
        obstacles=(Finding(finding.ERROR, "restore-obstacle", "x", "a link", "remove it"),),
    )
    found = finding.errors_in(rules.check(ORIGIN, here))
    assert [each.code for each in found] == [
        *("restore-version", "restore-role", "restore-cluster", "restore-data", "restore-space", "restore-obstacle")
    ]
    assert all(each.remedy for each in found)
