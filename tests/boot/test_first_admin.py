"""`first-admin` on a booted machine: `status` before and after it, and a real journal, which never has the link."""

from __future__ import annotations

import json

from tests import documents
from tests.boot import applied, instance, observe, runbook
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.stand_in import install_tctl

REQUESTS = "/var/lib/teleport/tctl-requests.jsonl"


def codes(machine: Machine) -> list[str]:
    found = json.loads(machine.run("teleport-bootstrap", "status", "--format", "json"))
    return [each["code"] for each in found["findings"]]


def test_issue_18_point_4_the_first_administrator_of_a_running_host(new_machine: NewMachine) -> None:
    machine = new_machine("bookworm")
    instance.install_agent(machine)
    instance.install_stand_in(machine, where=applied.BAD)
    install_tctl(machine.path("/usr/local/bin"), python="/usr/bin/python3")
    instance.be_instance(machine, user_data=documents.block("docs/guide.md", "user-data", "instance").text)
    machine.boot()
    observe.wait_until_ready(machine, applied.ACM)
    assert codes(machine) == ["no-users"]

    (block,) = (each for each in documents.blocks("docs/guide.md", "run") if "first-admin" in each.text)
    said = runbook.run(machine, block)
    _, _, rest = said.partition("https://teleport.acmeinc.com/web/invite/")
    token = rest.split()[0]
    assert len(token) == 32 and said.count(token) == 1
    journal = machine.run("journalctl", "--no-pager", "--all", "--output=export")
    assert "created the user teleport-admin with the roles editor, access, auditor" in journal
    assert token not in journal

    assert codes(machine) == []
    asked = machine.read(REQUESTS).count('"users", "--format=json"')
    assert codes(machine) == [] and machine.read(REQUESTS).count('"users", "--format=json"') == asked

    unit = ("systemd-run", "--wait", "--collect", "-p", "StandardOutput=journal")
    done = machine.try_run(*unit, "/usr/bin/teleport-bootstrap", "first-admin", "bob", "--yes")
    assert done.returncode == 2, done.stderr
    assert "standard output is the journal" in machine.run("journalctl", "--no-pager")
    assert "bob" not in machine.read("/var/lib/teleport/tctl-users.json")
