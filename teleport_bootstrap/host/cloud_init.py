"""The interface to cloud-init, which runs user-data: its units, how this boot's run ended, and what user-data printed.

The units of its stages have other names in each version, and with some versions the unit of the last stage is active
although a script of user-data failed. So systemd is asked for the names, and cloud-init for the result.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from teleport_bootstrap import errors, escaping, json_data, masking, paths, regex
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import process, regular_file, systemd
from teleport_bootstrap.records import dataclass

# All of its units are wanted by this one, in each version.
TARGET = "cloud-init.target"

DONE = "done"
FAILED = "failed"
RUNNING = "running"
DISABLED = "disabled"
NOT_STARTED = "not started"

_SECONDS = 15.0
_STATUS_BYTES = 1024 * 1024
_STATES = {
    "done": DONE,
    "degraded done": DONE,
    "error": FAILED,
    "running": RUNNING,
    "degraded running": RUNNING,
    "disabled": DISABLED,
}

_SERVICE = regex.compile(r"cloud-[\w@.-]+\.service", re.ASCII)
# As in ('scripts-user', RuntimeError('Runparts: 1 failures (part-001) in 1 attempted commands'))
_MODULE_FAILED = regex.compile(r"\('([\w-]+)', \w+\([\"'](.*)[\"']\)\)", re.DOTALL)

_TAIL_BYTES = 64 * 1024
_LONGEST = 200
_STAGE = regex.compile(r"Cloud-init v\. \S+ running 'modules:final' at ")
_ITS_OWN = regex.compile(r"Cloud-init v\. |ci-info: |\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - \S+\[[A-Z]+\]: ")


@dataclass(frozen=True)
class Outcome:
    """How cloud-init's run of this boot is or ended: one of the words above, and what failed in it, if anything."""

    state: str
    errors: tuple[str, ...] = ()


def services(root: paths.Root) -> tuple[str, ...]:
    """Return the services of the cloud-init that is installed, by name."""
    if systemd.is_running(root):
        try:
            return tuple(sorted(each for each in systemd.unit_files("cloud-*") if _SERVICE.fullmatch(each)))
        except errors.UnitTrouble:
            pass
    return tuple(sorted(set(_service_files(root))))


def _service_files(root: paths.Root) -> Iterator[str]:
    for folder in paths.UNIT_DIRECTORIES:
        try:
            names = os.listdir(root.path(folder))
        except OSError:
            continue
        yield from (name for name in names if _SERVICE.fullmatch(name))


def noted(root: paths.Root) -> Outcome:
    """Return how the run of this boot is or ended, as cloud-init has noted it in its file; this starts no process.

    It is running too where its last stage was never started.
    """
    return _from_stages(_stages(root))


def outcome(root: paths.Root) -> Outcome:
    """Return how the run of this boot is or ended, by cloud-init's own word where it runs here."""
    if root.is_live:
        # It ends with 1 for an error and with 2 for a warning; the version of Debian 11 knows no --format.
        done = process.run(
            ["cloud-init", "status", "--format", "json"], most_bytes=process.SHORT, timeout_seconds=_SECONDS
        )
        said = _json(done.output)
        if isinstance(said.get("status"), str):
            return Outcome(_STATES.get(said["status"], NOT_STARTED), _texts(said.get("errors")))
    return noted(root)


def _stages(root: paths.Root) -> dict[str, Any]:
    try:
        content = regular_file.read(root.path(paths.CLOUD_INIT_STATUS), follow_links=True, limit=_STATUS_BYTES)
    except OSError:
        return {}
    found = _json(content.decode("utf-8", "replace")).get("v1")
    return found if isinstance(found, dict) else {}


def _from_stages(found: dict[str, Any]) -> Outcome:
    stages = [each for each in found.values() if isinstance(each, dict)]
    failed = tuple(text for each in stages for text in _texts(each.get("errors")))
    last = found.get("modules-final")
    if failed:
        return Outcome(FAILED, failed)
    if not found:
        return Outcome(NOT_STARTED)
    has_ended = not found.get("stage") and isinstance(last, dict) and bool(last.get("finished"))
    return Outcome(DONE if has_ended else RUNNING)


def _json(text: str) -> dict[str, Any]:
    try:
        found = json_data.parsed(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _texts(errors_said: object) -> tuple[str, ...]:
    """Return errors of a list, each as `module: what it says` where it has that form."""
    if not isinstance(errors_said, list):
        return ()
    texts = [each for each in errors_said if isinstance(each, str)]
    return tuple(_MODULE_FAILED.sub(r"\1: \2", each) for each in texts)


def last_lines(root: paths.Root, *, most: int = 5) -> tuple[str, ...]:
    """Return the last lines that user-data printed in this boot, escaped and without secrets."""
    lines = _logged(root) or (_in_journal() if systemd.is_running(root) else [])
    kept = [line.rstrip() for line in lines if line.strip() and not _ITS_OWN.match(line)]
    # Masked before lines are left out: a private key has many.
    shown = masking.mask_foreign(escaping.without_sequences("\n".join(kept))).split("\n")
    return tuple(escaping.one_line(line, _LONGEST) for line in shown[-most:] if line.strip())


def _logged(root: paths.Root) -> list[str]:
    """Return the end of its log, from the beginning of the stage that runs user-data."""
    try:
        descriptor = regular_file.opened(root.path(paths.CLOUD_INIT_OUTPUT))
        try:
            size = os.fstat(descriptor).st_size
            tail = os.pread(descriptor, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
        finally:
            os.close(descriptor)
    except OSError:
        return []
    whole = tail if size <= _TAIL_BYTES else tail.partition(b"\n")[2]
    return _of_last_stage(whole.decode("utf-8", "replace").split("\n"))


def _in_journal() -> list[str]:
    """Return the same from the journal, for a cloud-init that is configured to write no log."""
    found = process.excerpt(
        ["journalctl", "--no-pager", "--quiet", "--boot", "--output=cat", "--lines=200", "--identifier=cloud-init"],
        most_bytes=process.SHORT,
        timeout_seconds=systemd.CALL_SECONDS,
    )
    return _of_last_stage(found.text.split("\n"))


def _of_last_stage(lines: list[str]) -> list[str]:
    begins = [index for index, line in enumerate(lines) if _STAGE.match(line)]
    return lines[begins[-1] + 1 :] if begins else lines
