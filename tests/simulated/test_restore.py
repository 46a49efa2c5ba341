"""The `restore` command: what it restores, what it refuses before anything changes, and `--undo`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulated import restoring
from tests.simulated.agent import Agent, needs_root, tree
from tests.simulated_ec2 import imds as emulator

DATA = "/var/lib/teleport"
ADOPTED = "/etc/teleport.d/teleport.yaml.d/90-adopted.yaml"


@pytest.fixture
def new_imds() -> Iterator[emulator.Server]:
    server = emulator.Server(restoring.NEW)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Agent, Path]]:
    """An old host with user data, and its backup."""
    top = tmp_path_factory.mktemp("backed-up")
    server = emulator.Server()
    server.start()
    old = restoring.host(top / "old", server)
    old.conf(restoring.ALL_IN_ONE)
    done = old.generate()
    assert done.status == 0, done.errors
    restoring.used(old)
    if os.geteuid() == 0:
        restoring.hard_cases(old)
    yield old, restoring.backup(old, top / "backups")
    server.stop()


@pytest.fixture
def old(backed_up: tuple[Agent, Path]) -> Agent:
    return backed_up[0]


@pytest.fixture
def archive(backed_up: tuple[Agent, Path]) -> Path:
    return backed_up[1]


@pytest.fixture
def new(tmp_path: Path, new_imds: emulator.Server) -> Agent:
    """A new host that has never been configured, with the next Teleport."""
    return restoring.host(tmp_path / "new", new_imds, version="18.0.1")


def booted(agent: Agent, conf: str = restoring.ALL_IN_ONE) -> Agent:
    """Give the host the files that Teleport creates at its first boot."""
    agent.conf(conf)
    done = agent.generate()
    assert done.status == 0, done.errors
    restoring.first_boot(agent)
    return agent


def refused(agent: Agent, archive: Any, *options: str, status: int = 2) -> str:
    """Restore what is not to be restored; nothing may have changed. Returns what was said."""
    before = tree(agent.root)
    done = restoring.restore(agent, archive, *options)
    assert done.status == status, done.said
    assert tree(agent.root) == before
    return done.errors


# ---- what comes out


@needs_root
def test_restores_everything_unchanged(old: Agent, new: Agent, archive: Path) -> None:
    done = restoring.restore(new, archive)

    assert done.status == 0, done.errors
    for path in (DATA, "/etc/letsencrypt"):
        was, now = restoring.listing(old.path(path)), restoring.listing(new.path(path))
        assert restoring.without_databases(now) == restoring.without_databases(was)
        assert len(now) == len(was)
    for name in ("backend", "proc"):
        path = f"{DATA}/{name}/sqlite.db"
        assert restoring.keys(new.path(path)) == restoring.keys(old.path(path))
    sparse = new.path(f"{DATA}/log/sparse").stat()
    assert sparse.st_blocks * 512 < sparse.st_size / 100
    for path in ("/etc/default/teleport", "/etc/systemd/system/teleport.service.d/mine.conf", "/etc/teleport.d/conf"):
        assert new.path(path).read_bytes() == old.path(path).read_bytes()
    assert new.path(DATA).stat().st_mode & 0o7777 == 0o700


def test_regenerates_teleport_yaml_for_this_instance(old: Agent, new: Agent, archive: Path) -> None:
    """Defect 22 of the scripts before: the old instance's address and node name."""
    assert restoring.restore(new, archive).status == 0

    was = yaml.safe_load(old.teleport_yaml.read_text())
    now = yaml.safe_load(new.teleport_yaml.read_text())
    assert was["teleport"]["advertise_ip"] == "10.0.0.12"
    assert now["teleport"]["advertise_ip"] == "10.0.9.99"
    assert now["teleport"]["nodename"] == "ip-10-0-9-99-ec2-internal"
    assert (
        "10.0.0.12" not in new.teleport_yaml.read_text() and "i-0123456789abcdef0" not in new.teleport_yaml.read_text()
    )
    assert now["auth_service"]["cluster_name"] == was["auth_service"]["cluster_name"]
    cache = json.loads(new.path("/var/lib/teleport-bootstrap/metadata.json").read_text())
    assert cache["instance-id"] == "i-0fedcba9876543210"
    history = json.loads(new.run("history", "--format", "json").output)
    assert len(history) == 2 or len(history["generations"]) == 2
    current = json.loads(new.path("/var/lib/teleport-bootstrap/current.json").read_text())
    assert (current["generation"], current["confirmed"]) == (2, True)
    manifest = json.loads(new.path("/var/lib/teleport-bootstrap/generations/2/manifest.json").read_text())
    assert manifest["teleport_version"] == "18.0.1" and "restore" in manifest["made_by"]


