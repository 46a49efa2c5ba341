"""Whether the metadata service answers as version 2."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.doctor.check import INSTANCE, Check
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.ec2 import items
from teleport_bootstrap.finding import ERROR, NOTE, Finding
from teleport_bootstrap.records import replace
from teleport_bootstrap.state import metadata_cache


def _run(subject: Subject) -> Iterator[Finding]:
    try:
        instance = items.read_required(subject.metadata, items.INSTANCE_ID)
    except errors.BootstrapError as error:
        yield from (replace(each, remedy=_with_names(subject, each.remedy)) for each in error.as_findings(ERROR))
        return
    yield Finding(NOTE, "metadata-answers", instance, f"version 2 answers; this is {instance}")


def _with_names(subject: Subject, remedy: str) -> str:
    """Return the remedy with the instance and the region that the service named when it last answered."""
    kept = metadata_cache.read(subject.root)
    instance, region = kept.get(items.INSTANCE_ID), kept.get(items.REGION)
    if instance is None:
        return remedy
    where = f"--region {region} " if region else ""
    return remedy.replace("--instance-id INSTANCE", f"{where}--instance-id {instance}")


CHECK = Check("metadata", INSTANCE, "the metadata service: whether version 2 answers", _run)
