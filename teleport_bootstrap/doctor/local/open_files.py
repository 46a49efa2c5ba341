"""Whether Teleport may open as many files, which connections are, as it needs.

Teleport's page on scaling wants 65000 connections on auth servers and proxies; a connection that is passed on takes two
descriptors. The unit of Teleport's own packages allows 524288 (examples/systemd/teleport.service), and so do ours.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from teleport_bootstrap import regex, unit_table
from teleport_bootstrap.doctor.check import HOST, Check, Skipped
from teleport_bootstrap.doctor.local import kernel_files
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding
from teleport_bootstrap.host import systemd, teleport_process

_OF_UNIT = 524288
_RECOMMENDED = 65536
_LINE = regex.compile(r"^Max open files\s+([0-9]{1,20}|unlimited)\s+([0-9]{1,20}|unlimited)\s", re.MULTILINE)
_NEARLY = 0.8


def _run(subject: Subject) -> Iterator[Finding]:
    unit = subject.host.unit or unit_table.TELEPORT_SERVICES[0]
    process = teleport_process.in_charge(subject.root)
    if process is not None:
        limits = kernel_files.text(subject.root, f"/proc/{process}/limits") or ""
        found = _LINE.search(limits)
        if found is None:
            raise Skipped(f"the limits of process {process} are not to be seen")
        limit, used, whose = _number(found[1]), _used(subject, process), f"Teleport (process {process})"
    elif systemd.is_running(subject.root) and subject.host.units:
        limit = _number(systemd.properties("LimitNOFILE", [unit])[0].get("LimitNOFILE", ""))
        used, whose = None, unit
    else:
        raise Skipped("no Teleport runs here, and no systemd that would start one")
    message = f"{whose} may open {limit} files" + (f", and has opened {used}" if used is not None else "")
    raised = (
        f"remove what sets LimitNOFILE in a drop-in of {unit} (`systemctl cat {unit}`), whose own line allows "
        f"{_OF_UNIT}; then run `systemctl daemon-reload` and `systemctl restart {unit}`"
    )
    if limit < _RECOMMENDED and limit >= _ceiling(subject):
        yield Finding(NOTE, "open-files", unit, f"{message}; the host of this container allows no more")
    elif used is not None and used > limit * _NEARLY:
        yield Finding(ERROR, "open-files-used", unit, message, raised)
    elif limit < _RECOMMENDED:
        yield Finding(WARNING, "open-files-limit", unit, f"{message}; {_RECOMMENDED} are recommended", raised)
    else:
        yield Finding(NOTE, "open-files", unit, message)


def _ceiling(subject: Subject) -> int:
    """Return what systemd itself may open in a container, which it cannot exceed; no limit elsewhere."""
    if not os.path.exists(subject.root.path("/run/systemd/container")):
        return _number("unlimited")
    found = _LINE.search(kernel_files.text(subject.root, "/proc/1/limits") or "")
    return _number(found[2] if found else "unlimited")


def _number(text: str) -> int:
    # systemd writes infinity, the kernel unlimited.
    return int(text) if text.isdecimal() else 2**63 - 1


def _used(subject: Subject, process: int) -> int | None:
    try:
        return len(os.listdir(subject.root.path(f"/proc/{process}/fd")))
    except OSError:
        return None


CHECK = Check("open-files", HOST, "how many files and connections Teleport may open", _run, needs_network=False)
