"""The root, accounts, the description of a finished program, and the form of log lines."""

from __future__ import annotations

import io
import logging
import os
import sys
import types
from pathlib import Path

import pytest

from teleport_bootstrap import errors, log, secret
from teleport_bootstrap.finding import WARNING, Finding
from teleport_bootstrap.host import accounts, journal, log_records, process, systemd, teleport
from teleport_bootstrap.paths import Root

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.mark.parametrize("directory", ["/", "//", "/usr/.."])
def test_the_root_itself_is_live(directory: str) -> None:
    assert Root(directory).is_live
    assert Root(directory).path("/etc/teleport.yaml") == "/etc/teleport.yaml"


def test_paths_are_below_another_root(tmp_path: Path) -> None:
    root = Root(str(tmp_path))
    assert not root.is_live
    assert root.path("/etc/teleport.yaml") == f"{tmp_path}/etc/teleport.yaml"
    assert not systemd.is_running(root)
    with pytest.raises(ValueError, match="not an absolute path"):
        root.path("etc/teleport.yaml")


def test_units_are_found_where_systemd_looks(tmp_path: Path) -> None:
    root = Root(str(tmp_path))
    assert not systemd.is_installed(root, "teleport.service")
    (tmp_path / "lib/systemd/system").mkdir(parents=True)
    (tmp_path / "lib/systemd/system/teleport.service").write_text("")
    assert systemd.is_installed(root, "teleport.service")
    assert not systemd.is_installed(root, "teleport-node.service")


@needs_root
def test_accounts_are_those_of_the_root(tmp_path: Path) -> None:
    root = Root(str(tmp_path))
    assert accounts.ids(root, "teleport", "teleport") == (-1, -1)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("# comment\nbroken\nteleport:x:10:11::/:/bin/sh\nodd:x:ten:11::/:\n")
    (tmp_path / "etc/group").write_text("teleport:x:12:\n")
    assert accounts.ids(root, "teleport", "teleport") == (10, 12)
    for owner, group in (("odd", "teleport"), ("no-such", "teleport"), ("teleport", "no-such")):
        with pytest.raises(errors.AccountMissing):
            accounts.ids(root, owner, group)
    assert accounts.ids(Root("/"), "root", "root") == (0, 0)
    with pytest.raises(errors.AccountMissing, match="user no-such"):
        accounts.ids(Root("/"), "no-such", "root")


def test_teleport_is_found_in_the_order_of_the_contract(tmp_path: Path) -> None:
    root = Root(str(tmp_path))
    assert teleport.find(root) is None
    found = []
    for directory in ("opt/teleport/system/bin", "usr/bin", "usr/local/bin"):
        path = tmp_path / directory / "teleport"
        path.parent.mkdir(parents=True)
        path.write_text("")
        path.chmod(0o755)
        assert teleport.find(root) == str(path)
        found.append(path)
    found[-1].chmod(0o644)
    assert teleport.find(root) == str(found[-2])
    found[-2].unlink()
    found[-2].mkdir()
    assert teleport.find(root) == str(found[0])


@pytest.mark.parametrize(
    ("status", "output", "said", "told"),
    [
        (0, "fine\n", "", "`a b` ended with status 0: fine"),
        (1, "out\n", "first\nlast\n\n", "`a b` ended with status 1: last"),
        (127, "", "No such file or directory", "`a b` could not be run: No such file or directory"),
        (124, "", "no end after 30 s", "`a b` did not end in time: no end after 30 s"),
        (-9, "", "", "`a b` was ended by SIGKILL"),
    ],
)
def test_the_description_of_a_finished_program(status: int, output: str, said: str, told: str) -> None:
    finished = process.Finished(("a", "b"), status, output, said)
    assert finished.describe() == told
    assert finished.ok is (status == 0)


def logged(monkeypatch: pytest.MonkeyPatch, level: str) -> str:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    journal.set_up(level)
    logger = logging.getLogger("teleport_bootstrap.test")
    for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logger.log(number, "a %s", logging.getLevelName(number).lower())
    return stream.getvalue()


