"""An instance that runs with its first configuration, and the state that `reconfigure` is responsible for."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.boot import instance, observe
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine

MAIN = "teleport.service"
ACM = "teleport-acm.service"
NODE = "teleport-node.service"
UNITS = (
    MAIN,
    ACM,
    NODE,
    "teleport-auth.service",
    "teleport-proxy.service",
    "teleport-proxy-acm.service",
    "teleport-fetch-secrets.timer",
)

# Text in a configuration that makes the stand-in fail.
BAD = {"exit-now": {"start": "exit"}, "never-ready": {"start": "unready"}}

AUTH = (
    "TELEPORT_ROLE=auth\nTELEPORT_DOMAIN_NAME=teleport.acmeinc.com\nUSE_LETSENCRYPT=false\n"
    "TELEPORT_AUTH_SERVER_LB=teleport-nlb.acmeinc.com\nTELEPORT_DYNAMO_TABLE_NAME=state-1\n"
    "TELEPORT_DYNAMO_EVENTS_TABLE_NAME=events-1\nTELEPORT_S3_BUCKET=bucket-1\nTELEPORT_LOCKS_TABLE_NAME=locks-1\n"
)
EXTERNAL = 'TELEPORT_EXTERNAL_HOSTNAME="{}.teleport.acmeinc.com"\n'  # takes a restart
LABEL = 'TELEPORT_SSH_LABELS="mood: {}"\n'  # takes a reload


def machine(new_machine: NewMachine, conf: str = instance.PLAIN_CONF, **switches: Any) -> Machine:
    """A running machine that its first boot configured; cloud-init ran in the image."""
    made = image(new_machine, conf, **switches)
    made.boot()
    observe.wait_until_ready(made, MAIN if "ACM" not in conf else ACM)
    return made


def image(new_machine: NewMachine, conf: str = instance.PLAIN_CONF, **switches: Any) -> Machine:
    """The same, not booted yet."""
    made = new_machine()
    instance.without_cloud_init(made)
    instance.install_agent(made)
    instance.install_stand_in(made, where=BAD, **switches)
    made.write("/etc/teleport.d/conf", conf, mode=0o600)
    instance.be_instance(made)
    return made


def add(made: Machine, lines: str) -> None:
    """Edit the conf."""
    made.write("/etc/teleport.d/conf", made.read("/etc/teleport.d/conf") + lines, mode=0o600)


def reconfigure(made: Machine, *options: str, environment: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run it without a terminal; Teleport has ten seconds to become healthy, and systemd as long to stop it."""
    command = ["env", *environment, "teleport-bootstrap", "reconfigure", "--yes", "--health-wait", "10", *options]
    return made.try_run(*command, seconds=200)


def pid(made: Machine) -> int:
    """The main process of Teleport."""
    return int(made.run("cat", "/run/teleport/teleport.pid"))


def current(made: Machine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made.read("/var/lib/teleport-bootstrap/current.json"))
    return found


def state(made: Machine) -> dict[str, object]:
    """Everything that a failed change must not alter: the bytes of files, and units."""
    files = [made.path("/etc/teleport.yaml"), made.path("/var/lib/teleport-bootstrap/unit.env")]
    for directory in ("/etc/teleport.d", "/etc/systemd/system"):
        files += made.path(directory).rglob("*")
    files += [made.path(f"/var/lib/teleport/{name}") for name in ("token", "ca-pin-hash", "license.pem", "host_uuid")]
    found: dict[str, object] = {}
    for path in files:
        name = f"/{path.relative_to(made.root)}"
        if path.is_symlink():
            found[name] = str(path.readlink()) if hasattr(path, "readlink") else "link"
        elif path.is_file() and name != "/etc/teleport.d/conf":
            facts = path.stat()
            found[name] = (oct(facts.st_mode), facts.st_uid, facts.st_gid, path.read_bytes())
    for unit in UNITS:
        found[unit] = (made.is_enabled(unit), made.state(unit))
    return found


def assert_well(made: Machine, unit: str = MAIN) -> None:
    """Teleport serves at this moment."""
    assert made.state(unit) == "active"
    assert observe.fetch(made, "http://127.0.0.1:3000/readyz")[0] == 200
