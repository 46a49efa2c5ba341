"""IAM: what the policies of a role allow, as IAM itself evaluates them, and the role behind an instance profile.

Not simulated are policies of resources, such as of a KMS key or a bucket, and session policies. (IAM API reference,
SimulatePrincipalPolicy.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from teleport_bootstrap.aws import paging
from teleport_bootstrap.aws.service import Service
from teleport_bootstrap.hints import Any
from teleport_bootstrap.records import dataclass

ALLOWED = "allowed"
_NO_ENTITY = ("NoSuchEntity",)


@dataclass(frozen=True)
class Role:
    """A role with its full ARN, path included; `boundary` is the ARN of its permissions boundary, otherwise ""."""

    name: str
    arn: str
    boundary: str


@dataclass(frozen=True)
class Decision:
    """What IAM decides of an action on a resource: `decision` is allowed, explicitDeny or implicitDeny.

    `policies` are those with a statement that decided. `missing_context` are condition keys of policies for which no
    value was given, so that their statements may not have counted. `denied_by` is organization or boundary where one of
    these is what does not allow it, otherwise "".
    """

    action: str
    resource: str
    decision: str
    policies: tuple[str, ...]
    missing_context: tuple[str, ...]
    denied_by: str

    @property
    def is_allowed(self) -> bool:
        """Whether the call would be allowed."""
        return self.decision == ALLOWED


class Policies(Service):
    """IAM; get it from `account.Aws.policies`, which says what methods raise."""

    def simulate(
        self,
        principal_arn: str,
        actions: Sequence[str],
        resources: Sequence[str] = (),
        context: Mapping[str, Sequence[str]] | None = None,
    ) -> tuple[Decision, ...]:
        """Return IAM's decision on each of `actions` and `resources`, for the role with this full ARN.

        Without resources it is about `*`. `context` has values of condition keys, such as kms:ViaService, as texts.
        """
        entries = [
            {
                "ContextKeyName": name,
                "ContextKeyValues": list(values),
                "ContextKeyType": "string" if len(values) == 1 else "stringList",
            }
            for name, values in (context or {}).items()
        ]
        more: dict[str, Any] = {"ResourceArns": list(resources)} if resources else {}
        if entries:
            more["ContextEntries"] = entries
        return paging.every(
            self,
            "iam:SimulatePrincipalPolicy",
            [principal_arn],
            read=_decisions,
            tokens={"Marker": "Marker"},
            PolicySourceArn=principal_arn,
            ActionNames=list(actions),
            **more,
        )

    def role(self, name: str) -> Role | None:
        """Return the role called `name`, None where there is none."""
        found: Role | None = self.call(
            "iam:GetRole",
            [f"arn:{self.partition}:iam::*:role/{name}"],
            read=lambda answer: _role(answer["Role"]),
            missing=_NO_ENTITY,
            RoleName=name,
        )
        return found


def _role(found: Mapping[str, Any]) -> Role:
    boundary = found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")
    return Role(name=found["RoleName"], arn=found["Arn"], boundary=boundary)


def _decisions(answer: Mapping[str, Any]) -> Iterator[Decision]:
    for each in answer["EvaluationResults"]:
        # Where several resources are given, the result for each may be within that for all.
        single = each.get("ResourceSpecificResults") or ()
        for one in single:
            yield _decision(each, {**one, "EvalDecision": one["EvalResourceDecision"]})
        if not single:
            yield _decision(each, each)


def _decision(found: Mapping[str, Any], result: Mapping[str, Any]) -> Decision:
    organization = found.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True)
    boundary = result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True)
    return Decision(
        action=found["EvalActionName"],
        resource=result.get("EvalResourceName", "*"),
        decision=result["EvalDecision"],
        policies=tuple(dict.fromkeys(each["SourcePolicyId"] for each in result.get("MatchedStatements", ()))),
        missing_context=tuple(result.get("MissingContextValues", ())),
        denied_by="organization" if not organization else "boundary" if not boundary else "",
    )
