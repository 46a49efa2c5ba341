"""The operator's guide, typed as it stands: its user-data boots a machine, and its blocks run on it, in their order."""

from __future__ import annotations

import re

from tests.boot import applied, instance, observe, runbook
from tests.boot.conftest import NewMachine
from tests.stand_in import install_tctl

GUIDE = "guide.md"

# What a block has to have said, by what it types; a block without an error is not enough for these.
SAYS = {
    "teleport-bootstrap status\n": "state:",
    "tctl users add": "has been created",
    "reconfigure --dry-run": "teleport.acmeinc.com:8443",
    "history": "generation",
    "render --explain": "10-log.yaml",
    "backup list": "/var/backups/teleport",
    "status --format json": "healthy",
    "collect-logs": "What this bundle holds",
}


def user_data() -> str:
    """The first script of the guide: that of one instance."""
    found = re.search(r"^```bash\n(.*?)^```$", (runbook.DOCS / GUIDE).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_the_guide_works_as_written(new_machine: NewMachine) -> None:
    machine = new_machine()
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    install_tctl(machine.path("/usr/local/bin"), python="/usr/bin/python3")
    instance.be_instance(machine, user_data=user_data())
    machine.boot()
    observe.wait_until_ready(machine, applied.ACM)

    said: dict[str, str] = {}
    for block in runbook.blocks(GUIDE):
        if block.is_run:
            said[block.text] = runbook.run(machine, block)

    for typed, expected in SAYS.items():
        outputs = [output for text, output in said.items() if typed in text]
        assert outputs, f"no block types {typed}"
        assert any(expected in output for output in outputs), f"{typed}: {outputs}"
    observe.assert_clean_boot(machine)
    assert machine.is_enabled("teleport-backup.timer")
    assert "severity: DEBUG" in machine.read("/etc/teleport.yaml")
    assert oct(machine.path("/root/case-1234.tar.gz").stat().st_mode)[-3:] == "600"
