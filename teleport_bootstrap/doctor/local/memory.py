"""Whether this host has memory left for Teleport."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import regex
from teleport_bootstrap.doctor.check import HOST, Check, Skipped
from teleport_bootstrap.doctor.local import kernel_files
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding

_LINE = regex.compile(r"(\w+):\s+([0-9]{1,18}) kB")
# A reload runs two Teleports at once, each of about 100 MiB without any load.
_LOW_MIB, _NONE_MIB = 200, 50
_SCALING = "https://goteleport.com/docs/reference/deployment/scaling/"


def _run(subject: Subject) -> Iterator[Finding]:
    lines = kernel_files.required(subject.root, "/proc/meminfo").splitlines()
    found = {match[1]: int(match[2]) // 1024 for match in map(_LINE.match, lines) if match}
    if "MemAvailable" not in found or "MemTotal" not in found:
        raise Skipped("the kernel does not say how much memory is available")
    available = found["MemAvailable"] + found.get("SwapFree", 0)
    severity = ERROR if available < _NONE_MIB else WARNING if available < _LOW_MIB else NOTE
    message = f"{available} MiB are available, swap included, of {found['MemTotal']} MiB"
    remedy = f"`ps -eo rss,comm --sort=-rss | head` shows what takes it; for the sizes of instances see {_SCALING}"
    yield Finding(severity, "memory", "", message, "" if severity == NOTE else remedy)


CHECK = Check("memory", HOST, "the memory that is left for Teleport", _run, needs_network=False)
