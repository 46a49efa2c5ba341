"""Which resources an agent serves, and which of them are left out so that a fault in one does not take SSH away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from teleport_bootstrap.conf import resource, variables
from teleport_bootstrap.conf.deployment import Deployment
from teleport_bootstrap.conf.resource import Resource
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import provenance
from teleport_bootstrap.roles import Role


def described(decided: Deployment) -> tuple[Resource, ...]:
    """Return the resources that the conf asks for: those that it describes, of the kinds that it enables."""
    if decided.role is not Role.AGENT:
        return ()
    found: list[Resource] = []
    for kind in (each for each in resource.KINDS if each.switch in decided.enabled):
        names = [variable.name for variable in variables.parts_of(kind)]
        found += resource.described(kind, names, decided.assigned)
    for kind in (resource.DATABASE, resource.APPLICATION, resource.KUBERNETES):
        # Enabled and not described: it has what is missing, or needs nothing.
        if kind.switch in decided.enabled and not any(each.kind.switch == kind.switch for each in found):
            found.append(Resource(kind, 0))
    return tuple(found)


def keeps_ssh(decided: Deployment) -> bool:
    """Whether a resource with a fault is left out: on an agent that serves SSH too, which people need to mend it."""
    return decided.role is Role.AGENT and variables.TELEPORT_AGENT_SSH_ENABLED.name in decided.enabled


def of_variable(name: str) -> Resource | None:
    """Return the resource that the variable `name` is a part of or enables, None where it is not of any."""
    enabled = [kind for kind in resource.KINDS if kind.switch == name]
    if enabled:
        # One switch enables databases and matchers of them: people know it as that of databases, which come last.
        return Resource(enabled[-1], 0)
    variable = variables.find(name)
    for kind in resource.KINDS:
        if variable is not None and variable.of is kind:
            found = kind.unnumbered(name)
            return Resource(kind, 0 if found is None else found[1])
    return None


def faults(findings: Iterable[Finding], decided: Deployment) -> dict[Resource, list[Finding]]:
    """Return those of the errors about a conf that only leave a resource out, by resource."""
    found: dict[Resource, list[Finding]] = {}
    for each in findings if keeps_ssh(decided) else ():
        faulty = of_variable(each.subject)
        if faulty is not None:
            found.setdefault(faulty, []).append(each)
    return found


def faults_in_document(findings: Iterable[Finding], served: Sequence[Resource]) -> dict[Resource, list[Finding]]:
    """Return those of the errors about a document that are in one of the resources that are `served`."""
    found: dict[Resource, list[Finding]] = {}
    places = {place(each, served): each for each in served}
    for each in findings:
        for start, faulty in places.items():
            if each.subject == start or each.subject.startswith((f"{start}.", f"{start}[")):
                found.setdefault(faulty, []).append(each)
    return found


def place(one: Resource, served: Sequence[Resource]) -> str:
    """Return where `one` of the resources that are `served` is in teleport.yaml, as findings name it."""
    same = [each for each in served if each.kind is one.kind]
    return provenance.dotted((*one.kind.path, same.index(one)) if one.kind.is_list else one.kind.path)


def notes(left_out: Mapping[Resource, Sequence[Finding]]) -> tuple[str, ...]:
    """Return a warning for each fault that leaves a resource out."""
    return tuple(
        f"{each} is left out, and the rest of this agent is configured: {finding}"
        for each, findings in left_out.items()
        for finding in findings
    )
