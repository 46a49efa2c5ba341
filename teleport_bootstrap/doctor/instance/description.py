"""This instance as EC2 describes it, read once for all checks."""

from __future__ import annotations

from teleport_bootstrap.aws import instances
from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.ec2 import items


def read(subject: Subject) -> instances.Instance:
    """Return the instance. Raises Skipped, AwsDenied, and the errors of AWS and of the metadata service."""

    def ask() -> instances.Instance:
        number = items.read_required(subject.metadata, items.INSTANCE_ID)
        found = subject.aws.instances.describe(number)
        if found is None:
            raise Skipped(f"EC2 does not know {number} in {subject.region}")
        return found

    return subject.once("instance", ask)