def test_keeps_overrides_of_the_old_host(old: Agent, new: Agent, tmp_path: Path, imds: emulator.Server) -> None:
    other = restoring.host(tmp_path / "other", imds)
    other.conf(restoring.ALL_IN_ONE)
    other.write("/etc/teleport.d/teleport.yaml.d/10-mine.yaml", "teleport: {log: {severity: DEBUG}}\n")
    assert other.generate().status == 0
    restoring.used(other)

    done = restoring.restore(new, restoring.backup(other, tmp_path / "b"))

    assert done.status == 0, done.errors
    now = yaml.safe_load(new.teleport_yaml.read_text())
    assert now["teleport"]["log"]["severity"] == "DEBUG" and now["teleport"]["advertise_ip"] == "10.0.9.99"


def test_row_9_names_what_an_override_says_of_the_old_instance(
    new: Agent, tmp_path: Path, imds: emulator.Server
) -> None:
    other = restoring.host(tmp_path / "other", imds)
    other.conf(restoring.ALL_IN_ONE)
    adopted = "teleport: {advertise_ip: 198.51.100.7, nodename: old-name, log: {severity: DEBUG}}\n"
    other.write("/etc/teleport.d/teleport.yaml.d/10-mine.yaml", adopted)
    assert other.generate().status == 0
    restoring.used(other)

    done = restoring.restore(new, restoring.backup(other, tmp_path / "b"), "--dry-run")

    assert done.status == 0, done.errors
    for key, value in (("advertise_ip", "198.51.100.7"), ("nodename", "old-name")):
        assert f"teleport.{key} is {value}, from override" in done.said
    assert "10-mine.yaml" in done.said and "severity" not in done.said.partition("warning")[2]


def adopted_and_backed_up(tmp_path: Path, imds: emulator.Server, *, applied: bool) -> tuple[Agent, Path]:
    """An instance whose edited teleport.yaml says its own name and addresses, adopted, and its backup."""
    other = restoring.host(tmp_path / "other", imds)
    other.conf(restoring.ALL_IN_ONE)
    assert other.generate().status == 0
    edited = yaml.safe_load(other.teleport_yaml.read_text())
    own = edited["teleport"]["advertise_ip"]
    edited["teleport"].update({"advertise_ip": "198.51.100.7", "nodename": "old-name"})
    edited["teleport"]["log"]["severity"] = "DEBUG"
    edited["ssh_service"].update({"listen_addr": f"{own}:3022", "labels": {"on": "yes", "n": "0123"}})
    edited["auth_service"]["public_addr"] = [f"{own}:3025", "auth.example.com:3025"]
    other.teleport_yaml.write_text(yaml.safe_dump(edited))
    done = other.run("adopt")
    assert done.status == 0, done.errors
    noted = done.said.partition("true of this instance only")[2]
    for each in (
        *("teleport.advertise_ip (198.51.100.7)", "teleport.nodename (old-name)"),
        *(f"ssh_service.listen_addr ({own}:3022)", f"auth_service.public_addr ({own}:3025)"),
    ):
        assert each in noted
    assert "--keep-config" in noted and "auth.example.com" not in noted and "severity" not in noted
    if applied:
        assert other.run("reconfigure", "--yes", "--wait", "20").status == 0
    restoring.used(other)
    return other, restoring.backup(other, tmp_path / "b")


