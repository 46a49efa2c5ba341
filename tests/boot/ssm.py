"""Parameter Store as a machine sees it: a server on the machine's own loopback interface, which can be gone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.boot import instance
from tests.boot.machine import Machine

SERVER = Path(__file__).with_name("ssm_server.py")
FETCH = "teleport-fetch-secrets.service"
TIMER = "teleport-fetch-secrets.timer"

_PORT = 4566
URL = f"http://127.0.0.1:{_PORT}"
_UNIT = instance.LOCAL_SERVER_UNIT.format(command="/opt/ssm_server.py /opt/ssm.json /opt/ssm-asked", port=_PORT)


class Ssm:
    """What is in Parameter Store, and whether it answers; at first it does, and is empty."""

    def __init__(self, machine: Machine) -> None:
        """Let the agent on `machine`, which is not booted yet, find it."""
        self._machine = machine
        shutil.copy(SERVER, machine.path("/opt/ssm_server.py"))
        self.publish({})
        machine.write("/opt/ssm-asked", "")
        machine.write("/etc/systemd/system/ssm.service", _UNIT)
        machine.chroot("systemctl", "enable", "ssm.service")
        for unit in (instance.GENERATE, FETCH):
            machine.write(
                f"/etc/systemd/system/{unit}.d/ssm.conf",
                f"[Service]\nEnvironment=AWS_ENDPOINT_URL_SSM={URL}\n",
            )

    def publish(self, parameters: dict[str, str]) -> None:
        """Have just these parameters from now on."""
        self._machine.write("/opt/ssm.json.new", json.dumps(parameters))
        self._machine.path("/opt/ssm.json.new").rename(self._machine.path("/opt/ssm.json"))

    def down(self) -> None:
        """Refuse connections from now on, after another boot too."""
        self._machine.run("systemctl", "disable", "--now", "ssm.service")

    def up(self) -> None:
        """Answer again."""
        self._machine.run("systemctl", "enable", "--now", "ssm.service")

    def asked(self) -> int:
        """How often it was asked so far."""
        return len(self._machine.read("/opt/ssm-asked").splitlines())
