"""Boots machines and tells where the time goes between user-data and a Teleport that is ready. It takes root.

    python -m benchmarks.booted TIMES

It prints a JSON object: for each case, a list with the figures of each boot in seconds. All moments are those of the
kernel's monotonic clock, which systemd notes for its units, and which the machine shares with this process.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

from tests import packages
from tests.boot import installed, instance, ssm, trees
from tests.boot.machine import Machine, sweep

RELEASE = "bookworm"
SLOW_SECONDS = 0.05

_JOINING = "TELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
_PARAMETERS = {
    "/teleport/cluster-1/license": "-----BEGIN CERTIFICATE-----\nc2ltdWxhdGVk\n-----END CERTIFICATE-----\n",
    "/teleport/cluster-1/tokens/node": "0123456789abcdef",
    "/teleport/cluster-1/tokens/proxy": "0123456789abcdef",
    "/teleport/cluster-1/ca-pin-hash": "sha256:" + "5d" * 32,
}

# The cases: the unit of Teleport, the user-data, and how long the metadata service takes for each answer.
_NODE = f"TELEPORT_ROLE=node\n{_JOINING}"
_AUTH = (
    f"TELEPORT_ROLE=auth\n{_JOINING}TELEPORT_DYNAMO_TABLE_NAME=state-1\nTELEPORT_DYNAMO_EVENTS_TABLE_NAME=events-1\n"
    "TELEPORT_S3_BUCKET=bucket-1\nTELEPORT_LOCKS_TABLE_NAME=locks-1\nTELEPORT_LICENSE_PATH=1\nUSE_ACM=true\n"
)
_PROXY = (
    f"TELEPORT_ROLE=proxy\n{_JOINING}TELEPORT_DOMAIN_NAME=teleport.example.com\n"
    "TELEPORT_PROXY_SERVER_LB=proxy.example.com\nUSE_ACM=true\n"
)


@dataclass(frozen=True)
class Case:
    """A machine to boot."""

    unit: str
    user_data: str
    slow_seconds: float = 0.0


def _writing(conf: str) -> str:
    return f"#!/bin/bash\ncat >/etc/teleport.d/conf <<'EOF'\n{conf}EOF\n"


CASES = {
    "all-in-one": Case("teleport-acm.service", instance.GUIDE_USER_DATA),
    "auth": Case("teleport-auth.service", _writing(_AUTH)),
    "proxy": Case("teleport-proxy-acm.service", _writing(_PROXY)),
    "node": Case("teleport-node.service", _writing(_NODE)),
    "node, 50 ms for each item of metadata": Case("teleport-node.service", _writing(_NODE), SLOW_SECONDS),
}
SLOW = tuple(name for name, case in CASES.items() if case.slow_seconds)


@dataclass(frozen=True)
class Boot:
    """Seconds from the end of cloud-final to the first answer that Teleport is ready, and whose they are.

    `before` and `between` are systemd's: until our service starts, and from its end until Teleport's unit does. Ours
    are `generate`, and `preparing` in Teleport's unit.
    """

    whole: float
    before: float
    generate: float
    between: float
    preparing: float
    teleport: float


# Teleport's own programs would be counted as ours where `generate` runs them: these two answers take no time.
_TELEPORT = """\
#!/bin/sh
case $1 in
    version) echo "Teleport v17.5.1 git:v17.5.1-0-g0000000 go1.23.4" ;;
    configure) ;;
    *) exec /opt/stand-in/teleport "$@" ;;
esac
"""

# Prints when /readyz first says 200. It asks every 5 ms, in the network of the machine.
_WATCH = """
import http.client, time
while True:
    connection = http.client.HTTPConnection("127.0.0.1", 3000, timeout=5)
    try:
        connection.request("GET", "/readyz")
        if connection.getresponse().status == 200:
            print(time.monotonic(), flush=True)
            break
    except OSError:
        pass
    finally:
        connection.close()
    time.sleep(0.005)
"""

_numbers = itertools.count(1)


def measure(package: Path, case: Case) -> Boot:
    """Boot a new machine with `package`, once."""
    with _machine() as machine:
        installed.install_offline(machine, package)
        instance.install_stand_in(machine, "/opt/stand-in", settle=0)
        machine.write("/usr/local/bin/teleport", _TELEPORT, mode=0o755)
        instance.be_instance(machine, user_data=case.user_data)
        if case.slow_seconds:
            unit = machine.read("/etc/systemd/system/imds.service")
            slow = unit.replace(" --fault allow_v1", f" --fault slow_seconds={case.slow_seconds} --fault allow_v1")
            machine.write("/etc/systemd/system/imds.service", slow)
        ssm.Ssm(machine).publish(_PARAMETERS)
        machine.start()
        _prefer(machine.leader)
        with _watching(machine) as watch:
            machine.settle(120)
            assert watch.stdout is not None
            ready = float(watch.stdout.readline())
        return _read(machine, case.unit, ready)


def _read(machine: Machine, unit: str, ready: float) -> Boot:
    final = _moments(machine, "cloud-final.service", "ExecMainExit")
    ours = _moments(machine, instance.GENERATE, "ExecMainStart", "ExecMainExit")
    teleport = _moments(machine, unit, "InactiveExit", "ExecMainStart")
    return Boot(
        whole=ready - final[0],
        before=ours[0] - final[0],
        generate=ours[1] - ours[0],
        between=teleport[0] - ours[1],
        # systemd starts the process a moment before it notes that the unit is no longer inactive.
        preparing=max(0.0, teleport[1] - teleport[0]),
        teleport=ready - teleport[1],
    )


def _moments(machine: Machine, unit: str, *names: str) -> list[float]:
    properties = [f"{name}TimestampMonotonic" for name in names]
    found = machine.show(unit, *properties)
    assert all(found[name] != "0" for name in properties), f"{unit} was not started:\n{machine.journal()}"
    return [int(found[name]) / 1e6 for name in properties]


@contextmanager
def _machine() -> Iterator[Machine]:
    machine = Machine(trees.tree(RELEASE), f"tb-{os.getpid()}-{next(_numbers)}")
    try:
        yield machine
    finally:
        machine.close()


@contextmanager
def _watching(machine: Machine) -> Iterator[subprocess.Popen[str]]:
    enter = ["nsenter", "-t", str(machine.leader), "-n", "--", sys.executable, "-IS", "-c", _WATCH]
    watch = subprocess.Popen(enter, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    _prefer(watch.pid)
    try:
        yield watch
    finally:
        watch.kill()
        watch.wait(10)


def _prefer(process: int) -> None:
    """Let `process`, and all that it starts from now on, run before the other work of this computer."""
    os.sched_setscheduler(process, os.SCHED_RR, os.sched_param(1))


def _built(scratch: Path) -> Path:
    done = packages.build(packages.CHECKOUT, scratch, "deb")
    assert done.deb is not None, done.said
    return done.deb


def main(arguments: Optional[list[str]] = None) -> int:
    """Boot each case so often as the command line says, in turn."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.booted")
    parser.add_argument("times", type=int)
    parser.add_argument("--case", action="append", choices=list(CASES))
    options = parser.parse_args(arguments)
    cases = {name: CASES[name] for name in options.case or CASES}
    sweep()
    found: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
    with tempfile.TemporaryDirectory(prefix="teleport-bootstrap-bench-") as scratch:
        package = _built(Path(scratch))
        for _ in range(options.times):
            for name, case in cases.items():
                found[name].append(asdict(measure(package, case)))
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
