"""What the rules of a firewall do with a new TCP connection from elsewhere: only what is certain for each sender.

Rules of nftables and of iptables are brought into this one form. A rule whose match depends on the sender, on the
interface or on anything else that is not understood here may or may not match: what it accepts may be enough, and what
it drops is not dropped for everyone.
"""

from __future__ import annotations

from collections.abc import Mapping

from teleport_bootstrap.records import dataclass

ACCEPT, DROP, JUMP, GOTO, RETURN = "accept", "drop", "jump", "goto", "return"
# What `fate` returns where the rules do not decide for everyone.
UNKNOWN, NEITHER = "unknown", ""
# The place of the ports in `Entry.opening`.
PORTS = "PORTS"

_DEEPEST = 32
# What the words of a rule that ends mean.
VERDICTS = {"accept": ACCEPT, "drop": DROP, "reject": DROP, "return": RETURN}


@dataclass(frozen=True)
class Rule:
    """A rule: the ports that it certainly matches are in `ports`, None for all; `may_not` says that it depends.

    `verdict` is one of the words above, "" for none; `target` is the chain of a jump.
    """

    verdict: str
    target: str = ""
    ports: tuple[tuple[int, int], ...] | None = None
    may_not: bool = False

    def matches(self, port: int) -> bool:
        """Whether it is about this port."""
        return self.ports is None or any(first <= port <= last for first, last in self.ports)


@dataclass(frozen=True)
class Entry:
    """Where the kernel enters the rules for what arrives: a chain, what ends it, and all chains that it can reach.

    `opening` is the command that lets ports in before all other rules, with PORTS in their place.
    """

    chain: str
    policy: str
    chains: Mapping[str, tuple[Rule, ...]]
    opening: str

    def fate(self, port: int) -> str:
        """Return ACCEPT, DROP or UNKNOWN for a new connection to `port`."""
        return _fate(self.chains, self.chain, port, 0) or self.policy


def _fate(chains: Mapping[str, tuple[Rule, ...]], chain: str, port: int, depth: int) -> str:
    if depth > _DEEPEST:
        return UNKNOWN
    for rule in chains.get(chain, ()):
        if not rule.matches(port) or not rule.verdict:
            continue
        if rule.may_not:
            # A drop of some is not the fate of all; anything else could be what lets people in.
            if rule.verdict == DROP:
                continue
            return UNKNOWN
        if rule.verdict == RETURN:
            return NEITHER
        if rule.verdict in (JUMP, GOTO):
            found = _fate(chains, rule.target, port, depth + 1)
            if found or rule.verdict == GOTO:
                return found
            continue
        return rule.verdict
    return NEITHER
