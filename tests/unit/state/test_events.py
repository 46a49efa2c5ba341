"""The record of what was done: whatever stands in its place, and whatever fails, nothing is lost and nothing stops."""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from teleport_bootstrap import errors, paths, secret
from teleport_bootstrap.host import lock
from teleport_bootstrap.state import events

DONE = events.make("reconfigure", "alice", events.DONE, "generation 2 is applied")


@pytest.fixture
def root(tmp_path: Path) -> paths.Root:
    found = paths.Root(str(tmp_path / "root"))
    (tmp_path / "root").mkdir()
    events.add(found, events.make("generate", "alice", events.DONE, "wrote it"))
    return found


def record(root: paths.Root) -> Path:
    return Path(root.path(paths.EVENTS))


def commands(root: paths.Root) -> list[str]:
    return [each.command for each in events.read(root)]


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(200 * 1024**3)


def damaged(path: Path) -> None:
    path.write_bytes(b"\xff\x1b[2J{]")


def deep(path: Path) -> None:
    path.write_text("[" * 100_000)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def hard_link(path: Path) -> None:
    os.link(path, path.with_name("second"))


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "a").touch()


@pytest.mark.parametrize("spoil", [huge, damaged, deep, pipe, link, hard_link, directory])
def test_issue_15_row_6_what_cannot_be_read_is_told_and_set_aside(
    root: paths.Root, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    spoil(record(root))
    before = os.lstat(record(root))
    with pytest.raises(errors.FileTrouble, match="it is unknown what was done on this host earlier"):
        events.read(root)
    assert os.lstat(record(root)).st_ino == before.st_ino, "reading changes nothing"
    with caplog.at_level(logging.WARNING):
        events.add(root, DONE)
    aside = record(root).with_name("unreadable-events.json")
    assert os.lstat(aside).st_ino == before.st_ino and f"It is kept as {aside}" in caplog.text
    assert commands(root) == ["reconfigure"]
    assert stat.S_IMODE(os.lstat(record(root)).st_mode) == 0o600


def test_issue_15_row_6_a_record_that_only_cannot_be_opened_now_is_not_lost(
    root: paths.Root, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("teleport_bootstrap.host.regular_file.content", fail)
        events.add(root, DONE)
    texts = [each.read_text() for each in record(root).parent.iterdir()]
    assert any("wrote it" in each for each in texts) and "Input/output error" in caplog.text


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("call", ["write", "fsync", "rename", "open"])
def test_issue_15_row_6_a_disk_that_takes_nothing_leaves_the_record_as_it_is(
    root: paths.Root, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, call: str, number: int
) -> None:
    real = getattr(os, call)

    def fail(*given: object, **named: object) -> object:
        if call == "open" and not int(str(given[1])) & os.O_CREAT:
            return real(*given, **named)
        raise OSError(number, os.strerror(number))

    before = record(root).read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        events.add(root, DONE)
    assert record(root).read_bytes() == before
    assert [each.name for each in record(root).parent.iterdir()] == ["events.json"]
    assert "this is not in the history: " in caplog.text and os.strerror(number) in caplog.text


def test_issue_15_row_6_no_memory_and_a_held_lock_stop_nothing(
    root: paths.Root, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(events.state_file.StateFile, "content", fail)
        events.add(root, DONE)
    assert "this is not in the history: MemoryError" in caplog.text
    monkeypatch.setattr(events, "_WAIT_SECONDS", 0.0)
    with lock.hold(root, "a test", name="events.lock"):
        events.add(root, DONE)
    assert "another teleport-bootstrap is at work: a test" in caplog.text
    assert commands(root) == ["generate"]


def test_issue_15_row_6_a_long_record_is_read_and_cut_when_it_is_next_written(root: paths.Root) -> None:
    one = json.loads(record(root).read_text())[0]
    record(root).write_text(json.dumps([one] * 10_000))
    assert len(events.read(root)) == 10_000
    events.add(root, DONE)
    assert len(events.read(root)) == events.KEEP == 200 and commands(root)[-1] == "reconfigure"


def test_issue_15_row_7_what_an_event_says_is_one_line_without_secrets(root: paths.Root) -> None:
    secret.remember("pl4nted-93af")
    what = f"\x1b[2Jof pl4nted-93af {'x' * 10_000}\nforged by pl4nted-93af"
    event = events.make("reconfigure", "alice", events.FAILED, what, exit_status=1)
    assert "pl4nted" not in event.what and "forged" not in event.what and event.what.isprintable()
    assert len(event.what) <= events.LONGEST
    events.add(root, events.make("reconfigure", "alice", events.FAILED, "half a character \udc80 \ud800"))
    assert len(events.read(root)) == 2
