"""What is said of user-data that failed, from what cloud-init leaves on the disk: the files of its real versions."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.simulated.agent import GUIDE, Agent
from tests.simulated_ec2 import imds as emulator

STATUS = "/run/cloud-init/status.json"
OUTPUT = "/var/log/cloud-init-output.log"

# The stages of cloud-init, whose names are the same from version 20.4 to 26.2.
STAGES = ("init-local", "init", "modules-config", "modules-final")
FAILURE = "('scripts-user', RuntimeError('Runparts: 1 failures (part-001) in 1 attempted commands'))"
SAID = "user-data failed: scripts-user: Runparts: 1 failures (part-001) in 1 attempted commands"

# As version 25.1 writes it, and 20.4 too.
LOG = """\
Cloud-init v. 25.1.4 running 'init' at Sun, 29 Nov 2026 10:16:20 +0000. Up 7.65 seconds.
ci-info: |   lo   | True |    127.0.0.1    |    255.0.0.0    |  host  |     .      |
2026-11-29 10:16:20,965 - distros[WARNING]: Did not find a fallback interface on distro: debian.
Cloud-init v. 25.1.4 running 'modules:final' at Sun, 29 Nov 2026 10:16:21 +0000. Up 9.74 seconds.
{}2026-11-29 10:16:21,850 - cc_scripts_user.py[WARNING]: Failed to run module scripts-user (scripts in /var/lib/…)
Cloud-init v. 25.1.4 finished at Sun, 29 Nov 2026 10:16:21 +0000. Datasource DataSourceEc2.  Up 9.82 seconds
"""


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.install(version="17.5.1")
    return agent


def noted(*errors: str, stage: str | None = None, ended: bool = True) -> str:
    stages: dict[str, Any] = {name: {"errors": [], "start": 1.0, "finished": 2.0} for name in STAGES}
    stages["modules-final"] = {"errors": list(errors), "start": 1.0, "finished": 2.0 if ended else None}
    return json.dumps({"v1": {"datasource": "DataSourceEc2", "stage": stage, **stages}})


def test_issue_17_row_2_the_last_lines_of_a_failed_script(agent: Agent) -> None:
    agent.write(STATUS, noted(FAILURE))
    agent.write(OUTPUT, LOG.format("".join(f"line {number}\n" for number in range(9))))

    done = agent.generate()

    assert done.status == 2
    quoted = f"{SAID}. The last it printed: line 4 | line 5 | line 6 | line 7 | line 8 (see "
    assert quoted in done.errors
    assert quoted in agent.run("status").output
    found = agent.run("status", "--format", "json").data["findings"]
    assert [(each["severity"], each["code"]) for each in found] == [
        ("error", "conf-missing"),
        ("error", "user-data-failed"),
    ]


@pytest.mark.parametrize("command", [("fetch-secrets",), ("publish-tokens",), ("reconfigure", "--yes")])
def test_issue_17_row_2_every_command_that_needs_the_conf_on_the_host_says_so(
    agent: Agent, command: tuple[str, ...]
) -> None:
    agent.write(STATUS, noted(FAILURE))
    done = agent.run(*command)
    assert done.status == 2 and SAID in done.errors, done.said


def test_issue_17_row_2_nothing_in_the_output_can_pass_for_ours_or_give_a_secret_away(agent: Agent) -> None:
    key = "".join(f"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ{number:02d}\n" for number in range(20))
    printed = (
        "\x1b[31mred\x1b[0m\rover\x07\n"
        "+ token=planted-t0ken-4711\n"
        f"-----BEGIN PRIVATE KEY-----\n{key}-----END PRIVATE KEY-----\n"
        f"{'x' * 4000}\n\n"
        "teleport-bootstrap: all is done\n"
    )
    agent.write(STATUS, noted(f"{FAILURE}\nerror: \x1b[2Jhello"))
    agent.write(OUTPUT, LOG.format(printed))

    shown = agent.generate().errors + agent.run("status").output + agent.run("status", "--format", "json").output

    assert "planted-t0ken-4711" not in shown and "MIIE" not in shown
    assert not set("\x1b\x07\r") & set(shown)
    assert "\nteleport-bootstrap: all is done" not in shown and "| teleport-bootstrap: all is done" in shown
    assert "x" * 201 not in shown


def test_issue_17_row_2_only_what_the_last_stage_of_the_last_boot_printed(agent: Agent) -> None:
    agent.write(STATUS, noted(FAILURE))
    agent.write(OUTPUT, LOG.format("of the first boot\n") + LOG.format("of this boot\n"))
    assert "The last it printed: of this boot (see" in agent.generate().errors
    agent.write(OUTPUT, "x\n" * 200_000 + LOG.format(""))
    assert "The last" not in agent.generate().errors


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (noted(), "user-data-wrote-no-conf"),
        (noted(stage="modules-final", ended=False), "user-data-running"),
        (noted("modules failed"), "user-data-failed"),
        ("", None),
        ("[" * 100_000, None),
        ('{"v1": [1]}', None),
        ('{"v1": {"modules-final": {"errors": [1, {}]}}}', "user-data-running"),
    ],
)
def test_issue_17_row_2_why_there_is_no_conf(agent: Agent, content: str, code: str | None) -> None:
    agent.write(STATUS, content)
    found = agent.run("status", "--format", "json").data["findings"]
    assert [each["code"] for each in found] == ["conf-missing", *([code] if code else [])]
    assert agent.generate().status == 2


def test_issue_17_row_2_on_a_configured_host_it_is_a_note(agent: Agent) -> None:
    agent.conf(GUIDE)
    assert agent.generate().status == 0
    before = agent.run("status").status
    agent.write(STATUS, noted(FAILURE))
    done = agent.run("status")
    assert done.status == before
    assert f"note: {SAID} (see " in done.output


@pytest.mark.parametrize(
    "units",
    [
        ("cloud-init-local", "cloud-init", "cloud-config", "cloud-final"),  # to 24.2
        ("cloud-init-main", "cloud-init-local", "cloud-init-network", "cloud-config", "cloud-final"),
        ("cloud-init-of-a-later-version",),
    ],
)
def test_issue_17_row_1_collect_logs_of_an_image_takes_each_unit_of_cloud_init(
    agent: Agent, tmp_path: Path, units: tuple[str, ...]
) -> None:
    for each in units:
        agent.write(f"/usr/lib/systemd/system/{each}.service", "[Service]\nExecStart=/bin/true\n")

    agent.run("collect-logs", "--output", str(tmp_path / "bundle.tar.gz"))

    with tarfile.open(tmp_path / "bundle.tar.gz") as bundle:
        manifest = next(each for each in bundle if each.name.endswith("MANIFEST.txt"))
        opened = bundle.extractfile(manifest)
        assert opened is not None
        text = opened.read().decode()
    assert [each for each in units if f"journal/{each}.service.txt" not in text] == []
