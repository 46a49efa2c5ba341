"""A conf as typed values, each with the line that sets it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from teleport_bootstrap import errors, masking, paths, roles
from teleport_bootstrap.conf import deployment, grammar, kinds, resource, variables
from teleport_bootstrap.conf.deployment import Deployment
from teleport_bootstrap.conf.grammar import Assignment
from teleport_bootstrap.conf.kinds import Unfit
from teleport_bootstrap.conf.variable import Variable
from teleport_bootstrap.finding import ERROR, WARNING, Finding, Place, in_order_of_place
from teleport_bootstrap.records import dataclass, field, fields, is_record, replace
from teleport_bootstrap.secret import MASK, Secret, passwords, remember

T = TypeVar("T")


@dataclass(frozen=True)
class Setting(Generic[T]):
    """The value of a variable and where it was assigned; line and column count from 1."""

    variable: Variable[T]
    value: T
    line: int
    column: int


@dataclass(frozen=True)
class Conf:
    """All that a conf sets. A variable assigned an empty string counts as not set, where the table says nothing else.

    `warnings` are what an operator should know although the conf is valid. `faults` are errors in values that leave out
    a resource of an agent and nothing else. `holds_secret` says whether the file
    contains a secret anywhere, also in an assignment that a later one overrides; `assigns_known` whether it assigns
    any variable of the table, be it an empty value. `sha256` is the digest of the file.
    """

    path: str = paths.CONF
    warnings: tuple[Finding, ...] = ()
    faults: tuple[Finding, ...] = ()
    holds_secret: bool = False
    assigns_known: bool = True
    settings: Mapping[str, Setting[Any]] = field(default_factory=dict)
    sha256: str = ""

    def setting(self, variable: Variable[T]) -> Setting[T] | None:
        """Return the value of `variable` with its place, or None when it is not set."""
        return self.settings.get(variable.name)

    def value(self, variable: Variable[T]) -> T | None:
        """Return the value of `variable`, or None when it is not set."""
        setting = self.setting(variable)
        return None if setting is None else setting.value

    def line(self, variable: Variable[T]) -> int | None:
        """Return the line that sets `variable`, or None when it is not set."""
        setting = self.setting(variable)
        return None if setting is None else setting.line

    @property
    def meaning_sha256(self) -> str:
        """A digest of the values alone: the same for two files that differ in comments, quotes, blanks or order.

        A variable that this agent does not know has no effect, and is left out.
        """
        values = {name: _plain(setting.value) for name, setting in self.settings.items()}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


class MaskedAssignment(NamedTuple):
    """An assignment as it may be shown to anyone: the value of a secret is a mask."""

    name: str
    value: str
    line: int


@dataclass(frozen=True)
class Inspection:
    """Everything found in a conf; `variables` is empty after an error of grammar, `conf` is None after any error.

    `valid_part` is the conf without the values that are not valid, to find out what else is wrong with it; None after
    an error of grammar.
    """

    variables: tuple[MaskedAssignment, ...]
    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    conf: Conf | None
    valid_part: Conf | None = None


def load(data: bytes, path: str = paths.CONF) -> Conf:
    """Return the conf that `data`, the content of the file `path`, says.

    Raises `errors.ConfInvalid` with every problem of grammar and value, in the order of their lines.
    """
    inspection = inspect(data, path)
    if inspection.conf is None:
        raise errors.ConfInvalid(path, inspection.errors)
    return inspection.conf


def inspect(data: bytes, path: str = paths.CONF) -> Inspection:
    """Return every value, error and warning of `data`, the content of the file `path`; raises nothing."""
    parsed = grammar.parse(data, path)
    secret = secret_assignments(parsed.assignments)
    for index, assignment in enumerate(parsed.assignments):
        for each in (assignment.value,) if index in secret else passwords(assignment.value):
            remember(each)
    last = {assignment.name: index for index, assignment in enumerate(parsed.assignments)}
    settings: dict[str, Setting[Any]] = {}
    problems = list(parsed.problems)
    faulty_lines = {each.place.line for each in parsed.problems if each.place is not None}
    for name, index in last.items():
        variable = variables.find(name)
        assignment = parsed.assignments[index]
        if variable is None or (assignment.value == "" and not variable.empty_is_value):
            continue
        try:
            value = variable.parse(assignment.value)
        except Unfit as unfit:
            if "\n" in assignment.value and assignment.line in faulty_lines:
                continue  # because of a quote there, which is reported
            problems.append(_unfit(variable, assignment, unfit, path, secret=index in secret))
        else:
            settings[name] = Setting(variable, value, assignment.line, assignment.column)
    misnamed = (*_misnamed_roles(parsed.assignments, last, path), *_mistyped(parsed.assignments, last, path))
    found = in_order_of_place([*problems, *misnamed])
    damaged = {name for name, index in last.items() if not kinds.is_text(parsed.assignments[index].value)}
    faults = _faults((each for each in found if each.subject not in damaged), settings)
    found = tuple(each for each in found if each not in faults)
    subjects = {each.subject for each in misnamed}
    meant = {variables.mistyped(name) for name in subjects}
    warnings = in_order_of_place(
        (
            *_unnamed(settings, path, meant, is_ours=any(map(variables.find, last))),
            *(each for each in _warnings(parsed.assignments, last, path) if each.subject not in subjects),
        )
    )
    secret_names = {variable.name for variable in variables.TABLE if variable.secret}
    holds_secret = any(
        each.value and (each.name in secret_names or masking.mask(each.value) != each.value)
        for each in parsed.assignments
    )
    masked = tuple(
        MaskedAssignment(each.name, MASK if index in secret and each.value else masking.mask(each.value), each.line)
        for index, each in enumerate(parsed.assignments)
    )
    assigns_known = any(map(variables.find, last))
    digest = hashlib.sha256(data).hexdigest()
    whole = Conf(path, warnings, faults, holds_secret, assigns_known, settings, digest)
    valid_part = None if parsed.problems else whole
    return Inspection(() if parsed.problems else masked, found, warnings, None if found else whole, valid_part)


def secret_assignments(assignments: Sequence[Assignment]) -> frozenset[int]:
    """Return the positions in `assignments` whose value is a secret, contains one, or is a part of one.

    A value that refers to a secret contains it. A variable outside the table that goes into the value of a secret
    is a part of it (`T=abc`, `TELEPORT_JOIN_TOKEN=$T`).
    """
    latest: dict[str, int] = {}
    referred: list[list[int]] = []  # to which earlier positions the value at each position refers
    referring: list[list[int]] = [[] for _ in assignments]
    for index, assignment in enumerate(assignments):
        referred.append([latest[name] for name in assignment.references if name in latest])
        for position in referred[index]:
            referring[position].append(index)
        latest[assignment.name] = index
    secret: set[int] = set()
    waiting = [index for index, assignment in enumerate(assignments) if variables.is_secret_name(assignment.name)]
    while waiting:
        index = waiting.pop()
        if index in secret:
            continue
        secret.add(index)
        waiting.extend(referring[index])
        if variables.is_secret_name(assignments[index].name):
            waiting.extend(
                position for position in referred[index] if variables.find(assignments[position].name) is None
            )
    return frozenset(secret)


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, Secret):
        return value.reveal()
    if is_record(value):
        return [_plain(getattr(value, each.name)) for each in fields(value)]
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value


def _unfit(variable: Variable[Any], assignment: Assignment, unfit: Unfit, path: str, *, secret: bool) -> Finding:
    message, hint = f"{variable.name} {unfit.message}", unfit.hint
    if secret and not variable.secret:
        message = (
            f"{variable.name} is not of its type ({variable.kind.name}); its value holds a secret and is not shown"
        )
        hint = ""
    if "\n" in assignment.value:
        hint = "the value spans several lines: look for a missing closing quote"
    elif any(quote in assignment.value for quote in "“”„‘’"):
        hint = "the value has typographic quotes: write plain ones"
    place = Place(path, assignment.line, assignment.column)
    return Finding(ERROR, "conf-value", variable.name, message, hint, place)


def _faults(problems: Iterable[Finding], settings: Mapping[str, Setting[Any]]) -> tuple[Finding, ...]:
    """Return those of `problems` that only concern a resource of an agent that serves SSH, which has to stay.

    The caller leaves out values of several lines or with control characters: the file itself may be damaged.
    """
    role = settings.get(variables.TELEPORT_ROLE.name)
    serves_ssh = settings.get(variables.TELEPORT_AGENT_SSH_ENABLED.name)
    if role is None or roles.BY_CONF_VALUE[role.value] is not roles.Role.AGENT or not (serves_ssh and serves_ssh.value):
        return ()

    def is_minor(problem: Finding) -> bool:
        variable = variables.find(problem.subject)
        is_switch = problem.subject in {kind.switch for kind in resource.KINDS}
        return problem.code == "conf-value" and (is_switch or (variable is not None and variable.of is not None))

    return tuple(filter(is_minor, problems))


def _misnamed_roles(assignments: Sequence[Assignment], last: Mapping[str, int], path: str) -> Iterator[Finding]:
    """Yield an error for each name that was meant to be TELEPORT_ROLE: without it, an instance is an all-in-one.

    A slip of that name is one whatever its value. Another name with `ROLE` in it is one when its value names roles
    (`ROLE` alone: unless its value is an ARN), unless TELEPORT_ROLE is set. A name that a later assignment refers to
    is never one: it is the operator's own.
    """
    role = variables.TELEPORT_ROLE.name
    is_set = role in last and assignments[last[role]].value != ""
    referred = _referred(assignments)
    for name, index in last.items():
        assignment = assignments[index]
        if variables.find(name) is not None or not assignment.value or name in referred:
            continue
        meant = variables.without_prefix(name) == role and ":" not in assignment.value
        meant = meant or ("ROLE" in name.upper() and _names_roles(assignment))
        if variables.mistyped(name) == role or (meant and not is_set):
            message = f"{name} is not a variable of this agent; without {role}, an instance is an all-in-one"
            place = Place(path, assignment.line, assignment.column)
            yield Finding(ERROR, "conf-unknown-variable", name, message, f"did you mean {role}?", place)


def _mistyped(assignments: Sequence[Assignment], last: Mapping[str, int], path: str) -> Iterator[Finding]:
    """Yield an error for each slip of a name that is not set itself: what it was to say cannot be undone later.

    A cluster whose name is lost this way gets another one, which can never be changed. A name that a later assignment
    refers to is the operator's own. TELEPORT_ROLE is judged by `_misnamed_roles`.
    """
    referred = _referred(assignments)
    for name, index in last.items():
        meant = variables.mistyped(name) if variables.find(name) is None else None
        if meant is None or meant == variables.TELEPORT_ROLE.name or not assignments[index].value or name in referred:
            continue
        if meant in last and assignments[last[meant]].value:
            continue  # a warning says that this one has no effect
        message = f"{name} is not a variable of this agent, and {meant} is not set"
        place = Place(path, assignments[index].line, assignments[index].column)
        yield Finding(ERROR, "conf-unknown-variable", name, message, f"did you mean {meant}?", place)


def _names_roles(assignment: Assignment) -> bool:
    """Return whether every word of the value is one of those that TELEPORT_ROLE takes."""
    words = [word for value in roles.BY_CONF_VALUE for word in value.split(",")]
    parts = [part.strip().lower().removesuffix("s") for part in assignment.value.split(",")]
    return all(part in (*words, "all", "all-in-one", "monitor") for part in parts)


def _referred(assignments: Sequence[Assignment]) -> frozenset[str]:
    return frozenset(name for each in assignments for name in each.references)


def _warnings(assignments: tuple[Assignment, ...], last: Mapping[str, int], path: str) -> list[Finding]:
    found = []
    referred = _referred(assignments)
    for index, assignment in enumerate(assignments):
        name, final = assignment.name, assignments[last[assignment.name]]
        message = hint = ""
        if index != last[name]:
            if variables.find(name) is not None or variables.looks_like_ours(name):
                message = f"{name} on line {assignment.line} has no effect: line {final.line} assigns it again"
                hint = "keep one of the two"
        elif variables.find(name) is None:
            unused = assignment.value and name not in referred
            meant = variables.without_prefix(name)
            slip = unused and (variables.mistyped(name) or (meant is not None and meant not in last))
            if slip or variables.looks_like_ours(name):
                nearest = variables.nearest(name) or meant
                message = f"{name} is not a variable of this agent and has no effect"
                hint = f"did you mean {nearest}?" if nearest else "docs/conf-reference.md lists the variables"
        elif assignment.value:
            message, hint = _remark(variables.find(name), assignment.value)
        if message:
            place = Place(path, assignment.line, assignment.column)
            found.append(Finding(WARNING, "conf-no-effect", name, message, hint, place))
    return found


def _unnamed(
    settings: Mapping[str, Setting[Any]], path: str, meant: Collection[str | None], *, is_ours: bool
) -> Iterator[Finding]:
    """Yield a warning for an all-in-one without a name: lib/service/service.go of Teleport takes its host's name.

    Not where the name of a variable that says it was mistyped, which is reported: those are the ones `meant`.
    """
    role = settings.get(variables.TELEPORT_ROLE.name)
    is_all = roles.BY_CONF_VALUE[roles.DEFAULT if role is None else role.value] is roles.Role.ALL
    names = (variables.TELEPORT_CLUSTER_NAME.name, variables.TELEPORT_DOMAIN_NAME.name)
    if not is_ours or not is_all or not {*settings, *meant}.isdisjoint(names):
        return
    message = (
        "an all-in-one without TELEPORT_DOMAIN_NAME: Teleport names the cluster after this host, which cannot be "
        "changed later, and people reach it by its address, with a certificate that their browsers do not trust"
    )
    # Without a role there is no line that says so.
    place = Place(path) if role is None else Place(path, role.line, role.column)
    yield Finding(WARNING, "conf-no-name", variables.TELEPORT_DOMAIN_NAME.name, message, f"set {names[1]} now", place)


def _remark(variable: Variable[Any] | None, value: str) -> tuple[str, str]:
    name = "" if variable is None else variable.name
    if name == variables.TELEPORT_INFLUXDB_ADDRESS.name:
        return f"{name} is ignored: the images no longer include monitoring", "remove the line"
    if name == variables.TELEPORT_LICENSE_PATH.name and value.lower() in ("false", "no", "0"):
        return f"{name}={value} asks for a license too: any value does", "remove the line if there is no license"
    if variable is not None and variable.kind is kinds.LABELS and kinds.has_comma_between_labels(value):
        message = f"{name} has a comma between labels, which is read like |"
        return message, "write | between labels, or put a value in quotes to keep its comma"
    if variable is not None and variable.kind is kinds.APPLICATION_URI and "://" not in value:
        message = f"{name} has no scheme, so Teleport cannot reach the application: {kinds.quoted(value)}"
        return message, f"write http://{value} or https://{value}"
    if value in kinds.NOTHING:
        message = f"{name} is {value}, which `aws --output text` or `jq -r` prints where there is no value"
        return message, "check the command that was to find the value"
    return "", ""


def role(conf: Conf) -> roles.Role:
    """Return the role that the conf sets, or the default one."""
    return roles.BY_CONF_VALUE[conf.value(variables.TELEPORT_ROLE) or roles.DEFAULT]


def decide(conf: Conf, *, fips: bool) -> Deployment:
    """Return the deployment that `conf` describes, without judging whether it can work: see `plan.requirements`.

    `fips` is what the image says; TELEPORT_FIPS overrules it.
    """
    chosen = role(conf)
    said = conf.value(variables.TELEPORT_FIPS)
    assigned = {setting.variable.name: setting.value for setting in conf.settings.values()}
    start = Deployment(
        role=chosen,
        fips=fips if said is None else said,
        assigned=frozenset(assigned),
        enabled=frozenset(name for name, value in assigned.items() if value is True),
        cluster=conf.value(variables.TELEPORT_CLUSTER_NAME) or conf.value(variables.TELEPORT_DOMAIN_NAME),
        acm=conf.value(variables.USE_ACM) is True and chosen.runs_proxy,
        tls_routing=conf.value(variables.USE_TLS_ROUTING) is True and (chosen.runs_auth or chosen.runs_proxy),
        dynamodb=chosen.runs_auth and conf.value(variables.TELEPORT_DYNAMO_TABLE_NAME) is not None,
        with_node=(conf.value(variables.TELEPORT_ROLE) or roles.DEFAULT) in roles.WITH_NODE,
        web_port=conf.value(variables.TELEPORT_WEB_LISTEN_PORT),
        event_stores=_event_stores(conf) if chosen.runs_auth else (),
    )
    plain_http = start.acm and _value(conf, variables.TELEPORT_ACM_TARGET_PROTOCOL, start) == "http"
    letsencrypt = chosen in variables.USE_LETSENCRYPT.roles and _value(conf, variables.USE_LETSENCRYPT, start)
    # Its Terraform files pass both switches of Let's Encrypt and ACM, and expect TLS routing behind the balancer. A
    # target that speaks plain HTTP cannot carry that.
    balanced_starter = start.is_starter and start.acm
    return replace(
        start,
        plain_http=plain_http,
        letsencrypt=letsencrypt and not balanced_starter,
        tls_routing=start.tls_routing or (balanced_starter and not plain_http),
        join_method=_value(conf, variables.TELEPORT_JOIN_METHOD, start),
        joins_through_proxy=chosen is roles.Role.AGENT
        or (chosen is roles.Role.NODE and _value(conf, variables.TELEPORT_JOIN_THROUGH, start) == "proxy"),
    )


def _event_stores(conf: Conf) -> tuple[str, ...]:
    if conf.value(variables.TELEPORT_ATHENA_EVENTS_URI) is None:
        return (deployment.DYNAMODB,) if conf.value(variables.TELEPORT_DYNAMO_TABLE_NAME) is not None else ()
    mode = conf.value(variables.TELEPORT_ATHENA_MIGRATION_MODE)
    return {
        kinds.DYNAMODB_FIRST: (deployment.DYNAMODB, deployment.ATHENA),
        kinds.ATHENA_FIRST: (deployment.ATHENA, deployment.DYNAMODB),
    }.get(mode or "", (deployment.ATHENA,))


def _value(conf: Conf, variable: variables.Variable[T], start: Deployment) -> T:
    """Return the value in the conf, or the default."""
    value = conf.value(variable)
    return variable.default_for(start) if value is None else value
