"""The rules of iptables, as `iptables-save` prints them. (iptables-save(8), iptables-extensions(8).)"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from teleport_bootstrap.doctor.local.firewall_rules import ACCEPT, DROP, GOTO, JUMP, PORTS, VERDICTS, Entry, Rule

# Targets after which the next rule follows.
_GOES_ON = ("LOG", "NFLOG", "MARK", "CONNMARK", "TRACE")
# Options that say nothing of what matches.
_HARMLESS = ("-m", "--comment", "--log-prefix", "--log-level", "--reject-with")
_PORTS = ("--dport", "--dports", "--destination-port", "--destination-ports")


def entries(text: str) -> tuple[Entry, ...]:
    """Return the entry of what `iptables-save` printed, none where there are no rules for what arrives."""
    policy, table = ACCEPT, ""
    chains: dict[str, list[Rule]] = {}
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif table != "filter":
            continue
        elif line.startswith(":"):
            name, _, rest = line[1:].partition(" ")
            chains.setdefault(name, [])
            if name == "INPUT":
                policy = DROP if rest.startswith("DROP") else ACCEPT
        elif line.startswith("-A "):
            words = shlex.split(line)
            chains.setdefault(words[1], []).extend(_of_words(words[2:]))
    if "INPUT" not in chains:
        return ()
    frozen = {name: tuple(found) for name, found in chains.items()}
    return (Entry("INPUT", policy, frozen, f"iptables -I INPUT -p tcp -m multiport --dports {PORTS} -j ACCEPT"),)


def _of_words(words: list[str]) -> Iterator[Rule]:
    """Yield the rule of these words, none where it never matches a new TCP connection from elsewhere."""
    options, is_negated = _options(words)
    never = (
        options.get("-p", "tcp") not in ("tcp", "all", "6")
        or options.get("-i") == "lo"
        or ("NEW" not in (options.get("--ctstate") or options.get("--state") or "NEW").split(","))
    )
    target = options.get("-j") or options.get("-g") or ""
    if (never and not is_negated) or target in _GOES_ON:
        return
    ports = next((tuple(map(_port_range, options[each].split(","))) for each in _PORTS if each in options), None)
    known = {"-p", "-i", "--ctstate", "--state", "-j", "-g", *_PORTS, *_HARMLESS}
    may_not = is_negated or options.get("-i", "lo") != "lo" or not known.issuperset(options)
    verdict = VERDICTS.get(target.lower(), JUMP if "-j" in options else GOTO) if target else ""
    yield Rule(verdict, target, ports, may_not)


def _options(words: list[str]) -> tuple[dict[str, str], bool]:
    """Return the options with their values, and whether one of them is negated."""
    found: dict[str, str] = {}
    last = ""
    for word in words:
        if word.startswith("-") and word != "-":
            last = word
            found[last] = ""
        elif word != "!":
            found[last] = word
    return found, "!" in words


def _port_range(text: str) -> tuple[int, int]:
    first, separator, last = text.partition(":")
    return (int(first or 0), int(last or 65535) if separator else int(first))
