"""The numbers of `status` for monitoring; docs/monitoring.md lists them, and how to collect them.

Only this host is read and its own Teleport asked for its health: a timer does this every minute. Nothing is noted.
"""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Iterable, Mapping

import teleport_bootstrap
from teleport_bootstrap import errors, paths
from teleport_bootstrap.checks import applied_generation, first_user, host_facts
from teleport_bootstrap.finding import ERROR, NOTE, WARNING
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import directory, probe, regular_file
from teleport_bootstrap.operations import exposition, status, status_summary
from teleport_bootstrap.operations.exposition import Metric, Sample
from teleport_bootstrap.state import jobs

PREFIX = "teleport_bootstrap_"
# Like that of every other file of this collector.
_MODE = 0o644
# Its timer's job is kept by systemd, not by us.
FETCH_SECRETS = "fetch-secrets"


def text(root: paths.Root) -> str:
    """Return the metrics of this host in Prometheus's text format; what is unknown is left out. Never raises."""
    return exposition.text(_of_host(host_facts.read(root)))


def write(path: str, content: str) -> None:
    """Write `content` to the file `path` as one step: a collector sees the old file or the new one. Raises FileTrouble.

    While it is written, its name is one that collectors leave alone. What is there and no file, such as /dev/null,
    stays.
    """
    parent, name = os.path.split(os.path.abspath(path))
    with contextlib.suppress(OSError):
        what = regular_file.kind(os.lstat(path).st_mode)
        if what:
            raise errors.FileTrouble(f"{path} is {what}, not a file", hint="Name a file, or one that does not exist.")
    with errors.file_trouble_at(path), contextlib.closing(directory.Directory(parent)) as opened:
        opened.replace(name, content.encode("utf-8", "replace"), mode=_MODE)


def _of_host(host: host_facts.HostFacts) -> Iterable[Metric]:
    # Users of the cluster are not counted here, and asking for them takes tctl a second.
    report = status.of_host(host, [each for each in status.CHECKS if each is not first_user.check])
    summary: status_summary.Summary = report["summary"]
    yield _one("info", "This agent, and what this host is.", _info(report, summary))
    yield _one("collected_timestamp_seconds", "When these numbers were collected.", host.now)
    yield _metric(
        "state",
        "1 for the state that `status` reports, 0 for the others.",
        [(state == report["state"], {"state": state}) for state in status.STATES],
    )
    counts = {each: sum(1 for found in report["findings"] if found.severity == each) for each in (ERROR, WARNING, NOTE)}
    yield _metric("findings", "Findings of `status`.", [(counts[each], {"severity": each}) for each in counts])
    yield _one("drifted", "1 where the conf or a file is not as it was applied.", _has_drifted(host))
    yield from _teleport(host, report, summary)
    yield from _applied(report["applied"])
    yield from _files(host, report)
    yield from _jobs(host, report, summary)


def _info(report: Mapping[str, Any], summary: status_summary.Summary) -> Sample:
    labels = {"version": teleport_bootstrap.__version__, "role": report["role"], "cluster": summary.cluster}
    return Sample(1, {name: value or "" for name, value in labels.items()})


def _has_drifted(host: host_facts.HostFacts) -> bool | None:
    if host.current is None:
        return None
    return any(each.code != applied_generation.UNCONFIRMED for each in applied_generation.check(host))


def _teleport(
    host: host_facts.HostFacts, report: Mapping[str, Any], summary: status_summary.Summary
) -> Iterable[Metric]:
    build = report["teleport"]
    if build is not None:
        fips = {True: "true", False: "false", None: ""}[build["fips"]]
        labels = {"version": build["version"], "edition": build["edition"] or "", "fips": fips}
        yield _one("teleport_info", "The installed Teleport.", Sample(1, labels))
    ready = None if host.readiness == host_facts.NOT_CHECKED else host.readiness == probe.READY
    yield _one("teleport_running", "Whether systemd runs Teleport.", summary.running)
    yield _one("teleport_ready", "Whether a running Teleport says that it is ready.", ready)
    yield _one("teleport_start_timestamp_seconds", "When it was started.", _moment(summary.running_since_at))


