"""The checks of `status`, each as a check of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from teleport_bootstrap import paths
from teleport_bootstrap.checks import (
    address,
    applied_generation,
    boot,
    first_user,
    host_facts,
    installation,
    managed_updates,
    manual_file,
    pending_restore,
    teleport_unit,
    teleport_version,
    timers,
    web_certificates,
)
from teleport_bootstrap.checks.host_facts import ABSENT, INVALID, HostFacts
from teleport_bootstrap.doctor.check import HOST, Check, Skipped
from teleport_bootstrap.doctor.local import disk, ports
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, WARNING, Finding
from teleport_bootstrap.host import directory, probe
from teleport_bootstrap.instance import own_address
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.records import replace
from teleport_bootstrap.state import users_seen


def _status_check(
    name: str,
    looks_at: str,
    of_status: Callable[[HostFacts], Iterator[Finding]],
    vacuous: Callable[[HostFacts], str],
    follows: Callable[[Subject], str] = lambda subject: "",  # noqa: ARG005
) -> Check:
    """Return the check of `of_status`.

    `vacuous` says why it finds nothing on a host where there is nothing to look at, "" where there is. `follows` says
    from which fault, that another check reports, an error follows.
    """

    def run(subject: Subject) -> Iterator[Finding]:
        host = subject.host
        # One of these has been reported already, by the check `conf`.
        found = [each for each in of_status(host) if each not in host.unreadable]
        if not found and vacuous(host):
            raise Skipped(vacuous(host))
        if any(each.severity == ERROR for each in found) and follows(subject):
            raise Skipped(f"{follows(subject)}, which another check reports, and this follows from it")
        return iter(found)

    return Check(name, HOST, looks_at, run, needs_network=False)


def _conf(subject: Subject) -> Iterator[Finding]:
    host = subject.host
    yield from host.unreadable
    yield from host.conf.problems
    if host.conf.state not in (ABSENT, INVALID):
        # What `validate` says besides errors.
        yield from subject.conf.warnings
    elif host.conf.state == ABSENT and not host.unreadable:
        raise Skipped(f"there is no {host.root.path(paths.CONF)}")


def _without_systemd(host: HostFacts) -> str:
    return "" if host.units else "systemd does not run here, or none of our units is installed"


def _without_teleport(host: HostFacts) -> str:
    return "" if host.binary is not None and host.build is not None else "no Teleport is installed here"


def _without_request(host: HostFacts) -> str:
    return "" if host.conf.pending_restore is not None else "the conf asks for no restore that is still to be made"


def _without_unit(host: HostFacts) -> str:
    return _without_systemd(host) or ("" if host.unit is not None else "this host has no role yet")


def _without_generation(host: HostFacts) -> str:
    return "" if host.generation is not None else "nothing was applied to this host yet"


def _without_manual_file(host: HostFacts) -> str:
    content = directory.content(host.root, paths.TELEPORT_YAML)
    if content is None or not isinstance(host.conf.wanted, plan_model.Activation):
        return f"there is no {paths.TELEPORT_YAML}, or no conf to compare it with"
    applied = None if host.generation is None else host.generation.teleport_yaml.content.encode()
    return f"{paths.TELEPORT_YAML} is the one that was generated" if applied == content else ""


def _with_name(host: HostFacts) -> str:
    wanted = host.conf.wanted
    if isinstance(wanted, plan_model.Activation) and own_address.is_nameless(wanted.deployment):
        return ""
    return "people do not reach this host by an address that EC2 has given to it"


def _without_role(host: HostFacts) -> str:
    return "" if host.markers else "without a role, Teleport's own updater may be in charge"


def _without_timers(host: HostFacts) -> str:
    return _without_systemd(host) or ("" if host.expected_timers else "the role of this host needs no timer")


def _without_certificates(host: HostFacts) -> str:
    is_there = host.certificates or host.blocking_pairs
    return "" if is_there else "no proxy of this host serves a certificate from a file"


def _first_admin(host: HostFacts) -> Iterator[Finding]:
    # A note in `status`, which is about this host; of a cluster, it is what is still to be done.
    return (replace(each, severity=WARNING) for each in first_user.check(host))


def _without_auth(host: HostFacts) -> str:
    if first_user.place(host) is None:
        return "no auth server runs here, which alone knows the users"
    if host.readiness != probe.READY:
        return "Teleport does not run here, or is not ready"
    is_noted = users_seen.is_noted(host.root, host_facts.applied_document(host))
    return "" if is_noted else "tctl could not be asked, or people sign in through a connector only"


def _other_faults(subject: Subject) -> str:
    taken = ports.conflicts(subject)
    if taken:
        return f"port {taken[0].listener.port} is held by {taken[0].others[0]}"
    return "a file system is full" if disk.is_full(subject) else ""


CHECKS = (
    Check("conf", HOST, "the conf, and the other files that this agent keeps: whether each can be read", _conf, False),
    _status_check(
        "installation",
        "Teleport's binary, and what has to be installed with it",
        installation.check,
        lambda host: "",  # noqa: ARG005
    ),
    _status_check("first-boot", "the unit that configures this host at its first boot", boot.check, _without_systemd),
    _status_check(
        "teleport-version",
        "the installed version of Teleport: known faults of it, and whether this agent was checked with it",
        teleport_version.check,
        _without_teleport,
    ),
    _status_check("pending-restore", "a restore that the conf asks for", pending_restore.check, _without_request),
    _status_check(
        "teleport-unit",
        "Teleport's unit, and the health that Teleport reports",
        teleport_unit.check,
        _without_unit,
        _other_faults,
    ),
    _status_check(
        "generation",
        "the files of the applied generation: whether they are as they were applied",
        applied_generation.check,
        _without_generation,
    ),
    _status_check(
        "manual-file", "a teleport.yaml that this agent does not manage", manual_file.check, _without_manual_file
    ),
    _status_check("own-address", "the address of this host, and the one in teleport.yaml", address.check, _with_name),
    _status_check(
        "managed-updates",
        "Teleport's own updater, and whether it goes together with this agent",
        managed_updates.check,
        _without_role,
    ),
    _status_check("timers", "the timers of the role, and what they run", timers.check, _without_timers),
    _status_check(
        "web-certificates",
        "the certificates that the proxy serves: whether they are there, and how long they hold",
        web_certificates.check,
        _without_certificates,
    ),
    _status_check("first-admin", "whether the cluster has a user who can sign in", _first_admin, _without_auth),
)