@pytest.mark.parametrize("applied", [True, False], ids=["applied", "only adopted"])
def test_row_9_adopted_facts_of_the_old_instance_are_left_out(
    new: Agent, tmp_path: Path, imds: emulator.Server, *, applied: bool
) -> None:
    other, archive = adopted_and_backed_up(tmp_path, imds, applied=applied)
    before = yaml.safe_load(other.path(ADOPTED).read_text())

    shown = restoring.restore(new, archive, "--dry-run")
    done = restoring.restore(new, archive)

    for each in (shown, done):
        assert each.status == 0, each.errors
        assert "without what is true of the old instance only" in each.said and "198.51.100.7" in each.said
        assert f"left out of {ADOPTED}" in each.said and "--keep-config" in each.said
    now = yaml.safe_load(new.teleport_yaml.read_text())
    assert now["teleport"]["advertise_ip"] == "10.0.9.99" and now["teleport"]["log"]["severity"] == "DEBUG"
    assert "old-name" not in new.teleport_yaml.read_text()
    own = before["ssh_service"]["listen_addr"].partition(":")[0]
    assert own not in new.teleport_yaml.read_text()
    assert now["auth_service"]["public_addr"] == ["auth.example.com:3025"]
    # What else was adopted stays, in a file that only root reads and that the next commands take as applied.
    left = yaml.safe_load(new.path(ADOPTED).read_text())
    assert left["ssh_service"] == {"labels": before["ssh_service"]["labels"]}
    assert left["teleport"] == {"log": {"severity": "DEBUG"}}
    assert new.path(ADOPTED).stat().st_mode & 0o777 == 0o600
    assert os.listdir(new.path(ADOPTED).parent) == ["90-adopted.yaml"]
    again = new.run("reconfigure", "--dry-run", "--wait", "20")
    assert again.status == 0, again.errors
    assert yaml.safe_load(new.run("render").output) == now


def test_row_9_adopted_facts_are_kept_when_asked(new: Agent, tmp_path: Path, imds: emulator.Server) -> None:
    other, archive = adopted_and_backed_up(tmp_path, imds, applied=True)

    done = restoring.restore(new, archive, "--keep-config")

    assert done.status == 0, done.errors
    assert new.path(ADOPTED).read_bytes() == other.path(ADOPTED).read_bytes()
    assert new.teleport_yaml.read_bytes() == other.teleport_yaml.read_bytes()
    assert "teleport.advertise_ip is 198.51.100.7, from override" in done.said


def test_row_9_adopted_facts_are_kept_on_the_same_instance(tmp_path: Path, imds: emulator.Server) -> None:
    other, archive = adopted_and_backed_up(tmp_path, imds, applied=True)
    same = restoring.host(tmp_path / "same", imds)

    done = restoring.restore(same, archive)

    assert done.status == 0, done.errors
    assert same.path(ADOPTED).read_bytes() == other.path(ADOPTED).read_bytes()
    assert yaml.safe_load(same.teleport_yaml.read_text()) == yaml.safe_load(other.teleport_yaml.read_text())
    assert "left out" not in done.said and "198.51.100.7" not in done.said


def test_sets_aside_what_a_first_boot_created_without_force(new: Agent, archive: Path) -> None:
    booted(new)
    before = new.path(f"{DATA}/host_uuid").read_text()

    done = restoring.restore(new, archive)

    assert done.status == 0, done.errors
    assert new.path(f"{DATA}/host_uuid").read_text() == restoring.HOST_UUID
    (aside,) = new.path("/var/lib").glob("teleport.before-restore-*")
    assert (aside / "host_uuid").read_text() == before
    assert f"kept: {aside}" in done.output
    assert "two hosts with one identity (host_uuid) must not run at once" in done.output
    assert "i-0123456789abcdef0" in done.output


@pytest.mark.parametrize("role", list(restoring.FIRST_BOOT))
def test_row_g_what_a_real_first_boot_creates_needs_no_force(new: Agent, archive: Path, role: str) -> None:
    booted(new)
    restoring.files_of_first_boot(new, role)
    done = restoring.restore(new, archive, "--dry-run")
    assert done.status == 0 and "has data of its own" not in done.said, done.said


def test_names_the_variables_of_the_present_conf_that_are_set_aside(new: Agent, archive: Path) -> None:
    booted(new, restoring.ALL_IN_ONE + "TELEPORT_SSH_LABELS='mood: good'\nEC2_REGION=eu-west-1\n")

    done = restoring.restore(new, archive)

    assert done.status == 0, done.errors
    assert "is set aside: TELEPORT_SSH_LABELS is not in the archive's conf" in done.output
    assert "is set aside: EC2_REGION is not" in done.output


