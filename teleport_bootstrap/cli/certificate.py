"""`teleport-bootstrap certificate`: obtain, renew and install a certificate from Let's Encrypt."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable
from typing import TypeVar

from teleport_bootstrap import errors
from teleport_bootstrap.cli import options, result
from teleport_bootstrap.cluster.certificate import install, rotation
from teleport_bootstrap.host import retry
from teleport_bootstrap.instance import gather
from teleport_bootstrap.state import jobs

EXAMPLE = "teleport-bootstrap certificate install"

OBTAIN = "obtain"
RENEW = "renew"
INSTALL = "install"

logger = logging.getLogger(__name__)

_Outcome = TypeVar("_Outcome", install.Outcome, rotation.Outcome)


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
    if arguments.action == INSTALL:
        outcome = retry.while_raised(
            lambda: _as_job(doors, jobs.CERTIFICATE_INSTALL, lambda: install.run(doors)),
            errors.CertificatePending,
            seconds=arguments.publish_wait,
        )
        return _installed(doors, outcome)
    certbot_options = rotation.CertbotOptions(arguments.server, arguments.certbot_wait)
    if arguments.action == OBTAIN:
        # The other host may have died while it held the lock: then this one takes over once the lock expires.
        return retry.while_pending(
            lambda: _rotate(doors, jobs.CERTIFICATE_OBTAIN, lambda: rotation.obtain(doors, certbot_options)),
            lambda shown: shown.data["result"] == rotation.ELSEWHERE,
            seconds=arguments.publish_wait,
        )
    return _rotate(doors, jobs.CERTIFICATE_RENEW, lambda: rotation.renew(doors, certbot_options))


def _rotate(doors: gather.Doors, job: str, work: Callable[[], rotation.Outcome]) -> result.Result:
    try:
        outcome = _as_job(doors, job, work)
    except errors.BootstrapError:
        # Serve with the newest certificate of this host, even where it could not be written to the bucket.
        _install_here(doors)
        raise
    installed = None if outcome.what == rotation.NOTHING else _install_here(doors)
    lines = [outcome.detail, *(f"wrote {key}" for key in outcome.written), *_notes(outcome.notes)]
    data: dict[str, object] = {
        "result": outcome.what,
        "detail": outcome.detail,
        "written": list(outcome.written),
        "notes": list(outcome.notes),
        "installed": None,
    }
    if installed is not None:
        shown = _installed(doors, installed)
        lines.append(shown.text)
        data["installed"] = shown.data
    return result.Result("\n".join(lines), data)


def _install_here(doors: gather.Doors) -> install.Outcome | None:
    """Install at once where this host also serves with the certificate; after a failure, the timer tries again."""
    try:
        outcome = install.run(doors)
    except errors.BootstrapError as error:
        logger.warning("could not install the certificate here: %s", error.message)
        return None
    return None if outcome.what == install.NOTHING else outcome


def _installed(doors: gather.Doors, outcome: install.Outcome) -> result.Result:
    lines = [
        outcome.detail,
        *(f"wrote {doors.root.path(path)}" for path in outcome.changed),
        *outcome.units,
        *_notes(outcome.notes),
    ]
    return result.Result(
        "\n".join(lines),
        {
            "result": outcome.what,
            "detail": outcome.detail,
            "changed": list(outcome.changed),
            "units": list(outcome.units),
            "notes": list(outcome.notes),
        },
    )


def _as_job(doors: gather.Doors, job: str, work: Callable[[], _Outcome]) -> _Outcome:
    """Return what `work` returns; it is recorded as a run of `job`."""
    outcomes: list[_Outcome] = []

    def recorded() -> str:
        outcomes.append(work())
        return outcomes[0].detail

    jobs.run(doors.root, job, recorded)
    return outcomes[0]


def _notes(notes: tuple[str, ...]) -> list[str]:
    return [f"note: {note}" for note in notes]
