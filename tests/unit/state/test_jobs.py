"""When a periodic job is something to look at."""

from __future__ import annotations

import datetime
from typing import Optional

import pytest

from teleport_bootstrap.state import jobs

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc).timestamp()


def _ago(hours: float) -> str:
    return datetime.datetime.fromtimestamp(NOW - hours * 3600, datetime.timezone.utc).isoformat()


def _job(name: str, run: float, success: Optional[float], outcome: str = jobs.SUCCEEDED) -> jobs.Job:
    return jobs.Job(name, _ago(run), None if success is None else _ago(success), outcome, "why")


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (_job(jobs.PUBLISH_TOKENS, 0.5, 0.5), None),
        (_job(jobs.PUBLISH_TOKENS, 2.9, 2.9), None),
        (_job(jobs.PUBLISH_TOKENS, 3.1, 3.1), "has not run since"),
        (_job(jobs.PUBLISH_TOKENS, 0.1, 1.0, jobs.FAILED), "last succeeded 2025-12-31T23:00"),
        (_job(jobs.PUBLISH_TOKENS, 0.1, None, jobs.FAILED), "never succeeded: why"),
        (_job(jobs.BACKUP, 70, 70), None),
        (_job(jobs.BACKUP, 73, 73), "teleport-backup.timer"),
    ],
)
def test_a_job_that_failed_or_is_overdue_is_told(job: jobs.Job, said: Optional[str]) -> None:
    found = job.trouble(NOW)
    assert found is None if said is None else said in str(found)


def test_every_job_has_a_timer() -> None:
    assert set(jobs.TIMERS) == set(jobs.NAMES)
    assert len({timer for timer, _ in jobs.TIMERS.values()}) == len(jobs.NAMES)