def test_a_dry_run_reports_everything_and_changes_nothing(new: Agent, archive: Path) -> None:
    booted(new)
    before, listed = tree(new.root), restoring.listing(new.path(DATA))

    done = new.run("restore", str(archive), "--dry-run", "--wait", "10", "--format", "json")

    assert done.status == 0, done.errors
    assert tree(new.root) == before and restoring.listing(new.path(DATA)) == listed
    told = done.data["proposal"]
    assert told["role"] == "all-in-one" and told["cluster"] == "cluster-1"
    assert (told["archive_teleport_version"], told["teleport_version"]) == ("17.5.1", "18.0.1")
    assert DATA in {each["path"] for each in told["replaced"]} and told["keeps_teleport_yaml"] is False
    assert any("host_uuid" in each for each in done.warnings)
    assert done.data["result"] == "proposed"


def test_changes_nothing_without_confirmation(new: Agent, archive: Path) -> None:
    before = tree(new.root)
    done = new.run("restore", str(archive), "--wait", "10")
    assert done.status == 11, done.said
    assert tree(new.root) == before


def test_restores_the_newest_archive_of_a_directory(new: Agent, archive: Path) -> None:
    done = restoring.restore(new, archive.parent)
    assert done.status == 0, done.errors
    assert str(archive) in done.output


# ---- the way back


def test_undo_restores_the_previous_state_and_a_second_undo_the_archive(new: Agent, archive: Path) -> None:
    booted(new)
    state = "var/lib/teleport-bootstrap/"
    ours = {f"{state}{name}" for name in ("undo.json", "restored.json", "restored-conf", "metadata.json")}

    def content() -> dict[str, Any]:
        found = {
            name: (each.mode, each.uid, each.content)
            for name, each in tree(new.root).items()
            if name not in ours and ".before-" not in name
        }
        noted = json.loads(found[f"{state}current.json"][2] or b"{}")
        return {**found, f"{state}current.json": (noted["generation"], noted["confirmed"])}

    before = content()
    assert restoring.restore(new, archive).status == 0
    restored = content()
    assert restored != before

    done = new.run("restore", "--undo", "--yes")
    assert done.status == 0, done.errors
    assert content() == before
    assert not new.path("/var/lib/teleport-bootstrap/restored.json").exists()
    again = new.run("restore", "--undo", "--yes")
    assert again.status == 0, again.errors
    assert content() == restored

    gone = new.run("restore", "--discard-undo", "--yes")
    assert gone.status == 0, gone.errors
    assert [name for name in tree(new.root) if ".before-" in name] == []
    assert not new.path("/var/lib/teleport-bootstrap/undo.json").exists()
    assert new.run("restore", "--undo", "--yes").status == 6
    assert content() == restored


def test_a_later_restore_removes_what_the_one_before_had_put_aside(new: Agent, archive: Path) -> None:
    booted(new)
    assert restoring.restore(new, archive).status == 0
    done = restoring.restore(new, archive, "--force")
    assert done.status == 0, done.errors
    (aside,) = new.path("/var/lib").glob("teleport.before-restore-*")
    assert (aside / "host_uuid").read_text() == restoring.HOST_UUID


def test_undo_on_a_host_without_a_teleport_before_speaks_of_no_health(new: Agent, archive: Path) -> None:
    shown = restoring.restore(new, archive)
    assert shown.status == 0 and "unpacking: done, 0 B" not in shown.errors and "unpacking: done, " in shown.errors
    done = new.run("restore", "--undo", "--yes")
    assert done.status == 0 and "Then no Teleport runs, as before it." in done.output + done.errors
    closing = next(line for line in done.output.splitlines() if line.startswith("undid "))
    assert "health" not in closing
    assert "`teleport-bootstrap restore --undo` undoes this again" in done.output


def test_undo_of_a_restore_at_boot_says_that_the_next_boot_repeats_it(new: Agent, archive: Path) -> None:
    new.conf(f"TELEPORT_RESTORE_FROM={archive}\n")
    assert new.run("restore", "--yes", "--wait", "10").status == 0
    done = new.run("restore", "--undo", "--yes")
    assert done.status == 0, done.errors
    assert f"note: the conf here asks to restore {archive}: the next boot does that again" in done.output
    assert not new.path(DATA).exists() and not new.teleport_yaml.exists()


