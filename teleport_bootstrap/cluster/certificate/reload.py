"""Teleport made to serve with a certificate that was installed: started where it waited, reloaded where it runs.

Teleport reads its certificate when it starts and when it is reloaded. Which certificate it has read cannot be asked, so
a note is kept from the moment a new one is written until Teleport is seen to have taken it up: a run that is killed in
between, or a reload that fails, is made good by the next run, and without a note nothing is reloaded.
"""

from __future__ import annotations

import logging

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import changeset, health, pending_files, secret_files
from teleport_bootstrap.host import directory, probe, systemd
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.state import manual_edits

# For a Teleport that has just been started to be well, and for a successor to take over.
SECONDS = 90.0

# The kernel stamps files by a clock that ticks a hundred times a second.
STAMP_SECONDS = 0.1

logger = logging.getLogger(__name__)


def stage(changes: changeset.Changeset) -> None:
    """Make the note a part of `changes`."""
    if systemd.is_running(changes.root):
        changes.write(paths.CERTIFICATE_NOTE, b"not taken up yet\n", mode=0o600, owner="root", group="root")


def run(root: paths.Root, wanted: plan_model.Applicable) -> tuple[str, ...]:
    """Let Teleport take up what is installed, where it has not; return what was done, in words.

    Call it under `apply.session.begin`. Raises CertificateNotServed, after which the next run tries again, and
    UnitTrouble.
    """
    started = pending_files.start(root, wanted)
    if started:
        _forget(root)
        return tuple(f"asked to start {unit}" for unit in started)
    if not _is_noted(root) or not systemd.is_running(root) or not systemd.is_installed(root, wanted.unit):
        return ()
    state = systemd.states([wanted.unit])[wanted.unit]
    if state.active not in ("active", "reloading", "activating") or _has_started_since(root, state):
        # Whenever it starts, it reads what is there then.
        _forget(root)
        return ()
    done = _reload(root, wanted)
    _forget(root)
    return (done,)


def _reload(root: paths.Root, wanted: plan_model.Applicable) -> str:
    """Reload Teleport and see that its successor is in charge and well: while it fails, the old one answers as ever."""
    document = manual_edits.document(manual_edits.text(root, paths.TELEPORT_YAML)) or {}
    watched = health.Subject(wanted.unit, document, plain_http=False, wanted=wanted)
    process_id = probe.process_id(root)
    if process_id is None or wanted.unit not in systemd.units_around(process_id):
        # One that has just been started cannot be reloaded before it has written its pid file.
        verdict = health.wait(root, watched, seconds=SECONDS)
        process_id = verdict.process_id
        if process_id is None:
            raise _not_taken_up(wanted, verdict.seen)
    systemd.reload_unit(wanted.unit)
    successor = health.Subject(wanted.unit, document, plain_http=False, wanted=wanted, successor_of=process_id)
    verdict = health.wait(root, successor, seconds=SECONDS)
    if not verdict.well:
        raise _not_taken_up(wanted, verdict.seen)
    return f"reloaded {wanted.unit}"


def _not_taken_up(wanted: plan_model.Applicable, seen: str) -> errors.CertificateNotServed:
    return errors.CertificateNotServed(
        f"a new certificate is installed, and {wanted.unit} has not taken it up: {seen}",
        hint=f"Look at `journalctl -u {wanted.unit}`. The next run reloads it again; `systemctl restart {wanted.unit}` "
        "would too, and ends people's sessions.",
    )


def _has_started_since(root: paths.Root, state: systemd.State) -> bool:
    """Whether Teleport was started after the certificate was written, as when an operator was faster."""
    written = secret_files.changed_at(root, paths.CERTIFICATE)
    return written is not None and state.started > written + STAMP_SECONDS


def _is_noted(root: paths.Root) -> bool:
    try:
        return directory.read(root, paths.CERTIFICATE_NOTE) is not None
    except OSError:
        return True  # one reload too many does no harm


def _forget(root: paths.Root) -> None:
    with changeset.Changeset(root) as changes:
        changes.remove(paths.CERTIFICATE_NOTE)
        changes.commit()
