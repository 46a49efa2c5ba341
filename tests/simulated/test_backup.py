"""`backup`, the real command: what is in the archive, that it is good, and what is left when something goes wrong."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import pytest

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import interface
from teleport_bootstrap.backup.stores import destination
from teleport_bootstrap.host import lock
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import backup
from teleport_bootstrap.paths import Root
from teleport_bootstrap.state import jobs
from tests import answers
from tests.simulated import backing_up
from tests.simulated.agent import Agent, needs_root
from tests.simulated.backing_up import (
    BACKUPS,
    HOST_UUID,
    SERVICE_UID,
    give_away,
    left_behind,
    listed,
    made,
    members,
    unpacked,
)
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An all-in-one that has run for a while; generated once, copied for each test."""
    return backing_up.prepared(tmp_path_factory.mktemp("prepared") / "root")


@pytest.fixture
def agent(tmp_path: Path, prepared: Path, imds: emulator.Server) -> Agent:
    return backing_up.copied(prepared, tmp_path / "root", imds)


# ---- what is in it ----


def test_includes_what_a_new_host_needs_and_no_transient_files(agent: Agent) -> None:
    with socket.socket(socket.AF_UNIX) as debug:
        os.chdir(agent.path("/var/lib/teleport"))  # a path of a socket has 108 bytes at most
        debug.bind("debug.sock")
        os.chdir("/")
        done = made(agent)
    names = members(done["archive"])
    assert {
        "teleport-backup/header.json",
        "teleport-backup/manifest.jsonl",
        "etc/teleport.yaml",
        "etc/teleport.d/conf",
        "etc/teleport.d/role.all",
        "etc/default/teleport",
        "etc/letsencrypt/live/teleport.example.com/fullchain.pem",
        "etc/letsencrypt/archive/teleport.example.com/fullchain1.pem",
        "etc/systemd/system/teleport.service.d/10-ours.conf",
        "var/lib/teleport/host_uuid",
        "var/lib/teleport/license.pem",
        "var/lib/teleport/backend/sqlite.db",
        "var/lib/teleport/proc/sqlite.db",
        "var/lib/teleport/log/upload/streaming/default/one.tar",
        "var/lib/teleport-bootstrap/current.json",
        "var/lib/teleport-bootstrap/unit.env",
        "var/lib/teleport-bootstrap/generations/1/manifest.json",
        "var/lib/teleport-bootstrap/generations/1/teleport.yaml",
    } <= set(names)
    for part in ("sock", ".pid", "cache", "lock", "jobs", "metadata.json", "notes.txt", "sshd", "-wal", "-shm"):
        assert not [name for name in names if part in name.removeprefix("teleport-backup")], part
    assert answers.found(done, "note") == []


def test_the_header_describes_the_host_and_the_contents(agent: Agent, imds: emulator.Server) -> None:
    header = made(agent)["header"]
    assert header["teleport"] == {"version": "17.5.1", "edition": "community", "fips": False}
    assert (header["cluster"], header["role"], header["unit"]) == ("cluster-1", "all-in-one", "teleport.service")
    assert header["instance"]["id"] == "i-0123456789abcdef0"
    assert header["instance"]["host_uuid"] == HOST_UUID
    assert header["instance"]["node_name"]
    assert header["configuration"] == {"generation": 1, "conf": True, "hand_edited": False}
    assert header["storage"]["type"] == "dir"
    assert header["agent_version"]
    if os.geteuid() == 0:
        assert header["service_user"] == "teleport"


def test_the_header_reports_a_manual_edit(agent: Agent) -> None:
    agent.teleport_yaml.write_text(agent.teleport_yaml.read_text().replace("INFO", "DEBUG"))
    assert made(agent)["header"]["configuration"]["hand_edited"] is True


