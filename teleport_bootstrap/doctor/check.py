"""One check of `doctor`, and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding
from teleport_bootstrap.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from teleport_bootstrap.doctor.subject import Subject

# How a check ends.
PASS, WARN, FAIL, SKIPPED = "pass", "warn", "fail", "skipped"
RESULTS = (PASS, WARN, FAIL, SKIPPED)

# The groups, in the order in which one thing stands on another, by the names that --only and --skip take.
HOST, INSTANCE, PARAMETERS, TABLES = "host", "instance", "parameters", "tables"
BUCKETS, BACKUPS = "buckets", "backups"
NETWORK, BALANCERS, PERMISSIONS = "network", "balancers", "permissions"
GROUPS = {
    HOST: "This host",
    INSTANCE: "The instance and its role",
    PARAMETERS: "Parameters in SSM",
    TABLES: "Tables in DynamoDB",
    BUCKETS: "Buckets in S3",
    BACKUPS: "Backups",
    NETWORK: "Names and ways through the network",
    BALANCERS: "Load balancers",
    PERMISSIONS: "Permissions",
}

# What one check may take. In a dead network, all of them wait at the same time.
SECONDS = 10.0


class Skipped(Exception):
    """Raised by a check that does not apply here, or cannot know.

    `reason` says why, and `remedy` what would let it know; empty for nothing.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True)
class Check:
    """A check: `name` is what --only and --skip take, `group` is one of GROUPS.

    `looks_at` completes "This check looks at". `run` yields findings: an error fails the check, a warning warns, and a
    note says what is there where nothing is wrong. It may raise Skipped, and the errors of what it asks, of which one
    of AWS or of the metadata service skips it: another check is about that. It may run in any thread, at the same time
    as the others, and changes nothing. Without `needs_network` it is run with --offline too.
    """

    name: str
    group: str
    looks_at: str
    run: Callable[[Subject], Iterable[Finding]]
    needs_network: bool = True


@dataclass(frozen=True)
class Outcome:
    """How a check has ended: `result` is one of RESULTS; `findings` are those of its severity.

    For one that was skipped, the only finding says why; for one that passed, they say what is there, if anything.
    """

    check: Check
    result: str
    findings: tuple[Finding, ...] = ()


def of_findings(check: Check, findings: Iterable[Finding]) -> Outcome:
    """Return how `check` ends with `findings`: the most severe of them decide, and the others are left out."""
    found = tuple(findings)
    for severity, result in ((ERROR, FAIL), (WARNING, WARN), (NOTE, PASS)):
        severe = tuple(each for each in found if each.severity == severity)
        if severe:
            return Outcome(check, result, severe)
    return Outcome(check, PASS)


def of_skipped(check: Check, reason: str, remedy: str = "") -> Outcome:
    """Return that `check` was skipped."""
    return Outcome(check, SKIPPED, (Finding(NOTE, "skipped", check.name, reason, remedy),))
