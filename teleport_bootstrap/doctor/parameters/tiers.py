"""The tiers of the parameters, and whether SSM is going to delete one of them."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.doctor import commands
from teleport_bootstrap.doctor.check import PARAMETERS, Check, Skipped
from teleport_bootstrap.doctor.parameters import wanted_parameters
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import NOTE, WARNING, Finding

# SSM user guide, "Assigning parameter policies": it deletes the parameter.
_EXPIRES = "Expiration"


def _run(subject: Subject) -> Iterator[Finding]:
    every = wanted_parameters.every(subject)
    found = wanted_parameters.described(subject)
    if not found:
        raise Skipped("none of the parameters exists")
    for each in every:
        if each.name in found and _EXPIRES in found[each.name].policies:
            gone = commands.aws(each.region, "ssm", "delete-parameter", "--name", each.short)
            again = (
                f"run {commands.quoted(gone)}, then {wanted_parameters.publishing(each)}"
                if each.is_published
                else f"run {commands.quoted(gone, wanted_parameters.creation(each))}"
            )
            message = f"the parameter {each.short}, which holds {each.holds}, has an expiration policy: SSM deletes it"
            yield Finding(WARNING, "parameter-expires", each.short, message, again)
    tiers = sorted({each.tier for each in found.values()})
    counts = (f"{sum(each.tier == tier for each in found.values())} {tier}" for tier in tiers)
    yield Finding(NOTE, "parameter-tiers", "", ", ".join(counts))


CHECK = Check("parameter-tiers", PARAMETERS, "the tiers of the parameters, and whether one of them expires", _run)
