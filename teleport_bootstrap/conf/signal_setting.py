"""What a conf says about signals, also where the rest of it is invalid: that is a reason for a signal of failure."""

from __future__ import annotations

import contextlib

from teleport_bootstrap import errors
from teleport_bootstrap.conf import conf_file, grammar, kinds, variables
from teleport_bootstrap.conf.signal_target import SignalTarget
from teleport_bootstrap.conf.variable import Variable
from teleport_bootstrap.hints import TypeVar
from teleport_bootstrap.records import dataclass

T = TypeVar("T")

# As long as the examples of AWS let a stack wait for a signal: time for an auth server to obtain a certificate and to
# publish tokens, and for proxies and nodes to find them.
SECONDS = 900.0


# Twice as long as ELB by default lets connections go on to a target that leaves its group. Longer sessions are for an
# operator to decide about, who pays for the instance meanwhile.
DRAIN_SECONDS = 600.0


@dataclass(frozen=True)
class SignalSetting:
    """Who is to be signaled, and how long Teleport may take to become healthy; `where` is the line that says so."""

    target: SignalTarget
    seconds: float
    where: str


@dataclass(frozen=True)
class DrainSetting:
    """The hook that holds an instance before its termination, and how long sessions may go on."""

    hook: str
    seconds: float


class Reader:
    """What `data`, the content of the conf at `path`, says; methods raise ConfInvalid where just that is invalid."""

    def __init__(self, data: bytes, path: str) -> None:
        self._data, self._path = data, path
        self._last = {each.name: each for each in grammar.parse(data, path).assignments}

    def signal(self) -> SignalSetting | None:
        """Return what it says about launches; None where it says nothing."""
        target, seconds = self._value(variables.TELEPORT_SIGNAL), self._value(variables.TELEPORT_SIGNAL_SECONDS)
        if target is None:
            return None
        line = self._last[variables.TELEPORT_SIGNAL.name].line
        return SignalSetting(target, SECONDS if seconds is None else seconds, f"{self._path}:{line}")

    def drain(self) -> DrainSetting | None:
        """Return what it says about terminations; None where it says nothing."""
        hook, seconds = self._value(variables.TELEPORT_DRAIN_HOOK), self._value(variables.TELEPORT_DRAIN_SECONDS)
        return None if hook is None else DrainSetting(hook, DRAIN_SECONDS if seconds is None else seconds)

    def _value(self, variable: Variable[T]) -> T | None:
        assignment = self._last.get(variable.name)
        with contextlib.suppress(kinds.Unfit):
            return None if assignment is None or not assignment.value else variable.parse(assignment.value)
        found = conf_file.inspect(self._data, self._path).errors
        raise errors.ConfInvalid(self._path, tuple(each for each in found if each.subject == variable.name))
