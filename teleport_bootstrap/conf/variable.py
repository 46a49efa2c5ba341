"""What one variable of the conf is: the declaration that parsing, documentation and suggestions are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")

ALL_IN_ONE = "all-in-one"
AUTH = "auth"
PROXY = "proxy"
NODE = "node"
AGENT = "agent"
EVERY_ROLE = (ALL_IN_ONE, AUTH, PROXY, NODE, AGENT)


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A type of value: how an operator's text becomes it, and what the manual calls it.

    `parse` takes text that is not empty (unless the variable says that empty is a value) and returns the value, or
    raises `unfit.Unfit`.
    """

    name: str
    parse: Callable[[str], T]


@dataclass(frozen=True)
class Variable(Generic[T]):
    """One variable of the conf.

    `roles` are the roles that read it. `default` and `required` are sentences for the manual, the latter saying
    when the variable must be there; what they say is carried out by the plan. `since` is the release of this agent
    that introduced a variable, empty for those the images have always had. `secret` values never show themselves.
    An empty string counts as not set, unless `empty_is_value`.
    """

    name: str
    kind: Kind[T]
    roles: tuple[str, ...]
    help: str
    default: str = ""
    required: str = ""
    since: str = ""
    secret: bool = False
    empty_is_value: bool = False

    @property
    def parse(self) -> Callable[[str], T]:
        """Turn text into a value of this variable's type, or raise `unfit.Unfit`."""
        return self.kind.parse


@dataclass(frozen=True)
class Group:
    """Variables that an operator looks for together, as the manual lists them."""

    title: str
    introduction: str
    variables: tuple[Variable[Any], ...]