def test_includes_files_and_directories_that_teleport_yaml_names(
    agent: Agent,
) -> None:
    agent.path(paths.CONF).unlink()
    shutil.rmtree(agent.path(paths.STATE))
    agent.write("/srv/tls/key.pem", "key", 0o600)
    agent.write("/srv/tls/real.pem", "certificate")
    agent.path("/srv/tls/cert.pem").symlink_to("real.pem")
    agent.write("/srv/teleport/backend/thing", "data elsewhere")
    agent.write(
        "/etc/teleport.yaml",
        "version: v3\nteleport:\n  data_dir: /srv/teleport\nproxy_service:\n  https_keypairs:\n"
        "    - key_file: /srv/tls/key.pem\n      cert_file: /srv/tls/cert.pem\n"
        "auth_service:\n  license_file: /srv/none.pem\n  cluster_name: by-hand\n",
    )
    done = made(agent)
    names = members(done["archive"])
    assert {"srv/tls/key.pem", "srv/tls/real.pem", "srv/teleport/backend/thing"} <= set(names)
    assert done["header"]["named_files"] == ["/srv/tls/key.pem", "/srv/tls/real.pem"]
    assert done["header"]["configuration"]["hand_edited"] is True
    assert done["header"]["cluster"] == "by-hand"
    told = "\n".join(answers.lines(done, "note"))
    assert "/srv/tls/cert.pem" in told
    assert "/srv/none.pem" in told


def test_refuses_an_empty_host(tmp_path: Path, imds: emulator.Server) -> None:
    (tmp_path / "root").mkdir()
    done = Agent(tmp_path / "root", imds=imds.url).run("backup")
    assert done.status == 6
    assert "nothing to back up" in done.errors


def test_uses_cached_metadata_with_a_note(agent: Agent) -> None:
    agent.imds = "http://127.0.0.1:9"
    done = made(agent)
    assert done["header"]["instance"]["id"] == "i-0123456789abcdef0"
    assert "from the cache" in "\n".join(answers.lines(done, "note"))


def test_a_broken_conf_does_not_stop_a_backup(agent: Agent) -> None:
    agent.conf("TELEPORT_ROLE=$(what)\n")
    done = made(agent)
    assert "etc/teleport.d/conf" in members(done["archive"])


def test_works_without_zstd(agent: Agent, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    agent.environ["PATH"] = str(tools)
    done = made(agent)
    assert done["compression"] == "gzip"
    assert done["name"].endswith(".tar.gz")
    assert "etc/teleport.yaml" in members(done["archive"])


# ---- live databases ----


def test_a_damaged_database_makes_the_backup_incomplete(agent: Agent, tmp_path: Path) -> None:
    path = agent.path("/var/lib/teleport/backend/sqlite.db")
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    done = agent.run("--format", "json", "backup")
    assert done.status == 19
    (missing,) = done.data["missing"]
    assert missing["path"] == "/var/lib/teleport/backend/sqlite.db"
    assert "is damaged" in missing["reason"]
    assert "/var/lib/teleport/backend/sqlite.db" in done.errors
    assert "--allow-damaged" in done.errors
    assert [each["incomplete"] for each in listed(agent)] == [True]
    assert left_behind(agent) == []
    job = json.loads(agent.path("/var/lib/teleport-bootstrap/jobs/backup.json").read_text())
    assert (job["outcome"], job["last_success"]) == ("incomplete", None)
    told = made(agent, "--allow-damaged")
    assert "sqlite.db is damaged" in "\n".join(answers.lines(told, "note"))
    with_it = unpacked(told["archive"], tmp_path / "out") / "var/lib/teleport/backend/sqlite.db"
    assert with_it.read_bytes() == bytes(content)


# ---- hostile ground ----


@needs_root
def test_traps_in_the_data_directory_lead_nowhere(agent: Agent, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("ROOTS-OWN-SECRET")
    secret.chmod(0o600)
    data = agent.path("/var/lib/teleport")
    (data / "link").symlink_to(secret)
    (data / "linked.db").symlink_to(secret)
    (data / "directory").symlink_to(tmp_path)
    os.link(secret, data / "hard")
    os.mkfifo(data / "pipe")
    os.mkfifo(data / "pipe.db")
    os.mknod(data / "device", 0o600 | 0o020000, os.makedev(1, 3))
    (data / "loop").symlink_to("loop")
    (data / ("n" * 255)).write_text("a long name")
    (data / "line\nbreak").write_text("a bad name")
    open(os.path.join(os.fsencode(data), b"\xff\xfe"), "w").close()
    (data / ".teleport-bootstrap-backup.planted").symlink_to(tmp_path)
    subprocess.run(["chown", "-h", f"{SERVICE_UID}:{SERVICE_UID}", *map(str, data.iterdir())], check=True)
    os.chown(secret, 0, 0)
    done = made(agent)
    content = unpacked(done["archive"], tmp_path / "out")
    assert os.readlink(content / "var/lib/teleport/link") == str(secret)
    files = [path for path in content.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in files if b"ROOTS-OWN-SECRET" in path.read_bytes()]
    names = {os.path.basename(each) for each in os.listdir(os.fsencode(content / "var/lib/teleport"))}
    assert {b"n" * 255, b"line\nbreak", b"\xff\xfe", b"loop"} <= names
    assert not {b"hard", b"pipe", b"pipe.db", b"device", b".teleport-bootstrap-backup.planted"} & names
    told = "\n".join(answers.lines(done, "note"))
    assert "teleport/hard" in told
    assert "teleport/pipe" in told
    assert secret.read_text() == "ROOTS-OWN-SECRET"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/teleport", "a directory"),
        ("/etc/teleport.d", "a directory"),
        ("/etc/teleport.yaml", "a regular file"),
    ],
)
def test_refuses_a_link_in_place_of_a_file_with_a_remedy(agent: Agent, path: str, kind: str) -> None:
    agent.path(path).rename(agent.path("/moved"))
    agent.path(path).symlink_to(agent.path("/moved"))
    done = agent.run("backup")
    assert done.status == 6
    assert f"{agent.path(path)} is a symbolic link" in done.errors
    assert kind in done.errors
    assert listed(agent) == []


