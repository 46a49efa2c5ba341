"""How the metadata service of this instance is set up, which it does not say itself.

EC2 User Guide, "Configure the Instance Metadata Service options".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from teleport_bootstrap.aws import instances
from teleport_bootstrap.conf import variables
from teleport_bootstrap.doctor.check import INSTANCE, Check, Skipped
from teleport_bootstrap.doctor.instance import description
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.ec2 import items
from teleport_bootstrap.finding import NOTE, WARNING, Finding


def _tokens(subject: Subject) -> Iterator[Finding]:
    found = description.read(subject)
    if found.metadata.tokens == "required":
        yield Finding(NOTE, "metadata-tokens", found.instance_id, "it requires version 2")
        return
    message = "it answers version 1 too, which lets a program that fetches any URL for others fetch the credentials"
    remedy = _modify(subject, found, "--http-tokens required")
    yield Finding(WARNING, "metadata-tokens-optional", found.instance_id, message, remedy)


def _hop_limit(subject: Subject) -> Iterator[Finding]:
    found = description.read(subject)
    limit = found.metadata.hop_limit
    # Where Teleport itself were in such a container, nothing would have answered this far.
    message = f"its hop limit is {limit}" + (": it does not answer in containers of this host" if limit == 1 else "")
    yield Finding(NOTE, "metadata-hop-limit", found.instance_id, message)


def _tags(subject: Subject) -> Iterator[Finding]:
    keys = subject.conf.value(variables.TELEPORT_TAG_LABELS) or ()
    if not keys:
        raise Skipped("the conf makes no labels of tags: TELEPORT_TAG_LABELS is not set")
    listed = subject.metadata.get("tags/instance/")
    if listed is None:
        number = items.read_required(subject.metadata, items.INSTANCE_ID)
        message = "it does not show the tags of this instance, so that each boot has to ask EC2 for the labels"
        remedy = (
            f"run `aws ec2 modify-instance-metadata-options --region {subject.region} --instance-id {number} "
            "--instance-metadata-tags enabled`"
        )
        yield Finding(WARNING, "metadata-tags-hidden", number, message, remedy)
        return
    missing = sorted(set(keys) - set(listed.splitlines()))
    if missing:
        number = items.read_required(subject.metadata, items.INSTANCE_ID)
        pairs = " ".join(f"Key={each},Value=" for each in missing)
        remedy = f"run `aws ec2 create-tags --region {subject.region} --resources {number} --tags {pairs}` with values"
        message = f"this instance has no tag {', '.join(missing)}, of which TELEPORT_TAG_LABELS makes a label"
        yield Finding(WARNING, "tag-missing", number, message, remedy)
        return
    yield Finding(NOTE, "metadata-tags", "", f"it shows {len(listed.splitlines())} tags, {', '.join(keys)} among them")


def _modify(subject: Subject, found: instances.Instance, change: str) -> str:
    return (
        f"run `aws ec2 modify-instance-metadata-options --region {subject.region} --instance-id {found.instance_id} "
        f"{change}`"
    )


def _check(name: str, looks_at: str, run: Callable[[Subject], Iterator[Finding]]) -> Check:
    return Check(name, INSTANCE, looks_at, run)


CHECKS = (
    _check("metadata-tokens", "the metadata service: whether it refuses version 1, which needs no token", _tokens),
    _check("metadata-hop-limit", "the metadata service: how far away it answers", _hop_limit),
    _check("metadata-tags", "the metadata service: whether it shows the tags that labels are made of", _tags),
)
