"""A case: one fault at one call of one command, with a name that can be written down and typed again."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from tests.simulated.faults import files, network, programs
from tests.simulated.faults.network import ALWAYS, ONCE, Place

NETWORK, PROGRAMS, FILES = "network", "programs", "files"

# Faults after which one more attempt succeeds, within a short deadline too.
_PASSING = frozenset(
    {"closes", "resets", "resets in the middle", "cut short", "429", "500", "503", "throttled", "throttled by S3"}
)


@dataclass(frozen=True)
class Case:
    """`kind` is that of the call; `number` is strace's, which is not a part of the name."""

    command: str
    kind: str
    place: Place
    fault: str
    mode: str = ONCE
    call: str = ""
    number: int = 0
    is_first: bool = False

    @property
    def name(self) -> str:
        mode = f", {self.mode}" if self.kind == NETWORK else ""
        return f"{self.command} | {self.kind} | {self.place} | {self.fault}{mode}"

    @property
    def must_succeed(self) -> bool:
        """Whether the command has to do all that it does without the fault."""
        return self.fault == "EINTR" or (self.kind == NETWORK and self.mode == ONCE and self.fault in _PASSING)

    @property
    def is_plausible(self) -> bool:
        """Whether the command cannot know that there is a fault."""
        return self.kind == NETWORK and network.FAULTS[self.fault].is_plausible

    def data(self) -> dict[str, Any]:
        return {**asdict(self), "place": [self.place.what, self.place.number]}

    @staticmethod
    def of(data: dict[str, Any]) -> Case:
        return Case(**{**data, "place": Place(*data["place"])})


def of_exchanges(command: str, exchanges: Iterable[Place], *, every: bool) -> Iterator[Case]:
    """Yield each fault of each exchange: once where the next attempt can succeed, and always from there on."""
    seen: set[str] = set()
    firsts: set[bool] = set()
    for place in exchanges:
        is_first = (place.service == "IMDS") not in firsts
        firsts.add(place.service == "IMDS")
        if place.what in seen and not every:
            continue
        seen.add(place.what)
        for fault in network.faults_of(place):
            for mode in (ONCE, ALWAYS):
                if mode == ALWAYS or fault in _PASSING or every:
                    yield Case(command, NETWORK, place, fault, mode, is_first=is_first)


def of_programs(command: str, runs: list[Place], true: dict[str, str], *, every: bool) -> Iterator[Case]:
    seen: set[str] = set()
    for plan in programs.cases(runs, true):
        key = f"{plan.place.what}|{plan.fault}"
        if key not in seen or every:
            yield Case(command, PROGRAMS, plan.place, plan.fault, plan.mode)
        seen.add(key)


def of_calls(command: str, found: Iterable[files.Call], *, every: bool) -> Iterator[Case]:
    seen: set[str] = set()
    for call in found:
        if call.place.what in seen and not every:
            continue
        seen.add(call.place.what)
        for fault in files.faults_of(call):
            yield Case(command, FILES, call.place, fault, call=call.name, number=call.number)


def spread(found: Iterable[Case]) -> list[Case]:
    """Return the cases in an order that is the same each time, in turns of each kind of each command.

    Otherwise it has nothing to do with what they are, so that the first of them are a sample.
    """
    ranks: Counter[tuple[str, str]] = Counter()
    ordered = []
    for digest, case in sorted(((_digest(case), case) for case in found), key=lambda each: each[0]):
        kind = (case.command, case.kind)
        ranks[kind] += 1
        ordered.append((ranks[kind], digest, case))
    return [case for _, _, case in sorted(ordered, key=lambda each: each[:2])]


def _digest(case: Case) -> bytes:
    return hashlib.sha256(case.name.encode()).digest()
