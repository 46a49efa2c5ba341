"""The unit files as systemd reads them: correct, ordered and sandboxed.

That they work is shown by tests/boot; this needs no root.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from teleport_bootstrap import roles

UNITS = Path(__file__).resolve().parents[2] / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
TELEPORT = [unit for unit in SERVICES if "teleport start" in unit.read_text(encoding="utf-8")]
GENERATE = UNITS / "teleport-generate-config.service"

# Units that may run an ssh_service: what confines them confines people's sessions.
WITH_SESSIONS = {"teleport.service", "teleport-acm.service", "teleport-node.service"}
CONTRACT = WITH_SESSIONS | {"teleport-auth.service", "teleport-proxy.service", "teleport-proxy-acm.service"}

# Everything in systemd.exec(5) that a child process inherits and that takes something away from it.
CONFINING = re.compile(
    r"^(NoNewPrivileges|Protect\w+|Private\w+|Restrict\w+|SystemCall\w+|CapabilityBoundingSet|AmbientCapabilities|User"
    r"|Group|DynamicUser|ReadOnlyPaths|InaccessiblePaths|RootDirectory|MemoryDenyWriteExecute|LockPersonality|UMask"
    r"|SecureBits|KeyringMode|ProcSubset|Device\w+|IPAddress\w+|TemporaryFileSystem)$"
)

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here"
)


def _settings(unit: Path) -> list[tuple[str, str]]:
    lines = [line.strip() for line in unit.read_text(encoding="utf-8").splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith(("#", "["))]
    return [(key, value) for key, _, value in pairs]


def _values(unit: Path, key: str) -> list[str]:
    return [value for name, value in _settings(unit) if name == key]


def _systemd_version() -> int:
    said = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.split()[1])


def test_every_unit_of_the_contract_exists() -> None:
    assert {unit.name for unit in TELEPORT} == CONTRACT


@pytest.mark.parametrize("unit", sorted(UNITS.iterdir()), ids=lambda unit: unit.name)
def test_a_unit_begins_with_its_purpose(unit: Path) -> None:
    opening = []
    for line in unit.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        opening.append(line.lstrip("# "))
    assert len(" ".join(opening)) > 60, "the first lines should be a comment: why it exists, why it is ordered so"


@needs_systemd
def test_systemd_accepts_every_unit_without_warnings(tmp_path: Path) -> None:
    """With a copy of the host's units and stand-ins for the programs, which verify requires to exist."""
    if _systemd_version() < 250:
        pytest.skip("systemd-analyze verify --root= takes systemd 250")
    units = tmp_path / "usr/lib/systemd/system"
    host = next(path for path in (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system")) if path.is_dir())
    units.mkdir(parents=True)
    for name in ("multi-user.target", "network-online.target", "sysinit.target", "basic.target", "timers.target"):
        (units / name).write_text((host / name).read_text(encoding="utf-8"), encoding="utf-8")
    for unit in UNITS.iterdir():
        shutil.copy(unit, units)
    for program in ("usr/bin/teleport-bootstrap", "usr/bin/env", "usr/bin/install", "bin/sh", "usr/local/bin/teleport"):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n", encoding="utf-8")
        path.chmod(0o755)

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"--root={tmp_path}"]
        + [str(units / unit.name) for unit in UNITS.iterdir() if unit.suffix != ".preset"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )

    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


def _exposure(unit: Path) -> float:
    if _systemd_version() < 250:
        pytest.skip("systemd-analyze security --offline= takes systemd 250")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])


@needs_systemd
@pytest.mark.parametrize("name", sorted({unit.name for unit in SERVICES} - WITH_SESSIONS))
def test_units_without_sessions_are_sandboxed(name: str) -> None:
    assert _exposure(UNITS / name) <= 4.0


@pytest.mark.parametrize("name", sorted(WITH_SESSIONS))
def test_units_with_sessions_are_not_sandboxed_and_say_why(name: str) -> None:
    unit = UNITS / name
    assert [key for key, _ in _settings(unit) if CONFINING.match(key)] == []
    assert "Intentionally no sandbox" in unit.read_text(encoding="utf-8")


@pytest.mark.parametrize("unit", [GENERATE, *TELEPORT], ids=lambda unit: unit.name)
def test_a_unit_that_multi_user_wants_is_ordered_after_it_as_after_cloud_final(unit: Path) -> None:
    """Otherwise there is an ordering cycle if cloud-final.service is after multi-user.target."""
    assert _values(unit, "WantedBy") == ["multi-user.target"]
    after = [word for value in _values(unit, "After") for word in value.split()]
    assert {"multi-user.target", "cloud-final.service"} <= set(after)
    assert unit == GENERATE or GENERATE.name in after


