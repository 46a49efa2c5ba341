"""The KMS keys of the parameters: whether each can be used, and whether it is the one that the conf names."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.aws.ssm import SECURE_STRING
from teleport_bootstrap.conf import variables
from teleport_bootstrap.doctor import kms_keys
from teleport_bootstrap.doctor.check import PARAMETERS, Check, Skipped
from teleport_bootstrap.doctor.parameters import wanted_parameters
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import NOTE, WARNING, Finding, Place
from teleport_bootstrap.records import replace

_KEY = variables.TELEPORT_SSM_KMS_KEY_ID


def _of_conf(subject: Subject) -> str | None:
    """Return the key that this host encrypts with what it publishes, None for AWS's own, or where it publishes none."""
    publishes = any(each.publishes for each in wanted_parameters.every(subject))
    return subject.conf.value(_KEY) if publishes else None


def _used(subject: Subject) -> dict[str, list[wanted_parameters.WantedParameter]]:
    """Return the keys of the parameters that are encrypted, with these. Raises what describing parameters raises."""
    descriptions = wanted_parameters.described(subject)
    found: dict[str, list[wanted_parameters.WantedParameter]] = {}
    for each in wanted_parameters.every(subject):
        description = descriptions.get(each.name)
        if description is not None and description.kind == SECURE_STRING and description.key:
            found.setdefault(description.key, []).append(each)
    return found


def has_fault(subject: Subject) -> bool:
    """Return whether the check of the keys finds one that cannot be used; false where it cannot know."""
    try:
        return any(each.is_error for each in _run_keys(subject))
    except (Skipped, errors.BootstrapError):
        return False


def _run_keys(subject: Subject) -> Iterator[Finding]:
    of_conf = _of_conf(subject)
    keys: dict[str, str] = {}
    if of_conf is not None:
        keys[of_conf] = "what this host publishes"
    try:
        keys.update(
            {key: wanted_parameters.names_text(some) for key, some in _used(subject).items() if key not in keys}
        )
    except errors.AwsDenied:
        if of_conf is None:
            raise
    others = {key: encrypts for key, encrypts in keys.items() if not kms_keys.is_own(key)}
    if not others:
        raise Skipped("AWS's own key encrypts the parameters, and all who may read these may use it")
    for key, encrypts in others.items():
        fault = kms_keys.fault(subject, key, subject.region, encrypts)
        if fault is not None:
            place = Place(subject.conf.path, subject.conf.line(_KEY)) if key == of_conf else None
            yield replace(fault, place=place)
    yield Finding(NOTE, "keys-usable", "", f"{', '.join(others)} can be used")


def _run_choice(subject: Subject) -> Iterator[Finding]:
    of_conf = _of_conf(subject)
    if of_conf is None:
        raise Skipped(f"{_KEY.name} is not set, or this host publishes nothing")
    wanted = kms_keys.describe(subject, of_conf, subject.region)
    if wanted is None:
        raise Skipped(f"the key {of_conf} does not exist")
    right = 0
    for key, some in _used(subject).items():
        # Pins are not to be encrypted, which another check is about.
        published = [each for each in some if each.publishes and each.holds == wanted_parameters.TOKEN]
        if not published:
            continue
        found = None if kms_keys.is_own(key) else kms_keys.describe(subject, key, subject.region)
        if found is not None and found.arn == wanted.arn:
            right += len(published)
            continue
        message = f"{wanted_parameters.names_text(published)} is encrypted with {key}, and {_KEY.name} names {of_conf}"
        remedy = f"{wanted_parameters.publishing(published[0])}, which encrypts it with the other key"
        place = Place(subject.conf.path, subject.conf.line(_KEY))
        yield Finding(WARNING, "parameter-key-other", key, message, remedy, place)
    if not right:
        raise Skipped("nothing is published yet")
    yield Finding(NOTE, "parameter-key", "", f"{right} are encrypted with {of_conf}")


CHECKS = (
    Check("parameter-keys", PARAMETERS, "the KMS keys of the parameters: whether each can be used", _run_keys),
    Check("parameter-key-choice", PARAMETERS, f"whether what is published is encrypted with {_KEY.name}", _run_choice),
)
