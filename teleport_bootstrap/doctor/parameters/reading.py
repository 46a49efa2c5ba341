"""Whether this host may read what it needs, decrypted where it is encrypted, and whether that is what it should be."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.doctor import denial
from teleport_bootstrap.doctor.check import PARAMETERS, Check, Skipped
from teleport_bootstrap.doctor.parameters import encryption, wanted_parameters
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, Finding

_INVALID = (errors.ParameterEmpty, errors.ParameterInvalid)


def _run_reading(subject: Subject) -> Iterator[Finding]:
    every = wanted_parameters.every(subject)
    try:
        wanted_parameters.look_up(subject)
        reads = [each for each in every if each.secret is not None]
        if reads:
            wanted_parameters.fetched(subject)
    except errors.AwsDenied as denied:
        if "kms:" in denied.message and encryption.has_fault(subject):
            raise Skipped("a KMS key cannot be used, and this follows from it") from None
        yield denial.finding(denied, "ours")
        return
    except errors.ParameterMissing:
        raise Skipped("a parameter does not exist, and this follows from it") from None
    except _INVALID:
        pass  # it could be read
    except errors.AwsFailed:
        if encryption.has_fault(subject):
            raise Skipped("a KMS key cannot be used, and this follows from it") from None
        raise
    done = f"read and decrypted {wanted_parameters.names_text(reads)}" if reads else "looked up what is published"
    yield Finding(NOTE, "parameters-readable", "", done)


def _run_content(subject: Subject) -> Iterator[Finding]:
    every = wanted_parameters.every(subject)
    try:
        found = wanted_parameters.fetched(subject)
        refused = found.refused
    except _INVALID as invalid:
        refused = (invalid,)
    except (errors.AwsDenied, errors.ParameterMissing, errors.AwsFailed):
        raise Skipped("a parameter cannot be read, and this follows from it") from None
    for error in refused:
        about = next((each for each in every if each.short in error.message), None)
        is_published = about is not None and about.is_published
        remedy = wanted_parameters.publishing(about) if about is not None and is_published else error.hint
        yield Finding(ERROR, error.code, "" if about is None else about.short, error.message, remedy)
    if not refused:
        holds = dict.fromkeys(each.holds for each in every if each.secret is not None)
        yield Finding(NOTE, "parameters-valid", "", f"{' and '.join(holds)} can be used")


CHECKS = (
    Check(
        "parameters-readable",
        PARAMETERS,
        "whether the role of this host may read its parameters, and decrypt them",
        _run_reading,
    ),
    Check(
        "parameter-values", PARAMETERS, "whether each parameter that this host reads holds what it should", _run_content
    ),
)
