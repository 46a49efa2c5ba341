"""Session recordings that Teleport has kept on the disk, and has not uploaded yet.

With the recording modes `node` and `proxy` a session is uploaded after its end. A graceful stop ends the upload first
and then waits for sessions (`initUploaderService` in lib/service/service.go, in 12 as in 17), so the recordings of
those stay here until Teleport is started again.
"""

from __future__ import annotations

import os

from teleport_bootstrap import paths

DIRECTORY = f"{paths.DATA}/log/upload/streaming/default"
# What has another suffix is a mark of Teleport, or a session that goes on.
_SUFFIX = ".tar"


def count(root: paths.Root) -> int:
    """Return how many there are; none where the directory cannot be read."""
    try:
        return sum(name.endswith(_SUFFIX) for name in os.listdir(root.path(DIRECTORY)))
    except OSError:
        return 0
