"""Whether secrets are encrypted, and whether publishing can replace what is there: SSM changes no type."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.aws.ssm import SECURE_STRING, STRING
from teleport_bootstrap.doctor import commands
from teleport_bootstrap.doctor.check import PARAMETERS, Check, Skipped
from teleport_bootstrap.doctor.parameters import wanted_parameters
from teleport_bootstrap.doctor.parameters.wanted_parameters import PINS, WantedParameter
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding


def _run(subject: Subject) -> Iterator[Finding]:
    every = wanted_parameters.every(subject)
    stored = wanted_parameters.stored(subject)
    found = [each for each in every if each.name in stored]
    if not found:
        raise Skipped("none of the parameters exists")
    for each in found:
        kind = stored[each.name].kind
        needed = STRING if each.holds == PINS else SECURE_STRING
        if kind == needed or (each.holds == PINS and kind == SECURE_STRING and not each.publishes):
            continue
        yield _wrong(each, kind, needed)
    kinds = sorted({stored[each.name].kind for each in found})
    yield Finding(NOTE, "parameter-types", "", f"{len(found)} of type {' and '.join(kinds)}")


def _wrong(each: WantedParameter, kind: str, needed: str) -> Finding:
    why = "publishing cannot replace it, since SSM changes no type"
    if not each.publishes:
        why = "it is a list" if each.holds == PINS else "it is not encrypted"
    message = f"the parameter {each.short}, which holds {each.holds}, is a {kind} and should be a {needed}: {why}"
    gone = commands.aws(each.region, "ssm", "delete-parameter", "--name", each.short)
    if each.is_published:
        remedy = f"run {commands.quoted(gone)}, then {wanted_parameters.publishing(each)}"
    else:
        remedy = f"run {commands.quoted(gone, wanted_parameters.creation(each))}"
    return Finding(ERROR if each.publishes else WARNING, "parameter-type-wrong", each.short, message, remedy)


CHECK = Check("parameter-types", PARAMETERS, "the types of the parameters: whether what is secret is encrypted", _run)
