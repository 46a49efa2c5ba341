"""`teleport-bootstrap certificate`: Let's Encrypt's certificate obtained, renewed and installed."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable
from typing import TypeVar

from teleport_bootstrap import errors
from teleport_bootstrap.cli import options, result
from teleport_bootstrap.cluster.certificate import first_certificate, install, rotation
from teleport_bootstrap.instance import gather
from teleport_bootstrap.state import jobs

EXAMPLE = "teleport-bootstrap certificate install"

OBTAIN = "obtain"
RENEW = "renew"
INSTALL = "install"

logger = logging.getLogger(__name__)

_Outcome = TypeVar("_Outcome")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "action",
        metavar="ACTION",
        choices=(OBTAIN, RENEW, INSTALL),
        help="obtain: get one where there is none (auth servers); renew: have it renewed where it is due (auth "
        "servers); install: put the newest where Teleport serves from (proxies)",
    )
    options.add_wait(parser)
    parser.add_argument(
        "--publish-wait",
        metavar="SECONDS",
        type=options.seconds,
        default=0.0,
        help="install: how long to wait for what Teleport cannot start without; obtain: for another host that is at "
        "work on it, or has died there; default: not at all",
    )
    parser.add_argument(
        "--server", metavar="URL", help="obtain: the directory of an ACME server; default: certbot's own, Let's Encrypt"
    )
    parser.add_argument(
        "--certbot-wait",
        metavar="SECONDS",
        type=options.seconds,
        default=rotation.CERTBOT_SECONDS,
        help=f"how long certbot may take; default: {rotation.CERTBOT_SECONDS:.0f}",
    )


def run(arguments: argparse.Namespace) -> result.Result:
    """Do what was asked for, and tell what came of it."""
    if arguments.server is not None and arguments.action != OBTAIN:
        raise errors.UsageError(
            "--server is for `certificate obtain`", hint="A renewal goes to the server that the certificate is from."
        )
    doors = gather.Doors(options.root(arguments), os.environ, arguments.wait)
    if arguments.action == INSTALL:
        return _install(doors, arguments.publish_wait)
    wishes = rotation.Wishes(arguments.server, arguments.certbot_wait)
    if arguments.action == OBTAIN:
        return first_certificate.another_host(
            lambda: _rotate(doors, OBTAIN, wishes),
            is_at_work=lambda shown: shown.data["result"] == rotation.ELSEWHERE,
            seconds=arguments.publish_wait,
        )
    return _rotate(doors, RENEW, wishes)


def _install(doors: gather.Doors, publish_wait_seconds: float) -> result.Result:
    def attempt() -> install.Outcome:
        return _as_job(doors, jobs.CERTIFICATE_INSTALL, lambda: install.run(doors), lambda outcome: outcome.detail)

    return _installed(doors, first_certificate.certificate(attempt, seconds=publish_wait_seconds))


def _rotate(doors: gather.Doors, action: str, wishes: rotation.Wishes) -> result.Result:
    work = rotation.obtain if action == OBTAIN else rotation.renew
    name = jobs.CERTIFICATE_OBTAIN if action == OBTAIN else jobs.CERTIFICATE_RENEW
    try:
        outcome = _as_job(doors, name, lambda: work(doors, wishes), lambda outcome: outcome.detail)
    except errors.BootstrapError:
        # What this host has is served with, also where it could not be brought to the bucket.
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
    """Install at once where this host serves with what it obtains; its own timer tries again where that fails."""
    try:
        outcome = install.run(doors)
    except errors.BootstrapError as error:
        logger.warning("not installed here: %s", error.message)
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


def _as_job(
    doors: gather.Doors, name: str, work: Callable[[], _Outcome], detail: Callable[[_Outcome], str]
) -> _Outcome:
    """Run `work` as the job `name`, recorded with its `detail`; return what it returns."""
    outcomes: list[_Outcome] = []

    def recorded() -> str:
        outcomes.append(work())
        return detail(outcomes[0])

    jobs.run(doors.root, name, recorded)
    return outcomes[0]


def _notes(notes: tuple[str, ...]) -> list[str]:
    return [f"note: {note}" for note in notes]
