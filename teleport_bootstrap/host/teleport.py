"""The installed Teleport: its path, its version, and its own check of a configuration."""

from __future__ import annotations

import os
import stat

from teleport_bootstrap import errors, escaping, masking, paths
from teleport_bootstrap.host import process

VERSION_SECONDS = 30.0
TEST_SECONDS = 60.0


def find(root: paths.Root, program: str = "teleport") -> str | None:
    """Return the path of the binary on this machine, None where it is not installed.

    Raises FileTrouble where that is not known: a configuration for another version would be written.
    """
    for directory in paths.TELEPORT_BINARIES:
        path = root.path(f"{directory}/{program}")
        try:
            is_file = stat.S_ISREG(os.stat(path).st_mode)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        except OSError as error:
            raise errors.FileTrouble(
                f"{path} cannot be looked at: {error.strerror}", hint="Check the disk that it is on (`dmesg`)."
            ) from None
        if is_file and os.access(path, os.X_OK):
            return path
    return None


def version(binary: str) -> process.Finished:
    """Run `binary version`; `teleport_bootstrap.plan.teleport_build` parses the output."""
    return process.run([binary, "version"], most_bytes=process.SHORT, timeout_seconds=VERSION_SECONDS)


def refusal(binary: str, path: str, shown_as: str) -> str | None:
    """Return what `binary` says against the configuration at `path`, in one line; None where it accepts it."""
    done = process.run([binary, "configure", "--test", path], most_bytes=process.SHORT, timeout_seconds=TEST_SECONDS)
    if done.ok:
        return None
    said = " ".join((done.errors or done.output).replace(path, shown_as).split())
    return escaping.one_line(masking.mask_foreign(said)) or f"exit status {done.status}"