def test_nothing_else_is_wanted_by_multi_user() -> None:
    wanted = {unit for unit in UNITS.iterdir() if "multi-user.target" in " ".join(_values(unit, "WantedBy")).split()}
    assert wanted == {GENERATE, *TELEPORT}


@pytest.mark.parametrize("unit", TELEPORT, ids=lambda unit: unit.name)
def test_a_teleport_unit_follows_the_contract(unit: Path) -> None:
    assert _values(unit, "EnvironmentFile") == [
        "-/etc/default/teleport",
        "-/var/lib/teleport-bootstrap/unit.env",
    ]
    (start,) = _values(unit, "ExecStart")
    assert start.endswith(
        "teleport start --config=/etc/teleport.yaml --diag-addr=127.0.0.1:3000 "
        "--pid-file=/run/teleport/teleport.pid $TELEPORT_START_FLAGS"
    )
    expected = {
        "PIDFile": "/run/teleport/teleport.pid",
        "ExecReload": "/bin/sh -c 'exec pkill -HUP -F /run/teleport/teleport.pid'",
        "Restart": "always",
        "RestartSec": "5",
        "LimitNOFILE": "524288",
        "RuntimeDirectory": "teleport",
        "RuntimeDirectoryPreserve": "restart",
        "StartLimitIntervalSec": "0",
        "WantedBy": "multi-user.target",
    }
    assert {key: _values(unit, key) for key in expected} == {key: [value] for key, value in expected.items()}
    assert "/etc/teleport.yaml" in _values(unit, "ConditionPathExists")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_row_c_the_journal_names_the_program_and_not_its_launcher(unit: Path) -> None:
    """systemd names lines after the file that ExecStart= begins with, unless the unit says otherwise."""
    (start,) = _values(unit, "ExecStart")
    name = _values(unit, "SyslogIdentifier") or [os.path.basename(start.lstrip("-+!@:").split()[0])]
    assert name == (["teleport"] if unit in TELEPORT else ["teleport-bootstrap"])


def test_only_teleports_units_own_its_runtime_directory() -> None:
    """A oneshot unit with it would delete a running Teleport's PID file when it ends."""
    owners = {unit.name for unit in SERVICES if "teleport" in " ".join(_values(unit, "RuntimeDirectory")).split()}
    assert owners == CONTRACT


def test_no_unit_has_systemd_own_the_data_directory_of_teleport() -> None:
    """StateDirectory= recursively changes the owner of the content if the owner of the directory differs."""
    for unit in SERVICES:
        assert "teleport" not in " ".join(_values(unit, "StateDirectory")).split(), unit.name


def test_the_preset_names_every_unit_and_enables_the_generator_alone() -> None:
    lines = (UNITS / "50-teleport-bootstrap.preset").read_text(encoding="utf-8").splitlines()
    said = dict(reversed(line.split()) for line in lines if line and not line.startswith("#"))
    installable = {unit.name for unit in UNITS.iterdir() if unit.suffix != ".preset" and _values(unit, "WantedBy")}
    assert set(said) == installable
    assert {name for name, word in said.items() if word == "enable"} == {GENERATE.name}


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_no_directive_needs_a_systemd_newer_than_debian_11s(unit: Path) -> None:
    newer = {"ExecSearchPath", "RestartSteps", "RestartMaxDelaySec", "RestartMode"}
    assert newer.isdisjoint({key for key, _ in _settings(unit)})
    assert not [value for value in _values(unit, "Type") if value == "notify-reload"]


OURS = [unit for unit in SERVICES if "/usr/bin/teleport-bootstrap" in unit.read_text(encoding="utf-8")]


@pytest.mark.parametrize("unit", OURS, ids=[unit.name for unit in OURS])
def test_every_unit_that_calls_aws_reads_the_same_environment_file(unit: Path) -> None:
    files = [value for key, value in _settings(unit) if key == "EnvironmentFile"]
    assert files == ["-/etc/default/teleport-bootstrap"]  # optional


def test_each_marker_of_a_role_lets_exactly_its_unit_start() -> None:
    for place in roles.PLACES:
        pair = {("ConditionPathExists", place.marker_path), ("ConditionPathExists", f"|{place.marker_path}")}
        units = [unit.name for unit in TELEPORT if pair.intersection(_settings(unit))]
        assert units == [place.unit], place.marker


@pytest.mark.parametrize(("one", "with_node"), [("auth", "auth-node"), ("proxy", "proxy-node")])
def test_what_runs_beside_a_role_runs_beside_it_as_a_node_too(one: str, with_node: str) -> None:
    for unit in (each for each in SERVICES if each not in TELEPORT):
        conditions = [value for key, value in _settings(unit) if key == "ConditionPathExists"]
        marked = {each.lstrip("|").rpartition("/")[2] for each in conditions}
        assert (f"role.{one}" in marked) == (f"role.{with_node}" in marked), unit.name
