"""Whether this instance has a role, and its credentials can be used."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.doctor.check import INSTANCE, Check, Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.ec2 import credentials
from teleport_bootstrap.finding import ERROR, NOTE, Finding


def _run(subject: Subject) -> Iterator[Finding]:
    try:
        subject.credentials()
        role = credentials.role(subject.metadata, deadline_seconds=subject.doors.wait_seconds)
    except (errors.CredentialsMissing, errors.MetadataAbsent) as error:
        yield from error.as_findings(ERROR)
        return
    except errors.BootstrapError as error:
        if error.exit_status == errors.METADATA:
            raise Skipped("the metadata service, which has the credentials, does not answer") from None
        raise
    yield Finding(NOTE, "role-usable", role, f"the instance has the role {role}, with credentials")


CHECK = Check("role", INSTANCE, "the IAM role of this instance, and its credentials", _run)
