"""Whether the published CA pins are those of the auth server of this host: others would refuse to join it."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors, roles
from teleport_bootstrap.cluster import join_tokens
from teleport_bootstrap.doctor.check import PARAMETERS, Check, Skipped
from teleport_bootstrap.doctor.parameters import wanted_parameters
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, Finding
from teleport_bootstrap.host import tctl


def _run(subject: Subject) -> Iterator[Finding]:
    decided = subject.activated.deployment
    if not decided.role.runs_auth:
        raise Skipped(f"the role {decided.role.value} has no auth server")
    each = next((each for each in wanted_parameters.every(subject) if each.holds == wanted_parameters.PINS), None)
    if each is None or decided.cluster is None:
        raise Skipped("this host publishes no CA pins")
    assert each.name == join_tokens.pins_parameter(decided.cluster)  # noqa: S101 - the only one that is published
    found = wanted_parameters.stored(subject).get(each.name)
    if found is None or found.value is None:
        raise Skipped("no CA pin is published yet" if found is None else f"{each.short} is not a String")
    own = _own_pins(subject)
    if sorted(found.value.lower().split()) == sorted(own):
        yield Finding(NOTE, "pins-published", each.short, f"{len(own)} published, the same that this auth server has")
        return
    message = f"{each.short} holds other CA pins than this auth server has: hosts refuse to join it"
    remedy = wanted_parameters.publishing(each)
    yield Finding(ERROR, "pins-differ", each.short, message, remedy)


def _own_pins(subject: Subject) -> tuple[str, ...]:
    """Return the pins that publishing would use."""
    unit = subject.activated.unit
    place = next(place for place in roles.PLACES if place.unit == unit)
    try:
        door = tctl.find(subject.root, user=place.user, group=place.group)
        return tctl.pins_from_status(door.status(wait_seconds=subject.doors.wait_seconds))
    except errors.BootstrapError as error:
        raise Skipped(f"the auth server of this host does not say its CA pins: {error.message}", error.hint) from None


CHECK = Check("published-pins", PARAMETERS, "whether the published CA pins are those of this auth server", _run)
