"""Several files changed as one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.change import transaction
from teleport_bootstrap.paths import Root

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def changes(tmp_path: Path) -> transaction.Transaction:
    (tmp_path / "etc").mkdir()
    # The journal's place, which the lock makes.
    (tmp_path / "var/lib/teleport-bootstrap").mkdir(parents=True, mode=0o700)
    return transaction.Transaction(Root(str(tmp_path)))


def write(changes: transaction.Transaction, path: str, text: str, mode: int = 0o600) -> None:
    changes.write(path, text.encode(), mode=mode, owner="root", group="root")


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_nothing_has_its_name_before_commit_and_everything_after(tmp_path: Path, changes) -> None:
    (tmp_path / "etc/old").write_text("old")
    (tmp_path / "etc/gone").write_text("gone")
    with changes:
        write(changes, "/etc/new", "new")
        write(changes, "/etc/old", "changed", 0o644)
        changes.remove("/etc/gone")
        assert (tmp_path / "etc/old").read_text() == "old"
        assert (tmp_path / "etc/gone").exists() and not (tmp_path / "etc/new").exists()
        assert changes.commit() == ("/etc/new", "/etc/old", "/etc/gone") == changes.changed
    assert names(tmp_path / "etc") == ["new", "old"]
    assert (tmp_path / "etc/new").read_text() == "new"
    assert (tmp_path / "etc/old").read_text() == "changed"
    assert (tmp_path / "etc/old").stat().st_mode & 0o7777 == 0o644


def test_what_is_not_committed_leaves_no_trace(tmp_path: Path, changes) -> None:
    (tmp_path / "etc/old").write_text("old")
    with changes:
        write(changes, "/etc/new", "new")
        write(changes, "/etc/old", "changed")
        changes.remove("/etc/old")
    assert names(tmp_path / "etc") == ["old"]
    assert (tmp_path / "etc/old").read_text() == "old"


def test_an_exception_leaves_no_trace(tmp_path: Path, changes) -> None:
    with pytest.raises(KeyboardInterrupt), changes:
        write(changes, "/etc/new", "new")
        raise KeyboardInterrupt
    assert names(tmp_path / "etc") == []


def test_a_file_that_is_already_so_is_not_touched(tmp_path: Path, changes) -> None:
    with changes:
        write(changes, "/etc/a", "text")
        changes.commit()
    before = (tmp_path / "etc/a").stat()
    with changes:
        write(changes, "/etc/a", "text")
        assert changes.commit() == ()
    after = (tmp_path / "etc/a").stat()
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns), "all but the time of access"


@pytest.mark.parametrize("mode", [0o644, 0o400, 0o4600])
def test_another_mode_is_a_change(tmp_path: Path, changes, mode: int) -> None:
    with changes:
        write(changes, "/etc/a", "text")
        changes.commit()
    (tmp_path / "etc/a").chmod(mode)
    with changes:
        write(changes, "/etc/a", "text")
        assert changes.commit() == ("/etc/a",)
    assert (tmp_path / "etc/a").stat().st_mode & 0o7777 == 0o600


def test_a_mode_does_not_depend_on_the_umask(tmp_path: Path, changes) -> None:
    before = os.umask(0o077)
    try:
        with changes:
            write(changes, "/etc/a", "text", 0o644)
            write(changes, "/etc/system/a.service.d/a.conf", "text", 0o644)
            changes.commit()
    finally:
        os.umask(before)
    assert (tmp_path / "etc/a").stat().st_mode & 0o7777 == 0o644
    assert (tmp_path / "etc/system/a.service.d").stat().st_mode & 0o7777 == 0o755


def test_a_swap_that_fails_undoes_those_before_it(tmp_path: Path, changes) -> None:
    (tmp_path / "etc/a").write_text("old")
    (tmp_path / "etc/gone").write_text("gone")
    (tmp_path / "etc/directory").mkdir()
    (tmp_path / "etc/directory/inside").write_text("x")
    before = {name: (tmp_path / "etc" / name).stat().st_ino for name in names(tmp_path / "etc")}
    with pytest.raises(errors.FileTrouble) as caught, changes:
        write(changes, "/etc/new", "new")
        write(changes, "/etc/a", "changed")
        changes.remove("/etc/gone")
        write(changes, "/etc/directory", "cannot take its place")
        changes.commit()
    assert str(tmp_path / "etc/directory") in caught.value.message
    assert "Nothing was changed" in caught.value.hint
    assert {name: (tmp_path / "etc" / name).stat().st_ino for name in names(tmp_path / "etc")} == before
    assert (tmp_path / "etc/a").read_text() == "old"


def test_a_sync_that_fails_undoes_everything(tmp_path: Path, changes, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc/a").write_text("old")
    really_sync = os.fsync

    def fail_for_directories(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(5, "Input/output error")
        really_sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_for_directories)
    with pytest.raises(errors.FileTrouble, match="Input/output error"), changes:
        write(changes, "/etc/a", "changed")
        write(changes, "/var/new", "new")
        changes.commit()
    assert (names(tmp_path / "etc"), names(tmp_path / "var")) == (["a"], ["lib"])
    assert (tmp_path / "etc/a").read_text() == "old"


@pytest.mark.parametrize("kind", ["link", "hard link", "fifo"])
def test_a_name_that_is_something_else_is_replaced_and_its_target_left_alone(
    tmp_path: Path, changes, kind: str
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("precious")
    path = tmp_path / "etc/a"
    if kind == "link":
        path.symlink_to(outside)
    elif kind == "hard link":
        os.link(outside, path)
    else:
        os.mkfifo(path)
    with changes:
        write(changes, "/etc/a", "precious")
        assert changes.commit() == ("/etc/a",)
    assert outside.read_text() == "precious" and outside.stat().st_nlink == 1
    assert path.is_file() and not path.is_symlink()


def test_removing_what_is_not_there_is_no_change(tmp_path: Path, changes) -> None:
    with changes:
        changes.remove("/etc/a")
        changes.remove("/absent/a")
        assert changes.commit() == ()
    assert names(tmp_path) == ["etc", "var"]


def test_removing_a_link_leaves_its_target(tmp_path: Path, changes) -> None:
    (tmp_path / "outside").write_text("precious")
    (tmp_path / "etc/a").symlink_to(tmp_path / "outside")
    with changes:
        changes.remove("/etc/a")
        assert changes.commit() == ("/etc/a",)
    assert names(tmp_path / "etc") == []
    assert (tmp_path / "outside").read_text() == "precious"


def test_a_directory_that_is_a_link_is_refused(tmp_path: Path, changes) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "etc/linked").symlink_to(tmp_path / "outside")
    with changes:
        with pytest.raises(errors.FileTrouble, match="symbolic link"):
            write(changes, "/etc/linked/a", "text")
        with pytest.raises(errors.FileTrouble, match="symbolic link"):
            changes.make_directory("/etc/linked", mode=0o700, owner="root", group="root")
        with pytest.raises(errors.FileTrouble, match="symbolic link"):
            changes.sweep("/etc/linked")
    assert names(tmp_path / "outside") == []


def test_a_new_directory_is_there_at_once_and_an_old_one_changes_with_the_files(tmp_path: Path, changes) -> None:
    (tmp_path / "old").mkdir(mode=0o755)
    (tmp_path / "old").chmod(0o755)
    with changes:
        changes.make_directory("/new", mode=0o700, owner="root", group="root")
        changes.make_directory("/old", mode=0o700, owner="root", group="root")
        assert (tmp_path / "new").stat().st_mode & 0o7777 == 0o700
        assert (tmp_path / "old").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "old").stat().st_mode & 0o7777 == 0o755
    with changes:
        changes.make_directory("/old", mode=0o700, owner="root", group="root")
        changes.commit()
    assert (tmp_path / "old").stat().st_mode & 0o7777 == 0o700


@needs_root
def test_a_failing_commit_gives_a_directory_back_to_its_owner(tmp_path: Path, changes) -> None:
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nteleport:x:4321:4322::/:/bin/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nteleport:x:4322:\n")
    data, blocked = tmp_path / "data", tmp_path / "etc/blocked"
    data.mkdir(mode=0o755)
    blocked.mkdir()
    before = data.stat()

    def attempt() -> None:
        with changes:
            changes.make_directory("/data", mode=0o700, owner="teleport", group="teleport")
            changes.write("/data/token", b"x", mode=0o600, owner="teleport", group="teleport")
            write(changes, "/etc/blocked", "text")
            changes.commit()

    with pytest.raises(errors.FileTrouble):
        attempt()
    after = data.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert names(data) == []
    blocked.rmdir()
    attempt()
    assert (data.stat().st_uid, data.stat().st_gid, data.stat().st_mode & 0o777) == (4321, 4322, 0o700)
    assert ((data / "token").stat().st_uid, (data / "token").stat().st_gid) == (4321, 4322)


def test_sweeping_removes_what_a_killed_run_left_and_nothing_else(tmp_path: Path, changes) -> None:
    etc = tmp_path / "etc"
    for name in (
        ".a.0123456789abcdef.teleport-bootstrap-new",
        ".a.0123456789abcdef.teleport-bootstrap-old",
        "a",
        ".a",
        "a.teleport-bootstrap-new",
        ".a.teleport-bootstrap-new.bak",
    ):
        (etc / name).write_text(name)
    (etc / ".d.teleport-bootstrap-new").mkdir()
    with changes:
        changes.sweep("/etc", "/absent")
    assert names(etc) == [
        ".a",
        ".a.teleport-bootstrap-new.bak",
        ".d.teleport-bootstrap-new",
        "a",
        "a.teleport-bootstrap-new",
    ]


def test_the_staged_file_can_be_shown_to_a_program(tmp_path: Path, changes) -> None:
    with changes:
        write(changes, "/etc/a", "text")
        staged = changes.staged_path("/etc/a")
        assert staged is not None and Path(staged).read_text() == "text"
        assert Path(staged).parent == tmp_path / "etc" and Path(staged).stat().st_mode & 0o777 == 0o600
        assert changes.staged_path("/etc/b") is None
    with changes:
        write(changes, "/etc/b", "text")
        changes.commit()
    with changes:
        write(changes, "/etc/b", "text")
        assert changes.staged_path("/etc/b") is None
