"""What is known of Teleport's versions: the one place to edit when a release comes out.

docs/contributing.md says how a new major is checked.
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.finding import NOTE, WARNING, Finding
from teleport_bootstrap.hints import NamedTuple

# The oldest major that this agent is tested with; it refuses older ones. Teleport's own support ends sooner.
OLDEST_TESTED = 12
# The newest major whose changelog and settings were read. This agent works with newer ones, and says so.
NEWEST_CHECKED = 18

Version = tuple[int, int, int]


class BadBuilds(NamedTuple):
    """Releases with a fault, from `first` to `last`, both included; `fault` says what happens with them."""

    first: Version
    last: Version
    fault: str


BAD_BUILDS = (
    BadBuilds((18, 4, 2), (18, 5, 0), "its auth service may never become ready"),
    BadBuilds((18, 7, 4), (18, 7, 4), "hosts cannot join with a CA pin while a lock is in force in the cluster"),
)


def findings(version: Version) -> Iterator[Finding]:
    """Yield a warning where `version` has a known fault, and a note where it is newer than what was checked."""
    written = ".".join(map(str, version))
    for bad in BAD_BUILDS:
        if bad.first <= version <= bad.last:
            message = f"Teleport {written} has a known fault: {bad.fault}"
            yield Finding(WARNING, "teleport-version", "teleport", message, "install another release of the same major")
    if version[0] > NEWEST_CHECKED:
        message = f"Teleport {written} is newer than {NEWEST_CHECKED}, the newest major that was checked"
        remedy = "try it on one host before the others; read Teleport's changelog for settings that have changed"
        yield Finding(NOTE, "teleport-version", "teleport", message, remedy)