def test_refuses_a_file_in_place_of_the_data_directory(agent: Agent) -> None:
    shutil.rmtree(agent.path("/var/lib/teleport"))
    agent.write("/var/lib/teleport", "?")
    done = agent.run("backup")
    assert done.status == 6
    assert "is not a directory" in done.errors


@pytest.mark.parametrize("place", ["/var/lib/teleport/backups", "/var/lib/teleport", "/etc/teleport.d/x.tar.gz"])
def test_refuses_a_destination_inside_the_backup(agent: Agent, place: str) -> None:
    done = agent.run("backup", str(agent.path(place)))
    assert done.status == 2
    assert "contain itself" in done.errors


# ---- what it does and does not leave ----


def test_list_verify_and_keep_work_together(agent: Agent) -> None:
    first = made(agent)
    second = made(agent)
    assert first["name"] < second["name"]
    third = made(agent, "--keep", "2")
    assert third["removed"] == [first["archive"]]
    assert [each["name"] for each in listed(agent)] == [third["name"], second["name"]]
    assert all(each["verified"] for each in listed(agent))
    done = agent.run("--format", "json", "backup", "verify", third["archive"])
    assert done.status == 0
    assert done.data["digest"] == third["digest"]
    content = bytearray(Path(second["archive"]).read_bytes())
    content[len(content) // 2] ^= 1
    Path(second["archive"]).write_bytes(content)
    done = agent.run("backup", "verify", second["archive"])
    assert done.status == errors.ArchiveDamaged.exit_status
    assert second["name"] in done.errors
    assert [each["verified"] for each in listed(agent)] == [True, False]
    if os.geteuid() == 0:
        folder = agent.path(BACKUPS)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_changes_nothing_that_it_backs_up(agent: Agent) -> None:
    def content() -> dict[str, tuple[int, int, int, Optional[bytes]]]:
        found = {}
        for top in ("/etc", "/var/lib/teleport"):
            for path in [agent.path(top), *agent.path(top).rglob("*")]:
                facts = path.lstat()
                is_file = path.is_file() and not path.is_symlink()
                found[str(path)] = (facts.st_mode, facts.st_uid, facts.st_size, path.read_bytes() if is_file else None)
        return found

    before, top = content(), agent.path("/var/lib/teleport").stat().st_mtime_ns
    made(agent)
    assert content() == before
    assert agent.path("/var/lib/teleport").stat().st_mtime_ns == top


class Watching:
    """Lets a test have its turn in the middle of a backup that runs in this process."""

    def __init__(self, **when: Any) -> None:
        self.when = when

    @contextlib.contextmanager
    def __call__(self, what: str, size: Optional[int]) -> Iterator[Optional[interface.Progress]]:
        act = self.when.get(what)
        begun = self.when.get(f"{what}_begins")
        if begun:
            begun()
        yield (lambda done, entries: act()) if act else None


def run_watched(agent: Agent, **when: Any) -> backup.Made:
    root = Root(str(agent.root))
    wishes = backup.Wishes(destination.parse(None, root))
    return backup.run(gather.Doors(root, agent.environment(), 20.0), wishes, progress=Watching(**when))


def slow(agent: Agent) -> None:
    """Make packing take a while, so that others have their turn."""
    for number in range(4):
        agent.write(f"/var/lib/teleport/log/{number}", "").write_bytes(os.urandom(8 * 1024 * 1024))
    give_away(agent)


def test_other_commands_may_run_while_the_data_is_read(agent: Agent, tmp_path: Path) -> None:
    slow(agent)
    before = agent.path(paths.CURRENT).read_bytes()
    turns: list[int] = []

    def others() -> None:
        # What a reconfigure would do, in the middle of it. Not before our own files are read, hence the suppression.
        with contextlib.suppress(errors.LockBusy), lock.hold(Root(str(agent.root)), "a test", deadline_seconds=0):
            turns.append(1)
            agent.write(paths.CURRENT, before.decode().replace('"generation": 1', '"generation": 2'))
            agent.write(f"{paths.GENERATIONS}/2/manifest.json", "{}")

    done = run_watched(agent, packing=others)
    assert turns, "no other command ran"
    found = unpacked(done.place, tmp_path / "out")
    assert (found / paths.CURRENT.lstrip("/")).read_bytes() == before
    assert os.listdir(found / paths.GENERATIONS.lstrip("/")) == ["1"]


def test_removes_an_archive_that_is_not_what_was_written(agent: Agent) -> None:
    def harm() -> None:
        (path,) = agent.path(BACKUPS).glob("*.tar.*")
        content = bytearray(path.read_bytes())
        content[-100] ^= 0x20
        path.write_bytes(content)

    with pytest.raises(errors.ArchiveDamaged):
        run_watched(agent, verifying_begins=harm)
    assert os.listdir(agent.path(BACKUPS)) == []


def test_notices_that_the_archive_was_replaced(agent: Agent, tmp_path: Path) -> None:
    other = shutil.copy(made(agent)["archive"], tmp_path / "other")
    shutil.rmtree(agent.path(BACKUPS))

    def swap() -> None:
        (path,) = agent.path(BACKUPS).glob("*.tar.*")
        shutil.copy(other, path)

    with pytest.raises(errors.ArchiveDamaged, match="is not what was written"):
        run_watched(agent, verifying_begins=swap)
    assert os.listdir(agent.path(BACKUPS)) == []


def test_refuses_a_second_backup_at_the_same_time(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "WAIT_SECONDS", 0.2)
    with (
        lock.hold(Root(str(agent.root)), "backup", name="job-backup.lock", deadline_seconds=1),
        pytest.raises(errors.LockBusy),
    ):
        run_watched(agent)
    assert listed(agent) == []


def test_names_another_command_that_does_not_end(agent: Agent) -> None:
    with lock.hold(Root(str(agent.root)), "reconfigure", deadline_seconds=1):
        done = agent.run("backup", "--wait", "1")
    assert done.status == 7
    assert "reconfigure" in done.errors
    assert listed(agent) == []
    assert left_behind(agent) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_leaves_nothing(agent: Agent, number: signal.Signals) -> None:
    slow(agent)
    process = agent.start("backup", str(agent.path(f"{BACKUPS}/x.tar.gz")))
    wait_for_partial(agent, process)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode in (128 + number, -number)
    assert os.listdir(agent.path(BACKUPS)) == []
    assert left_behind(agent) == []


def test_a_killed_backup_is_never_listed_and_is_cleaned_up_by_the_next(agent: Agent) -> None:
    slow(agent)
    process = agent.start("backup")
    wait_for_partial(agent, process)
    process.kill()
    process.communicate(timeout=30)
    assert listed(agent) == []
    made(agent)
    assert len(listed(agent)) == 1
    assert left_behind(agent) == []


def wait_for_partial(agent: Agent, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while not any(path.stat().st_size > 1_000_000 for path in agent.path(BACKUPS).glob(".*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


@needs_root
def test_reports_a_full_disk_and_leaves_nothing(agent: Agent) -> None:
    slow(agent)
    folder = agent.path(BACKUPS)
    folder.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "none", str(folder)], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        done = agent.run("backup")
        assert done.status == 6
        assert "No space left" in done.errors
        assert os.listdir(folder) == []
    finally:
        subprocess.run(["umount", str(folder)], check=True)


# ---- S3 and DynamoDB ----


@pytest.fixture
def cloud(agent: Agent, aws: Aws) -> Agent:
    aws.client("s3").create_bucket(Bucket="acme-backups")
    agent.aws = aws.url
    return agent


def test_writes_verifies_lists_and_keeps_archives_in_s3(cloud: Agent, aws: Aws, tmp_path: Path) -> None:
    place = "s3://acme-backups/teleport"
    first = made(cloud, place)
    assert first["archive"].startswith(f"{place}/teleport-cluster-1_")
    second = made(cloud, place, "--keep", "1", "--expected-bucket-owner", "123456789012")
    assert second["removed"] == [first["archive"]]
    assert [each["archive"] for each in listed(cloud, place)] == [second["archive"]]
    assert listed(cloud, place)[0]["verified"]
    done = cloud.run("--format", "json", "backup", "verify", second["archive"])
    assert done.status == 0, done.errors
    assert done.data["digest"] == second["digest"]
    found = aws.client("s3").get_object(Bucket="acme-backups", Key=second["archive"].partition("acme-backups/")[2])
    (tmp_path / "copy.tar.zst").write_bytes(found["Body"].read())
    assert "var/lib/teleport/backend/sqlite.db" in members(str(tmp_path / "copy.tar.zst"))


def test_reports_a_missing_bucket_before_any_work(cloud: Agent) -> None:
    done = cloud.run("backup", "s3://acme-none/teleport")
    assert done.status == 4
    assert "acme-none" in done.errors


def with_tables(agent: Agent) -> None:
    agent.write(
        "/etc/teleport.yaml",
        "version: v3\nteleport:\n  storage:\n    type: dynamodb\n    region: us-east-1\n    table_name: acme-state\n"
        "    audit_events_uri: ['dynamodb://acme-events']\n    audit_sessions_uri: s3://acme-sessions/records\n",
    )


def test_backs_up_both_dynamodb_tables_and_notes_the_bucket(cloud: Agent, aws: Aws) -> None:
    with_tables(cloud)
    for table in ("acme-state", "acme-events"):
        aws.client("dynamodb").create_table(
            TableName=table,
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    storage = made(cloud)["header"]["storage"]
    assert storage["tables"] == ["acme-state", "acme-events"]
    assert storage["sessions"] == "s3://acme-sessions/records"
    there = {each["BackupArn"] for each in aws.client("dynamodb").list_backups()["BackupSummaries"]}
    assert {each["arn"] for each in storage["table_backups"]} == there
    assert [each["table"] for each in storage["table_backups"]] == ["acme-state", "acme-events"]


def test_tables_that_cannot_be_backed_up_end_the_backup_unless_left_out(cloud: Agent) -> None:
    with_tables(cloud)
    done = cloud.run("backup", "--wait", "10")
    assert done.status == 4
    assert "acme-state" in done.errors
    assert listed(cloud) == []
    assert made(cloud, "--without-tables")["header"]["storage"]["table_backups"] == []


# ---- the command line ----


@pytest.mark.parametrize("words", [("--keep", "2", "list"), ("--stop", "verify")])
def test_refuses_a_command_in_the_wrong_place(agent: Agent, words: tuple[str, ...]) -> None:
    done = agent.run("backup", *words)
    assert done.status == 2
    assert "must be the first word" in done.errors


@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_keeping_none_is_refused(agent: Agent, number: str) -> None:
    assert agent.run("backup", "--keep", number).status == 2


def test_the_text_output_has_the_place_and_says_verified(agent: Agent) -> None:
    done = agent.run("--log-level", "warning", "backup", "--stop")
    assert done.status == 0, done.errors
    assert "files, verified" in done.output
    assert agent.run("backup", "list").output.count("yes") == 1
    assert "backup" in agent.run("status").output
