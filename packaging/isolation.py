"""Runs other programs so that nothing of the machine and the user that build it gets into a package."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path


def run(command: Sequence[str], *, time: int, home: Path, **more: str) -> str:
    """Run `command` and return what it printed; raises CalledProcessError.

    SOURCE_DATE_EPOCH is `time`, in seconds since 1970, and `home` is the home directory, so that no user's settings
    apply. `more` is added to the environment.
    """
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": str(time),
        **more,
    }
    umasked = ["/bin/sh", "-c", 'umask 022 && exec "$@"', "sh", *command]
    done = subprocess.run(
        umasked, check=False, env=environment, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8"
    )
    if done.returncode != 0:
        raise subprocess.CalledProcessError(done.returncode, list(command), done.stdout, done.stderr)
    return done.stdout
