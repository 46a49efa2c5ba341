"""A conf as typed values, each with the line that sets it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from teleport_bootstrap import errors, paths, roles
from teleport_bootstrap.conf import few, grammar, kinds, no_effect, resource, secrecy, slips, variables
from teleport_bootstrap.conf.grammar import Assignment
from teleport_bootstrap.conf.kinds import Unfit
from teleport_bootstrap.conf.names import Names, misnamed
from teleport_bootstrap.conf.secrecy import NONE_SHOWN, Shown
from teleport_bootstrap.conf.setting import Setting
from teleport_bootstrap.conf.variable import Variable
from teleport_bootstrap.finding import ERROR, WARNING, Finding, Place, in_order_of_place
from teleport_bootstrap.hints import Any, TypeVar
from teleport_bootstrap.records import dataclass, field, fields, is_record
from teleport_bootstrap.secret import Secret

T = TypeVar("T")


@dataclass(frozen=True)
class Conf:
    """All that a conf sets. A variable assigned an empty string counts as not set, where the table says nothing else.

    `warnings` are what an operator should know although the conf is valid. `faults` are errors in values that leave out
    a resource of an agent and nothing else. `assigns_known` says whether it assigns any variable of the table, be it an
    empty value. `content` is the file itself, with its secrets.
    """

    path: str = paths.CONF
    warnings: tuple[Finding, ...] = ()
    faults: tuple[Finding, ...] = ()
    shown: Shown = NONE_SHOWN
    assigns_known: bool = True
    settings: Mapping[str, Setting[Any]] = field(default_factory=dict)
    content: bytes = field(default=b"", repr=False)

    @property
    def sha256(self) -> str:
        """The digest of the file."""
        return hashlib.sha256(self.content).hexdigest()

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
    def holds_secret(self) -> bool:
        """Whether the file contains a secret anywhere, also in an assignment that a later one overrides."""
        return self.shown.holds_secret

    @property
    def meaning_sha256(self) -> str:
        """A digest of the values alone: the same for two files that differ in comments, quotes, blanks or order.

        A variable that this agent does not know has no effect, and is left out.
        """
        values = {name: _plain(setting.value) for name, setting in self.settings.items()}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Inspection:
    """Everything found in a conf; `variables` is empty after an error of grammar, `conf` is None after any error.

    `valid_part` is the conf without the values that are not valid, to find out what else is wrong with it; None after
    an error of grammar.
    """

    variables: Shown
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
    assignments, names = parsed.assignments, Names(parsed.assignments)
    secret = secrecy.secret_assignments(assignments, names)
    secrecy.note(assignments, secret)
    settings: dict[str, Setting[Any]] = {}
    problems = list(parsed.problems)
    faulty_lines = {each.place.line for each in parsed.problems if each.place is not None}
    for name, variable in names.known.items():
        assignment = assignments[names.last[name]]
        if assignment.value == "" and not variable.empty_is_value:
            continue
        try:
            value = variable.parse(assignment.value)
        except Unfit as unfit:
            if "\n" in assignment.value and assignment.line in faulty_lines:
                continue  # because of a quote there, which is reported
            problems.append(_unfit(variable, assignment, unfit, path, secret=names.last[name] in secret))
        else:
            settings[name] = Setting(variable, value, assignment.line, assignment.column)
    remarks = list(misnamed(assignments, names))
    unknown, more = few.first(remarks, ERROR, "conf-unknown-variable", path)
    found = in_order_of_place([*problems, *unknown])
    faults = _faults((each for each in found if not _is_damaged(each.subject, assignments, names)), settings)
    minor = frozenset(faults)
    found = few.shortened([each for each in found if each not in minor], parsed.left_out + more)
    subjects = {each.subject for each in remarks}
    meant = {slips.mistyped(name) for name in subjects}
    is_ours = bool(names.known)
    effectless, more = few.first(no_effect.remarks(assignments, names, subjects), WARNING, "conf-no-effect", path)
    no_name = no_effect.unnamed(settings, path, meant) if is_ours else ()
    warnings = few.shortened([*no_name, *effectless], more)
    shown = Shown(assignments, secret)
    whole = Conf(path, warnings, faults, shown, is_ours, settings, data)
    if parsed.problems:
        return Inspection(NONE_SHOWN, found, warnings, None)
    return Inspection(shown, found, warnings, None if found else whole, whole)


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


def _is_damaged(name: str, assignments: Sequence[Assignment], names: Names) -> bool:
    """Return whether a value has several lines or control characters: the file itself may be damaged."""
    return name in names.last and not kinds.is_text(assignments[names.last[name]].value)


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
