"""Whether the metadata service answers as version 2."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.doctor.check import INSTANCE, Check
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.ec2 import items
from teleport_bootstrap.finding import ERROR, NOTE, Finding


def _run(subject: Subject) -> Iterator[Finding]:
    try:
        instance = items.read_required(subject.metadata, items.INSTANCE_ID)
    except errors.BootstrapError as error:
        yield from error.as_findings(ERROR)
        return
    yield Finding(NOTE, "metadata-answers", instance, f"version 2 answers; this is {instance}")


CHECK = Check("metadata", INSTANCE, "the metadata service: whether version 2 answers", _run)
