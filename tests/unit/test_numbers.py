"""Text from outside where a number belongs: what is not one is refused or passed over, whatever it looks like.

Issue 14, row 11, and the fuzzer: `isdigit` also holds for superscripts, and Python takes no more than 4,300 digits.
Each of these ended a command with status 1.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from teleport_bootstrap import errors, paths, records
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.host import process, systemd
from teleport_bootstrap.plan import overrides, planner, teleport_build
from teleport_bootstrap.state import generations, previous_state
from tests.unit.plan.planning import INSTANCE

WRONG = ["x", "\u00b2", "\u0663", "1_0", "-1", "1e3", "[not set]", "9" * 5000]
IDS = [ascii(each)[:12] for each in WRONG]

AGENT = (
    "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_METHOD=iam\n"
    "TELEPORT_JOIN_TOKEN_NAME=agents\nTELEPORT_AGENT_SSH_ENABLED=1\n"
)
PROPERTIES = ("MainPID", "NRestarts", "ExecMainStartTimestampMonotonic")


@pytest.mark.parametrize("text", [each for each in WRONG if each != "[not set]"], ids=lambda each: ascii(each)[:12])
@pytest.mark.parametrize("protocol", ["postgres", "mysql", "cassandra"])
def test_the_port_of_a_database(protocol: str, text: str) -> None:
    override = f"db_service:\n  enabled: 'yes'\n  databases: [{{name: a, protocol: {protocol}, uri: 'h:{text}'}}]\n"
    conf = conf_file.load(AGENT.encode(), "conf")
    build = teleport_build.of_version("17.5.1", fips=False)
    plan = planner.plan(conf, INSTANCE, build, [overrides.Override("a.yaml", override.encode())])
    assert any("but cannot connect" in note for note in plan.notes)


@pytest.mark.parametrize("text", WRONG, ids=IDS)
def test_a_version_of_teleport(text: str) -> None:
    with pytest.raises(errors.UsageError):
        teleport_build.of_version(f"17.{text}.1", fips=False)
    assert teleport_build.parse_output(f"Teleport v17.{text}.1 git:v17 go1.23\n") is None


@pytest.mark.parametrize("text", WRONG, ids=IDS)
@pytest.mark.parametrize("name", PROPERTIES)
def test_row_11_a_property_of_a_unit(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = f"Id=teleport.service\nActiveState=active\n{name}={text}\n"
    done = process.Finished(("systemctl", "show"), 0, printed, "")
    monkeypatch.setattr(process, "run", lambda *_, **__: done)
    with pytest.raises(errors.UnitTrouble) as caught:
        systemd.states(["teleport.service"])
    assert f"{name} of teleport.service" in caught.value.message
    assert len(caught.value.message) < 300
    printed = f"Result=success\nExecMainStatus=0\nExecMainExitTimestampMonotonic={text}\n"
    done = records.replace(done, output=printed)
    with pytest.raises(errors.UnitTrouble):
        systemd.succeeded_at("teleport.service")


@pytest.mark.parametrize("text", [*WRONG, "nan", "inf", "1e999"], ids=lambda each: ascii(each)[:12])
def test_row_11_the_time_of_a_line_in_the_journal(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = f"{text} host teleport[1]: a\n1700000000.000001 host teleport[1]: b\n"
    monkeypatch.setattr(process, "excerpt", lambda *_, **__: process.Excerpt(printed))
    assert systemd.journal_lines("teleport.service") == [(1700000000.000001, "host teleport[1]: b")]


@pytest.mark.parametrize("text", ["9" * 400, "9" * 5000, "1_0", '"1"'], ids=lambda each: each[:12])
def test_a_time_in_a_note_on_disk(text: str) -> None:
    note = '{"what": "x", "made_at": "y", "units": {"a.service": {"started": %s}}}'
    assert previous_state.UNDO.value((note % "17").encode()).units["a.service"].started == 17.0
    with pytest.raises(ValueError):
        previous_state.UNDO.value((note % text).encode())


def test_the_name_of_a_generation(tmp_path: Path) -> None:
    for name in ("2", "10", *(each for each in WRONG if len(each) < 100)):
        (tmp_path / paths.GENERATIONS.lstrip("/") / name).mkdir(parents=True)
    assert generations.numbers(paths.Root(str(tmp_path))) == [2, 10]
