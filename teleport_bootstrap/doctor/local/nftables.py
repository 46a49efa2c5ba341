"""The rules of nftables, as `nft --json list ruleset` prints them. (libnftables-json(5).)"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from teleport_bootstrap import json_data
from teleport_bootstrap.doctor.local.firewall_rules import ACCEPT, DROP, GOTO, JUMP, PORTS, VERDICTS, Entry, Rule
from teleport_bootstrap.hints import Any

# Those that only note or count something.
_HARMLESS = ("counter", "log", "comment", "ct helper", "notrack")


def entries(text: str) -> tuple[Entry, ...]:
    """Return the entries of what `nft --json list ruleset` printed; ValueError where it is something else."""
    listed = json_data.parsed(text).get("nftables", [])
    rules: dict[tuple[str, str], dict[str, list[Rule]]] = {}
    found_entries: list[tuple[tuple[str, str], str, str]] = []
    sets = {
        (each["family"], each["table"], each["name"]): each.get("elem", [])
        for each in _of_kind(listed, "set")
        if not each.get("flags") or "interval" in each["flags"]
    }
    for each in _of_kind(listed, "chain"):
        table = (each["family"], each["table"])
        rules.setdefault(table, {})[each["name"]] = []
        if each.get("hook") == "input" and each.get("type") == "filter" and each["family"] in ("ip", "inet"):
            found_entries.append((table, each["name"], DROP if each.get("policy") == "drop" else ACCEPT))
    for each in _of_kind(listed, "rule"):
        table = (each["family"], each["table"])
        named = {name: found for (family, of, name), found in sets.items() if (family, of) == table}
        rules[table][each["chain"]].extend(_of_expressions(each.get("expr", []), named))
    return tuple(
        Entry(
            chain,
            policy,
            {name: tuple(found) for name, found in rules[table].items()},
            f"nft insert rule {' '.join(table)} {chain} tcp dport '{{ {PORTS} }}' accept",
        )
        for table, chain, policy in found_entries
    )


def _of_kind(listed: Iterable[Mapping[str, Any]], kind: str) -> Iterator[Any]:
    return (each[kind] for each in listed if kind in each)


def _of_expressions(expressions: Iterable[Mapping[str, Any]], sets: Mapping[str, Any]) -> Iterator[Rule]:
    ports: tuple[tuple[int, int], ...] | None = None
    may_not = False
    for expression in expressions:
        ((kind, value),) = expression.items()
        if kind == "match":
            about = _of_match(value, sets)
            if about is False:
                return  # such a rule never matches
            if about is None:
                may_not = True
            elif about is not True:
                ports = about
        elif kind in VERDICTS:
            yield Rule(VERDICTS[kind], ports=ports, may_not=may_not)
        elif kind in (JUMP, GOTO):
            yield Rule(kind, value["target"], ports, may_not)
        elif kind == "vmap":
            yield Rule(ACCEPT, ports=ports, may_not=True)
        elif kind not in _HARMLESS:
            may_not = True


def _of_match(match: Mapping[str, Any], sets: Mapping[str, Any]) -> bool | tuple[tuple[int, int], ...] | None:
    """Return which new TCP connections from elsewhere match: all, none, those to some ports, or None: it depends."""
    left, is_equal = match.get("left"), match.get("op") in ("==", "in")
    if not isinstance(left, dict):
        return None
    ((kind, about),) = left.items()
    read = _ABOUT.get((kind, str(about.get("field", about.get("key"))) if isinstance(about, dict) else ""))
    if kind == "payload" and about.get("protocol") in ("udp", "icmp", "icmpv6"):
        return False
    if kind == "payload" and about.get("field") == "dport":
        right = match.get("right")
        found = _ranges(sets.get(right[1:]) if isinstance(right, str) and right.startswith("@") else right)
        return found if found is None or is_equal else _others(found)
    return None if read is None else read(_words(match.get("right")), is_equal)


def _of_protocol(words: set[str], is_equal: bool) -> bool | None:
    return _is_among(words, ("tcp", "ip", "6"), is_equal)


def _of_family(words: set[str], is_equal: bool) -> bool | None:
    return True if words == {"ipv4"} and is_equal else None


def _of_interface(words: set[str], is_equal: bool) -> bool | None:
    return not is_equal if words == {"lo"} else None


def _of_state(words: set[str], is_equal: bool) -> bool | None:
    return _is_among(words, ("new",), is_equal)


_ABOUT: Mapping[tuple[str, str], Callable[[set[str], bool], bool | None]] = {
    ("meta", "l4proto"): _of_protocol,
    ("meta", "protocol"): _of_protocol,
    ("payload", "protocol"): _of_protocol,
    ("payload", "nexthdr"): _of_protocol,
    ("meta", "nfproto"): _of_family,
    ("meta", "iif"): _of_interface,
    ("meta", "iifname"): _of_interface,
    ("ct", "state"): _of_state,
}


def _is_among(words: set[str], expected: tuple[str, ...], is_equal: bool) -> bool | None:
    return None if not words else (not words.isdisjoint(expected)) == is_equal


def _words(value: Any) -> set[str]:
    values = value.get("set", []) if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return {str(each) for each in values if isinstance(each, (str, int))}


def _ranges(value: Any) -> tuple[tuple[int, int], ...] | None:
    values = value.get("set", value) if isinstance(value, dict) else value
    found = []
    for each in values if isinstance(values, list) else [values]:
        number = each.get("elem", {}).get("val") if isinstance(each, dict) and "elem" in each else each
        ends = number.get("range") if isinstance(number, dict) else [number, number]
        if not (isinstance(ends, list) and len(ends) == 2 and all(isinstance(end, int) for end in ends)):
            return None  # a name of a service, or a prefix
        found.append((ends[0], ends[1]))
    return tuple(found)


def _others(ranges: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    found, start = [], 0
    for first, last in sorted(ranges):
        found.append((start, first - 1))
        start = last + 1
    return (*found, (start, 65535))
