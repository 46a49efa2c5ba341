"""Take an instance out of the target groups of its auto scaling group, before Teleport closes its ports."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from teleport_bootstrap import errors, log
from teleport_bootstrap.aws import account
from teleport_bootstrap.host import clock, underway

# Each look asks once for each target group, and many instances may leave at the same time.
POLL_SECONDS = 5.0
# Balancers learn of it within seconds, and send no new connections then. What they keep for longer are connections that
# do not end by themselves, such as the tunnels of nodes: only Teleport can send these elsewhere, when it stops.
MOST_SECONDS = 60.0

logger = log.Logger(__name__)


def leave(
    aws: account.Aws, group: str, instance_id: str, *, seconds: float, meanwhile: Callable[[], None]
) -> tuple[str, ...]:
    """Leave all target groups of the auto scaling group, and wait at most `seconds` until balancers have let go.

    Return a note for each failure: none of one target group keeps the instance in another, or ends a session earlier.
    `meanwhile` is called before each target group is left, and before each look.
    """
    notes: list[str] = []
    arns: tuple[str, ...] = ()
    with _noted(notes, "the target groups of this instance are not known"):
        arns = aws.auto_scaling.target_groups(group)
    registered = []
    for arn in arns:
        meanwhile()
        with _noted(notes, "the instance did not leave a target group by itself"):
            aws.load_balancers.deregister(arn, instance_id)
            registered.append(arn)
    began = clock.SYSTEM.monotonic()
    with underway.displayed("waiting for balancers to let this instance go", seconds):
        while registered:
            meanwhile()
            registered = _still(aws, registered, instance_id, notes)
            if not registered or clock.SYSTEM.monotonic() - began + POLL_SECONDS > seconds:
                break
            clock.SYSTEM.sleep(POLL_SECONDS)
    return tuple(notes)


def _still(aws: account.Aws, arns: list[str], instance_id: str, notes: list[str]) -> list[str]:
    """Return those target groups of `arns` that have the instance; one that cannot be asked is not waited for."""
    found = []
    for arn in arns:
        with _noted(notes, "it is not known whether balancers still send connections"):
            found += [arn] if aws.load_balancers.is_registered(arn, instance_id) else []
    return found


@contextlib.contextmanager
def _noted(notes: list[str], what: str) -> Iterator[None]:
    try:
        yield
    except errors.BootstrapError as error:
        logger.warning("%s. %s", error.message, error.hint)
        notes.append(f"{what}: {error.message}")
