"""What one variable of the conf is: the declaration that parsing, planning and the manual all use."""

from __future__ import annotations

from collections.abc import Callable

from teleport_bootstrap.conf import resource
from teleport_bootstrap.conf.deployment import Deployment
from teleport_bootstrap.hints import Any, Generic, TypeVar, Union
from teleport_bootstrap.records import dataclass, field
from teleport_bootstrap.roles import Role

T = TypeVar("T")

EVERY_ROLE = tuple(Role)


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A type of value: how an operator's text becomes it, and what the manual calls it.

    `parse` takes text that is not empty (unless empty is a value) and returns the value, or raises `kinds.Unfit`.
    """

    name: str
    parse: Callable[[str], T]


@dataclass(frozen=True)
class Default(Generic[T]):
    """A default that follows from the rest of the conf; `words` describe `value` for the manual."""

    words: str
    value: Callable[[Deployment], T]


_METADATA = {
    "placement/region": "the instance's own region",
    "public-ipv4": "the public IPv4 address",
    "local-ipv4": "the private IPv4 address",
    "ipv6": "the IPv6 address",
    "local-hostname": "the private DNS name",
}


@dataclass(frozen=True)
class From:
    """A default that is the first of `names` with a value: variables of the conf, and items of instance metadata.

    `change` makes the default of that value, and `note` says so in the manual.
    """

    names: tuple[str, ...]
    note: str = ""
    change: Callable[[Any], Any] = lambda value: value

    @property
    def words(self) -> str:
        """What the manual says."""
        return ", else ".join(_METADATA.get(name, f"`{name}`") for name in self.names) + self.note


@dataclass(frozen=True)
class Elsewhere:
    """A default that Teleport or AWS chooses, in words for the manual."""

    words: str


@dataclass(frozen=True)
class Required:
    """When a variable must be set.

    `words` say it in the manual, `when` decides it. `why` completes the error "X is not set, but ..." and `remedy`
    says what to do, by default to add the variable; in both, {name}, {role} and {join_method} are filled in. The error
    names the line of the variable `asked_by`, if any.
    """

    words: str
    when: Callable[[Deployment], bool]
    why: str
    remedy: str = "add {name}=…"
    asked_by: str = ""

    @staticmethod
    def by_role(*roles: Role) -> tuple[Required, ...]:
        """Return the requirement of every instance with one of `roles`."""
        names = [role.value for role in roles]
        words = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
        return (Required(f"for {words}", lambda deployment: deployment.role in roles, "the role {role} needs it"),)

    @staticmethod
    def for_letsencrypt(is_needed: Callable[[Deployment], bool] = lambda _: True) -> tuple[Required, ...]:
        """Return the requirements of Let's Encrypt for the instances that `is_needed` holds for."""
        words, remedy = "with Let's Encrypt", "add {name}=…, or USE_LETSENCRYPT=false, or USE_ACM=true"

        def is_used(deployment: Deployment) -> bool:
            return deployment.letsencrypt and "USE_ACM" not in deployment.enabled and is_needed(deployment)

        def is_set(deployment: Deployment) -> bool:
            return is_used(deployment) and "USE_LETSENCRYPT" in deployment.enabled

        return (
            Required(words, is_set, "USE_LETSENCRYPT is true", remedy),
            Required(words, is_used, "the role {role} uses Let's Encrypt without USE_ACM", remedy),
        )

    @staticmethod
    def by_each(kind: resource.Kind) -> tuple[Required, ...]:
        """Return the requirement of each resource of an agent, if its kind is enabled."""

        def is_enabled(deployment: Deployment) -> bool:
            return deployment.role is Role.AGENT and kind.switch in deployment.enabled

        words = f"for each {kind.word} that is enabled"
        return (Required(words, is_enabled, f"{kind.switch} is true", asked_by=kind.switch),)


@dataclass(frozen=True)
class Unused:
    """When a variable has no effect although the role reads it; `why` completes "NAME has no effect here: "."""

    when: Callable[[Deployment], bool]
    why: str

    @staticmethod
    def without(switch: str) -> tuple[Unused, ...]:
        """Return the condition of a variable that has no effect unless the variable `switch` is true."""
        return (Unused(lambda deployment: switch not in deployment.enabled, f"{switch} is not true"),)


@dataclass(eq=False)
class Variable(Generic[T]):
    """One variable of the conf.

    `roles` are the roles that read it. The conf is invalid where one of `required` holds and the variable is not set;
    where one of `unused` holds, a note says that it has no effect.
    `since` is the release of this agent that introduced a variable, empty for those the images have always had.
    Values of a `secret` variable are never shown. An empty string counts as not set, unless `empty_is_value`.
    `of` is the kind of resource that the variable is a part of: it may then have a number in its name. `conf.variables`
    sets `name`.
    """

    kind: Kind[T]
    roles: tuple[Role, ...]
    help: str
    default: Union[T, Default[T], From, Elsewhere, None] = None
    required: tuple[Required, ...] = ()
    unused: tuple[Unused, ...] = ()
    of: Union[resource.Kind, None] = None
    since: str = ""
    secret: bool = False
    empty_is_value: bool = False
    name: str = field(default="", init=False)

    @property
    def parse(self) -> Callable[[str], T]:
        """Turn text into a value of this variable's type, or raise `kinds.Unfit`."""
        return self.kind.parse

    def default_for(self, deployment: Deployment) -> T:
        """Return the default, which must not depend on the instance."""
        if self.default is None or isinstance(self.default, (From, Elsewhere)):
            raise AssertionError(f"the conf alone gives {self.name} no default")
        return self.default.value(deployment) if isinstance(self.default, Default) else self.default

    @property
    def default_words(self) -> str:
        """What the manual says of the default; empty where there is none."""
        if self.default is None:
            return ""
        if isinstance(self.default, (Default, From, Elsewhere)):
            return self.default.words
        if isinstance(self.default, bool):
            return str(self.default).lower()
        return f"`{','.join(self.default) if isinstance(self.default, tuple) else self.default}`"

    @property
    def required_words(self) -> str:
        """What the manual says of when the variable must be set; empty where it never must."""
        return "; ".join(dict.fromkeys(each.words for each in self.required))


@dataclass(frozen=True)
class Group:
    """Variables that an operator looks for together, as the manual lists them; `conf.variables` fills it."""

    title: str
    introduction: str
    variables: list[Variable[Any]] = field(default_factory=list, init=False)