def test_status_names_undo_after_a_restore_that_was_interrupted(new: Agent, archive: Path) -> None:
    """Killed after all files were replaced, before Teleport was healthy."""
    booted(new)
    assert restoring.restore(new, archive).status == 0
    current = new.path("/var/lib/teleport-bootstrap/current.json")
    current.write_text(json.dumps({**json.loads(current.read_text()), "confirmed": False}))
    (drift,) = [
        each for each in new.run("status", "--format", "json").warnings if "has not been confirmed healthy" in each
    ]
    assert "`teleport-bootstrap restore --undo` to go back" in drift


# ---- what is refused, before anything is changed


@pytest.mark.parametrize(
    ("version", "why"),
    [("17.5.0", "which is older"), ("16.9.9", "which is older"), ("19.0.0", "a major version is skipped")],
)
def test_refuses_a_teleport_that_cannot_read_the_data(
    tmp_path: Path, new_imds: emulator.Server, archive: Path, version: str, why: str
) -> None:
    here = restoring.host(tmp_path / "here", new_imds, version=version)
    assert why in refused(here, archive)


def test_reports_all_refusals_at_once(tmp_path: Path, new_imds: emulator.Server, archive: Path) -> None:
    here = restoring.host(tmp_path / "here", new_imds, version="16.0.0")
    here.conf("TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-2\nTELEPORT_AUTH_SERVER_LB=a.example.com\n")
    restoring.used(here)

    said = refused(here, archive)

    assert "which is older" in said
    assert "the archive is of the role all-in-one, and this host is node according to" in said
    assert "the archive is of the cluster cluster-1, and this host is cluster-2 according to" in said
    assert "users alice" in said and "--force" in said
    assert f"{here.root}/etc/teleport.d/conf:1 (TELEPORT_ROLE)" in said


def test_refuses_another_role_than_the_one_that_was_applied_here(
    tmp_path: Path, new_imds: emulator.Server, archive: Path
) -> None:
    here = restoring.host(tmp_path / "here", new_imds)
    here.conf(
        "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN=t\n"
        "TELEPORT_AGENT_SSH_ENABLED=true\n"
    )
    assert here.generate().status == 0
    here.path("/etc/teleport.d/conf").unlink()
    said = refused(here, archive)
    assert "this host is agent according to what was applied on it" in said


@pytest.mark.parametrize(
    "made",
    [
        ("backend/sqlite.db", "/web/users/bob/params"),
        ("backend/sqlite.db", "/web/connectors/saml/connectors/okta"),
        ("backend/sqlite.db", "/roles/dba/params"),
        ("log/upload/sessions/default/1.tar", ""),
        ("fridge/magnet", ""),
        ("webproxy.pem", ""),
        ("our-bundle.pem", ""),
        ("certificates/eu-central-1-bundle.pem", ""),
        ("notes.version", ""),
        ("log/records/1.tar", ""),
        ("log/9f40ffe5-da82-48ec-a435-ffcf81555a44/sessions/default/1.chunks.gz", ""),
        ("backend/sqlite.db", None),
    ],
)
def test_existing_data_needs_force(new: Agent, archive: Path, made: tuple[str, str]) -> None:
    booted(new)
    name, key = made
    path = new.path(f"{DATA}/{name}")
    if key:
        path.unlink()
        restoring.database(path, key, "/roles/access/params")
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not a database" * 100)

    assert "this host has data of its own" in refused(new, archive)

    if name.startswith("fridge"):
        done = restoring.restore(new, archive, "--force")
        assert done.status == 0, done.errors
        assert "is set aside" in done.output


def test_reads_a_database_that_was_not_closed_without_changing_it(new: Agent, archive: Path) -> None:
    booted(new)
    path = new.path(f"{DATA}/backend/sqlite.db")
    script = (
        "import os, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA wal_autocheckpoint=0')\n"
        "c.execute(\"INSERT INTO kv VALUES ('/web/users/carol/params', 0, NULL, x'00')\"); c.commit(); os._exit(0)\n"
    )
    subprocess.run(["python3", "-c", script, str(path)], check=True)
    assert Path(f"{path}-wal").stat().st_size > 0
    assert "users carol" in refused(new, archive)
    Path(f"{path}-shm").unlink()
    assert "users carol" in refused(new, archive)


