"""Run a program, and write down how it ended: `launcher.py FACTS SECONDS PROGRAM...`; the standard library alone.

FACTS becomes a JSON object: status as subprocess has it, null where the program did not end within SECONDS and was
killed; seconds; and peak_kib, the most memory that it or one of its children had. It is a process of its own, since the
kernel counts the memory of the process that starts a program into the peak of that program.
"""

import contextlib
import json
import os
import resource
import signal
import sys
import time


def main(facts, seconds, argv):
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        try:
            os.execvpe(argv[0], argv, os.environ)
        finally:
            os._exit(127)
    late = []

    def end(*_):
        late.append(True)
        os.killpg(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, float(seconds))
    _, status, used = os.wait4(child, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    taken = time.monotonic() - begun
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)  # what it left running
    code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    with open(facts, "w") as file:
        json.dump({"status": None if late else code, "seconds": taken, "peak_kib": used.ru_maxrss}, file)


resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
main(sys.argv[1], sys.argv[2], sys.argv[3:])
