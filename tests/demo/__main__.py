"""Where `./dev demo` begins: Ctrl-C, a closed pipe and a request to end leave nothing behind, and no traceback."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn, Optional


def _leave_at_once(number: int, frame: Optional[FrameType]) -> NoReturn:
    os._exit(128 + number)


# Before anything else is imported, which takes a second: nothing has begun that would have to be ended.
if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, _leave_at_once)


def main() -> int:
    """Run the demo that the command line names, and return its exit status."""
    from tests.demo import cluster, one_host, scene  # noqa: PLC0415

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    scene.hide_foreign_settings()
    try:
        named = sys.argv[1:]
        status = cluster.main() if named == ["ha"] else one_host.main(named[0] if named else None)
        sys.stdout.flush()
    except BrokenPipeError:
        # Its reader has had enough, such as `head`. What the interpreter still writes at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    return status


def _end(number: int, frame: Optional[FrameType]) -> NoReturn:
    # The services and the scratch directory are removed meanwhile, however often the keys are pressed.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
