"""Copies of live SQLite databases, made by a child process with the rights of the account that owns them.

The data directory is hostile: its owner may put links, pipes and databases there that are made to break SQLite. So root
opens the directory, and a child that runs as its owner does the rest. It returns the descriptor of an unnamed file with
everything that was committed at one moment, checked by SQLite.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import time

from teleport_bootstrap import errors, escaping, json_data, log
from teleport_bootstrap.backup import archive_table, databases_child

logger = log.Logger(__name__)

# SQLite's file format, section 1.3: each database but an empty one begins with it.
MAGIC = b"SQLite format 3\0"

# Files beside an open database, or after a crash; a copy does not need them.
COMPANIONS = (b"-wal", b"-shm", b"-journal")

# A copy of 41 MB took a tenth of a second; a slow disk, the check and a database that is locked take longer.
LEAST_SECONDS = 90.0
BYTES_A_SECOND = 4 * 1024 * 1024
END_SECONDS = 3.0
MOST_SAID = 64 * 1024

# How long to wait for a database that another process has locked, and for all of them: their owner may lock many. When
# that is used up, each of the others is tried for this long only.
BUSY_SECONDS = 30.0
BUSY_SECONDS_IN_ALL = 90.0
BUSY_SECONDS_AT_LEAST = 1.0
# The same for time that is lost in any other way, such as copies that do not end. When that is used up, only these are
# tried at all: their owner may make any number of files that look like databases.
LOST_SECONDS_IN_ALL = 300.0
SECONDS_AT_LEAST = 10.0
TRIED_ALWAYS = (b"backend/sqlite.db", b"proc/sqlite.db")
# What a copy takes without the bytes of its database.
USUAL_SECONDS = 1.0

# SQLite leaves holes nowhere.
MOST_HOLES = 16 * 1024**3

# A database may grow between the look at its size and the copy; and some space must be left for Teleport.
GROWTH_BYTES = 64 * 1024 * 1024
LEFT_FREE_BYTES = 64 * 1024 * 1024
LEFT_FREE_SHARE = 0.02


class Copier:
    """Copies databases out of the data directory at the open descriptor `data`; `shown` is its path for messages.

    Use as a context manager. The child is started with the first copy, and again after it has crashed.
    """

    def __init__(self, data: int, shown: str) -> None:
        self._data = data
        self._shown = shown
        self._busy_left = BUSY_SECONDS_IN_ALL
        self._lost_left = LOST_SECONDS_IN_ALL
        self._child: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def __enter__(self) -> Copier:
        # A child removes what killed ones left, also where there is no database any more.
        with contextlib.suppress(OSError):
            with os.scandir(self._data) as entries:
                is_left = any(each.name.startswith(databases_child.SCRATCH_PREFIX) for each in entries)
            if is_left:
                self._started()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def copy(self, path: bytes) -> int:
        """Return the descriptor of a copy of the database at `path`, relative to the data directory.

        The caller closes it. Raises DatabaseDamaged where SQLite reports damage, and FileTrouble where there is no
        space or no permission, or where copying takes too long.
        """
        shown = f"{self._shown}/{os.fsdecode(path)}"
        if self._lost_left <= 0 and path not in TRIED_ALWAYS:
            raise errors.FileTrouble(
                f"the database {shown} is not tried: other databases took more than {LOST_SECONDS_IN_ALL:.0f} s",
                hint="Find out what stops them.",
            )
        size = self._room(path, shown)
        copies: list[int] = []
        try:
            answer, why = self._ask(path, shown, size, copies)
            if answer == databases_child.DAMAGED:
                raise errors.DatabaseDamaged(
                    f"the database {shown} is damaged: {why}",
                    hint="Restore it from an earlier backup, or let Teleport create a new one. To save what is left, "
                    "run again with --allow-damaged: its files are then archived as they are, for "
                    "`sqlite3 FILE .recover`.",
                )
            if answer != databases_child.COPIED or not copies:
                raise errors.FileTrouble(
                    f"the database {shown} cannot be copied: {why or 'there was no copy'}",
                    hint=f"Check the free space in {self._shown}, and that the file belongs to the owner of the "
                    "directory.",
                )
            return copies.pop()
        finally:
            for spare in copies:
                os.close(spare)

    def _room(self, path: bytes, shown: str) -> int:
        """Return about how many bytes the copy takes. Raises FileTrouble where less is free."""
        needed = holes = 0
        for companion in (b"", b"-wal"):
            with contextlib.suppress(OSError):
                facts = os.stat(path + companion, dir_fd=self._data, follow_symlinks=False)
                if stat.S_ISREG(facts.st_mode):
                    needed += facts.st_size
                    holes += max(0, facts.st_size - facts.st_blocks * 512)
        disk = os.fstatvfs(self._data)
        kept = min(LEFT_FREE_BYTES, int(disk.f_blocks * disk.f_frsize * LEFT_FREE_SHARE))
        free = disk.f_bavail * disk.f_frsize - kept
        if needed > free:
            raise errors.FileTrouble(
                f"{self._shown} has no room for a copy of {shown}: it takes {archive_table.size(needed)}, and "
                f"{archive_table.size(max(0, free))} can be used",
                hint="Make room on that disk. The copy is removed as soon as it is in the archive.",
            )
        if holes > MOST_HOLES:
            raise errors.FileTrouble(
                f"the database {shown} is sparse: it has holes of {archive_table.size(holes)}, and its copy would have "
                "none",
                hint="Find out what made it.",
            )
        return needed

    def _ask(self, path: bytes, shown: str, size: int, copies: list[int]) -> tuple[str, str]:
        """Return the child's answer, and why, which are as trustworthy as its account; add the copy to `copies`."""
        connection = self._started()
        busy = max(BUSY_SECONDS_AT_LEAST, min(BUSY_SECONDS, self._busy_left))
        seconds = min(LEAST_SECONDS, max(SECONDS_AT_LEAST, self._lost_left)) + size / BYTES_A_SECOND
        begun = time.monotonic()
        waiting_left = max(0.0, self._busy_left)
        packet = b""
        try:
            request = b"%d %d\0%s" % (size + size // 4 + GROWTH_BYTES, int(busy * 1000), path)
            connection.settimeout(seconds)
            connection.send(request)
            packet = self._received(connection, begun + seconds, copies)
            if _result(packet) == databases_child.WAITING:
                logger.info(
                    "%s is locked by another process: waiting up to %.0f s for it", escaping.one_line(shown), busy
                )
                packet = self._received(connection, begun + seconds, copies)
                self._busy_left -= time.monotonic() - begun
        except socket.timeout:
            self._end()
            # The next child removes what this one left.
            self._started()
            self._end()
            return databases_child.FAILED, f"it did not end within {seconds:.0f} s"
        except OSError as error:
            logger.debug("the child that copies databases: %s", error)
        finally:
            lost = time.monotonic() - begun - (waiting_left - max(0.0, self._busy_left))
            self._lost_left -= max(0.0, lost - USUAL_SECONDS - size / BYTES_A_SECOND)
        if not packet:
            return databases_child.FAILED, self._death()
        if copies and not stat.S_ISREG(os.fstat(copies[0]).st_mode):
            return databases_child.FAILED, "the copy is not a regular file"
        try:
            values = json_data.parsed(packet)
            return str(values["result"]), escaping.one_line(" ".join(str(values["why"]).split())[:300])
        except (ValueError, KeyError, TypeError):
            return databases_child.FAILED, "the answer of the child is malformed"

    def _received(self, connection: socket.socket, deadline: float, copies: list[int]) -> bytes:
        """Return the next packet, none where the child has ended. Raises OSError, socket.timeout at the `deadline`."""
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        packet, received, _, _ = socket.recv_fds(connection, databases_child.LONGEST_PACKET, 1)
        copies += received
        return packet

    def _started(self) -> socket.socket:
        if self._socket is not None:
            return self._socket
        owner = os.fstat(self._data)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        arguments = [databases_child.__file__, str(self._data), str(owner.st_uid), str(owner.st_gid)]
        try:
            with theirs:
                self._child = subprocess.Popen(
                    # Isolated from the environment and the working directory.
                    [sys.executable, "-I", "-S", "-B", *arguments],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    pass_fds=(self._data,),
                    env={"LC_ALL": "C.UTF-8"},
                    cwd="/",
                )
        except OSError as error:
            ours.close()
            raise errors.FileTrouble(
                f"{sys.executable} cannot be started to copy databases: {error.strerror}", hint="Check the free memory."
            ) from None
        self._socket = ours
        return ours

    def _death(self) -> str:
        """Return how the child ended, for an error message."""
        child = self._child
        self._end()
        if child is None or child.returncode is None:
            return "the child that copies it has ended"
        if child.returncode < 0:
            return f"the child that copied it was ended by {signal.Signals(-child.returncode).name}"
        return f"the child that copied it ended with status {child.returncode}{self._words}"

    def _end(self) -> None:
        """End the child: it exits when its connection is closed, and removes its files."""
        child, self._child = self._child, None
        self._words = ""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if child is None:
            return
        for end in (child.poll, child.terminate, child.kill):
            end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=END_SECONDS)
                break
        said = b""
        if child.stderr is not None:
            with child.stderr as pipe:
                # What fits into the pipe: a child that wrote more was stopped by that, and has been ended.
                os.set_blocking(pipe.fileno(), False)
                with contextlib.suppress(OSError):
                    said = os.read(pipe.fileno(), MOST_SAID)
        lines = said.decode("utf-8", "replace").strip().splitlines()
        if lines:
            self._words = f": {lines[-1][:200]}"
            logger.debug("the child that copies databases said: %s", " | ".join(lines)[:2000])


def _result(packet: bytes) -> str:
    """Return the result in an answer of the child, "" in anything else."""
    try:
        return str(json_data.parsed(packet)["result"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
