"""A variable and a unit can be added by editing their table and the place that uses them: docs/contributing.md."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
METADATA = "local-ipv4: 10.0.0.5\nlocal-hostname: ip-10-0-0-5.ec2.internal\ninstance-id: i-1\nregion: us-east-1\n"
NODE = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=c\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"


class Copy:
    """A copy of the package, in which files are edited, and which is run in a process of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        shutil.copytree(
            REPOSITORY / "teleport_bootstrap",
            directory / "teleport_bootstrap",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        (directory / "metadata.yaml").write_text(METADATA, encoding="utf-8")
        self.edited: set[str] = set()

    def edit(self, name: str, old: str, new: str) -> None:
        file = self.directory / "teleport_bootstrap" / name
        text = file.read_text("utf-8")
        assert text.count(old) == 1
        file.write_text(text.replace(old, new), encoding="utf-8")
        self.edited.add(name)

    def append(self, name: str, text: str) -> None:
        with open(self.directory / "teleport_bootstrap" / name, "a", encoding="utf-8") as file:
            file.write(text)
        self.edited.add(name)

    def run(self, module: str, *arguments: str, conf: str = "") -> subprocess.CompletedProcess[str]:
        (self.directory / "conf").write_text(conf, encoding="utf-8")
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.directory,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(self.directory), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def command(self, name: str, conf: str) -> Any:
        where = ("--metadata", "metadata.yaml", "--teleport-version", "17.5.1") if name != "validate" else ()
        file = ("conf",) if name == "validate" else ("--conf", "conf")
        done = self.run("teleport_bootstrap", name, *file, *where, "--format", "json", conf=conf)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_a_variable_is_its_declaration_and_the_place_that_uses_it(copy: Copy) -> None:
    copy.append(
        "conf/table.py",
        """
TELEPORT_LOG_SEVERITY = Variable(
    kinds.choice("INFO", "DEBUG"),
    EVERY_ROLE,
    "How much Teleport logs.",
    default="DEBUG",
    required=Required.by_role(Role.AGENT),
)
""",
    )
    copy.edit(
        "plan/document.py",
        '"severity": "INFO"',
        '"severity": inputs.certain(variables.TELEPORT_LOG_SEVERITY)',
    )
    assert len(copy.edited) == 2

    wrong = copy.command("validate", NODE + "TELEPORT_LOG_SEVERITY=debug\n")["findings"]
    assert [(each["subject"], each["line"]) for each in wrong] == [("TELEPORT_LOG_SEVERITY", 4)]
    assert "did you mean DEBUG" in wrong[0]["remedy"]
    missing = copy.command("validate", "TELEPORT_ROLE=agent\nTELEPORT_AGENT_SSH_ENABLED=true\n")["findings"]
    assert "TELEPORT_LOG_SEVERITY" in {each["subject"] for each in missing}
    assert copy.command("validate", NODE)["findings"] == []

    written = copy.command("render", NODE + "TELEPORT_LOG_SEVERITY=INFO\n")
    assert written["teleport_yaml"]["teleport"]["log"]["severity"] == "INFO"
    assert copy.command("render", NODE)["teleport_yaml"]["teleport"]["log"]["severity"] == "DEBUG"

    page = copy.run("teleport_bootstrap.conf.reference").stdout
    section = page.partition("### `TELEPORT_LOG_SEVERITY`")[2].partition("\n#")[0]
    assert "How much Teleport logs." in section
    assert "Required: for agent" in section and "Default: `DEBUG`" in section
    assert "TELEPORT_LOG_SEVERITY" in copy.run("teleport_bootstrap.manual", "man5").stdout


def test_a_unit_is_its_row_in_the_table(copy: Copy) -> None:
    copy.edit(
        "unit_table.py",
        "\nTABLE = ",
        '\nADDED = Unit("teleport-added", "Adds.", (Role.NODE,))\nTABLE = ',
    )
    assert len(copy.edited) == 1
    node = copy.command("plan", NODE)
    assert "teleport-added.timer" in node["systemd"]["enable"] and "teleport-added.timer" in node["systemd"]["start"]
    assert "teleport-added.timer" in copy.command("plan", "TELEPORT_ROLE=\n")["systemd"]["disable"]
    page = copy.run("teleport_bootstrap.manual", "man8").stdout.replace("\\", "")
    assert "teleport-added.service" in page and "teleport-added.timer" in page


def test_a_command_label_is_its_row_in_the_table(copy: Copy) -> None:
    copy.edit("conf/table.py", '    "uptime": (', '    "boot": ("who", "-b"),\n    "uptime": (')
    assert len(copy.edited) == 1
    labels = copy.command("render", NODE + "TELEPORT_COMMAND_LABELS=boot\n")["teleport_yaml"]["ssh_service"]["commands"]
    assert [(label["name"], label["command"]) for label in labels] == [("boot", ["who", "-b"])]
