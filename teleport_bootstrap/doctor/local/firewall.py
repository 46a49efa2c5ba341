"""Whether rules of nftables or iptables on this host drop what arrives at Teleport's ports."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from teleport_bootstrap.doctor.check import HOST, Check, Skipped
from teleport_bootstrap.doctor.local import firewall_rules, iptables, nftables
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, Finding
from teleport_bootstrap.host import process
from teleport_bootstrap.plan import services

_SECONDS = 5.0
_PROGRAMS: tuple[tuple[tuple[str, ...], Callable[[str], tuple[firewall_rules.Entry, ...]], str], ...] = (
    (("nft", "--json", "list", "ruleset"), nftables.entries, "/etc/nftables.conf"),
    (("iptables-save",), iptables.entries, "the rules that are loaded at boot"),
)


def _run(subject: Subject) -> Iterator[Finding]:
    wanted = [each.port for each in services.listeners(subject.document) if not _is_local(each.host)]
    if not wanted:
        raise Skipped("Teleport listens on no port of this host that others use")
    if not subject.root.is_live:
        raise Skipped("this root directory is not a running system")
    asked = []
    for command, read, kept_in in _PROGRAMS:
        done = process.run(command, most_bytes=process.LONG, timeout_seconds=_SECONDS)
        if not done.ok:
            continue
        try:
            entries = read(done.output)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        asked.append(command[0])
        found = list(_dropped(entries, wanted, command[0], kept_in))
        yield from found
        if found:
            return  # iptables shows the same rules again, where both use one engine
    if not asked:
        raise Skipped("neither `nft` nor `iptables-save` is installed and prints the rules of this host")
    yield Finding(NOTE, "firewall", "", f"no rule drops {_listed(wanted)} for everyone, says {' and '.join(asked)}")


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _dropped(
    entries: tuple[firewall_rules.Entry, ...], wanted: list[int], program: str, kept_in: str
) -> Iterator[Finding]:
    for entry in entries:
        ports = [port for port in wanted if entry.fate(port) == firewall_rules.DROP]
        if ports:
            message = f"rules that `{program}` shows, entered by the chain {entry.chain}, drop all new connections to "
            joined = (", " if program == "nft" else ",").join(map(str, dict.fromkeys(ports)))
            remedy = (
                f"run `{entry.opening.replace(firewall_rules.PORTS, joined)}`, and write the rule into {kept_in} too"
            )
            yield Finding(ERROR, "ports-dropped", entry.chain, message + _listed(ports), remedy)


def _listed(ports: list[int]) -> str:
    numbers = sorted(set(ports))
    return f"port{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


CHECK = Check(
    "firewall", HOST, "rules of nftables and iptables that drop what arrives at Teleport's ports", _run, False
)
