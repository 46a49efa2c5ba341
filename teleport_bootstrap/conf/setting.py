"""The value of a variable in a conf."""

from __future__ import annotations

from teleport_bootstrap.conf.variable import Variable
from teleport_bootstrap.hints import Generic, TypeVar
from teleport_bootstrap.records import dataclass

T = TypeVar("T")


@dataclass(frozen=True)
class Setting(Generic[T]):
    """The value of a variable and where it was assigned; line and column count from 1."""

    variable: Variable[T]
    value: T
    line: int
    column: int
