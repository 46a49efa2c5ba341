"""The checks of `status`, each as a check of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from teleport_bootstrap.checks import (
    address,
    applied_generation,
    boot,
    installation,
    managed_updates,
    manual_file,
    pending_restore,
    teleport_unit,
    teleport_version,
    timers,
    web_certificates,
)
from teleport_bootstrap.checks.host_facts import HostFacts
from teleport_bootstrap.doctor.check import HOST, Check
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import Finding


def _status_check(name: str, looks_at: str, of_status: Callable[[HostFacts], Iterator[Finding]]) -> Check:
    def run(subject: Subject) -> Iterator[Finding]:
        host = subject.host
        # One of these has been reported already, by the check `conf`.
        return (each for each in of_status(host) if each not in host.unreadable)

    return Check(name, HOST, looks_at, run, needs_network=False)


def _conf(subject: Subject) -> Iterator[Finding]:
    yield from subject.host.unreadable
    yield from subject.host.conf.problems


CHECKS = (
    Check("conf", HOST, "the conf, and the other files that this agent keeps: whether each can be read", _conf, False),
    _status_check("installation", "Teleport's binary, and what has to be installed with it", installation.check),
    _status_check("first-boot", "the unit that configures this host at its first boot", boot.check),
    _status_check(
        "teleport-version", "the installed version of Teleport, and what the conf needs of it", teleport_version.check
    ),
    _status_check("pending-restore", "a restore that the conf asks for", pending_restore.check),
    _status_check("teleport-unit", "Teleport's unit, and the health that Teleport reports", teleport_unit.check),
    _status_check(
        "generation",
        "the files of the applied generation: whether they are as they were applied",
        applied_generation.check,
    ),
    _status_check("manual-file", "a teleport.yaml that this agent does not manage", manual_file.check),
    _status_check("own-address", "the address of this host, and the one in teleport.yaml", address.check),
    _status_check(
        "managed-updates", "Teleport's own updater, and whether it goes together with this agent", managed_updates.check
    ),
    _status_check("timers", "the timers of the role, and what they run", timers.check),
    _status_check(
        "web-certificates",
        "the certificates that the proxy serves: whether they are there, and how long they hold",
        web_certificates.check,
    ),
)
