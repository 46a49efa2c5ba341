"""Runs what is measured, from a process that is itself small, and reports what it took.

    python -IS small_process.py

It reads a JSON object with `argv` and `environ` on each line of standard input, and answers with another one. The
kernel counts the peak memory of a process from that of the process which started it, so a large parent would hide the
peak of a small child.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time


def main() -> None:
    """Answer until standard input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(run(asked["argv"], asked["environ"])), flush=True)


def run(argv: list[str], environ: dict[str, str]) -> dict[str, object]:
    """Run `argv` to its end; the processor time is that of all processes which it started and waited for."""
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        files = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, said.fileno(), 1),
            (os.POSIX_SPAWN_DUP2, said.fileno(), 2),
        ]
        child = os.posix_spawn(argv[0], argv, environ, file_actions=files)
        _, status, usage = os.wait4(child, 0)
        wall = time.perf_counter() - began
        said.seek(0)
        return {
            "status": os.waitstatus_to_exitcode(status),
            "cpu": usage.ru_utime + usage.ru_stime,
            "wall": wall,
            "mebibytes": usage.ru_maxrss / 1024,
            "said": said.read(4000).decode(errors="replace"),
        }


if __name__ == "__main__":
    main()
