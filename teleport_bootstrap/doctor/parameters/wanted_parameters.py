"""The parameters that this host reads, and those that it publishes; each looked up once for all checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from teleport_bootstrap import errors, paths, records, unit_table
from teleport_bootstrap.aws.parameter_descriptions import ParameterDescription
from teleport_bootstrap.aws.ssm import Parameter
from teleport_bootstrap.change import needed_files
from teleport_bootstrap.cluster import join_tokens
from teleport_bootstrap.conf import variables
from teleport_bootstrap.doctor import commands
from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.hints import Any
from teleport_bootstrap.instance import gather, secret_values
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.records import dataclass

# SSM API reference, GetParameters.
_NAMES_IN_A_CALL = 10

LICENSE, TOKEN, PINS, REGISTRATION = "the license", "a join token", "the CA pins", "the registration secret"
_HOLDS = {paths.LICENSE: LICENSE, paths.TOKEN: TOKEN, paths.CA_PIN: PINS, paths.REGISTRATION_SECRET: REGISTRATION}


@dataclass(frozen=True)
class WantedParameter:
    """A parameter: `name` as the conf has it, which may be an ARN, its `region`, and what it `holds`.

    `secret` is the file that this host writes it to, None where it only publishes it.
    """

    name: str
    region: str
    holds: str
    secret: plan_model.SecretFile | None
    publishes: bool

    @property
    def short(self) -> str:
        """The name in its account."""
        return self.name.partition(":parameter")[2] or self.name

    @property
    def is_published(self) -> bool:
        """Whether an auth server publishes it, this host or another one."""
        return self.publishes or needed_files.is_published(self.name)


def every(subject: Subject) -> tuple[WantedParameter, ...]:
    """Return all parameters of this host. Raises Skipped where it has none."""
    activated = subject.activated
    found: dict[str, WantedParameter] = {}
    for each in activated.secrets:
        if each.parameter is not None:
            holds = _HOLDS.get(each.path, each.path)
            found[each.parameter] = WantedParameter(
                each.parameter, _region(subject, each.parameter), holds, each, False
            )
    for name in _published(subject):
        holds = PINS if name.endswith("/ca-pin-hash") else TOKEN
        made = found.get(name) or WantedParameter(name, subject.region, holds, None, True)
        found[name] = records.replace(made, publishes=True)
    if not found:
        raise Skipped("this host reads and publishes no parameters")
    return tuple(found.values())


def _published(subject: Subject) -> tuple[str, ...]:
    """Return the names of what the timer of this host publishes."""
    decided = subject.activated.deployment
    if unit_table.PUBLISH_TOKENS.timer not in subject.activated.units.enable or decided.cluster is None:
        return ()
    both = subject.conf.value(variables.TELEPORT_PROXY_NODE_TOKEN) is True
    return (*join_tokens.parameters(decided.cluster, both=both), join_tokens.pins_parameter(decided.cluster))


def _region(subject: Subject, name: str) -> str:
    return name.split(":")[3] if name.startswith("arn:") else subject.region


def stored(subject: Subject) -> Mapping[str, Parameter]:
    """Return those of the wanted parameters that exist, by name. Raises Skipped where this host may not read them."""
    try:
        return look_up(subject)
    except errors.AwsDenied:
        raise Skipped("this host may not read the parameters, and this follows from it") from None


def look_up(subject: Subject) -> Mapping[str, Parameter]:
    """Return the same; raises AwsDenied too. Nothing is decrypted."""

    def ask() -> dict[str, Parameter]:
        return _in_regions(subject, lambda region, names: subject.aws.in_region(region).ssm.look_up(names))

    return subject.once("parameters", ask)


def described(subject: Subject) -> Mapping[str, ParameterDescription]:
    """Return descriptions of those that exist, by name. Raises AwsDenied, since only these checks need that."""

    def ask() -> dict[str, ParameterDescription]:
        return _in_regions(
            subject, lambda region, names: subject.aws.in_region(region).parameter_descriptions.describe(names)
        )

    return subject.once("parameter descriptions", ask)


def fetched(subject: Subject) -> secret_values.Fetched:
    """Return what `fetch-secrets` would write here; raises what it raises. Skipped where this host reads nothing."""
    secrets = tuple(each.secret for each in every(subject) if each.secret is not None)
    if not secrets:
        raise Skipped("this host reads no parameters")
    # A connection to the metadata service of its own, since this runs in one of many threads.
    doors = records.replace(subject.doors, metadata=gather.Metadata())
    fips = subject.activated.deployment.fips
    return subject.once("fetched", lambda: secret_values.fetch(secrets, subject.region, fips, doors))


def _in_regions(subject: Subject, ask: Callable[[str, list[str]], Mapping[str, Any]]) -> dict[str, Any]:
    """Return what `ask` returns, by the names that are wanted."""
    found: dict[str, Any] = {}
    of_host = every(subject)
    for region in dict.fromkeys(each.region for each in of_host):
        here = [each for each in of_host if each.region == region]
        for start in range(0, len(here), _NAMES_IN_A_CALL):
            some = here[start : start + _NAMES_IN_A_CALL]
            answer = ask(region, [each.name for each in some])
            for each in some:
                value = answer.get(each.name, answer.get(each.short))
                if value is not None:
                    found[each.name] = value
    return found


def publishing(each: WantedParameter) -> str:
    """Return what publishes the parameter again, as a remedy."""
    where = "" if each.publishes else " on an auth server"
    return f"run `teleport-bootstrap publish-tokens --force`{where}"


def creation(each: WantedParameter, *, replaces: bool = False) -> str:
    """Return the command that stores a parameter that people write, from a file."""
    files = {LICENSE: "file://license.pem", TOKEN: "file://token", REGISTRATION: "file://registration-secret"}
    tier = ("--tier", "Advanced") if each.holds == LICENSE else ()
    value = ("--value", files.get(each.holds, "file://FILE"), *(("--overwrite",) if replaces else ()))
    return commands.aws(
        each.region, "ssm", "put-parameter", "--name", each.short, "--type", "SecureString", *tier, *value
    )


def names_text(some: Iterable[WantedParameter]) -> str:
    """Return their names for people."""
    return ", ".join(each.short for each in some)
