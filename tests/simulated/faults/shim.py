# Stands in front of a program, see programs.py: DIRECTORY is set in the line before. The standard library alone.
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time


def main():
    with open(os.path.join(DIRECTORY, "plan.json")) as file:  # noqa: F821
        facts = json.load(file)
    given = os.path.abspath(sys.argv[0])
    root, true = facts["root"], facts["true"]
    is_ours = os.path.dirname(given) == DIRECTORY  # noqa: F821
    name = given[len(root) :] if given.startswith(root + "/") and not is_ours else os.path.basename(given)
    what = key(name, sys.argv[1:], root)
    number = note(what)
    plan = facts["plan"]
    if plan and plan[0] == what and (number == plan[1] or (plan[3] == "always" and number > plan[1])):
        with open(os.path.join(DIRECTORY, "spoiled"), "w"):  # noqa: F821
            pass
        spoil(plan[2], true[name])
    become(true[name])


def become(program):
    os.execv(program, [program, *sys.argv[1:]])


def key(name, arguments, root):
    words = [word.replace(root, "") if root else word for word in arguments]
    said = " ".join([name, *(word for word in words if not word.startswith("--root="))])
    said = re.sub(
        r"[0-9]{8}T[0-9]{6}Z|[0-9a-f]{16,64}|(?<=[._-])[a-z0-9_]{8}(?=$|[ ./])|(?<=\.)[0-9a-f]{8}(?=\.)", "*", said
    )
    return re.sub(r"/tmp/[^ ]*/|[0-9]{3,}", "*", said)[:100]


def note(what):
    with open(os.path.join(DIRECTORY, "calls"), "a+") as file:  # noqa: F821
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps(what) + "\n")
        file.flush()
        file.seek(0)
        return sum(json.loads(line) == what for line in file)


def leave(process):
    with open(os.path.join(DIRECTORY, "left"), "a") as file:  # noqa: F821
        file.write(f"{process}\n")


def run(program):
    return subprocess.call([program, *sys.argv[1:]])


def endlessly(descriptor):
    piece = b"teleport v17.5.1 and more\n" * 2048
    end = time.monotonic() + 300
    try:
        while time.monotonic() < end:
            os.write(descriptor, piece)
    except OSError:
        pass
    os._exit(1)


def spoil(fault, program):
    leave(os.getpid())
    if fault == "ends with 1":
        os.write(2, b"simulated: it does not work\n")
        os._exit(1)
    if fault == "ends with 1 silently":
        os._exit(1)
    if fault == "prints noise":
        os.write(1, bytes(range(32, 127)) * 10 + b"\n")
        os._exit(0)
    if fault == "prints nothing":
        os._exit(0)
    if fault == "prints endlessly":
        endlessly(1)
    if fault == "complains endlessly":
        endlessly(2)
    if fault == "hangs and is deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if fault == "closes its output and hangs":
        for descriptor in (0, 1, 2):
            os.close(descriptor)
    if fault in ("hangs", "hangs and is deaf", "closes its output and hangs"):
        time.sleep(1000)
        os._exit(1)
    if fault == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    if fault == "does not read":
        os.close(0)
        os._exit(0)
    if fault == "prints bad UTF-8":
        os.write(1, b"Teleport Enterprise v17.5.1 \xff\xfe\xc0 git:\n\xff\n")
        os._exit(0)
    if fault == "prints escape sequences":
        os.write(2, b"\x1b[2J\x1b]0;title\x07\rteleport-bootstrap: all is done\n")
        os._exit(1)
    if fault == "does it and ends with 1":
        run(program)
        os._exit(1)
    if fault == "leaves a grandchild":
        child = os.fork()
        if child == 0:
            leave(os.getpid())
            time.sleep(1000)
            os._exit(0)
        os._exit(run(program))


main()
