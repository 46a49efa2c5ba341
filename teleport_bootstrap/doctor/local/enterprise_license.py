"""Whether an auth server of Teleport Enterprise has a license that can be read and still holds.

Teleport warns 90 days before a license ends, and of one that has ended in each command and in the web pages
(rfd/0083-license-expiration-warnings.md of Teleport).
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import paths
from teleport_bootstrap.doctor.check import HOST, Check, Skipped
from teleport_bootstrap.doctor.local import license_file
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding
from teleport_bootstrap.host import clock, regular_file
from teleport_bootstrap.plan import named_files, provenance, services

_DAY_SECONDS = 24 * 3600
_WARNED_DAYS = 90


def _run(subject: Subject) -> Iterator[Finding]:
    document, host = subject.document, subject.host
    if not services.runs(document, "auth_service"):
        raise Skipped("no auth server runs here, which alone reads a license")
    if not subject.build.takes_license:
        raise Skipped(f"Teleport {subject.build.version} is the community edition, which takes no license")
    named = provenance.value_at(document, named_files.LICENSE)
    path = named if isinstance(named, str) and named.startswith("/") else paths.LICENSE
    if path in host.pending:
        raise Skipped(f"{path} has not arrived yet, which another check reports")
    shown = subject.root.path(path)
    try:
        found = license_file.parse(regular_file.read(shown, follow_links=True))
    except FileNotFoundError:
        yield Finding(
            ERROR, "license-missing", shown, f"{shown} is missing, without which Teleport does not start", _GET
        )
        return
    except OSError as error:
        yield Finding(ERROR, "license-unreadable", shown, f"{shown} cannot be read: {error.strerror}", _GET)
        return
    except license_file.NotALicense as error:
        yield Finding(ERROR, "license-invalid", shown, f"the license in {shown} {error}", _GET)
        return
    days = (found.ends - host.now) / _DAY_SECONDS
    for_what = f", for {', '.join(found.features)}" if found.features else ""
    if found.begins > host.now:
        message = f"the license in {shown} holds from {clock.iso(found.begins)} on: is the clock of this host right?"
        yield Finding(
            ERROR, "license-early", shown, message, "compare `date -u` with another clock; otherwise: " + _GET
        )
    elif days <= 0:
        yield Finding(ERROR, "license-expired", shown, f"the license in {shown} ended at {clock.iso(found.ends)}", _GET)
    elif days < _WARNED_DAYS:
        message = f"the license in {shown} ends at {clock.iso(found.ends)}, in {days:.0f} days"
        yield Finding(WARNING, "license-ends", shown, message, _GET)
    else:
        yield Finding(NOTE, "license", shown, f"it holds until {clock.iso(found.ends)}{for_what}")


_GET = (
    "download license.pem from your Teleport account (https://goteleport.com/docs/installation/self-hosted/license/), "
    "put it into its parameter in SSM, then run `teleport-bootstrap fetch-secrets`; without a parameter, replace the "
    "file and restart Teleport"
)

CHECK = Check(
    "license",
    HOST,
    "the license of Teleport Enterprise: whether it can be read, and how long it holds",
    _run,
    needs_network=False,
)
