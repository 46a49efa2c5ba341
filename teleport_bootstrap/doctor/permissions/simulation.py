"""What IAM says of each permission that this host needs: allowed, missing, denied by whom, or not known.

IAM API reference, SimulatePrincipalPolicy: the policies of the role, its boundary and those of the organization count;
policies of resources, such as of a KMS key, do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from teleport_bootstrap.aws import policy_simulation
from teleport_bootstrap.permissions import policy
from teleport_bootstrap.permissions.need import Condition, Need
from teleport_bootstrap.records import dataclass

# How a question ends.
ALLOWED, MISSING, DENIED, UNKNOWN = "allowed", "missing", "denied", "unknown"

# What stands for `*` in what is asked about: a policy that allows all of these names allows this one.
_ANY_NAME = "doctor"
# Of each condition with alternatives, as many are asked about.
_MOST_CONTEXTS = 4
# Questions of one request, each an action on a resource.
_MOST_QUESTIONS = 100
_OF_MANY = ("ForAllValues:", "ForAnyValue:")


@dataclass(frozen=True)
class Answer:
    """What became of one action on one resource of a `statement`; `how` is one of the words above.

    `because` says by what it is denied, or of which condition keys the answer depends, otherwise "".
    """

    statement: policy.Statement
    action: str
    resource: str
    how: str
    because: str = ""


def ask(policies: policy_simulation.Policies, role: str, needs: Iterable[Need]) -> Iterator[Answer]:
    """Yield the answer for each action and resource of `needs`, for the role with this ARN.

    Raises what `policies.simulate` raises.
    """
    for statement in policy.statements(needs):
        worst: dict[tuple[str, str], Answer] = {}
        for context in _contexts(statement.conditions):
            for resources in _batches(statement):
                asked = {_concrete(each): each for each in resources}
                found = policies.simulate(role, statement.actions, tuple(asked), context)
                for decision in found:
                    resource = asked.get(decision.resource, decision.resource)
                    answer = _answer(statement, decision, resource)
                    key = (answer.action, resource)
                    if key not in worst or worst[key].how == ALLOWED:
                        worst[key] = answer
        yield from worst.values()


def _batches(statement: policy.Statement) -> Iterator[tuple[str, ...]]:
    size = max(1, _MOST_QUESTIONS // len(statement.actions))
    for at in range(0, len(statement.resources), size):
        yield statement.resources[at : at + size]


def _concrete(resource: str) -> str:
    return resource if resource == "*" else resource.replace("*", _ANY_NAME)


def _contexts(conditions: Iterable[Condition]) -> Iterator[Mapping[str, tuple[str, ...]]]:
    """Yield values of condition keys with which the conditions hold, a few where there are alternatives."""
    valued = [each for each in conditions if each.operator != "Null"]
    alternatives = max([1, *(len(each.values) for each in valued if not each.operator.startswith(_OF_MANY))])
    for number in range(min(alternatives, _MOST_CONTEXTS)):
        yield {
            each.key: tuple(map(_concrete, each.values))
            if each.operator.startswith(_OF_MANY)
            else (_concrete(each.values[min(number, len(each.values) - 1)]),)
            for each in valued
        }


def _answer(statement: policy.Statement, decision: policy_simulation.Decision, resource: str) -> Answer:
    how, because = MISSING, ""
    if decision.is_allowed:
        how = ALLOWED
    elif decision.denied_by:
        how, because = DENIED, decision.denied_by
    elif decision.decision == "explicitDeny":
        how, because = DENIED, ", ".join(decision.policies) or "a statement with Deny"
    elif decision.missing_context:
        how, because = UNKNOWN, ", ".join(decision.missing_context)
    return Answer(statement, decision.action, resource, how, because)


def needed(answers: Iterable[Answer]) -> tuple[policy.Statement, ...]:
    """Return the statements that allow exactly what these answers are about."""
    found = [Need("missing", each.action, (each.resource,), "", each.statement.conditions) for each in answers]
    return policy.statements(found)
