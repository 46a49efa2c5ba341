"""Whether Teleport becomes healthy after the start of this instance, from the first boot on."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

from teleport_bootstrap import errors, escaping, log, paths, regex, unit_table
from teleport_bootstrap.change import health, needed_files
from teleport_bootstrap.host import clock, probe, systemd, underway
from teleport_bootstrap.instance import gather
from teleport_bootstrap.plan import plan_model, teleport_build
from teleport_bootstrap.records import dataclass

POLL_SECONDS = 2.0
# A Teleport that cannot join tries again at least every minute and a half (MaxRetryPeriod), and logs why.
_SAID_SECONDS = 180.0
_SAID_LINES = 200
_SAID_LETTERS = 400
# How its loggers call an error: as text, also that of later majors, and as JSON.
_ERROR = regex.compile(r'\bERR(?:O|OR)\b|"(?:level|severity)":"err')
# Then the conf is read again: a restore may bring another one, with another unit.
_ONE_LOOK_SECONDS = 60.0

_SERVICE = unit_table.GENERATE.service

logger = log.Logger(__name__)


@dataclass(frozen=True)
class Verdict:
    """Whether Teleport is healthy; where it is not, `reason` says why in a line, otherwise it says which unit is."""

    healthy: bool
    reason: str


@dataclass(frozen=True)
class _Look:
    """What one look has found: None for `healthy` where it is too early to say."""

    healthy: bool | None
    seen: str
    wanted: plan_model.Applicable | None = None


def wait(root: paths.Root, *, seconds: float) -> Verdict:
    """Return as soon as Teleport is healthy and stays so, or cannot become healthy, at the latest after `seconds`.

    It cannot where the service that configures this host has failed permanently. Everything else may still change: a
    token or a certificate arrives, a network comes up, and Teleport's unit is started again without limit.
    """
    # Asked for once: `teleport version` costs processor time, and the wait for a token is long.
    build = functools.cache(lambda: gather.build(root, gather.NamedBuild()))
    began, told = clock.SYSTEM.monotonic(), ""
    with underway.displayed("waiting for Teleport to become healthy", seconds) as shown:
        while True:
            passed = clock.SYSTEM.monotonic() - began
            try:
                found = _look(root, build, seconds=min(_ONE_LOOK_SECONDS, max(0.0, seconds - passed)))
            except errors.BootstrapError as error:
                found = _Look(None, error.summary)
            if found.healthy is not None:
                return Verdict(found.healthy, found.seen)
            if clock.SYSTEM.monotonic() - began >= seconds:
                seen = f"{found.seen}{_last_error(root, found.wanted)}"
                return Verdict(False, f"not healthy within {underway.duration(seconds)}: {seen}")
            if found.seen != told:
                logger.info("Teleport is not healthy yet: %s", found.seen)
                told = found.seen
            shown.because(found.seen)
            clock.SYSTEM.sleep(POLL_SECONDS)


def _look(root: paths.Root, build: Callable[[], teleport_build.TeleportBuild], *, seconds: float) -> _Look:
    if not systemd.is_running(root):
        ready = probe.readiness()
        return _Look(True if ready == probe.READY else None, f"Teleport is {ready}")
    state = systemd.states([_SERVICE])[_SERVICE]
    if state.active == "failed":
        return _Look(False, _failure(root, build))
    conf = gather.conf(root)
    if conf is None:
        return _Look(None, gather.manual_host(root, "nothing says which unit runs Teleport"))
    if state.sub == "auto-restart":
        return _Look(None, f"{_failure(root, build)}; it is tried again")
    wanted, _ = gather.applicable(root, conf, build())
    return _look_at_teleport(root, wanted, seconds)


def _look_at_teleport(root: paths.Root, wanted: plan_model.Applicable, seconds: float) -> _Look:
    if needed_files.pending(root, wanted):
        return _Look(None, "; ".join(map(str, needed_files.describe_pending(root, wanted))))
    verdict = health.wait(root, health.subject(root, wanted.unit, wanted), seconds=seconds)
    if verdict.healthy and not verdict.pending:
        return _Look(True, f"{wanted.unit} is healthy")
    return _Look(None, f"{wanted.unit}: {verdict.seen}", wanted)


def _last_error(root: paths.Root, wanted: plan_model.Applicable | None) -> str:
    """Return what Teleport itself has logged last as an error, empty without one."""
    if wanted is None:
        return ""
    lines = health.last_lines(
        root,
        wanted.unit,
        since=time.time() - _SAID_SECONDS,
        secret_paths=[each.path for each in wanted.secrets],
        most=_SAID_LINES,
    )
    said = [line for line in lines.split("\n") if _ERROR.search(line)]
    return f"; it said last: {escaping.one_line(' '.join(said[-1].split()), _SAID_LETTERS)}" if said else ""


def _failure(root: paths.Root, build: Callable[[], teleport_build.TeleportBuild]) -> str:
    """Return why this host could not be configured: the conf and Teleport's version say most of it."""
    try:
        conf = gather.conf(root)
        if conf is not None:
            gather.applicable(root, conf, build())
    except errors.BootstrapError as error:
        return f"{_SERVICE} has failed: {' '.join(error.message.split())}"
    return f"{_SERVICE} has failed: see `journalctl -b -u {_SERVICE}`"
