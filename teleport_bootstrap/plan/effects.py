"""Which assignments of a conf have no effect on this instance, so that none is ignored silently."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import port_table
from teleport_bootstrap.conf import conf_file, decision, variables
from teleport_bootstrap.conf.deployment import Deployment
from teleport_bootstrap.conf.variable import From, Variable
from teleport_bootstrap.finding import NOTE, Finding, Place, in_order_of_place
from teleport_bootstrap.roles import Role


def notes(conf: conf_file.Conf, *, fips: bool) -> tuple[Finding, ...]:
    """Return a note for each assignment of `conf` that has no effect, in line order.

    A switch that is off does not get one where it would have no effect when it were on: the result is what it says.
    """
    decided = decision.decide(conf, fips=fips)
    return in_order_of_place(_notes(conf, decided))


def _notes(conf: conf_file.Conf, decided: Deployment) -> Iterator[Finding]:
    for name, setting in conf.settings.items():
        why = _why_unused(setting.variable, decided)
        place = Place(conf.path, setting.line, setting.column)
        is_off = setting.value is False and _reads(decided, setting.variable)
        if why is not None and not is_off:
            message = f"{name} has no effect {why}"
            yield Finding(NOTE, "conf-no-effect", name, message, "remove the line, or keep it for other roles", place)
        if name == variables.TELEPORT_PROXY_SERVER_LB.name and not decided.joins_through_proxy:
            # Behind an application load balancer the port of HTTPS is right, and nothing else is possible.
            if setting.value.port in (None, port_table.HTTPS if decided.acm else None):
                continue
            message = f"the port {setting.value.port} in {name} has no effect for the role {decided.role.value}"
            yield Finding(NOTE, "conf-no-effect", name, message, "write the name alone", place)


def _why_unused(variable: Variable[object], decided: Deployment) -> str | None:
    """Return why `variable` has no effect, to follow those words; None where it has one.

    A variable that is not read itself may still be the default of another one.
    """
    why = f"for the role {decided.role.value}"
    if _reads(decided, variable):
        unused = next((each for each in variable.unused if each.when(decided)), None)
        if unused is None:
            return None
        why = f"here: {unused.why}"
    for other in variables.TABLE:
        default = other.default
        if isinstance(default, From) and variable.name in default.names and other.name not in decided.assigned:
            earlier = default.names[: default.names.index(variable.name)]
            if decided.assigned.isdisjoint(earlier) and _why_unused(other, decided) is None:
                return None
    return why


def _reads(decided: Deployment, variable: Variable[object]) -> bool:
    return decided.role in variable.roles or (decided.with_node and Role.NODE in variable.roles)
