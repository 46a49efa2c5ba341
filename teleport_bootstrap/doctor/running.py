"""Runs checks at the same time, each within its limit, and all within a limit that holds in a dead network too."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

from teleport_bootstrap import errors, lazy_imports
from teleport_bootstrap.doctor import check
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, Finding
from teleport_bootstrap.host import output, time_limit

# After it, a check that has not ended is not waited for: a name that is looked up, or a disk, cannot be interrupted.
ALL_SECONDS = check.SECONDS + 2.0

# These say that something could not be asked. One check is about the cause, and fails; the others cannot know.
_UNKNOWN = (
    *(errors.AwsUnreachable, errors.AwsThrottled, errors.AwsFailed, errors.ClockWrong, errors.CredentialsMissing),
    *(errors.LibraryMissing,),
)


def run(
    checks: Sequence[check.Check], subject: Subject, on_end: Callable[[Sequence[check.Check]], None]
) -> list[check.Outcome]:
    """Return how each of `checks` has ended, in their order.

    `on_end` is called whenever one has ended, with those that have not.
    """
    lazy_imports.run_pending()
    ended: queue.Queue[check.Outcome] = queue.Queue()
    for each in checks:
        arguments = (each, subject, ended)
        threading.Thread(target=_run_one, args=arguments, name=f"check {each.name}", daemon=True).start()
    found: dict[str, check.Outcome] = {}
    end = time.monotonic() + ALL_SECONDS
    while len(found) < len(checks):
        try:
            outcome = ended.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        found[outcome.check.name] = outcome
        on_end([each for each in checks if each.name not in found])
    late = f"it had not ended after {ALL_SECONDS:.0f} s"
    return [found.get(each.name) or check.of_skipped(each, late) for each in checks]


def _run_one(each: check.Check, subject: Subject, ended: queue.Queue[check.Outcome]) -> None:
    try:
        ended.put(outcome(each, subject))
    except BaseException as error:  # otherwise the thread would end without an outcome
        ended.put(check.of_findings(each, [_defect(each, error)]))


def outcome(each: check.Check, subject: Subject) -> check.Outcome:
    """Run one check in this thread, and return how it has ended."""
    try:
        with time_limit.Limit(check.SECONDS):
            return check.of_findings(each, each.run(subject))
    except check.Skipped as skipped:
        return check.of_skipped(each, skipped.reason, skipped.remedy)
    except time_limit.TimeUp:
        return check.of_skipped(each, f"no answer within {check.SECONDS:.0f} s")
    except errors.AwsDenied as denied:
        return check.of_skipped(each, f"not allowed: {denied.summary}", _LET)
    except errors.BootstrapError as error:
        if isinstance(error, _UNKNOWN) or error.exit_status == errors.METADATA:
            return check.of_skipped(each, f"it could not be asked: {error.summary}", error.hint)
        return check.of_findings(each, error.as_findings(ERROR))


_LET = "`teleport-bootstrap iam-policy --part doctor` prints the policy that lets this check know"


def _defect(each: check.Check, error: BaseException) -> Finding:
    return Finding(
        ERROR,
        errors.BootstrapError.code,
        each.name,
        f"internal error: {output.defect(error)}",
        "this is a defect of teleport-bootstrap: report it with the bundle of `teleport-bootstrap collect-logs`",
    )
