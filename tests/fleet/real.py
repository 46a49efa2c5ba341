"""Many real processes of `fetch-secrets` against one rate-limited server on loopback, beside their simulation.

Processes take longer to start than instances do beside each other, since they share the processors. So they start a few
at a time, the limit is low, and the simulation is given the moments at which each of them asked first. What is compared
is what follows from that: the calls, and when the last one was answered.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from teleport_bootstrap.host import pacing
from tests.fleet import policies
from tests.fleet.simulation import OK, THROTTLED, Bucket, Host, Request, World
from tests.simulated_ec2 import imds
from tests.simulated_ec2.limited_ssm import LimitedSsm

CHECKOUT = Path(__file__).parents[2]
_MOST = 1000
# So long the limit keeps the processes busy, whatever their number.
_BUSY_SECONDS = 400.0
_LONGEST_SECONDS = 900.0
# Processes that have started and not asked yet.
_STARTING = 4
_TOLERANCE = 0.15
_SEEDS = 15

_CONF = (
    "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
    "TELEPORT_NODENAME=node\n"
)
_PARAMETERS = {
    "/teleport/cluster-1/tokens/node": "a-made-up-token-of-no-cluster",
    "/teleport/cluster-1/ca-pin-hash": "sha256:" + "5a" * 32,
}


@dataclass
class Found:
    """When the last host was answered, from the first request on; all calls; and the hosts that have no token."""

    last: float
    calls: int
    without: int


def main(count: int) -> int:
    """Run so many processes, print what came of them and of their simulation, and return the exit status."""
    if not 1 <= count <= _MOST:
        print(f"./dev fleet: --real takes a number from 1 to {_MOST}", file=sys.stderr)
        return 2
    rate = count / _BUSY_SECONDS
    print(f"{count} processes, {rate:.2f} requests a second: about {_BUSY_SECONDS / 60:.0f} minutes", file=sys.stderr)
    real, first = run(count, rate)
    expected = simulated(first, rate)
    print(f"the first requests came within {max(first) - min(first):.0f} s\n")
    print("| | real | simulated | difference |\n|---|---:|---:|---:|")
    is_near = real.without == 0
    for name, got, wanted in (("last token after, s", real.last, expected.last), ("calls", real.calls, expected.calls)):
        difference = got / wanted - 1
        is_near = is_near and abs(difference) <= _TOLERANCE
        print(f"| {name} | {got:.0f} | {wanted:.0f} | {difference:+.1%} |")
    print(f"| without a token | {real.without} | {expected.without} | |")
    if not is_near:
        print(f"./dev fleet: real processes and simulation differ by more than {_TOLERANCE:.0%}", file=sys.stderr)
    return 0 if is_near else 1


def run(count: int, rate: float) -> tuple[Found, list[float]]:
    """Start the processes; return what came of them, and when each asked first."""
    bucket = Bucket(rate, max(rate, 1.0))
    ssm = LimitedSsm(_PARAMETERS, bucket.take)
    metadata = imds.Server()
    processes: dict[str, subprocess.Popen[bytes]] = {}
    metadata.start()
    ssm.start()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            model = _configured(Path(scratch) / "model", metadata.url)
            try:
                for number in range(count):
                    name = f"host-{number}"
                    root = Path(scratch) / name
                    shutil.copytree(model, root, symlinks=True)
                    _wait_until(lambda: len(processes) - len(ssm.asked) < _STARTING, _LONGEST_SECONDS)
                    processes[name] = _started(root, metadata.url, ssm.url(name))
                end = time.monotonic() + _LONGEST_SECONDS
                for process in processes.values():
                    process.wait(max(1.0, end - time.monotonic()))
            finally:
                for process in processes.values():
                    if process.poll() is None:
                        process.kill()
                        process.wait()
    finally:
        ssm.stop()
        metadata.stop()
    failed = sum(process.returncode != 0 for process in processes.values())
    first = [moments[0] for moments in ssm.asked.values()]
    calls = sum(map(len, ssm.asked.values()))
    return Found(max(ssm.granted.values()) - min(first), calls, max(failed, count - len(ssm.granted))), first


def simulated(first: list[float], rate: float) -> Found:
    """Return what the simulation says of hosts that ask first at these moments: the means of some runs."""
    runs = [_simulated_once(first, rate, seed) for seed in range(_SEEDS)]
    return Found(
        statistics.mean(each.last for each in runs),
        round(statistics.mean(each.calls for each in runs)),
        max(each.without for each in runs),
    )


def _simulated_once(first: list[float], rate: float, seed: int) -> Found:
    world = World(seed, latency_seconds=0.01)
    bucket = Bucket(rate, max(rate, 1.0))
    request = Request(lambda now: OK if bucket.take(now) else THROTTLED)

    def host(moment: float) -> Host:
        # `fetch-secrets` waits for its turn before it asks.
        yield max(0.0, moment - pacing.FIRST_SECONDS * (1 + pacing.GROWTH) / 2)
        if (yield from policies.fetch_in_crowd(world, 0.0, request)):
            world.counts.joined.append(world.now)

    world.run([host(moment) for moment in first], until=_LONGEST_SECONDS)
    counts = world.counts
    return Found(max(counts.joined) - min(first), counts.calls, len(first) - len(counts.joined))


def _configured(root: Path, metadata: str) -> Path:
    """Return a root in which `generate` has run while SSM could not be reached."""
    (root / "etc/teleport.d").mkdir(parents=True)
    (root / "etc/teleport.d/conf").write_text(_CONF)
    command = [sys.executable, "-m", "teleport_bootstrap", "--root", str(root), "generate", "--wait", "2"]
    environment = _environment(root, metadata, "http://127.0.0.1:9")
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
    return root


def _started(root: Path, metadata: str, ssm: str) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "teleport_bootstrap",
        "--root",
        str(root),
        "fetch-secrets",
        "--publish-wait",
        "900",
    ]
    return subprocess.Popen(
        command,
        env=_environment(root, metadata, ssm),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _environment(root: Path, metadata: str, ssm: str) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(root),
        "PYTHONPATH": str(CHECKOUT),
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata,
        "AWS_ENDPOINT_URL": ssm,
    }


def _wait_until(is_so: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise SystemExit("./dev fleet: the processes do not start")
        time.sleep(0.02)
