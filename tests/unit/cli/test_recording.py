"""What is recorded of a command that ends as no command expects, and of one whose recording fails."""

from __future__ import annotations

import argparse
import errno
import logging
from pathlib import Path

import pytest

from teleport_bootstrap import errors, paths
from teleport_bootstrap.cli import main, recording, result
from teleport_bootstrap.host import caller
from teleport_bootstrap.state import events


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (OSError(errno.EMFILE, "Too many open files"), errors.ResourcesMissing),
        (MemoryError(), errors.ResourcesMissing),
        (OSError(errno.ENOSPC, "No space left on device", "/etc/a"), errors.FileTrouble),
        (ValueError("pl4nted"), errors.BootstrapError),
    ],
)
def test_issue_15_row_7_the_record_has_the_exit_status_of_the_command(
    tmp_path: Path, raised: Exception, expected: type[errors.BootstrapError]
) -> None:
    arguments = argparse.Namespace(command="reconfigure", root=str(tmp_path))
    with pytest.raises(expected) as caught, recording.recorded(arguments, main._unexpected):
        raise raised
    (event,) = events.read(paths.Root(str(tmp_path)))
    assert (event.result, event.exit_status) == (events.FAILED, caught.value.exit_status)
    assert event.what == caught.value.message and "pl4nted" not in event.what


def test_issue_15_row_7_what_goes_wrong_with_the_record_does_not_change_how_a_command_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> str:
        raise ValueError("of any kind")

    monkeypatch.setattr(caller, "who", fail)
    arguments = argparse.Namespace(command="reconfigure", root=str(tmp_path))
    with caplog.at_level(logging.WARNING), recording.recorded(arguments, main._unexpected) as recorded:
        recorded.outcome = result.Result("done", {}, change="generation 2 is applied")
    assert "this could not be recorded: ValueError at test_recording.py" in caplog.text
    with pytest.raises(errors.UnitTrouble), recording.recorded(arguments, main._unexpected):
        raise errors.UnitTrouble("it failed")