def test_lines_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    assert logged(monkeypatch, "info") == "a info\nwarning: a warning\nerror: a error\n"
    assert logged(monkeypatch, "error") == "error: a error\n"
    assert logged(monkeypatch, "debug").startswith("a debug\n")


RECORDS: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("plain 100%", ()),
    ("%d files in %s", (3, "/a\nforged")),
    ("%s", (Finding(WARNING, "code", "/etc/x:3", "a message", "a remedy"),)),
    ("%s and %s", (Finding(WARNING, "code", "/etc/x:3", "a message", "a remedy"), "more")),
    ("%s", ({"a": 1},)),
    ("the password is in http://u:p4ss@h", ()),
)


@pytest.mark.parametrize(("message", "values"), RECORDS)
def test_issue_16_start_a_record_without_a_journal_is_the_line_that_loggers_write(
    monkeypatch: pytest.MonkeyPatch, message: str, values: tuple[object, ...]
) -> None:
    found = []
    for way in ("logging", "alone"):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        journal.set_up("info")
        if way == "logging":
            log.write_with(None)
        logger = log.Logger("teleport_bootstrap.test")
        for say in (logger.debug, logger.info, logger.warning, logger.error):
            say(message, *values)
        found.append(stream.getvalue())
    assert found[0] == found[1] and found[0].count("\n") >= 3
    assert "p4ss" not in found[1] and "\nforged" not in found[1]


def test_issue_16_start_a_record_goes_to_the_journal_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    fake = types.SimpleNamespace(send=lambda message, **_: sent.append(message))
    monkeypatch.setattr(journal, "_journal", lambda: fake)
    monkeypatch.setenv(journal.OUTLIVES, "1")
    journal.set_up("info")
    log.Logger("teleport_bootstrap.test").warning("%s", "said")
    assert sent == ["said"]


def test_lines_for_the_journal_carry_their_priority_each(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("not shown")
    except ValueError:
        record = logging.LogRecord("a", logging.WARNING, "a", 1, "first\n<0>second", None, sys.exc_info())
    log_records.Lines(for_journal=True).emit(record)
    first, *places = capsys.readouterr().err.splitlines()
    assert first == "<4>first\\n<0>second"
    assert len(places) == 2 and all(each.startswith("<4>  ") and "not shown" not in each for each in places)


def test_stderr_to_the_journal_is_recognized_by_device_and_inode(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "stream").open("w") as stream:
        facts = os.fstat(stream.fileno())
        monkeypatch.setattr(sys, "stderr", stream)
        for value, expected in (
            (f"{facts.st_dev}:{facts.st_ino}", True),
            (f"{facts.st_dev}:{facts.st_ino + 1}", False),
            ("", False),
            ("nonsense", False),
        ):
            monkeypatch.setenv("JOURNAL_STREAM", value)
            assert journal.is_under_systemd() is expected
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        assert journal.is_under_systemd() is False


def test_row_4_the_journal_gets_no_field_with_what_went_into_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 14, row 4: systemd's own handler sends the arguments of a record as a field, before they are masked."""
    sent: list[dict[str, object]] = []
    fake = types.SimpleNamespace(send=lambda message, **fields: sent.append({"MESSAGE": message, **fields}))
    monkeypatch.setattr(journal, "_journal", lambda: fake)
    secret.remember("pl4nted-93af")
    journal.set_up("debug")
    logging.getLogger("teleport_bootstrap.x").warning("%s at %s", "pl4nted-93af", "http://u:p4ss@h\nforged")
    journal.record_failure(
        errors.FileTrouble("of pl4nted-93af\nforged").message, "a\x1b[2J pl4nted-93af", "c", "0" * 32, 6
    )
    logging.getLogger("teleport_bootstrap").handlers = []
    assert len(sent) == 2
    text = repr(sent)
    assert "pl4nted" not in text and "p4ss" not in text and "\\x1b[" not in text.replace("\\\\x1b[", "")
    assert all("\n" not in str(value) for each in sent for value in each.values())
    assert sent[0]["PRIORITY"] == "4" and sent[1]["TELEPORT_BOOTSTRAP_EXIT_STATUS"] == "6"
