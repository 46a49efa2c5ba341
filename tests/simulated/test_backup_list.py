"""`backup list`: what is there, in a directory and in S3."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from teleport_bootstrap.backup.stores.directory import DirectoryStore
from tests.simulated.agent import Agent
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

NAME = "teleport-acme_ip-10-0-1-5_20261122T115743Z.tar.zst"
OLDER = "teleport-acme_ip-10-0-1-5_20261121T115743Z.tar.gz"


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    (tmp_path / "root").mkdir()
    return Agent(tmp_path / "root")


def fill(place: Path) -> None:
    store = DirectoryStore(str(place))
    for name in (OLDER, NAME):
        with store.writing(name) as sink:
            sink.write(b"content")
    store.mark_verified(NAME)


def test_a_host_without_backups_has_none(agent: Agent) -> None:
    done = agent.run("backup", "list")
    assert (done.status, done.output) == (0, f"there are no backups in {agent.path('/var/backups/teleport')}\n")
    assert agent.run("backup", "list", "--format", "json").data["backups"] == []


def test_lists_the_newest_first_with_its_verification(agent: Agent) -> None:
    fill(agent.path("/var/backups/teleport"))
    agent.write("/var/backups/teleport/notes.txt", "theirs")
    lines = agent.run("backup", "list").output.splitlines()
    assert [line.split()[-2:] for line in lines[1:]] == [
        ["yes", str(agent.path(f"/var/backups/teleport/{NAME}"))],
        ["no", str(agent.path(f"/var/backups/teleport/{OLDER}"))],
    ]


def test_a_named_directory_is_not_under_the_root(agent: Agent, tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere")
    found = agent.run("backup", "list", str(tmp_path / "elsewhere"), "--format", "json").data
    assert found["place"] == str(tmp_path / "elsewhere")
    assert [(each["name"], each["verified"]) for each in found["backups"]] == [(NAME, True), (OLDER, False)]


def test_refuses_a_place_that_does_not_exist(agent: Agent, tmp_path: Path) -> None:
    done = agent.run("backup", "list", str(tmp_path / "nowhere"))
    assert done.status == 6
    assert "does not exist" in done.errors


def test_refuses_an_archive_as_a_place(agent: Agent) -> None:
    done = agent.run("backup", "list", f"s3://acme-backups/{NAME}")
    assert done.status == 2
    assert f"backup verify s3://acme-backups/{NAME}" in done.errors


def test_a_directory_that_others_can_write_to_is_refused(agent: Agent, tmp_path: Path) -> None:
    fill(tmp_path / "shared")
    os.chmod(tmp_path / "shared", 0o777)
    done = agent.run("backup", "list", str(tmp_path / "shared"))
    assert done.status == 6
    assert "is writable by others than root" in done.errors


def test_a_bucket_is_listed_with_nothing_but_the_instance_role(agent: Agent, aws: Aws, imds: emulator.Server) -> None:
    agent.imds, agent.aws = imds.url, aws.url
    aws.client("s3").create_bucket(Bucket="acme-backups")
    for key in (f"hosts/{NAME}", f"hosts/{NAME}.verified", f"hosts/{OLDER}", "hosts/readme.txt", NAME):
        aws.client("s3").put_object(Bucket="acme-backups", Key=key, Body=b"content")
    found = agent.run("backup", "list", "s3://acme-backups/hosts", "--format", "json").data
    assert [(each["archive"], each["size_bytes"], each["verified"]) for each in found["backups"]] == [
        (f"s3://acme-backups/hosts/{NAME}", 7, True),
        (f"s3://acme-backups/hosts/{OLDER}", 7, False),
    ]
    refused = agent.run("backup", "list", "s3://acme-backups/hosts", "--expected-bucket-owner", "999999999999")
    assert refused.status == 4
    assert "does not belong to account 999999999999" in refused.errors


def test_a_verification_that_cannot_run_zstd_leaves_an_archive_verified(agent: Agent, tmp_path: Path) -> None:
    """It says nothing about the archive, and `--keep` would have counted the archive as unverified from then on."""
    agent.write("/etc/teleport.yaml", "version: v3\n")
    assert agent.run("backup", "--wait", "1").status == 0
    agent.environ["PATH"] = str(tmp_path)
    (before,) = agent.run("backup", "list", "--format", "json").data["backups"]
    done = agent.run("backup", "verify", before["archive"])
    assert done.status == 6 and "zstd" in done.errors
    (after,) = agent.run("backup", "list", "--format", "json").data["backups"]
    assert before["verified"] and after["verified"]
