"""A stand-in for the agent that does one thing that it must not: `FAULTS_BAD` says which. For test_faults.py."""

import os
import sys
import time
import urllib.request
from pathlib import Path

from tests.simulated import canaries

ROOT = Path(sys.argv[2] if len(sys.argv) > 2 else ".")  # after --root


def show() -> None:
    print(canaries.LICENSE_LINE)


def leave_secret() -> None:
    (ROOT / "etc/planted").write_text(canaries.LICENSE_LINE)


def grow() -> None:
    held = b"x" * (100 * 1024 * 1024)
    print(len(held))


def lose() -> None:
    (ROOT / "etc/teleport.d/conf").unlink()


def change() -> None:
    (ROOT / "etc/teleport.d/conf").write_text("TELEPORT_ROLE=")


def leave() -> None:
    (ROOT / "etc/.teleport.yaml.0.teleport-bootstrap-new").write_text("half")


def write_elsewhere() -> None:
    (ROOT / "etc/unexpected").write_text("x")


def follow() -> None:
    headers = {"X-aws-ec2-metadata-token": "x"}
    address = os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] + "/latest/meta-data/local-ipv4"
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        urllib.request.Request(address, headers=headers), timeout=5
    )


BAD = {
    "leak: the license": show,
    "leak: the license (plain) in etc/planted": leave_secret,
    "memory": grow,
    "loss: etc/teleport.d/conf": change,
    "loss: etc/teleport.d/conf, all of it": lose,
    "leftover": leave,
    "state": write_elsewhere,
    "stray": follow,
    "late": lambda: time.sleep(6),
    "defect": lambda: print("Traceback (most recent call last):", file=sys.stderr),
    "escape": lambda: print("\x1b[2J"),
    "output": lambda: print("x" * 100_000),
    "status: 1": lambda: sys.exit(1),
    "status: -15": lambda: os.kill(os.getpid(), 15),
    "nothing": lambda: None,
}

if __name__ == "__main__":
    BAD[os.environ["FAULTS_BAD"]]()
    sys.exit(3)
