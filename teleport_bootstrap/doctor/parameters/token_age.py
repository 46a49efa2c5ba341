"""Whether the published join tokens are still valid: an auth server renews them once an hour."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.cluster import join_tokens
from teleport_bootstrap.doctor.check import PARAMETERS, Check, Skipped
from teleport_bootstrap.doctor.parameters import wanted_parameters
from teleport_bootstrap.doctor.parameters.wanted_parameters import TOKEN
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding
from teleport_bootstrap.host import clock

_OVERDUE_SECONDS = join_tokens.LIFE_SECONDS / 2


def _run(subject: Subject) -> Iterator[Finding]:
    tokens = [each for each in wanted_parameters.every(subject) if each.holds == TOKEN and each.is_published]
    if not tokens:
        raise Skipped("this host reads and publishes no join tokens that auth servers renew")
    stored = wanted_parameters.stored(subject)
    ages = {each: clock.SYSTEM.wall() - stored[each.name].modified for each in tokens if each.name in stored}
    if not ages:
        raise Skipped("no join token is published yet")
    oldest = max(ages, key=lambda each: ages[each])
    age = ages[oldest]
    shown = f"the join token {oldest.short} is {_duration(age)} old"
    remedy = f"{wanted_parameters.publishing(oldest)}, and look at its timers with `teleport-bootstrap status`"
    if age > join_tokens.LIFE_SECONDS:
        # One that people have put there may have no end, of which only they know.
        severity = ERROR if oldest.publishes else WARNING
        message = f"{shown}, and is valid for {_duration(join_tokens.LIFE_SECONDS)}: no host can join with it"
        yield Finding(severity, "token-expired", oldest.short, message, remedy)
    elif age > _OVERDUE_SECONDS:
        message = f"{shown}, and should be renewed every hour"
        yield Finding(WARNING, "token-overdue", oldest.short, message, remedy)
    else:
        yield Finding(NOTE, "token-age", oldest.short, f"the oldest is {_duration(age)} old")


def _duration(seconds: float) -> str:
    minutes = max(0, int(seconds // 60))
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 72 * 60 else f"{minutes // 1440} days"


CHECK = Check("token-age", PARAMETERS, "the age of the published join tokens, and whether they are still valid", _run)
