"""Backups by the unit that the timer starts: in its sandbox, on the oldest systemd, of a Teleport that runs."""

from __future__ import annotations

import json

from tests.boot import instance, observe
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine

SERVICE = "teleport-backup.service"
TIMER = "teleport-backup.timer"
DATABASE = "/var/lib/teleport/backend/sqlite.db"
DEFAULTS = "/etc/default/teleport-bootstrap"

# Leaves a database that is open elsewhere, with what was written only in its -wal.
WRITER = f"""\
import os, sqlite3, time
os.makedirs("{DATABASE.rpartition("/")[0]}", exist_ok=True)
connection = sqlite3.connect("{DATABASE}")
connection.execute("pragma journal_mode=wal")
connection.execute("create table if not exists kv (key)")
connection.execute("insert into kv values ('committed')")
connection.commit()
print("written", flush=True)
time.sleep(600)
"""
READ_BACK = f"""\
import sqlite3
connection = sqlite3.connect("/tmp/unpacked{DATABASE}")
for question in ("pragma integrity_check", "select key from kv"):
    print(connection.execute(question).fetchone()[0])
"""


def _listed(machine: Machine, place: str = "") -> list[dict[str, object]]:
    arguments = [place] if place else []
    said = machine.run("teleport-bootstrap", "backup", "list", *arguments, "--format", "json")
    found: list[dict[str, object]] = json.loads(said)["backups"]
    return found


def _back_up(machine: Machine) -> None:
    done = machine.try_run("systemctl", "start", SERVICE)
    assert done.returncode == 0, machine.journal("-u", SERVICE)


def test_the_unit_backs_up_a_running_teleport_and_applies_keep(new_machine: NewMachine) -> None:
    machine = new_machine("bullseye")
    instance.without_cloud_init(machine)
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    instance.be_instance(machine)
    machine.write("/etc/teleport.d/conf", instance.PLAIN_CONF)
    machine.write("/opt/writer.py", WRITER)
    machine.write("/opt/read_back.py", READ_BACK)
    machine.boot()
    observe.wait_until_ready(machine, "teleport.service")
    assert not machine.is_enabled(TIMER)
    # As on an auth server: what is in it is then not for root to open.
    machine.run("chown", "-R", "teleport:teleport", "/var/lib/teleport")
    machine.run("systemd-run", "--unit=writer", "--property=User=teleport", "/usr/bin/python3", "/opt/writer.py")
    machine.wait_for(lambda: "written" in machine.journal("-u", "writer"), 20, "the database")

    _back_up(machine)

    (first,) = _listed(machine)
    assert first["verified"] is True
    machine.run("mkdir", "/tmp/unpacked")
    machine.run("tar", "-xpf", str(first["archive"]), "-C", "/tmp/unpacked")
    assert machine.run("/usr/bin/python3", "/opt/read_back.py").split() == ["ok", "committed"]
    assert "backup" in machine.try_run("teleport-bootstrap", "status").stdout

    machine.write(DEFAULTS, "BACKUP_ARGUMENTS=--stop --keep 1 /srv/backups\n")
    starts = len(observe.starts(machine))
    _back_up(machine)
    _back_up(machine)
    (kept,) = _listed(machine, "/srv/backups")
    assert kept["verified"] is True
    # The unit has ended when Teleport is started, and Teleport notes its start itself, a moment later.
    machine.wait_for(lambda: len(observe.starts(machine)) >= starts + 2, 20, "the second start")
    assert len(observe.starts(machine)) == starts + 2
    observe.wait_until_ready(machine, "teleport.service")

    machine.run("systemctl", "enable", "--now", TIMER)
    assert machine.is_enabled(TIMER)
    assert machine.state(TIMER) == "active"
    assert machine.show(TIMER, "NextElapseUSecRealtime")["NextElapseUSecRealtime"]
