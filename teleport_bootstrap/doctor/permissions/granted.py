"""Whether the role of this instance may do what this agent and Teleport need, as IAM evaluates its policies."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence

from teleport_bootstrap import errors
from teleport_bootstrap.aws import identity as identities
from teleport_bootstrap.backup.stores import destination
from teleport_bootstrap.conf import variables
from teleport_bootstrap.doctor.check import PERMISSIONS, Check, Skipped
from teleport_bootstrap.doctor.instance import identity
from teleport_bootstrap.doctor.permissions import simulation
from teleport_bootstrap.doctor.permissions.simulation import ALLOWED, DENIED, MISSING, UNKNOWN, Answer
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.ec2 import items
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding
from teleport_bootstrap.instance import own_tags
from teleport_bootstrap.permissions import policy, scope, signals
from teleport_bootstrap.permissions.need import Need

# What one line names; the remedy has all.
_SHOWN = 4
_POLICY_NAME = "teleport-missing"
_LAYERS = {
    "organization": "a service control policy of the organization does not allow it",
    "boundary": "the permissions boundary of the role does not allow it",
}


def _run(subject: Subject) -> Iterator[Finding]:
    needs = _needs(subject)
    caller = identity.caller(subject)
    if not caller.role or not identity.is_own_role(subject):
        raise Skipped("the credentials of this host are not those of its role, which another check reports")
    if not needs:
        raise Skipped("nothing on this host asks AWS for anything")
    answers = tuple(simulation.ask(subject.aws.policies, _arn(subject, caller), needs))
    by_how = {how: [each for each in answers if each.how == how] for how in (ALLOWED, MISSING, DENIED, UNKNOWN)}
    # A key's own policy may allow it, which is not looked at.
    keys = [each for each in by_how[MISSING] if each.action.startswith("kms:")]
    missing = [each for each in by_how[MISSING] if each not in keys]
    if missing:
        message = f"the role {caller.role} may not {_listed(missing)}"
        yield Finding(ERROR, "permission-missing", caller.role, message, _allow(caller.role, [*missing, *keys]))
    elif keys:
        message = f"no policy of the role {caller.role} lets it {_listed(keys)}; the key's own policy may do so"
        yield Finding(WARNING, "permission-of-key", caller.role, message, _allow(caller.role, keys))
    for because in dict.fromkeys(each.because for each in by_how[DENIED]):
        denied = [each for each in by_how[DENIED] if each.because == because]
        by_whom = _LAYERS.get(because, f"{because} denies it")
        message = f"the role {caller.role} may not {_listed(denied)}: {by_whom}"
        yield Finding(ERROR, "permission-denied", caller.role, message, _lift(caller.role, because, denied))
    unknown = by_how[UNKNOWN]
    more = f"; of {len(unknown)} it depends on {unknown[0].because}, which is not known here" if unknown else ""
    count = f"{len(by_how[ALLOWED])} of {len(answers)} permissions"
    yield Finding(NOTE, "permissions", caller.role, f"the role {caller.role} has {count} that are needed here{more}")


def _needs(subject: Subject) -> tuple[Need, ...]:
    conf = subject.conf
    caller = identity.caller(subject)
    group = _group(subject) if signals.names_hook(conf) else None
    around = policy.Surroundings(
        parameters_key=conf.value(variables.TELEPORT_SSM_KMS_KEY_ID),
        backups=_backups(subject),
        group=group,
        target_groups=None if group is None else _target_groups(subject, group),
    )
    about = policy.Subject(conf, subject.activated, subject.build, around)
    return policy.needs(about, scope.Scope(subject.region, caller.account))


def _group(subject: Subject) -> str | None:
    """Return the auto scaling group: a role may well be allowed its own alone."""
    try:
        instance_id = items.read_required(subject.metadata, items.INSTANCE_ID)
        return own_tags.read(subject.doors, subject.conf, instance_id, (own_tags.GROUP,))[own_tags.GROUP]
    except errors.BootstrapError:
        return None  # or it is in none, as another check reports where the conf names a hook


def _target_groups(subject: Subject, group: str) -> tuple[str, ...] | None:
    if subject.conf.value(variables.TELEPORT_DRAIN_HOOK) is None:
        return None
    try:
        return subject.aws.auto_scaling.target_groups(group)
    except errors.BootstrapError:
        return None


def _backups(subject: Subject) -> destination.Destination | None:
    try:
        return subject.backups[0]
    except errors.UsageError:
        return None  # another check is about the place of the backups


def _arn(subject: Subject, caller: identities.Identity) -> str:
    """Return the ARN of the role, with its path where IAM may be asked for that."""
    try:
        found = subject.aws.policies.role(caller.role)
    except errors.AwsDenied:
        found = None
    return f"arn:{caller.partition}:iam::{caller.account}:role/{caller.role}" if found is None else found.arn


def _listed(answers: Sequence[Answer]) -> str:
    by_action: dict[str, list[str]] = {}
    for each in answers:
        by_action.setdefault(each.action, []).append(each.resource)
    parts = [
        action + (f" on {resources[0]}" if resources[0] != "*" else "") + (" and others" if len(resources) > 1 else "")
        for action, resources in by_action.items()
    ]
    left = len(parts) - _SHOWN
    return ", ".join(parts[:_SHOWN]) + (f" and {left} other actions" if left > 0 else "")


def _allow(role: str, answers: Sequence[Answer]) -> str:
    document = _document(answers)
    return (
        f"add the statement to a policy of the role: `aws iam put-role-policy --role-name {role} --policy-name "
        f"{_POLICY_NAME} --policy-document {shlex.quote(document)}`"
    )


def _document(answers: Sequence[Answer]) -> str:
    return json.dumps(policy.document(simulation.needed(answers)), separators=(",", ":"))


def _lift(role: str, because: str, answers: Sequence[Answer]) -> str:
    actions = ", ".join(dict.fromkeys(each.action for each in answers))
    if because == "organization":
        return f"ask who manages the organization to allow {actions} in the service control policies of this account"
    if because == "boundary":
        shown = f"`aws iam get-role --role-name {role} --query Role.PermissionsBoundary.PermissionsBoundaryArn`"
        return f"{shown} names the boundary; allow in it too: {_document(answers)}"
    return (
        f"take {actions} out of the statements with Deny; `aws iam list-role-policies --role-name {role}` and "
        f"`aws iam list-attached-role-policies --role-name {role}` list the policies"
    )


CHECK = Check("role-permissions", PERMISSIONS, "what the role may do, beside what this agent and Teleport need", _run)