def test_refuses_without_enough_space(new: Agent, archive: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    data = new.path(DATA)
    data.mkdir(parents=True, mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", str(data)], check=True)
    try:
        said = refused(new, archive)
    finally:
        subprocess.run(["umount", str(data)], check=True)
    assert "has room for" in said and str(data) in said


def test_refuses_a_symbolic_link_in_place_of_the_data_directory(new: Agent, archive: Path, tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    new.path("/var/lib").mkdir(parents=True)
    new.path(DATA).symlink_to(tmp_path / "volume")
    assert "is a symbolic link" in refused(new, archive)
    assert list((tmp_path / "volume").iterdir()) == []


def test_refuses_a_damaged_archive_before_anything_changes(new: Agent, archive: Path, tmp_path: Path) -> None:
    """Of hundreds more, see test_restore_hostile.py."""
    whole = archive.read_bytes()
    for number, data in enumerate((whole[: len(whole) // 2], whole + b"\0", whole[:-1] + bytes([whole[-1] ^ 1]))):
        bad = tmp_path / f"bad-{number}{''.join(archive.suffixes[-2:])}"
        bad.write_bytes(data)
        refused(new, bad, status=16)


def test_refuses_a_file_that_is_not_an_archive(new: Agent, tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_bytes(b"hello")
    refused(new, tmp_path / "x.tar.gz", status=16)
    assert "does not exist" in refused(new, tmp_path / "y.tar.gz", status=6)


# ---- what a person has edited


def edited_backup(old: Agent, tmp_path: Path) -> Path:
    """A backup of a host whose teleport.yaml has a manual edit."""
    other = Agent(tmp_path / "edited", imds=old.imds)
    shutil.copytree(old.root, other.root, symlinks=True)
    other.teleport_yaml.write_text(other.teleport_yaml.read_text().replace("severity: INFO", "severity: WARN"))
    return restoring.backup(other, tmp_path / "b")


def test_refuses_an_edited_file_until_the_operator_decides(old: Agent, new: Agent, tmp_path: Path) -> None:
    archive = edited_backup(old, tmp_path)

    said = refused(new, archive, status=12)

    assert "severity: WARN" in said and "--keep-config" in said and "--discard-edits" in said
    done = restoring.restore(new, archive, "--discard-edits")
    assert done.status == 0, done.errors
    assert "These manual edits will be lost" in done.output
    assert yaml.safe_load(new.teleport_yaml.read_text())["teleport"]["log"]["severity"] == "INFO"


def test_keep_config_restores_an_edited_file_unchanged(old: Agent, new: Agent, tmp_path: Path) -> None:
    done = restoring.restore(new, edited_backup(old, tmp_path), "--keep-config")

    assert done.status == 0, done.errors
    kept = yaml.safe_load(new.teleport_yaml.read_text())["teleport"]
    assert (kept["log"]["severity"], kept["advertise_ip"]) == ("WARN", "10.0.0.12")
    assert "WARNING: teleport.advertise_ip in the kept teleport.yaml is 10.0.0.12" in done.output
    status = new.run("status", "--format", "json")
    assert any("has been edited since" in each for each in status.warnings)


def unmanaged(tmp_path: Path, old: Agent) -> Agent:
    """A host of an old image, where this agent has made a backup and nothing else."""
    other = Agent(tmp_path / "unmanaged", imds=old.imds)
    shutil.copytree(old.root, other.root, symlinks=True)
    shutil.rmtree(other.path("/var/lib/teleport-bootstrap"))
    return other


def test_restores_a_host_that_this_agent_never_managed(old: Agent, new: Agent, tmp_path: Path) -> None:
    """Its file says what would be written, apart from the old name and address, so it was not edited."""
    done = restoring.restore(new, restoring.backup(unmanaged(tmp_path, old), tmp_path / "b"))
    assert done.status == 0, done.errors
    assert yaml.safe_load(new.teleport_yaml.read_text())["teleport"]["advertise_ip"] == "10.0.9.99"
    assert new.path(f"{DATA}/host_uuid").read_text() == restoring.HOST_UUID


def test_on_such_a_host_another_file_may_have_been_edited(old: Agent, new: Agent, tmp_path: Path) -> None:
    other = unmanaged(tmp_path, old)
    other.teleport_yaml.write_text(other.teleport_yaml.read_text().replace("severity: INFO", "severity: WARN"))
    archive = restoring.backup(other, tmp_path / "b")
    assert "so it may have been edited" in refused(new, archive, status=12)
    assert restoring.restore(new, archive, "--discard-edits").status == 0


def test_restores_a_manually_configured_host_unchanged(old: Agent, new: Agent, tmp_path: Path) -> None:
    other = unmanaged(tmp_path, old)
    other.path("/etc/teleport.d/conf").unlink()
    archive = restoring.backup(other, tmp_path / "b")
    assert "was configured manually" in refused(new, archive, status=12)

    done = restoring.restore(new, archive, "--keep-config")

    assert done.status == 0, done.errors
    assert new.teleport_yaml.read_bytes() == other.teleport_yaml.read_bytes()
    assert not new.path("/var/lib/teleport-bootstrap/current.json").exists()
    assert new.path(f"{DATA}/host_uuid").read_text() == restoring.HOST_UUID


def test_refuses_a_file_that_teleport_rejects_before_anything_changes(
    tmp_path: Path, new_imds: emulator.Server, archive: Path
) -> None:
    here = restoring.host(tmp_path / "here", new_imds, refuse="not today")
    assert "not today" in refused(here, archive, status=5)


def test_changes_nothing_if_the_metadata_service_does_not_answer(new: Agent, archive: Path) -> None:
    new.imds = "http://127.0.0.1:9"
    before = tree(new.root)
    done = new.run("restore", str(archive), "--yes", "--wait", "2")
    assert done.status == 3, done.said
    assert tree(new.root) == before


# ---- at boot


def test_validate_plan_and_render_say_that_the_first_boot_restores_an_archive(new: Agent) -> None:
    """Otherwise a conf with nothing but that line looks like an all-in-one."""
    new.conf("TELEPORT_RESTORE_FROM=s3://acme/x/\n")
    told = "the first boot of an instance restores s3://acme/x/, with the conf that is in it"
    assert told in new.run("validate").output
    assert any(told in each for each in new.run("plan", "--wait", "5", "--format", "json").notes)
    assert told in new.run("render", "--wait", "5").errors


def test_generate_leaves_everything_to_the_restore_and_starts_nothing(new: Agent, archive: Path) -> None:
    new.conf(f"TELEPORT_RESTORE_FROM={archive}\n")
    before = tree(new.root)

    done = new.generate("--format", "json")

    assert done.status == 0, done.errors
    assert done.data["result"] == "restoring"
    assert any("no Teleport starts before" in each for each in done.warnings)
    assert tree(new.root) == before
    status = new.run("status", "--format", "json")
    assert status.status == 9 and any("has not been restored yet" in each for each in status.wrong)
    reconfigured = new.run("reconfigure", "--yes", "--wait", "10")
    assert reconfigured.status == 2 and "has not been restored yet" in reconfigured.errors
    assert tree(new.root) == before


def test_restores_the_archive_that_the_conf_names_once(old: Agent, new: Agent, archive: Path) -> None:
    user_data = f"TELEPORT_RESTORE_FROM={archive}\n"
    new.conf(user_data)

    done = new.run("restore", "--yes", "--wait", "10")

    assert done.status == 0, done.errors
    assert new.path("/etc/teleport.d/conf").read_text() == restoring.ALL_IN_ONE
    record = json.loads(new.path("/var/lib/teleport-bootstrap/restored.json").read_text())
    assert record["archive"] == str(archive) and record["asked"] == str(archive) and len(record["digest"]) == 64
    assert "--discard-undo" in new.run("status").output
    found = new.run("status", "--format", "json").data["restore"]
    assert (found["state"], found["archive"], found["can_be_undone"]) == ("restored", str(archive), True)

    # User-data that is run at every boot writes its conf again.
    new.conf(user_data)
    again = new.generate("--format", "json")
    assert again.status == 0, again.errors
    assert again.data["result"] == "kept"
    assert new.path("/etc/teleport.d/conf").read_text() == restoring.ALL_IN_ONE
    assert new.path("/etc/teleport.d/role.all").exists()
    assert any("the archive's conf was restored" in each for each in again.notes)
    nothing = new.run("restore", "--yes", "--wait", "10")
    assert nothing.status == 2, "a restored conf asks for nothing"


def test_ignores_a_conf_that_user_data_writes_again_after_an_edit(new: Agent, archive: Path) -> None:
    user_data = f"TELEPORT_RESTORE_FROM={archive}\n"
    new.conf(user_data)
    assert new.run("restore", "--yes", "--wait", "10").status == 0
    new.conf(restoring.ALL_IN_ONE + "TELEPORT_SSH_LABELS='mood: good'\n")
    assert new.run("reconfigure", "--yes", "--wait", "10").status == 0
    wanted = new.teleport_yaml.read_text()

    new.conf(user_data + "# written at 12:00\n")
    done = new.generate()

    assert done.status == 0, done.errors
    assert "is not followed" in done.output
    assert new.teleport_yaml.read_text() == wanted


def test_ignores_the_line_with_a_note_if_something_was_configured_before(new: Agent, archive: Path) -> None:
    booted(new)
    new.conf(restoring.ALL_IN_ONE + f"TELEPORT_RESTORE_FROM={archive}\n")
    for command in (("generate",), ("reconfigure", "--yes")):
        done = new.run(*command, "--wait", "10")
        assert done.status == 0, done.errors
        assert "TELEPORT_RESTORE_FROM is for the first boot only, and is ignored" in done.output


def test_a_damaged_record_is_repaired_as_the_message_says(new: Agent, archive: Path) -> None:
    new.conf(f"TELEPORT_RESTORE_FROM={archive}\n")
    note = new.write("/var/lib/teleport-bootstrap/restored.json", "no JSON", 0o600)
    done = new.generate()
    assert done.status == 6 and "write {} into it" in done.errors
    note.write_text("{}")
    assert new.generate().status == 0
    status = new.run("status", "--format", "json")
    assert (status.data["restore"]["state"], status.data["restore"]["archive"]) == ("restored", None)
    assert "an unknown archive" in new.run("status").output


def test_says_what_to_name_without_an_archive_and_without_the_line(new: Agent) -> None:
    done = new.run("restore", "--yes")
    assert done.status == 2
    assert "nothing says which archive" in done.errors


def test_issue_15_row_2_a_dry_run_of_a_restore_refuses_what_could_not_be_written(new: Agent, archive: Path) -> None:
    before = tree(new.root)
    proposed = new.run("restore", str(archive), "--dry-run", "--wait", "10")
    assert proposed.status == 0 and "nothing was changed" in proposed.output, proposed.said
    assert tree(new.root) == before
    new.path("/var/lib/teleport-bootstrap/unit.env").mkdir(parents=True)
    for how in ("--dry-run", "--yes"):
        done = new.run("restore", str(archive), how, "--wait", "10")
        assert done.status == 6 and "unit.env" in done.errors, done.said
    assert {name: each for name, each in tree(new.root).items() if "unit.env" not in name} == before


def test_issue_15_row_6_an_undo_shows_what_it_does_and_refuses_what_it_cannot_do(new: Agent, archive: Path) -> None:
    booted(new)
    new.conf(restoring.ALL_IN_ONE + "TELEPORT_SSH_LABELS='mood: bad'\n")
    assert new.run("reconfigure", "--yes", "--wait", "20").status == 0
    assert new.run("restore", str(archive), "--yes", "--force", "--wait", "20").status == 0
    before = tree(new.root)
    shown = new.run("restore", "--undo", "--dry-run").output
    assert "/var/lib/teleport is set aside, and " in shown and "\n+    mood: bad\n" in shown, shown
    assert "remove /etc/default/teleport\n" in shown and "current.json" not in shown
    assert "the restore of " in shown and "nothing was changed" in shown
    assert "DANGER: nothing leads back" in new.run("restore", "--discard-undo", "--dry-run").output
    assert tree(new.root) == before
    kept = next(new.path("/var/lib").glob("teleport.before-restore-*"))
    kept.rename(kept.with_name("elsewhere"))
    for how in ("--dry-run", "--yes"):
        done = new.run("restore", "--undo", how)
        assert done.status == 6 and f"{kept} was removed" in done.errors, done.said
    kept.with_name("elsewhere").rename(kept)
    assert new.run("restore", "--undo", "--yes").status == 0
