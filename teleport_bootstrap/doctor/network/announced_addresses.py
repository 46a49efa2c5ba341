"""Whether clients find something at the addresses that this host announces, as far as that can be seen from here."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures

from teleport_bootstrap.doctor.balancers import in_front
from teleport_bootstrap.doctor.check import NETWORK, Check, Skipped
from teleport_bootstrap.doctor.network import announcements, connections, names, resolution, web_place
from teleport_bootstrap.doctor.network.announcements import Announcement
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, Finding
from teleport_bootstrap.host import time_limit


def _run(subject: Subject) -> Iterator[Finding]:
    found = [each for each in announcements.every(subject) if not _is_web(subject, each)]
    if not found:
        raise Skipped("this host announces no address besides that of its web port")
    own_check = names.every(subject)
    absent = [each for each in found if not resolution.addresses(subject, each.host)]
    places = list(dict.fromkeys((each.host, each.port) for each in found if each not in absent))
    if not places and all(each.host in own_check for each in absent):
        raise Skipped("none of the announced names resolves: other checks are about that")
    for each in absent:
        if each.host not in own_check:
            message = f"{each.key} announces {each.host}, which does not resolve"
            yield Finding(ERROR, "announced-name", each.key, message, _correct(each))
    tried = dict(zip(places, _attempts(subject, places)))
    reached = []
    for each in found:
        attempt = tried.get((each.host, each.port))
        if attempt is not None and attempt.trouble:
            yield _finding(subject, each, attempt)
        elif attempt is not None:
            reached.append(attempt.where)
    if reached:
        message = f"{' and '.join(dict.fromkeys(reached))} accept connections"
        yield Finding(NOTE, "announced-address", found[0].key, message)


def _is_web(subject: Subject, announced: Announcement) -> bool:
    place = web_place.find(subject) if announced.listener.path == announcements.WEB else None
    return place is not None and (place.host, place.port) == (announced.host, announced.port)


def _attempts(subject: Subject, places: list[tuple[str, int]]) -> list[connections.Attempt]:
    """Return how it goes to connect to each of them; at the same time, since each may be waited for."""
    left = time_limit.remaining()

    def attempt(place: tuple[str, int]) -> connections.Attempt:
        with time_limit.Limit(left):
            return connections.attempt(subject, *place)

    with futures.ThreadPoolExecutor(max_workers=max(1, len(places))) as pool:
        return list(pool.map(attempt, places))


def _finding(subject: Subject, each: Announcement, attempt: connections.Attempt) -> Finding:
    if attempt.trouble == connections.SILENT and in_front.turns_away_own_targets(subject, each.port):
        message = f"{each.key}: {attempt.where} cannot be seen from here; its balancer does not answer its own targets"
        return Finding(NOTE, "announced-address", each.key, message)
    message = f"{each.key}: {attempt.message}"
    return Finding(ERROR, f"announced-{attempt.trouble}", each.key, message, attempt.remedy)


def _correct(each: Announcement) -> str:
    return (
        f"correct the name in the conf and run `teleport-bootstrap reconfigure`, or create its record; see "
        f"`dig {each.host}`"
    )


CHECK = Check("announced-addresses", NETWORK, "the public addresses in teleport.yaml: whether something answers", _run)
