"""Refuses hostile archives with a valid seal, and damaged archives, before anything changes."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.cli import progress
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import archive_reading, restore
from teleport_bootstrap.paths import Root
from teleport_bootstrap.restore import proposal
from tests.simulated import restoring
from tests.simulated.agent import Agent, needs_root, tree
from tests.simulated_ec2 import imds as emulator
from tests.unit.archive import crafted
from tests.unit.archive.crafted import directory, file, hardlink, symlink

CONF = file("etc/teleport.d/conf", restoring.ALL_IN_ONE.encode())
YAML = "teleport: {nodename: x}\n"


@pytest.fixture
def new_imds() -> Iterator[emulator.Server]:
    server = emulator.Server(restoring.NEW)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def new(tmp_path: Path, new_imds: emulator.Server) -> Agent:
    return restoring.host(tmp_path / "new", new_imds)


def attempt(agent: Agent, archive: Path, *, force: bool = True) -> None:
    """Restore as the command does, in this process."""
    doors = gather.Doors(Root(str(agent.root)), agent.environment(), 10.0)
    wishes = archive_reading.Wishes(str(archive), proposal.Wishes(force=force, discard_edits=True))
    restore.run(doors, gather.NamedBuild(), wishes, lambda _: True, progress.display)


def refused(agent: Agent, archive: Path, *, force: bool = True) -> errors.BootstrapError:
    before = tree(agent.root)
    with pytest.raises(errors.BootstrapError) as caught:
        attempt(agent, archive, force=force)
    assert tree(agent.root) == before, caught.value.message
    return caught.value


def members(yaml: str, *others: tuple[object, bytes]) -> list[tuple[object, bytes]]:
    """Return the members of an archive that would be restored but for `others`, in the order that is asked for."""
    all_of_them = [
        directory("etc/teleport.d"),
        CONF,
        file("etc/teleport.yaml", yaml.encode()),
        directory("var/lib/teleport"),
        file("var/lib/teleport/host_uuid", b"x"),
        *others,
    ]
    return sorted(all_of_them, key=lambda each: each[0].name.split(b"/"))  # type: ignore[attr-defined]


def archive_of(tmp_path: Path, found: list[tuple[object, bytes]]) -> Path:
    path = tmp_path / "crafted.tar.gz"
    path.write_bytes(crafted.crafted(found).data)  # type: ignore[arg-type]
    return path


def test_restores_the_members_that_the_other_tests_build_on(tmp_path: Path, new: Agent) -> None:
    attempt(new, archive_of(tmp_path, members(YAML)))
    assert new.path("/var/lib/teleport/host_uuid").read_text() == "x"


def key(path: str) -> str:
    return f"proxy_service: {{https_keypairs: [{{key_file: {path}, cert_file: {path}}}]}}\n"


HOSTILE = {
    "sudoers": (YAML, [file("etc/sudoers.d/x", b"ALL")], "where Teleport never keeps a file"),
    "sudoers, named": (key("/etc/sudoers.d/x"), [file("etc/sudoers.d/x", b"ALL")], "where Teleport never keeps a file"),
    "shadow, named": (key("/etc/shadow"), [file("etc/shadow", b"root::")], "where Teleport never keeps a file"),
    "hosts, named": (key("/etc/hosts"), [file("etc/hosts", b"x")], "where Teleport never keeps a file"),
    "root's keys": (YAML, [file("root/.ssh/authorized_keys")], "where Teleport never keeps a file"),
    "a user's keys": (
        key("/home/admin/.ssh/authorized_keys"),
        [file("home/admin/.ssh/authorized_keys")],
        "where Teleport never keeps a file",
    ),
    "a service": (YAML, [file("etc/systemd/system/evil.service")], "where Teleport never keeps a file"),
    "another's drop-in": (
        YAML,
        [file("etc/systemd/system/sshd.service.d/x.conf")],
        "where Teleport never keeps a file",
    ),
    "not named": (YAML, [file("opt/x/y.pem")], "its teleport.yaml does not name"),
    "large": (key("/opt/x.pem"), [file("opt/x.pem", b"x" * 1024 * 1024 + b"x")], "more than any key"),
    "named, and a link": (key("/opt/x.pem"), [symlink("opt/x.pem", "/etc/shadow")], "only files were expected"),
    "named, and a directory": (key("/opt/x.pem"), [directory("opt/x.pem")], "only files were expected"),
    "data in /etc": ("teleport: {data_dir: /etc}\n", [], "belongs to the system"),
    "data above our own": ("teleport: {data_dir: /var/lib}\n", [], "belongs to the system"),
    "data in ours": ("teleport: {data_dir: /var/lib/teleport-bootstrap/x}\n", [], "belongs to the system"),
    "state in /etc/ssh": (
        "teleport: {storage: {type: dir, path: /etc/ssh}}\n",
        [file("etc/ssh/sshd_config")],
        "belongs to the system",
    ),
    "link out": (YAML, [symlink("var/lib/teleport/log", "/etc")], "lead out of the restored directories"),
    "link up": (YAML, [symlink("var/lib/teleport/log", "../../../etc/shadow")], "lead out of the restored directories"),
    "hard link to a file elsewhere": (
        key("/opt/a.pem"),
        [file("opt/a.pem"), hardlink("var/lib/teleport/x", "opt/a.pem")],
        "a hard link to a file that goes elsewhere",
    ),
    "above everything": (YAML, [file("../x")], ".."),
    "through a link": (
        YAML,
        [symlink("var/lib/teleport/l", "/etc"), file("var/lib/teleport/l/x")],
        "below a symlink",
    ),
    "device": (YAML, [(crafted.head("var/lib/teleport/d", b"4"), b"")], ""),
    "pipe": (YAML, [(crafted.head("var/lib/teleport/p", b"6"), b"")], ""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_refuses_what_no_backup_holds_before_anything_changes(tmp_path: Path, new: Agent, name: str) -> None:
    yaml, others, why = HOSTILE[name]
    error = refused(new, archive_of(tmp_path, members(yaml, *others)), force=False)  # type: ignore[arg-type]
    assert error.exit_status in (errors.ARCHIVE, errors.CONF_OR_USAGE)
    assert why in error.message and "Traceback" not in error.message


@pytest.mark.parametrize(
    ("top", "others"),
    [
        ("etc/teleport.d", [file("etc/teleport.yaml", YAML.encode())]),
        ("var/lib/teleport", [directory("etc/teleport.d"), CONF, file("etc/teleport.yaml", YAML.encode())]),
        ("etc/letsencrypt", [directory("etc/teleport.d"), CONF]),
        ("etc/teleport.d/conf", [directory("etc/teleport.d")]),
        ("etc/teleport.yaml", [directory("etc/teleport.d"), CONF]),
        ("var/lib/teleport-bootstrap/generations", [directory("etc/teleport.d"), CONF]),
    ],
)
@pytest.mark.parametrize("target", ["/etc", "../../root"])
def test_refuses_a_link_where_a_file_or_directory_is_expected(
    tmp_path: Path, new: Agent, top: str, others: list[tuple[object, bytes]], target: str
) -> None:
    found = sorted([*others, symlink(top, target)], key=lambda each: each[0].name.split(b"/"))  # type: ignore[attr-defined]
    refused(new, archive_of(tmp_path, found))


def test_force_restores_links_that_lead_out_as_links(tmp_path: Path, new: Agent) -> None:
    """An operator may have moved the recordings to another volume that way."""
    attempt(new, archive_of(tmp_path, members(YAML, symlink("var/lib/teleport/log", "/volume/log"))), force=True)
    assert new.path("/var/lib/teleport/log").is_symlink()


@needs_root
def test_restores_a_key_elsewhere_without_setuid_and_without_replacing_a_file(tmp_path: Path, new: Agent) -> None:
    named = file("opt/x/key.pem", b"a key", mode=0o4755)
    archive = archive_of(tmp_path, members(key("/opt/x/key.pem"), named))
    elsewhere = new.path("/opt")
    elsewhere.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(elsewhere)], check=True)
    try:
        # As in the sandbox of the unit, for what lies where that may not write.
        assert f"{elsewhere} is read-only here" in refused(new, archive).message
    finally:
        subprocess.run(["umount", str(elsewhere)], check=True)
    other = new.write("/opt/x/key.pem", "another key")
    assert f"{other} is another file" in refused(new, archive, force=False).message
    other.unlink()

    attempt(new, archive, force=False)

    assert other.read_text() == "a key"
    assert other.stat().st_mode & 0o7777 == 0o644


def test_keeps_the_certificates_of_the_distribution(tmp_path: Path, new: Agent) -> None:
    """A newer image has newer authorities, which are not user data."""
    path = "/etc/ssl/certs/ca-certificates.crt"
    bundle = file(path[1:], b"of the old image")
    here = new.write(path, "of this image")
    attempt(new, archive_of(tmp_path, members(key(path), bundle)), force=False)
    assert here.read_text() == "of this image"


def test_refuses_a_decompression_bomb_before_anything_is_written(tmp_path: Path, new: Agent) -> None:
    huge = file("var/lib/teleport/huge", b"\0" * 1024)
    data = bytearray(crafted.tar(members(YAML, huge)))  # type: ignore[arg-type]
    path = tmp_path / "bomb.tar.gz"
    # A kilobyte that says it is four exabytes.
    at = data.index(b"var/lib/teleport/huge")
    head = crafted.head("var/lib/teleport/huge", stored=4 * 1024**6)
    data[at : at + len(head.pack())] = head.pack()
    path.write_bytes(crafted.sealed(bytes(data)))
    assert refused(new, path).exit_status == errors.ARCHIVE


def test_notices_flipped_bits_and_truncation_before_anything_changes(
    tmp_path: Path, new: Agent, imds: emulator.Server
) -> None:
    old = restoring.host(tmp_path / "old", imds)
    old.conf(restoring.ALL_IN_ONE)
    assert old.generate().status == 0
    restoring.used(old)
    archive = restoring.backup(old, tmp_path / "backups")
    whole = archive.read_bytes()
    new.conf(restoring.ALL_IN_ONE)
    restoring.first_boot(new)
    before = tree(new.root)
    bad = tmp_path / archive.name
    chance = random.Random(7)

    for number in range(300):
        at = chance.randrange(len(whole))
        if number % 3:
            changed = bytearray(whole)
            changed[at] ^= 1 << chance.randrange(8)
            bad.write_bytes(changed)
        else:
            bad.write_bytes(whole[:at])
        with pytest.raises(errors.BootstrapError) as caught:
            attempt(new, bad)
        assert caught.value.exit_status == errors.ARCHIVE, (number, at, caught.value.message)

    assert tree(new.root) == before
    bad.write_bytes(whole)
    attempt(new, bad)
    assert new.path("/var/lib/teleport/host_uuid").read_text() == restoring.HOST_UUID
