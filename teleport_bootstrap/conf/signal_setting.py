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


@dataclass(frozen=True)
class SignalSetting:
    """Who is to be signaled, and how long Teleport may take to become healthy; `where` is the line that says so."""

    target: SignalTarget
    seconds: float
    where: str


def find(data: bytes, path: str) -> SignalSetting | None:
    """Return what `data`, the content of the conf at `path`, says about signals; None where it says nothing.

    Raises ConfInvalid where just that is invalid.
    """
    last = {each.name: each for each in grammar.parse(data, path).assignments}

    def value(variable: Variable[T]) -> T | None:
        assignment = last.get(variable.name)
        with contextlib.suppress(kinds.Unfit):
            return None if assignment is None or not assignment.value else variable.parse(assignment.value)
        problems = [each for each in conf_file.inspect(data, path).errors if each.subject == variable.name]
        raise errors.ConfInvalid(path, tuple(problems))

    target, seconds = value(variables.TELEPORT_SIGNAL), value(variables.TELEPORT_SIGNAL_SECONDS)
    if target is None:
        return None
    line = last[variables.TELEPORT_SIGNAL.name].line
    return SignalSetting(target, SECONDS if seconds is None else seconds, f"{path}:{line}")
