"""Whether the clock of this host agrees with that of AWS.

AWS refuses a request that is signed five minutes early or late; Teleport's tokens and certificates begin at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.doctor.check import INSTANCE, Check, Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding

_NOTABLE_SECONDS, _REFUSED_SECONDS = 60.0, 300.0
_SET = (
    "run `chronyc makestep`, then `systemctl enable --now chronyd` (Debian: chrony), with `server 169.254.169.123 "
    "prefer iburst` in its configuration"
)


def _run(subject: Subject) -> Iterator[Finding]:
    try:
        ahead = subject.aws.sts.clock_ahead()
    except errors.ClockWrong as error:
        yield from error.as_findings(ERROR)
        return
    if ahead is None:
        raise Skipped("AWS's answer does not say the time")
    size = f"{abs(ahead):.0f} s"
    if abs(ahead) < _NOTABLE_SECONDS:
        # An answer says whole seconds, and takes a moment to arrive.
        yield Finding(NOTE, "clock", "", "it agrees with AWS's clock" if abs(ahead) < 3 else f"it is {size} off AWS's")
        return
    severity = ERROR if abs(ahead) >= _REFUSED_SECONDS else WARNING
    message = f"the clock of this host is {size} {'ahead of' if ahead > 0 else 'behind'} AWS's"
    yield Finding(severity, "clock-off", "", message, _SET)


CHECK = Check("clock", INSTANCE, "the clock of this host, beside that of AWS", _run)
