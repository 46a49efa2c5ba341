"""`teleport-bootstrap certificate`: obtain, renew and install a certificate from Let's Encrypt."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from teleport_bootstrap import errors, log
from teleport_bootstrap.change import unit_action
from teleport_bootstrap.cli import options, result
from teleport_bootstrap.cluster.certificate import install, rotation
from teleport_bootstrap.host import retry
from teleport_bootstrap.instance import gather
from teleport_bootstrap.state import jobs

EXAMPLE = "teleport-bootstrap certificate install"

OBTAIN = "obtain"
RENEW = "renew"
INSTALL = "install"

logger = log.Logger(__name__)


OPTIONS = (
    options.option(
        "action",
        "obtain: get a certificate where there is none (auth servers); renew: renew it where it is due (auth servers); "
        "install: install the newest where Teleport reads it (proxies)",
        metavar="ACTION",
        choices=(OBTAIN, RENEW, INSTALL),
    ),
    options.WAIT,
    options.duration(
        "--publish-wait",
        0.0,
        "install: how long to wait for the files that Teleport cannot start without; obtain: for another host that is "
        "obtaining it, or has died meanwhile",
    ),
    options.option(
        "--server", "obtain: directory URL of the ACME server; default: certbot's own, Let's Encrypt", metavar="URL"
    ),
    options.duration("--certbot-wait", rotation.CERTBOT_SECONDS, "how long certbot may take"),
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Carry out the action."""
    if arguments.server is not None and arguments.action != OBTAIN:
        raise errors.UsageError(
            "--server is for `certificate obtain`", hint="A renewal uses the server that issued the certificate."
        )
    doors = gather.Doors(options.root(arguments), os.environ, arguments.wait)
    seconds: float = arguments.certbot_wait

    def obtain() -> rotation.Outcome:
        return rotation.obtain(doors, server=arguments.server, certbot_seconds=seconds)

    if arguments.action == INSTALL:
        outcome = retry.while_raised(
            lambda: jobs.run(
                doors.root, jobs.CERTIFICATE_INSTALL, lambda: install.run(doors), lambda done: done.detail
            ),
            errors.CertificatePending,
            seconds=arguments.publish_wait,
        )
        return _installed(doors, outcome)
    if arguments.action == OBTAIN:
        # The other host may have died while it held the lock: then this one takes over once the lock expires.
        return retry.while_pending(
            lambda: _rotate(doors, jobs.CERTIFICATE_OBTAIN, obtain),
            lambda shown: shown.data["result"] == rotation.ELSEWHERE,
            seconds=arguments.publish_wait,
        )
    return _rotate(doors, jobs.CERTIFICATE_RENEW, lambda: rotation.renew(doors, certbot_seconds=seconds))


def _rotate(doors: gather.Doors, job: str, work: Callable[[], rotation.Outcome]) -> result.Result:
    try:
        outcome = jobs.run(doors.root, job, work, lambda outcome: outcome.detail)
    except errors.BootstrapError:
        # Serve with the newest certificate of this host, even where it could not be written to the bucket.
        _install_here(doors)
        raise
    installed = None if outcome.result == rotation.NOTHING else _install_here(doors)
    text = result.lines([outcome.detail, *(f"wrote {key}" for key in outcome.written)], outcome.notes)
    is_news = outcome.written or outcome.result in (rotation.OBTAINED, rotation.RENEWED, rotation.PUBLISHED)
    changes = [outcome.detail if is_news else "", "" if installed is None else _change(installed)]
    data = {
        "result": outcome.result,
        "detail": outcome.detail,
        "written": outcome.written,
        "installed": None if installed is None else _data(installed),
        "notes": (*outcome.notes, *(() if installed is None else installed.notes)),
    }
    lines = text if installed is None else [*text, *_lines(doors, installed)]
    return result.Result(lines, data, change="; ".join(filter(None, changes)))


def _install_here(doors: gather.Doors) -> install.Outcome | None:
    """Install at once where this host also serves with the certificate; after a failure, the timer tries again."""
    try:
        outcome = install.run(doors)
    except errors.BootstrapError as error:
        logger.warning("could not install the certificate here: %s", error.message)
        return None
    return None if outcome.result == install.NOTHING else outcome


def _installed(doors: gather.Doors, outcome: install.Outcome) -> result.Result:
    data = {
        "result": outcome.result,
        "detail": outcome.detail,
        "written": (),
        "installed": None if outcome.result == install.NOTHING else _data(outcome),
        "notes": outcome.notes,
    }
    return result.Result(_lines(doors, outcome), data, change=_change(outcome))


def _lines(doors: gather.Doors, outcome: install.Outcome) -> list[str]:
    wrote = [f"wrote {doors.root.path(path)}" for path in outcome.changed]
    return result.lines([outcome.detail, *wrote, *unit_action.lines(outcome.units)], outcome.notes)


def _change(outcome: install.Outcome) -> str:
    is_news = outcome.changed or outcome.units
    return "; ".join((outcome.detail, *unit_action.lines(outcome.units))) if is_news else ""


def _data(outcome: install.Outcome) -> dict[str, object]:
    return {key: getattr(outcome, key) for key in ("result", "detail", "changed", "units")}
