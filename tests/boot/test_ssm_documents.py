"""The scripts of the documents for Run Command, on a booted instance: our JSON and our exit status come out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.boot import instance, observe
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.templates import command_document

# Installs the version that it is told, as the stand-in Teleport's; 18.9.9 ends at its start, and the script that the
# package of 18.8.8 runs after its files are in place fails.
APT_GET = """\
#!/usr/bin/python3
import json, re, sys
if sys.argv[1:] == ["-q", "update"]:
    sys.exit(1)
options = ["-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold", "--allow-downgrades"]
assert sys.argv[1:-1] == ["-q", "-y", *options, "install"], sys.argv
version = re.fullmatch("teleport=(.*)", sys.argv[-1])[1]
start = "exit" if version == "18.9.9" else "normal"
json.dump({"version": version, "start": start}, open("/usr/local/bin/teleport.switches.json", "w"))
print("installed", version)
sys.exit(100 if version == "18.8.8" else 0)
"""

# As dnf 4.14 does it: what it does not find is an error, and a downgrade to a newer version is nothing to do.
# The repository has 18.3.0 to 18.9.9, and 18.4.4 has its program elsewhere.
DNF = """\
#!/usr/bin/python3
import json, re, sys
SWITCHES = "/usr/local/bin/teleport.switches.json"
if sys.argv[1:] == ["-q", "makecache", "--refresh"]:
    sys.exit(0)
assert sys.argv[1:3] == ["-q", "-y"] and sys.argv[3] in ("install", "downgrade") and len(sys.argv) == 5, sys.argv
version = re.fullmatch("teleport-ent-(.*)", sys.argv[4])[1]
now = json.load(open(SWITCHES))["version"]
if not "18.3.0" <= version <= "18.9.9":
    sys.exit(f"Error: Unable to find a match: {sys.argv[4]}")
if version != "18.4.4" and (sys.argv[3] == "install" or version < now):
    start = "exit" if version == "18.9.9" else "normal"
    json.dump({"version": version, "start": start}, open(SWITCHES, "w"))
    print("installed", version)
"""
# Knows one package.
QUERY = '#!/bin/sh\n[ "$2" = %s ]\n'


def run(machine: Machine, name: str, *, old_agent: bool = False, **given: str) -> tuple[int, Any, str]:
    """Run the script of a document as the SSM Agent does; return its status, the JSON that it prints, and what else."""
    text, environment = command_document.script(command_document.FOLDER / f"{name}.yaml", old_agent=old_agent, **given)
    machine.write("/var/lib/amazon/ssm/_script.sh", text)
    variables = [f"{key}={value}" for key, value in environment.items()]
    done = machine.try_run("env", *variables, "sh", "/var/lib/amazon/ssm/_script.sh")
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None, done.stderr


@pytest.fixture
def machine(new_machine: NewMachine) -> Machine:
    made = new_machine()
    instance.without_cloud_init(made)
    instance.install_agent(made)
    instance.install_stand_in(made)
    instance.be_instance(made)
    made.write("/etc/teleport.d/conf", instance.PLAIN_CONF)
    made.boot()
    observe.wait_until_ready(made, "teleport.service")
    return made


def test_the_documents_on_a_running_instance(machine: Machine) -> None:
    status, data, said = run(machine, "doctor", Only="host")
    assert status in (0, 21, 22) and {each["group"] for each in data["checks"]} <= {"host"}, said
    assert data["counts"]["pass"]

    for old_agent in (False, True):
        status, data, said = run(machine, "backup", old_agent=old_agent, Destination="/var/backups/fleet", Keep="1")
        assert status == 0 and data["archive"].startswith("/var/backups/fleet/"), said

    status, data, said = run(machine, "collect-logs", Days="1")
    assert status == 0 and machine.path(data["path"]).exists(), said

    machine.write("/etc/teleport.d/conf", f"{instance.PLAIN_CONF}TELEPORT_SSH_LABELS='env: prod'\n")
    status, data, said = run(machine, "reconfigure", DryRun="true")
    assert status == 0 and "env" not in machine.read("/etc/teleport.yaml"), said
    status, data, said = run(machine, "reconfigure", old_agent=True)
    assert status == 0 and "env" in machine.read("/etc/teleport.yaml"), said

    machine.write("/etc/teleport.d/conf", "TELEPORT_ROLE=proxies\n")
    assert run(machine, "reconfigure")[0] == 2


def test_an_upgrade_and_one_that_is_taken_back(machine: Machine) -> None:
    machine.write("/usr/local/bin/apt-get", APT_GET, mode=0o755)
    machine.write("/usr/local/bin/dpkg-query", QUERY % "teleport", mode=0o755)

    status, data, said = run(machine, "upgrade", Version="18.2.4")
    assert status == 0, said
    assert "installed 18.2.4" in said and "/var/backups/teleport/" in said
    assert machine.run("teleport", "version").startswith("Teleport v18.2.4")
    observe.wait_until_ready(machine, "teleport.service")
    assert '"18.2.4"' in str(observe.fetch(machine, "https://127.0.0.1:443/webapi/ping")[1])

    status, data, said = run(machine, "upgrade", Version="18.9.9", HealthWait="5")
    assert status == 13, said
    assert "going back to Teleport 18.2.4" in said
    observe.wait_until_ready(machine, "teleport.service")
    assert machine.run("teleport", "version").startswith("Teleport v18.2.4")

    status, data, said = run(machine, "upgrade", Version="18.8.8")
    assert (status, data) == (100, None) and "installed 18.8.8" in said, said
    assert "going back to Teleport 18.2.4" in said and "does not run again" not in said
    assert machine.run("teleport", "version").startswith("Teleport v18.2.4")

    for wrong in ("17.1.0", "20.0.0"):
        status, data, said = run(machine, "upgrade", Version=wrong)
        assert (status, data) == (2, None) and "Teleport 18.2.4 is installed" in said

    # The same with dnf, and another edition.
    machine.write("/usr/local/bin/dnf", DNF, mode=0o755)
    machine.write("/usr/local/bin/rpm", QUERY % "teleport-ent", mode=0o755)
    status, data, said = run(machine, "upgrade", Version="18.3.0")
    assert (status, data) == (2, None) and "the package teleport is not installed here" in said
    status, data, said = run(machine, "upgrade", Version="18.3.0", Package="teleport-ent")
    assert status == 0 and "installed 18.3.0" in said, said
    status, data, said = run(
        machine, "upgrade", Version="18.9.9", Package="teleport-ent", HealthWait="5", old_agent=True
    )
    assert status == 13 and "going back to Teleport 18.3.0" in said, said
    observe.wait_until_ready(machine, "teleport.service")
    process = machine.run("systemctl", "show", "--value", "--property=MainPID", "teleport.service")
    status, data, said = run(machine, "upgrade", Version="19.0.0", Package="teleport-ent")
    assert (status, data) == (1, None) and "Unable to find a match: teleport-ent-19.0.0" in said
    status, data, said = run(machine, "upgrade", Version="18.4.4", Package="teleport-ent")
    assert (status, data) == (1, None) and "of teleport-ent 18.4.4, Teleport 18.3.0 is installed" in said
    assert process == machine.run("systemctl", "show", "--value", "--property=MainPID", "teleport.service")
