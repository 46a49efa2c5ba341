"""Have Teleport serve with an installed certificate: start it where it waited, reload it where it runs.

Teleport reads its certificate when it starts and when it is reloaded. It does not report which certificate it has read,
so a note is kept from the moment a new one is written until Teleport is seen to serve with it. After a killed run or a
failed reload the next run reloads again; without a note nothing is reloaded.
"""

from __future__ import annotations

import dataclasses
import logging

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import health, needed_files, transaction
from teleport_bootstrap.host import directory, probe, systemd
from teleport_bootstrap.plan import plan_model

# The wait for a Teleport that was just started to become healthy, and for a successor to take over.
SECONDS = 90.0

# The resolution of the kernel's file times is 10 ms.
STAMP_SECONDS = 0.1

logger = logging.getLogger(__name__)


def stage(changes: transaction.Transaction) -> None:
    """Add the note to `changes`."""
    if systemd.is_running(changes.root):
        changes.write(paths.CERTIFICATE_NOTE, b"not served yet\n", mode=0o600, owner="root", group="root")


def run(root: paths.Root, wanted: plan_model.Applicable) -> tuple[str, ...]:
    """Have Teleport serve with the installed certificate, where it does not yet; return what was done, in words.

    Call it within `change.session.begin`. Raises CertificateNotServed, after which the next run tries again, and
    UnitTrouble.
    """
    started = needed_files.start_teleport(root, wanted)
    if started:
        _remove_note(root)
        return tuple(f"asked to start {unit}" for unit in started)
    if not _has_note(root) or not systemd.is_running(root) or not systemd.is_installed(root, wanted.unit):
        return ()
    state = systemd.states([wanted.unit])[wanted.unit]
    if state.active not in ("active", "reloading", "activating") or _has_started_since(root, state):
        # It reads the certificate when it starts.
        _remove_note(root)
        return ()
    done = _reload(root, wanted)
    _remove_note(root)
    return (done,)


def _reload(root: paths.Root, wanted: plan_model.Applicable) -> str:
    """Reload Teleport and wait for a healthy successor: if it fails, the old process continues to serve."""
    watched = health.subject(root, wanted.unit, wanted)
    process_id = probe.process_id(root)
    if process_id is None or wanted.unit not in systemd.units_around(process_id):
        # One that has just been started cannot be reloaded before it has written its pid file.
        verdict = health.wait(root, watched, seconds=SECONDS)
        process_id = verdict.process_id
        if process_id is None:
            raise _not_served(wanted, verdict.seen)
    systemd.reload_unit(wanted.unit)
    successor = dataclasses.replace(watched, successor_of=process_id)
    verdict = health.wait(root, successor, seconds=SECONDS)
    if not verdict.healthy:
        raise _not_served(wanted, verdict.seen)
    return f"reloaded {wanted.unit}"


def _not_served(wanted: plan_model.Applicable, seen: str) -> errors.CertificateNotServed:
    return errors.CertificateNotServed(
        f"a new certificate is installed, but {wanted.unit} does not serve with it yet: {seen}",
        hint=f"Check `journalctl -u {wanted.unit}`. The next run reloads it again; `systemctl restart {wanted.unit}` "
        "helps too, but ends all sessions.",
    )


def _has_started_since(root: paths.Root, state: systemd.State) -> bool:
    """Return whether Teleport was started after the certificate was written, for example by an operator."""
    written = needed_files.changed_at(root, paths.CERTIFICATE)
    return written is not None and state.started > written + STAMP_SECONDS


def _has_note(root: paths.Root) -> bool:
    try:
        return directory.read(root, paths.CERTIFICATE_NOTE) is not None
    except OSError:
        return True  # an unneeded reload does no harm


def _remove_note(root: paths.Root) -> None:
    with transaction.Transaction(root) as changes:
        changes.remove(paths.CERTIFICATE_NOTE)
        changes.commit()
