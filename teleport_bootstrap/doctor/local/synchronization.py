"""Whether the clock of this host is kept right: certificates, join tokens and signatures for AWS depend on it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from teleport_bootstrap.doctor.check import HOST, Check, Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import NOTE, WARNING, Finding
from teleport_bootstrap.host import process, systemd

_SECONDS = 5.0
_SERVICES = ("chronyd.service", "chrony.service", "systemd-timesyncd.service", "ntpd.service", "ntpsec.service")
# EC2 User Guide, "Set the time reference on your EC2 instance": the address of Amazon's service.
_INSTALL = (
    "`apt-get install chrony` or `dnf install chrony`, with `server 169.254.169.123 prefer iburst` in its configuration"
)


def _run(subject: Subject) -> Iterator[Finding]:
    if not systemd.is_running(subject.root):
        raise Skipped("systemd does not run here")
    if os.path.exists(subject.root.path("/run/systemd/container")):
        raise Skipped("this is a container, whose clock is that of its host")
    done = process.run(["timedatectl", "show"], most_bytes=process.SHORT, timeout_seconds=_SECONDS)
    if not done.ok:
        raise Skipped(f"`timedatectl show` does not answer: {done.ending}")
    yield from judge(done.output, [each for each in _SERVICES if systemd.is_installed(subject.root, each)])


def judge(shown: str, installed: list[str]) -> Iterator[Finding]:
    """Yield what `timedatectl show` says; `installed` are the services here that can set the clock."""
    fields = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    if fields.get("NTPSynchronized") == "yes":
        yield Finding(NOTE, "time-synchronized", "", "the clock is synchronized")
        return
    message = "the clock is not synchronized"
    if not installed:
        yield Finding(WARNING, "time-unsynchronized", "", f"{message}, and no service for that is installed", _INSTALL)
    elif fields.get("NTP") == "yes":
        remedy = f"see `journalctl -b -u {installed[0]}` and `chronyc sources`; UDP to 169.254.169.123 must be allowed"
        yield Finding(WARNING, "time-unsynchronized", installed[0], f"{message}, though a service for it runs", remedy)
    else:
        remedy = f"run `systemctl enable --now {installed[0]}`"
        yield Finding(WARNING, "time-unsynchronized", installed[0], f"{message}: no service for it runs", remedy)


CHECK = Check(
    "time-synchronization", HOST, "whether a service keeps the clock of this host right", _run, needs_network=False
)
