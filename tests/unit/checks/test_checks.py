"""What each check reports for the facts of a host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap import errors, json_data, paths, records
from teleport_bootstrap.checks import (
    certificate_files,
    host_facts,
    installation,
    managed_updates,
    pending_restore,
    recovery,
    teleport_unit,
    teleport_version,
    timers,
    web_certificates,
)
from teleport_bootstrap.finding import ERROR, NOTE, WARNING
from teleport_bootstrap.host import probe, systemd
from teleport_bootstrap.operations import status
from teleport_bootstrap.plan import teleport_build
from teleport_bootstrap.state import jobs

UNIT = "teleport.service"
RUNNING = systemd.State(active="active", enablement="enabled", sub="running")
HEALTHY = host_facts.HostFacts(
    root=paths.Root("/nonexistent"),
    now=0.0,
    binary="/usr/bin/teleport",
    build=None,
    current=None,
    generation=None,
    conf=host_facts.Conf(host_facts.VALID),
    markers=("role.all",),
    unit=UNIT,
    has_teleport_yaml=True,
    pending=(),
    units={UNIT: RUNNING},
    readiness=probe.READY,
    web_note="",
    timers={},
    jobs=(),
    certificates=(),
    unreadable=(),
)


def found(check: Any, **changed: Any) -> list[tuple[str, str]]:
    """The severity and the code of each finding of a check, for a healthy host with some facts changed."""
    return [(each.severity, each.code) for each in check(records.replace(HEALTHY, **changed))]


def unit(**changed: Any) -> dict[str, systemd.State]:
    return {UNIT: records.replace(RUNNING, **changed)}


def test_a_healthy_host_has_no_findings() -> None:
    assert [each for check in status.CHECKS for each in check(HEALTHY)] == []


def test_installation() -> None:
    assert found(installation.check, binary=None, markers=(), has_teleport_yaml=False) == [
        (ERROR, "teleport-missing"),
        (ERROR, "teleport-yaml-missing"),
    ]
    absent, invalid = (host_facts.Conf(each) for each in (host_facts.ABSENT, host_facts.INVALID))
    nothing = {"markers": (), "has_teleport_yaml": False}
    assert found(installation.check, conf=absent, **nothing) == [(ERROR, "conf-missing")]
    assert found(installation.check, conf=invalid, **nothing) == [(ERROR, "not-configured")]
    # A host that is configured manually has no conf.
    assert found(installation.check, conf=absent) == []
    assert found(installation.check, markers=()) == [(ERROR, "role-markers")]
    assert found(installation.check, markers=("role.all", "role.node")) == [(ERROR, "role-markers")]
    restoring = host_facts.Conf(host_facts.ASKS_FOR_RESTORE, pending_restore="s3://b/a.tar.zst")
    assert found(installation.check, markers=(), has_teleport_yaml=False, conf=restoring) == []


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (systemd.State(active="inactive"), "pending"),
        (systemd.State(active="activating", sub="start"), "under way"),
        (systemd.State(active="activating", sub="auto-restart"), "failed"),
        (systemd.State(active="failed"), "failed"),
    ],
)
def test_a_pending_restore_is_reported_with_its_state(state: systemd.State, expected: str) -> None:
    conf = host_facts.Conf(host_facts.ASKS_FOR_RESTORE, pending_restore="s3://b/a.tar.zst")
    host = records.replace(HEALTHY, conf=conf, units={"teleport-restore.service": state})
    (finding,) = pending_restore.check(host)
    assert finding.severity == ERROR and f"s3://b/a.tar.zst, which has not been restored yet ({expected})" in str(
        finding
    )
    assert ("journalctl" in finding.remedy) == (expected == "failed")


def test_the_unit_of_teleport() -> None:
    assert found(teleport_unit.check, units={"teleport-generate-config.service": RUNNING}) == [(ERROR, "unit-missing")]
    assert found(teleport_unit.check, units=unit(active="failed")) == [(ERROR, "unit-not-running")]
    assert found(teleport_unit.check, units=unit(active="reloading")) == []
    assert found(teleport_unit.check, units=unit(enablement="disabled")) == [(WARNING, "unit-disabled")]
    (masked,) = teleport_unit.check(records.replace(HEALTHY, units=unit(enablement="masked-runtime")))
    assert masked.remedy == f"run `systemctl unmask {UNIT} && systemctl enable {UNIT}`"
    assert found(teleport_unit.check, readiness=probe.DEGRADED) == [(ERROR, "teleport-not-ready")]
    assert found(teleport_unit.check, acts_on_signals=False) == [(WARNING, "reload-unfinished")]
    assert found(teleport_unit.check, units={}) == found(teleport_unit.check, unit=None) == []
    failing = {**HEALTHY.units, "teleport-generate-config.service": systemd.State(active="failed")}
    assert found(teleport_unit.check, units=failing) == [(ERROR, "service-failing")]


def test_row_d_an_error_of_the_web_port_is_a_warning() -> None:
    assert found(teleport_unit.check, web_note="the proxy listens, and answers 400") == [(WARNING, "web-port")]


def test_distinguishes_a_unit_in_a_restart_loop_from_one_that_waits() -> None:
    (finding,) = teleport_unit.check(records.replace(HEALTHY, units=unit(active="activating", sub="auto-restart")))
    assert "restarts again and again" in finding.message and "journalctl" in finding.remedy
    (finding,) = teleport_unit.check(
        records.replace(HEALTHY, units=unit(active="inactive"), pending=("/var/lib/teleport/token",))
    )
    assert "until the files above arrive" in finding.message and not finding.remedy


def test_a_job_whose_timer_does_not_belong_to_this_host_is_not_reported() -> None:
    failed = jobs.Job(jobs.BACKUP, "2026-01-01T00:00:00+00:00", None, jobs.FAILED, "no space")
    assert found(timers.check, jobs=(failed,)) == []
    assert found(timers.check, jobs=(failed,), timers={failed.timer: RUNNING}) == [(WARNING, "job-failing")]


@pytest.mark.parametrize(
    ("now", "expected"),
    [(0.0, []), (60 * 86400 - 3600.0, [(WARNING, "certificate-expiring")]), (61e5, [(ERROR, "certificate-expired")])],
)
def test_certificates_expire(now: float, expected: list[tuple[str, str]]) -> None:
    certificate = certificate_files.Certificate("/etc/c.pem", "1970-03-02T00:00:00+00:00")
    assert found(web_certificates.check, certificates=(certificate,), now=now) == expected


def test_what_cannot_be_read_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    def fail(*_: object) -> None:
        raise errors.TeleportVersionUnknown("no version", hint="look")

    monkeypatch.setattr("teleport_bootstrap.instance.gather.build", fail)
    report = status.report(paths.Root(str(tmp_path)))
    (finding,) = [each for each in report["findings"] if each.code == "teleport-unknown"]
    assert (finding.severity, str(finding)) == (ERROR, "no version (look)")
    assert report["state"] == status.BROKEN
    assert json_data.data(report)["findings"][0]["code"] == finding.code


SINCE = "2026-11-28T20:00:00+00:00"
NOW = 1795896000.0
LOG_12 = (
    'host teleport[7]: INFO [PROC:1]    Detected Teleport component "node" is running in a degraded state.',
    'host teleport[7]: INFO [PROC:1]    Teleport component "node" is recovering from a degraded state.',
    'host teleport[7]: INFO [PROC:1]    Teleport component "node" has recovered from a degraded state.',
)
LOG_LATER = tuple(line.replace('component "node"', "component") + " component:node service/x.go:1" for line in LOG_12)


@pytest.mark.parametrize("log", [LOG_12, LOG_LATER], ids=["12", "later"])
def test_row_p_the_log_says_what_is_degraded_and_since_when(log: tuple[str, ...]) -> None:
    other = 'host teleport[7]: INFO Detected Teleport component "auth:1" is running in a degraded state.'
    lines = [(NOW + 60 * number, line) for number, line in enumerate(log)]

    def named(some: list[tuple[float, str]]) -> list[tuple[str, str, str, float]]:
        return [(each.name, each.state, each.since, each.seconds) for each in recovery.components(some, NOW + 600)]

    assert named(lines[:1]) == [("node", "degraded", SINCE, 600.0)]
    assert named(lines[:2]) == [("node", "recovering", SINCE, 600.0)]
    assert named(lines) == []
    assert [each[:2] for each in named([*lines[:2], (NOW + 500, other)])] == [
        ("node", "recovering"),
        ("auth:1", "degraded"),
    ]


SSH = (recovery.Listener("ssh_service", 3022, answers=True, is_ssh=True),)
CLOSED = (recovery.Listener("ssh_service", 3022, answers=False, is_ssh=False),)


@pytest.mark.parametrize(
    ("readiness", "minutes", "works", "silent", "expected"),
    [
        (probe.RECOVERING, 8, SSH, (), (WARNING, "teleport-recovering")),
        (probe.RECOVERING, None, (), (), (WARNING, "teleport-recovering")),
        (probe.RECOVERING, 8, (), CLOSED, (ERROR, "teleport-not-ready")),
        (probe.DEGRADED, 3, SSH, (), (WARNING, "teleport-recovering")),
        (probe.DEGRADED, None, SSH, (), (WARNING, "teleport-recovering")),
        (probe.DEGRADED, 3, (), (), (WARNING, "teleport-recovering")),
        (probe.DEGRADED, None, (), (), (ERROR, "teleport-not-ready")),
        (probe.DEGRADED, 3, SSH, CLOSED, (ERROR, "teleport-not-ready")),
        (probe.DEGRADED, 11, SSH, (), (ERROR, "teleport-not-ready")),
    ],
)
def test_row_p_tells_recovering_from_broken(
    readiness: str,
    minutes: int | None,
    works: tuple[recovery.Listener, ...],
    silent: tuple[recovery.Listener, ...],
    expected: tuple[str, str],
) -> None:
    some = () if minutes is None else (recovery.Component("node", probe.DEGRADED, SINCE, minutes * 60.0),)
    host = records.replace(HEALTHY, readiness=readiness, recovery=recovery.Recovery(some, (*works, *silent)))
    (finding,) = teleport_unit.check(host)
    assert (finding.severity, finding.code) == expected
    assert all(str(each) in finding.message for each in (*works, *silent))
    assert (f"node is degraded, unhealthy since {SINCE}" in finding.message) == bool(some)


@pytest.mark.parametrize(("version", "severity"), [("18.7.4", WARNING), ("18.4.3", WARNING), ("99.0.0", NOTE)])
def test_fact_11_status_knows_releases_with_faults_and_majors_that_were_not_checked(
    version: str, severity: str
) -> None:
    build = teleport_build.of_version(version, fips=False)
    assert found(teleport_version.check, build=build) == [(severity, "teleport-version")]
    assert found(teleport_version.check, build=build, binary=None) == []
    assert found(teleport_version.check, build=teleport_build.of_version("18.1.0", fips=False)) == []


UPDATER = "kind: update_config\nversion: v1\nspec:\n  proxy: proxy.example.com:443\n  enabled: {}\n  pinned: false\n"


def _host_with_updater(root: Path, enabled: str, drop_in: str | None) -> host_facts.HostFacts:
    settings = root / "opt/teleport/default/update.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(UPDATER.format(enabled))
    if drop_in is not None:
        folder = root / "usr/lib/systemd/system/teleport-update.service.d"
        folder.mkdir(parents=True)
        (folder / "50-teleport-bootstrap.conf").write_text(drop_in)
    return records.replace(HEALTHY, root=paths.Root(str(root)))


@pytest.mark.parametrize(
    ("drop_in", "expected"),
    [
        ("[Unit]\nConditionPathExistsGlob=!/etc/teleport.d/role.*\n", "its units do not run here"),
        ("", "nothing holds its units back"),
        (None, "nothing holds its units back"),
    ],
)
def test_row_9_an_enabled_updater_of_teleport_is_reported(tmp_path: Path, drop_in: str | None, expected: str) -> None:
    (finding,) = managed_updates.check(_host_with_updater(tmp_path, "true", drop_in))
    assert (finding.severity, finding.code) == (WARNING, "updater-enabled")
    assert expected in finding.message and "teleport-update disable" in finding.remedy


@pytest.mark.parametrize("enabled", ["false", "", "[broken"])
def test_row_9_a_disabled_updater_is_not(tmp_path: Path, enabled: str) -> None:
    assert list(managed_updates.check(_host_with_updater(tmp_path, enabled, None))) == []


def test_row_9_without_a_role_the_updater_is_in_charge(tmp_path: Path) -> None:
    host = records.replace(_host_with_updater(tmp_path, "true", None), markers=())
    assert list(managed_updates.check(host)) == []
