"""Whether AWS takes this instance for what it is: the account, the role and the partition of its credentials.

Credentials that a variable or a file brings in would be used by Teleport and not by this agent, or the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors, json_data
from teleport_bootstrap.aws import identity
from teleport_bootstrap.conf import variables
from teleport_bootstrap.doctor.check import INSTANCE, Check, Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.ec2 import credentials, items
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding
from teleport_bootstrap.hints import Any


def caller(subject: Subject) -> identity.Identity:
    """Return whom AWS takes this instance for. Raises Skipped and the errors of AWS."""
    return subject.once("caller", subject.aws.sts.caller)


def is_own_role(subject: Subject) -> bool:
    """Whether the credentials are those of the role that the instance has. Raises as `caller`, and as metadata does."""
    return caller(subject).role == credentials.role(subject.metadata, deadline_seconds=subject.doors.wait_seconds)


def _run(subject: Subject) -> Iterator[Finding]:
    found = caller(subject)
    instance = items.read_required(subject.metadata, items.INSTANCE_ID)
    role = credentials.role(subject.metadata, deadline_seconds=subject.doors.wait_seconds)
    document = _document(subject)
    account, region = document.get("accountId"), document.get("region")
    if isinstance(account, str) and account != found.account:
        message = f"{instance} is in account {account}, but its credentials are of account {found.account}"
        yield Finding(ERROR, "identity-account", found.account, message, _replace(subject, instance))
    elif found.role != role:
        whose = f"the role {found.role}" if found.role else found.arn
        message = f"{instance} has the role {role}, but AWS takes its credentials for those of {whose}"
        yield Finding(ERROR, "identity-role", role, message, _replace(subject, instance))
    elif found.session and found.session != instance:
        message = f"the credentials of {instance} belong to a session called {found.session}, not to this instance"
        yield Finding(WARNING, "identity-session", found.session, message, _replace(subject, instance))
    if isinstance(region, str) and region != subject.region:
        line = _region_line(subject)
        message = f"{instance} is in {region}, but {line} says {subject.region}, where all of AWS is asked"
        remedy = "remove EC2_REGION from the conf, then run `teleport-bootstrap reconfigure`"
        yield Finding(WARNING, "identity-region", subject.region, message, remedy)
    where = f"{found.partition}, {subject.region}"
    yield Finding(NOTE, "identity", found.arn, f"account {found.account}, role {found.role} ({where})")


def _document(subject: Subject) -> dict[str, Any]:
    text = subject.metadata.get_absolute("dynamic/instance-identity/document")
    try:
        found = json_data.parsed(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _replace(subject: Subject, instance: str) -> str:
    return (
        f"compare with `aws ec2 describe-instances --region {subject.region} --instance-ids {instance} --query "
        "'Reservations[].Instances[].IamInstanceProfile'`; where that role is right, a program between this host and "
        "the metadata service (kube2iam and the like), or AWS_EC2_METADATA_SERVICE_ENDPOINT, gives others: remove it"
    )


def _region_line(subject: Subject) -> str:
    try:
        setting = subject.conf.setting(variables.EC2_REGION)
    except (Skipped, errors.BootstrapError):
        setting = None
    return "the environment" if setting is None else f"EC2_REGION in {subject.conf.path}:{setting.line}"


CHECK = Check("identity", INSTANCE, "the account, the role and the region, as AWS and the instance name them", _run)
