"""Shows a result on the terminal again and again, until Ctrl-C."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from teleport_bootstrap import errors
from teleport_bootstrap.cli.result import Result
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import output, termination

LEAST_SECONDS = 1.0
# At most this part of the time is spent on making results, also where each takes long.
_SHARE = 0.25


def watch(make: Callable[[], Result], seconds: float, clock: clocks.Clock = clocks.SYSTEM) -> Result:
    """Draw what `make` returns every `seconds`, until Ctrl-C, and return the last result, which stays to be read.

    Raises UsageError without a terminal that can redraw itself.
    """
    found = make()
    # Its warnings have been logged once, and would be drawn over.
    before = logging.root.manager.disable
    try:
        with termination.as_exception(), output.redrawn() as draw, contextlib.suppress(KeyboardInterrupt):
            if draw is None:
                raise errors.UsageError(
                    "--watch needs a terminal on which it can redraw",
                    hint="Without one, run `teleport-bootstrap status` again and again, such as from a loop.",
                )
            logging.disable()
            took = 0.0
            while True:
                draw(found.text)
                clock.sleep(max(seconds, LEAST_SECONDS, took / _SHARE - took))
                began = clock.monotonic()
                found = make()
                took = clock.monotonic() - began
    finally:
        logging.disable(before)
    return found
