"""How long a command takes, against the interpreter that it cannot do without.

`./dev bench` runs this. Each command is run in turn with the bare interpreter, A B A B, so that a machine whose speed
drifts does not favour one of them; what counts is the ratio of the medians, not the seconds. A label command runs once
an hour on every node, and `generate` stands between a boot and Teleport.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 15

CONF = """\
USE_ACM="true"
TELEPORT_DOMAIN_NAME="teleport.example.com"
TELEPORT_EXTERNAL_HOSTNAME="teleport.example.com"
TELEPORT_EXTERNAL_PORT="443"
TELEPORT_AUTH_SERVER_LB="teleport-nlb.example.com"
"""

METADATA = """\
local-ipv4: 10.0.0.12
public-ipv4: 203.0.113.12
local-hostname: ip-10-0-0-12.ec2.internal
instance-id: i-0123456789abcdef0
region: us-east-1
"""


def seconds(argv: list[str]) -> float:
    """Return how long `argv` runs; it has to succeed."""
    began = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def compare(name: str, argv: list[str]) -> None:
    """Print the ratio of `argv` to the bare interpreter."""
    bare = [sys.executable, "-c", "pass"]
    pairs = [(seconds(argv), seconds(bare)) for _ in range(ROUNDS)]
    ours, floor = (statistics.median(side) for side in zip(*pairs))
    print(f"{name:<24}{ours / floor:6.1f} x the bare interpreter ({ours * 1000:.0f} ms against {floor * 1000:.0f} ms)")


def large_conf(path: str, lines: int) -> None:
    """Write a valid conf of `lines` assignments."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f'UNKNOWN_{number}="value {number}" # comment\n' for number in range(lines))


def grammar(directory: str) -> None:
    """Print how the grammar grows with its input, and how it compares to the shell it replaces."""
    path = os.path.join(directory, "large")
    took = {}
    for lines in (2000, 20000):
        large_conf(path, lines)
        took[lines] = min(seconds([sys.executable, "-m", "teleport_bootstrap", "validate", path]) for _ in range(3))
    shell = min(seconds(["bash", "-c", f". {path}"]) for _ in range(3))
    print(f"ten times the lines:    {took[20000] / took[2000]:6.1f} x the time (20000 lines)")
    print(f"20000 lines:            {took[20000] / shell:6.1f} x bash sourcing the same file")


def main() -> None:
    """Run all comparisons."""
    with tempfile.TemporaryDirectory() as directory:
        conf, metadata = os.path.join(directory, "conf"), os.path.join(directory, "metadata.yaml")
        for path, text in ((conf, CONF), (metadata, METADATA)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        agent = [sys.executable, "-m", "teleport_bootstrap"]
        compare("validate", [*agent, "validate", conf])
        sources = ["--conf", conf, "--metadata", metadata, "--teleport-version", "17.5.1"]
        compare("render", [*agent, "render", *sources])
        compare("plan --format json", [*agent, "plan", "--format", "json", *sources])
        grammar(directory)


if __name__ == "__main__":
    main()
