"""IAM's own simulation, which moto lacks: what the policies of a role in moto say to each question.

As SimulatePrincipalPolicy answers: a Deny decides; the boundary and the organization have to allow it too; a statement
whose condition has a key without a value does not count, and the key is named.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from tests.simulated_ec2 import Aws
from tests.simulated_ec2.aws import Answer, Request

Policy = dict[str, Any]


@dataclass
class Simulation:
    """Answers for the roles of one account; `organization` and `boundary` are policies that also have to allow."""

    aws: Aws
    organization: list[Policy] = field(default_factory=list)
    boundary: list[Policy] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request for SimulatePrincipalPolicy."""
        given = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        actions, resources = _members(given, "ActionNames"), _members(given, "ResourceArns") or ["*"]
        context = {
            given[f"{start}.ContextKeyName"]: _members(given, f"{start}.ContextKeyValues")
            for start in _starts(given, "ContextEntries")
        }
        policies = dict(self._policies(given["PolicySourceArn"].rpartition("/")[2]))
        found = [self._result(policies, action, each, context) for action in actions for each in resources]
        text = "".join(found)
        return Answer(
            text='<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
            f"<SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>{text}"
            "</EvaluationResults></SimulatePrincipalPolicyResult><ResponseMetadata><RequestId>0</RequestId>"
            "</ResponseMetadata></SimulatePrincipalPolicyResponse>",
            status=200,
        )

    def _policies(self, role: str) -> Iterator[tuple[str, Policy]]:
        iam = self.aws.client("iam")
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            yield name, iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]

    def _result(self, policies: dict[str, Policy], action: str, resource: str, context: dict[str, list[str]]) -> str:
        decision, matched, missing = _decide(policies.items(), action, resource, context)
        by_organization = _layer(self.organization, action, resource, context)
        by_boundary = _layer(self.boundary, action, resource, context)
        if decision == "allowed" and not (by_organization and by_boundary):
            decision = "implicitDeny"
        statements = "".join(f"<member><SourcePolicyId>{escape(each)}</SourcePolicyId></member>" for each in matched)
        keys = "".join(f"<member>{each}</member>" for each in missing)
        return (
            f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{escape(resource)}</EvalResourceName>"
            f"<EvalDecision>{decision}</EvalDecision><MatchedStatements>{statements}</MatchedStatements>"
            f"<MissingContextValues>{keys}</MissingContextValues><OrganizationsDecisionDetail><AllowedByOrganizations>"
            f"{str(by_organization).lower()}</AllowedByOrganizations></OrganizationsDecisionDetail>"
            "<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>"
            f"{str(by_boundary).lower()}</AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail></member>"
        )


def _starts(given: dict[str, str], name: str) -> list[str]:
    return sorted({match[0] for key in given if (match := re.match(rf"{re.escape(name)}\.member\.\d+", key))})


def _members(given: dict[str, str], name: str) -> list[str]:
    numbers = sorted(
        int(key.rpartition(".")[2]) for key in given if re.fullmatch(rf"{re.escape(name)}\.member\.\d+", key)
    )
    return [given[f"{name}.member.{number}"] for number in numbers]


def _layer(policies: list[Policy], action: str, resource: str, context: dict[str, list[str]]) -> bool:
    found = _decide(((str(number), each) for number, each in enumerate(policies)), action, resource, context)
    return not policies or found[0] == "allowed"


def _decide(
    policies: Iterable[tuple[str, Policy]], action: str, resource: str, context: dict[str, list[str]]
) -> tuple[str, list[str], list[str]]:
    allowing, denying, missing = list[str](), list[str](), list[str]()
    for name, policy in policies:
        for statement in _list(policy["Statement"]):
            if not _matches(statement["Action"], action, ignore_case=True) or not _matches(
                statement["Resource"], resource
            ):
                continue
            holds = _holds(statement.get("Condition", {}), context, missing)
            if holds:
                (denying if statement["Effect"] == "Deny" else allowing).append(name)
    if denying:
        return "explicitDeny", denying, missing
    return ("allowed" if allowing else "implicitDeny"), allowing, [] if allowing else missing


def _holds(conditions: dict[str, dict[str, Any]], context: dict[str, list[str]], missing: list[str]) -> bool:
    for operator, keys in conditions.items():
        for key, wanted in keys.items():
            values = context.get(key)
            if operator == "Null":
                if (values is None) != (_list(wanted)[0] == "true"):
                    return False
                continue
            if values is None:
                if operator.startswith("ForAllValues:"):
                    continue
                missing.append(key)
                return False
            like = operator.endswith("Like")
            fits = [
                any(fnmatch.fnmatchcase(each, one) if like else each == one for one in _list(wanted)) for each in values
            ]
            if not (any(fits) if operator.startswith("ForAnyValue:") else all(fits)):
                return False
    return True


def _matches(patterns: Any, value: str, *, ignore_case: bool = False) -> bool:
    if ignore_case:
        return any(fnmatch.fnmatchcase(value.lower(), each.lower()) for each in _list(patterns))
    return any(fnmatch.fnmatchcase(value, each) for each in _list(patterns))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def document(statements: Iterable[dict[str, Any]]) -> str:
    """Return a policy as text."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
