"""What a Teleport that reports itself degraded or recovering cannot do, since when, and what works nevertheless.

A node whose auth server restarts for a second reports 503 for three minutes and 400 for six more, and serves SSH all
the time. /readyz is one word for the whole process; which component it is about is only in Teleport's log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from teleport_bootstrap import paths, port_table, regex
from teleport_bootstrap.finding import ERROR, WARNING, Finding
from teleport_bootstrap.hints import Any, ClassVar
from teleport_bootstrap.host import clock, probe, systemd, teleport_process
from teleport_bootstrap.plan import services
from teleport_bootstrap.records import dataclass

# Teleport 12 was seen to recover in nine minutes after the restart of an auth server, three of them degraded.
DEGRADED_SECONDS = 600.0

_SAID = regex.compile(
    r"Teleport component\b(.*?)\b(is running in|is recovering from|has recovered from) a degraded state(.*)"
)
_NAME = regex.compile(r'"([\w.:-]{1,40})"|component[:=]"?([\w.:-]{1,40})')
_OK = "has recovered from"
_STATES = {"is running in": probe.DEGRADED, "is recovering from": probe.RECOVERING}

_SSH_LISTENERS = (("ssh_service", "listen_addr"), ("proxy_service", "listen_addr"))


@dataclass(frozen=True)
class Component:
    """A part of Teleport that is degraded or recovering, since when, as ISO 8601, and for how long."""

    json_keys: ClassVar[dict[str, str]] = {"since": "unhealthy_since_at", "seconds": "unhealthy_seconds"}

    name: str
    state: str
    since: str
    seconds: float


@dataclass(frozen=True)
class Listener:
    """A port of this Teleport, the section of teleport.yaml that asks for it, and whether it answers, as SSH or not."""

    section: str
    port: int
    answers: bool
    is_ssh: bool

    def __str__(self) -> str:
        if self.is_ssh:
            return f"SSH answers on port {self.port}"
        verb = "accepts" if self.answers else "does not accept"
        return f"{self.section} {verb} connections on port {self.port}"


@dataclass(frozen=True)
class Recovery:
    """The components that are unhealthy, as far as the log tells, and the ports of this host's Teleport."""

    components: tuple[Component, ...] = ()
    listeners: tuple[Listener, ...] = ()

    @property
    def works(self) -> tuple[str, ...]:
        """What answers on this host, in words."""
        return tuple(str(each) for each in self.listeners if each.answers)

    @property
    def silent(self) -> tuple[str, ...]:
        """What does not answer, in words."""
        return tuple(str(each) for each in self.listeners if not each.answers)


def read(root: paths.Root, unit: str, document: Mapping[str, Any] | None, now: float) -> Recovery:
    """Return what is known of the recovery of the Teleport that `unit` runs. Raises UnitTrouble."""
    process_id = teleport_process.in_charge(root)
    began = now - teleport_process.age(process_id) - 1 if process_id is not None else 0.0
    lines = [(moment, line) for moment, line in systemd.journal_lines(unit) if moment >= began]
    return Recovery(components(lines, now), tuple(_listeners(dict(document or {}))))


def components(lines: Iterable[tuple[float, str]], now: float) -> tuple[Component, ...]:
    """Return the components that are unhealthy after these lines of Teleport's log, each with its time since 1970."""
    found: dict[str, tuple[str, float]] = {}
    for moment, line in lines:
        said = _SAID.search(line)
        if said is None:
            continue
        named = _NAME.search(said[1]) or _NAME.search(said[3])
        name = (named[1] or named[2]) if named else "unnamed"
        if said[2] == _OK:
            found.pop(name, None)
        else:
            found[name] = (_STATES[said[2]], found.get(name, ("", moment))[1])
    return tuple(
        Component(name, state, clock.iso(since), max(0.0, now - since)) for name, (state, since) in found.items()
    )


def _listeners(document: dict[str, Any]) -> Iterator[Listener]:
    """Yield each listener of `document`, which is asked. A node behind a proxy has none."""
    for each in services.listeners(document):
        if each.port == port_table.DIAGNOSTICS:
            continue
        host, port = each.reachable_host, each.port
        is_ssh = each.path in _SSH_LISTENERS and probe.speaks_ssh(host, port)
        yield Listener(each.path[0], port, is_ssh or probe.accepts(host, port), is_ssh)


def findings(unit: str, readiness: str, found: Recovery, remedy: str) -> Iterator[Finding]:
    """Report a Teleport that is recovering, or degraded for no longer than a restart elsewhere explains, as a warning.

    It is an error where something on this host does not answer, where nothing shows that it works, and where it is
    degraded for too long.
    """
    each = [f"{one.name} is {one.state}, unhealthy since {one.since}" for one in found.components]
    because = f": {'; '.join(each)}" if each else ", and its log does not say since when"
    answers = "".join(f"; {words}" for words in (*found.works, *found.silent))
    longest = max((one.seconds for one in found.components), default=0.0)
    is_short = longest <= DEGRADED_SECONDS and bool(found.works or found.components)
    passes = not found.silent and (readiness == probe.RECOVERING or is_short)
    if passes:
        remedy = f"wait: after a restart of the auth server this takes about ten minutes; if it lasts, {remedy}"
    yield Finding(
        WARNING if passes else ERROR,
        "teleport-recovering" if passes else "teleport-not-ready",
        unit,
        f"Teleport is {readiness}{because}{answers}",
        remedy,
    )
