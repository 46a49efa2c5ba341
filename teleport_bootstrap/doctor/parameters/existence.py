"""Whether each parameter exists that this host reads or publishes."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.change import needed_files
from teleport_bootstrap.doctor import commands
from teleport_bootstrap.doctor.check import PARAMETERS, Check
from teleport_bootstrap.doctor.parameters import wanted_parameters
from teleport_bootstrap.doctor.parameters.wanted_parameters import WantedParameter
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding


def _run(subject: Subject) -> Iterator[Finding]:
    every = wanted_parameters.every(subject)
    found = wanted_parameters.stored(subject)
    for each in every:
        if each.name not in found:
            yield _missing(subject, each)
    yield Finding(NOTE, "parameters-exist", "", f"all {len(every)} exist")


def _missing(subject: Subject, each: WantedParameter) -> Finding:
    region = each.region
    message = f"there is no parameter {each.short} in SSM in {region}, which holds {each.holds}"
    if each.is_published:
        remedy = wanted_parameters.publishing(each)
    else:
        remedy = f"store it: {commands.quoted(wanted_parameters.creation(each))}"
    # What it has once joined with, a host needs no more; and for others, an auth server publishes it.
    is_needed = each.secret is not None and not (each.secret.may_be_pending and needed_files.has_joined(subject.root))
    severity = ERROR if is_needed else WARNING
    consequence = "" if is_needed else ": no host can join with it" if each.publishes else ", and this host has joined"
    return Finding(severity, "parameter-missing", each.short, message + consequence, remedy)


CHECK = Check(
    "parameters-exist", PARAMETERS, "the parameters that this host reads or publishes: whether each exists", _run
)
