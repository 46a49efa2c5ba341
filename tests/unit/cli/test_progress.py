"""The line that tells how far a long step is, and the table of backups."""

from __future__ import annotations

import io
import logging

import pytest

from teleport_bootstrap.backup import archive_table
from teleport_bootstrap.backup.stores.store import Stored
from teleport_bootstrap.cli import progress
from teleport_bootstrap.host import clock, underway


class Time:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked = 0

    @property
    def clock(self) -> clock.Clock:
        return clock.Clock(monotonic=self.monotonic)

    def monotonic(self) -> float:
        self.asked += 1
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")


def test_the_line_has_bytes_rate_and_time_left() -> None:
    meter = progress.Meter("verifying", 4_800_000_000, 0.0)
    meter.count(1_200_000_000, 310)
    assert meter.text(10.0) == "verifying: 1.2 GB of 4.8 GB (25%), 310 files, 120.0 MB/s, 30 s left"


def test_without_a_size_there_is_no_share_and_no_time_left() -> None:
    meter = progress.Meter("packing", None, 0.0)
    meter.count(1_500, 1)
    assert meter.text(1.0) == "packing: 1.5 kB, 1 file, 1.5 kB/s"


def test_the_rate_is_that_of_the_last_seconds() -> None:
    meter = progress.Meter("packing", 10_000_000, 0.0)
    for second in range(1, 61):
        meter.count(second * 100_000 if second <= 40 else 4_000_000 + (second - 40) * 10_000, 0)
        text = meter.text(float(second))
    assert "10.0 kB/s, 9 min 40 s left" in text


def test_never_shows_more_than_all() -> None:
    meter = progress.Meter("packing", 1000, 0.0)
    meter.count(1500, 0)
    assert meter.text(1.0) == "packing: 1.5 kB of 1.0 kB (100%), 1.5 kB/s"


def test_shows_nothing_without_a_terminal(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    time, stream = Time(), io.StringIO()
    with progress.display("packing", 2_000_000, stream=stream, clock=time.clock) as tell:
        for done in range(0, 2_000_001, 1000):
            tell(done, 7)
        time.now += 4
    assert stream.getvalue() == ""
    assert caplog.messages == ["packing, about 2.0 MB", "packing: done, 2.0 MB, 7 files in 4 s, 500.0 kB/s"]


def test_redraws_the_line_and_clears_it_at_the_end() -> None:
    time, stream = Time(), Terminal()
    with progress.display("packing", 1000, stream=stream, clock=time.clock) as tell:
        for done in range(1000):
            time.now += 0.01
            tell(done, 0)
    lines = stream.getvalue().split("\r")
    assert 40 < len([line for line in lines if "packing" in line]) < 60
    assert "986 B of 1.0 kB (98%), 99 B/s, 0 s left" in lines[-3]
    assert lines[-1] == "" and lines[-2].strip() == ""
    assert "\n" not in stream.getvalue()


def test_a_line_is_never_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    time, stream = Time(), Terminal()
    with progress.display("packing", 10**12, stream=stream, clock=time.clock) as tell:
        for done in range(100):
            time.now += 1
            tell(done * 10**9, 12345)
    assert max(len(line) for line in stream.getvalue().split("\r")) == 29


def test_does_not_draw_a_short_step() -> None:
    time, stream = Time(), Terminal()
    with progress.display("packing", 10, stream=stream, clock=time.clock) as tell:
        tell(10, 1)
    assert stream.getvalue() == ""


def test_continues_after_the_terminal_was_closed() -> None:
    class Gone(Terminal):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    time = Time()
    with progress.display("packing", 10, stream=Gone(), clock=time.clock) as tell:
        for done in range(10):
            time.now += 1
            tell(done, 1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (90000, "25 h 00 min"),
    ],
)
def test_formats_durations(seconds: float, text: str) -> None:
    assert underway.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (5_368_709_120, "5.4 GB"),
        (10**12, "1.0 TB"),
        (5 * 10**15, "5000.0 TB"),
    ],
)
def test_formats_sizes(count: int, text: str) -> None:
    assert archive_table.size(count) == text


STORED = (
    Stored("teleport-acme_a_20261121T115743Z.tar.gz", "/b/teleport-acme_a_20261121T115743Z.tar.gz", 1500, False),
    Stored("teleport-acme_a_20261122T115743Z.tar.zst", "/b/teleport-acme_a_20261122T115743Z.tar.zst", 12_300_000, True),
)


def test_the_table_has_the_newest_first() -> None:
    assert archive_table.table(STORED, "/b") == [
        "MADE (UTC)              SIZE  VERIFIED  ARCHIVE",
        "2026-11-22 11:57:43  12.3 MB  yes       /b/teleport-acme_a_20261122T115743Z.tar.zst",
        "2026-11-21 11:57:43   1.5 kB  no        /b/teleport-acme_a_20261121T115743Z.tar.gz",
    ]
    assert archive_table.table((), "/b") == ["there are no backups in /b"]


def test_json_has_the_same_archives() -> None:
    data = archive_table.data(STORED, "/b")
    assert data["place"] == "/b"
    assert data["backups"][0] == {
        "archive": "/b/teleport-acme_a_20261122T115743Z.tar.zst",
        "name": "teleport-acme_a_20261122T115743Z.tar.zst",
        "cluster": "acme",
        "host": "a",
        "made_at": "2026-11-22T11:57:43+00:00",
        "size_bytes": 12_300_000,
        "compression": "zstd",
        "verified": True,
        "incomplete": False,
    }
