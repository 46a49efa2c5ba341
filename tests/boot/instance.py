"""Turns a machine into an EC2 instance of a Teleport AMI: the agent, its units, a Teleport, user-data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Optional

from tests.boot.machine import Machine
from tests.stand_in import install_teleport

CHECKOUT = Path(__file__).resolve().parents[2]
UNITS = CHECKOUT / "systemd"
EMULATOR = CHECKOUT / "tests/simulated_ec2/imds.py"

GENERATE = "teleport-generate-config.service"

# Step 2 of the guide, word for word.
GUIDE_USER_DATA = """\
#!/bin/bash
cat >/etc/teleport.d/conf <<EOF
USE_ACM="true"
TELEPORT_DOMAIN_NAME="teleport.acmeinc.com"
TELEPORT_EXTERNAL_HOSTNAME="teleport.acmeinc.com"
TELEPORT_EXTERNAL_PORT="443"
TELEPORT_AUTH_SERVER_LB="teleport-nlb.acmeinc.com"
EOF
"""

PLAIN_CONF = """\
TELEPORT_DOMAIN_NAME="teleport.acmeinc.com"
TELEPORT_AUTH_SERVER_LB="teleport-nlb.acmeinc.com"
"""

LAUNCHER = """\
#!/usr/bin/python3
import sys

from teleport_bootstrap.cli import entry

sys.exit(entry.main())
"""

# Switches off what a test does not need: without the last two lines a minimal tree boots "degraded".
# strict_id: in a container, nothing but the address of the metadata service says that this is EC2.
CLOUD_CONFIG = """\
datasource_list: [Ec2]
datasource:
  Ec2:
    strict_id: false
    max_wait: 15
    timeout: 5
locale: false
ssh_genkeytypes: []
"""

EMULATOR_COMMAND = (
    "/usr/bin/python3 /opt/imds.py --bind 169.254.169.254 --port 80 --data /opt/imds.json --control-port 8081"
)

# A server on a machine's own loopback interface, which is there before anything asks it.
LOCAL_SERVER_UNIT = """\
[Unit]
DefaultDependencies=no
After=systemd-remount-fs.service imds.service
Before=sysinit.target

[Service]
Type=exec
ExecStart=/usr/bin/python3 {command} {port}
ExecStartPost=/bin/bash -c 'until (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; do sleep 0.02; done'
TimeoutStartSec=30

[Install]
WantedBy=sysinit.target
"""

# The emulator has EC2's address, on the loopback interface, before anything needs it.
EMULATOR_UNIT = f"""\
[Unit]
DefaultDependencies=no
After=systemd-remount-fs.service
Before=cloud-init-main.service cloud-init-local.service sysinit.target

[Service]
Type=exec
ExecStartPre=/bin/ip link set lo up
ExecStartPre=/bin/ip address replace 169.254.169.254/32 dev lo
ExecStart={EMULATOR_COMMAND}
ExecStartPost=/bin/bash -c 'until (exec 3<>/dev/tcp/127.0.0.1/8081) 2>/dev/null; do sleep 0.02; done'
TimeoutStartSec=30

[Install]
WantedBy=sysinit.target
"""


def install_agent(machine: Machine) -> None:
    """Install the checkout as a package does: code, command, units and presets."""
    shutil.copytree(
        CHECKOUT / "teleport_bootstrap",
        machine.path("/usr/lib/python3/dist-packages/teleport_bootstrap"),
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    machine.write("/usr/bin/teleport-bootstrap", LAUNCHER, mode=0o755)
    units = []
    for file in sorted(UNITS.iterdir()):
        folder = "system-preset" if file.suffix == ".preset" else "system"
        machine.write(f"/usr/lib/systemd/{folder}/{file.name}", file.read_text(encoding="utf-8"))
        if folder == "system":
            units.append(file.name)
    machine.chroot("useradd", "--system", "--user-group", "--no-create-home", "teleport")
    machine.path("/etc/teleport.d").mkdir(mode=0o755)
    machine.chroot("systemctl", "preset", *units)


def install_stand_in(machine: Machine, directory: str = "/usr/local/bin", **switches: Any) -> None:
    """Install the stand-in Teleport, with its switches as tests/stand_in/teleport lists them."""
    install_teleport(machine.path(directory), python="/usr/bin/python3", **switches)


def be_instance(machine: Machine, user_data: Optional[str] = None, late_by: int = 0) -> None:
    """Let the machine find instance metadata, and `user_data` in it, at its next boot.

    For `late_by` seconds from then on, the metadata service refuses connections.
    """
    shutil.copy(EMULATOR, machine.path("/opt/imds.py"))
    machine.write("/opt/imds.json", json.dumps({"user-data": user_data}))
    options = f" --late {late_by}"
    if user_data is not None:
        # cloud-init uses version 2 only if the firmware names Amazon. Without it, version 1 is still refused to the
        # agent.
        options += " --fault allow_v1=true"
    unit = EMULATOR_UNIT.replace(EMULATOR_COMMAND, EMULATOR_COMMAND + options)
    machine.write("/etc/systemd/system/imds.service", unit)
    machine.chroot("systemctl", "enable", "imds.service")
    if machine.path("/etc/cloud").is_dir():
        machine.write("/etc/cloud/cloud.cfg.d/90-test.cfg", CLOUD_CONFIG)
        machine.write("/etc/cloud/ds-identify.cfg", "policy: enabled\n")


def without_cloud_init(machine: Machine) -> None:
    """Remove cloud-init: something else prepares this machine, or did so in the image."""
    machine.chroot("dpkg", "--purge", "cloud-init")
    # One that is installed from its source belongs to no package.
    for place in ("system", "system-generators"):
        for file in machine.path(f"/usr/lib/systemd/{place}").glob("cloud-*"):
            file.unlink()
    assert not list(machine.path("/usr/lib/systemd/system").glob("cloud-*")), "cloud-init has left units behind"


def order_cloud_final_as_amazon_linux_does(machine: Machine) -> None:
    """Its cloud-final.service is not ordered after multi-user.target; Debian's is."""
    shipped = machine.read("/usr/lib/systemd/system/cloud-final.service")
    changed = "\n".join(_without_multi_user(line) for line in shipped.splitlines()) + "\n"
    if "Amazon Linux" in machine.read("/etc/os-release"):
        assert changed == shipped, "it is ordered so already"
        return
    assert changed != shipped, "cloud-final.service is not ordered after multi-user.target here: the test is void"
    machine.write("/etc/systemd/system/cloud-final.service", changed)


def _without_multi_user(line: str) -> str:
    key, _, value = line.partition("=")
    if key != "After":
        return line
    return f"After={' '.join(word for word in value.split() if word != 'multi-user.target')}"
