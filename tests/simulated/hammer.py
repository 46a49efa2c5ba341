"""A writer that hammers an SQLite database in WAL mode, as Teleport does, and what can be told from a copy of it.

Each commit adds the next number to a table, and sets some rows on as many pages to it: a copy that is torn holds
rows of different commits even where SQLite finds nothing wrong with it.

Run as a program: the path of the database, that of a file for the last number committed, and a uid to run as.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROWS = 40
# Something else in the database, so that reading it takes as long as a few commits.
BALLAST_BYTES = 3_000_000
_START_SECONDS = 20.0


@dataclass(frozen=True)
class Seen:
    """What a copy holds: numbers 1 to `last`, all rows at `last`; or else what is wrong with it."""

    last: int
    wrong: str = ""


class Hammer:
    """The writer, as seen from outside."""

    def __init__(self, log: Path, process: subprocess.Popen[bytes]) -> None:
        self._log = log
        self.process = process

    def committed(self) -> int:
        """Return the last number that was surely committed by now; the next may be too."""
        return int.from_bytes(self._log.read_bytes()[:8], "little")

    def wait_for(self, number: int) -> None:
        end = time.monotonic() + _START_SECONDS
        while self.committed() < number:
            assert self.process.poll() is None, self.process.stderr.read() if self.process.stderr else ""
            assert time.monotonic() < end, "the writer does not write"
            time.sleep(0.005)


@contextlib.contextmanager
def hammering(database: Path, log: Path, *, uid: int) -> Iterator[Hammer]:
    """Have a writer at `database` while the body runs; it belongs to `uid`, and so does its directory."""
    log.write_bytes(bytes(8))
    os.chown(log, uid, uid)
    process = subprocess.Popen(
        [sys.executable, __file__, str(database), str(log), str(uid)], stderr=subprocess.PIPE, cwd="/"
    )
    try:
        hammer = Hammer(log, process)
        hammer.wait_for(20)
        yield hammer
        assert process.poll() is None, "the writer did not live to the end"
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def look(database: Path) -> Seen:
    """Return what is in a copy, judged by SQLite and by what the writer writes."""
    try:
        with contextlib.closing(sqlite3.connect(database)) as opened:
            said = opened.execute("PRAGMA integrity_check").fetchall()
            if said != [("ok",)]:
                return Seen(0, f"integrity_check: {said[0][0]}")
            count, least, most = opened.execute("SELECT count(*), min(n), max(n) FROM numbers").fetchone()
            if count and (least, most) != (1, count):
                return Seen(0, f"{count} numbers from {least} to {most}")
            found = opened.execute("SELECT DISTINCT n FROM pages").fetchall()
            if found != [(count,)]:
                return Seen(count, f"rows of {len(found)} commits together")
            return Seen(count)
    except sqlite3.Error as error:
        return Seen(0, str(error))


def _main(path: str, log_path: str, uid: str) -> None:
    log = os.open(log_path, os.O_WRONLY)
    os.chdir(os.path.dirname(path))
    # Directories above a scratch directory are root's own: the account is taken where its own directory is the top.
    if os.geteuid() == 0:
        os.chroot(".")
        path = "/" + os.path.basename(path)
        os.setgroups([])
        os.setresgid(int(uid), int(uid), int(uid))
        os.setresuid(int(uid), int(uid), int(uid))
    ending: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: ending.append(number))
    with contextlib.closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = OFF")
        # Checkpoint often: the database changes while it is read, and the log restarts.
        database.execute("PRAGMA wal_autocheckpoint = 50")
        database.execute("CREATE TABLE IF NOT EXISTS numbers (n INTEGER PRIMARY KEY)")
        database.execute("CREATE TABLE IF NOT EXISTS pages (k INTEGER PRIMARY KEY, n INTEGER, filler BLOB)")
        database.execute("BEGIN")
        database.executemany("INSERT INTO pages VALUES (?, 0, zeroblob(3000))", [(k,) for k in range(ROWS)])
        database.execute("CREATE TABLE ballast AS SELECT zeroblob(?) AS filler", (BALLAST_BYTES,))
        database.execute("COMMIT")
        number = 0
        while not ending:
            number += 1
            database.execute("BEGIN")
            database.execute("INSERT INTO numbers VALUES (?)", (number,))
            database.execute("UPDATE pages SET n = ?", (number,))
            database.execute("COMMIT")
            os.pwrite(log, number.to_bytes(8, "little"), 0)
            # Others need the processor too.
            time.sleep(0.0005)


def copied_raw(directory: Path, into: Path) -> Path:
    """Return the database of `directory` as a plain tar of this moment has it, unpacked in `into`."""
    into.mkdir()
    made = subprocess.run(["tar", "-cf", "-", "-C", str(directory), "."], capture_output=True, check=False)
    # 1: some file changed as it was read, which is what this is about.
    assert made.returncode in (0, 1), made.stderr
    subprocess.run(["tar", "-xf", "-", "-C", str(into), "--no-same-owner"], input=made.stdout, check=True)
    return into / "sqlite.db"


if __name__ == "__main__":
    _main(*sys.argv[1:4])