def _applied(applied: Mapping[str, Any] | None) -> Iterable[Metric]:
    if applied is None:
        return
    yield _one("applied_generation", "The number of the generation that is applied.", applied["generation"])
    yield _one("applied_generation_confirmed", "Whether Teleport was seen healthy with it.", applied["confirmed"])
    yield _one("applied_generation_timestamp_seconds", "When it was made.", _moment(applied["made_at"]))


def _files(host: host_facts.HostFacts, report: Mapping[str, Any]) -> Iterable[Metric]:
    certificates = [
        (remaining, {"path": each.path})
        for each in host.certificates
        if (remaining := each.remaining_seconds(host.now)) is not None
    ]
    yield _metric(
        "certificate_expiry_timestamp_seconds",
        "When a certificate of the web port expires.",
        [(host.now + remaining, labels) for remaining, labels in certificates],
    )
    yield _metric("certificate_remaining_seconds", "How long it is valid; negative where it has expired.", certificates)
    late = [(each.is_late(host.now), {"path": each.path}) for each in host.certificates if each.expires is not None]
    yield _metric("certificate_renewal_late", "1 where it should have been renewed long ago.", late)
    unknown = [(each.expires is None, {"path": each.path}) for each in host.certificates]
    yield _metric("certificate_unreadable", "1 where a certificate is missing or cannot be read.", unknown)
    secret_files = [
        (each["age_seconds"], {"path": each["path"], "parameter": each["parameter"] or ""})
        for each in report["secrets"]
        if each["age_seconds"] is not None
    ]
    yield _metric(
        "secret_written_timestamp_seconds",
        "When the file of a join token, a CA pin or a license was written.",
        [(int(host.now) - age, labels) for age, labels in secret_files],
    )
    yield _metric("secret_age_seconds", "How long ago that was.", secret_files)
    yield _one(
        "pending_files", "Files that Teleport needs to start, and that have not arrived.", len(report["pending"])
    )


def _jobs(host: host_facts.HostFacts, report: Mapping[str, Any], summary: status_summary.Summary) -> Iterable[Metric]:
    # Not `job`, which is Prometheus's own label. Other records are left over from a former role, or a command run once.
    timers = {*host.expected_timers, *host.timers}
    named = {each.name: each for each in host.jobs if each.timer in timers or not each.is_periodic}
    # What ran once is not overdue.
    successes = [(_moment(each.last_success), {"task": name}) for name, each in named.items() if each.is_periodic]
    successes.append((_moment(report["secrets_fetched_at"]), {"task": FETCH_SECRETS}))
    yield _metric("job_last_success_timestamp_seconds", "When a job of a timer last succeeded.", successes)
    yield _metric(
        "job_last_run_timestamp_seconds",
        "When it began last.",
        [(_moment(each.last_run), {"task": name}) for name, each in named.items()],
    )
    yield _metric(
        "job_succeeded",
        "Whether its last run succeeded.",
        [(each.outcome == jobs.SUCCEEDED, {"task": name}) for name, each in named.items()],
    )
    yield _metric(
        "timer_active",
        "Whether a timer is enabled and active.",
        [
            (each.enablement == "enabled" and each.active == "active", {"timer": name})
            for name, each in host.timers.items()
        ],
    )
    yield _one(
        "backup_last_verified_timestamp_seconds",
        "When the last verified backup was made on this host.",
        _moment(summary.last_backup_at),
    )


def _one(name: str, help_text: str, value: Sample | float | None) -> Metric:
    return (
        _metric(name, help_text, [(value, {})])
        if not isinstance(value, Sample)
        else _with_samples(name, help_text, [value])
    )


def _metric(name: str, help_text: str, samples: Iterable[tuple[float | None, Mapping[str, str]]]) -> Metric:
    """Return a metric of the values that are known; true is 1."""
    return _with_samples(name, help_text, [Sample(value, labels) for value, labels in samples if value is not None])


def _with_samples(name: str, help_text: str, samples: Iterable[Sample]) -> Metric:
    return Metric(f"{PREFIX}{name}", help_text, tuple(samples))


def _moment(text: str | None) -> float | None:
    """Return a time of the report in seconds since 1970; None where it is not known, or where a record is damaged."""
    with contextlib.suppress(ValueError, OverflowError):
        return None if text is None else datetime.datetime.fromisoformat(text).timestamp()
    return None
