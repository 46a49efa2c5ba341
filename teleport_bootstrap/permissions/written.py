"""A policy as a file for those who create it: IAM's JSON, Terraform's language, a resource for CloudFormation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from teleport_bootstrap.hints import Any
from teleport_bootstrap.permissions import policy, scope
from teleport_bootstrap.permissions.policy import Statement

JSON, TERRAFORM, CLOUDFORMATION = "json", "terraform", "cloudformation"
FORMS = (JSON, TERRAFORM, CLOUDFORMATION)

# How each tool is asked for what only it knows. The region's `name` is deprecated in version 6 of Terraform's provider,
# and its `region` is not in version 5; `id` is the same in both.
_TERRAFORM = {
    scope.UNKNOWN_PARTITION: "${data.aws_partition.current.partition}",
    scope.UNKNOWN_REGION: "${data.aws_region.current.id}",
    scope.UNKNOWN_ACCOUNT: "${data.aws_caller_identity.current.account_id}",
}
_SOURCES = {
    scope.UNKNOWN_PARTITION: "aws_partition",
    scope.UNKNOWN_REGION: "aws_region",
    scope.UNKNOWN_ACCOUNT: "aws_caller_identity",
}
_CLOUDFORMATION = {
    scope.UNKNOWN_PARTITION: "${AWS::Partition}",
    scope.UNKNOWN_REGION: "${AWS::Region}",
    scope.UNKNOWN_ACCOUNT: "${AWS::AccountId}",
}


def text(form: str, found: Sequence[Statement], name: str) -> str:
    """Return the policy in one of FORMS; `name` is for the resource, such as `teleport-auth`."""
    if form == TERRAFORM:
        return "\n".join(_terraform(found, name.replace("-", "_"))) + "\n"
    if form == CLOUDFORMATION:
        return json.dumps(_cloudformation(found, name), indent=2) + "\n"
    return json.dumps(policy.document(found), indent=2) + "\n"


def readable(value: str) -> str:
    """Return an ARN or a value of a condition for people, with CloudFormation's names for what is not known."""
    for token, expression in _CLOUDFORMATION.items():
        value = value.replace(token, expression)
    return value


def _terraform(found: Sequence[Statement], name: str) -> Iterator[str]:
    written = json.dumps(policy.document(found))
    for token, source in _SOURCES.items():
        if json.dumps(token)[1:-1] in written:
            yield from (f'data "{source}" "current" {{}}', "")
    yield f'data "aws_iam_policy_document" "{name}" {{'
    for number, each in enumerate(found):
        if number:
            yield ""
        yield "  statement {"
        yield f"    sid       = {_quoted(each.name)}"
        yield f"    actions   = {_list(each.actions)}"
        yield f"    resources = {_list(each.resources)}"
        for condition in each.conditions:
            yield from ("", "    condition {")
            yield f"      test     = {_quoted(condition.operator)}"
            yield f"      variable = {_quoted(condition.key)}"
            yield f"      values   = {_list(condition.values)}"
            yield "    }"
        yield "  }"
    yield "}"


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, values))}]"


def _quoted(value: str) -> str:
    # HCL, "Quoted templates": these two begin an expression, unless the first character is doubled.
    written = json.dumps(value.replace("${", "$${").replace("%{", "%%{"))
    for token, expression in _TERRAFORM.items():
        written = written.replace(json.dumps(token)[1:-1], expression)
    return written


def _cloudformation(found: Sequence[Statement], name: str) -> dict[str, Any]:
    """Return a template as JSON, whose resource can stand in templates of YAML too.

    The policy is an inline one of the role that the parameter names: with long names, that of an auth server has more
    than the 6,144 characters of a managed policy, and the inline ones of a role may have 10,240.
    """
    logical = "".join(word.capitalize() for word in name.split("-"))
    properties = {
        "PolicyName": name,
        "PolicyDocument": _substituted(policy.document(found)),
        "Roles": [{"Ref": "RoleName"}],
    }
    return {
        "Parameters": {"RoleName": {"Type": "String", "Description": "The role of the instances."}},
        "Resources": {f"{logical}Policy": {"Type": "AWS::IAM::Policy", "Properties": properties}},
    }


def _substituted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _substituted(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_substituted(each) for each in value]
    if not any(token in value for token in _CLOUDFORMATION):
        return value
    written = value.replace("${", "${!")
    for token, expression in _CLOUDFORMATION.items():
        written = written.replace(token, expression)
    return {"Fn::Sub": written}
