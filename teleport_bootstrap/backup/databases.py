"""Copies of live SQLite databases, made by a child that has no more rights than the account that they belong to.

The data directory is hostile ground: whoever owns it may put links, pipes and databases made to break SQLite there. So
root opens the directory, and a child in it that runs as its owner does the rest. What comes back is the descriptor of a
file without a name, which holds what was committed at one moment, checked by SQLite.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Optional

from teleport_bootstrap import errors, escaping
from teleport_bootstrap.backup import archive_table, databases_child

logger = logging.getLogger(__name__)

# SQLite's file format, section 1.3: every database begins with it, but for an empty one.
MAGIC = b"SQLite format 3\0"

# What SQLite keeps beside a database while it is open, or after a crash; a copy needs none of them.
COMPANIONS = ("-wal", "-shm", "-journal")

# A copy of 41 MB took a tenth of a second; a slow disk, the check and a database that is locked take longer.
LEAST_SECONDS = 90.0
BYTES_A_SECOND = 4 * 1024 * 1024
END_SECONDS = 3.0

# A database may grow between the look at its size and the copy. The rest of the disk is Teleport's.
GROWTH_BYTES = 64 * 1024 * 1024
LEFT_FREE_BYTES = 64 * 1024 * 1024
LEFT_FREE_SHARE = 0.02


def is_database(head: bytes) -> bool:
    """Whether a file that begins with `head` is an SQLite database."""
    return head.startswith(MAGIC)


@dataclass(frozen=True)
class _Answer:
    result: str
    why: str
    descriptor: Optional[int]


class Copier:
    """Copies databases out of the data directory at the open descriptor `data`; `shown` is its path for messages.

    Use as a context manager. The child is started with the first copy, and anew after one that it did not survive.
    """

    def __init__(self, data: int, shown: str) -> None:
        self._data = data
        self._shown = shown
        self._child: Optional[subprocess.Popen[bytes]] = None
        self._socket: Optional[socket.socket] = None

    def __enter__(self) -> Copier:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._end()

    def copy(self, path: bytes) -> int:
        """Return the descriptor of a copy of the database at `path`, relative to the data directory.

        It is the caller's to close. Raises DatabaseDamaged where SQLite finds something wrong with the database, and
        FileTrouble where there is no room, no permission or no end.
        """
        shown = f"{self._shown}/{os.fsdecode(path)}"
        size = self._room(path, shown)
        answer = self._ask(path, size)
        if answer.result == databases_child.DAMAGED:
            self._close(answer.descriptor)
            raise errors.DatabaseDamaged(
                f"the database {shown} is damaged: {answer.why}",
                hint="Restore it from an earlier backup, or let Teleport make a new one. To save what there is, run "
                "this again with --allow-damaged: the files are then taken as they are, for `sqlite3 FILE .recover`.",
            )
        if answer.result != databases_child.COPIED or answer.descriptor is None:
            self._close(answer.descriptor)
            raise errors.FileTrouble(
                f"the database {shown} cannot be copied: {answer.why or 'there was no copy'}",
                hint=f"Look at the space in {self._shown}, and whether the file belongs to the owner of it.",
            )
        return answer.descriptor

    def _room(self, path: bytes, shown: str) -> int:
        """Return how many bytes the copy takes, about; raises FileTrouble where there are not so many."""
        needed = 0
        for companion in ("", "-wal"):
            with contextlib.suppress(OSError):
                facts = os.stat(path + companion.encode(), dir_fd=self._data, follow_symlinks=False)
                needed += facts.st_size if stat.S_ISREG(facts.st_mode) else 0
        disk = os.fstatvfs(self._data)
        kept = min(LEFT_FREE_BYTES, int(disk.f_blocks * disk.f_frsize * LEFT_FREE_SHARE))
        free = disk.f_bavail * disk.f_frsize - kept
        if needed > free:
            raise errors.FileTrouble(
                f"{self._shown} has no room for a copy of {shown}: it takes {archive_table.size(needed)}, and "
                f"{archive_table.size(max(0, free))} can be used",
                hint="Make room on that disk; the copy is removed as soon as it is in the archive.",
            )
        return needed

    def _ask(self, path: bytes, size: int) -> _Answer:
        asked = self._started()
        seconds = LEAST_SECONDS + size / BYTES_A_SECOND
        asked.settimeout(seconds)
        try:
            asked.send(b"%d\0%s" % (size + size // 4 + GROWTH_BYTES, path))
            packet, descriptors, _, _ = socket.recv_fds(asked, databases_child.LONGEST_PACKET, 4)
        except socket.timeout:
            self._end()
            # What it could not remove itself, its successor does.
            self._started()
            self._end()
            return _Answer(databases_child.FAILED, f"no end after {seconds:.0f} s", None)
        except OSError as error:
            packet, descriptors = b"", []
            logger.debug("the child that copies databases: %s", error)
        for spare in descriptors[1:]:
            os.close(spare)
        descriptor = descriptors[0] if descriptors else None
        if not packet:
            self._close(descriptor)
            return _Answer(databases_child.FAILED, self._death(), None)
        return self._read(packet, descriptor)

    def _read(self, packet: bytes, descriptor: Optional[int]) -> _Answer:
        """Return the child's answer, which is as trustworthy as the account that it runs as."""
        try:
            said: Any = json.loads(packet)
            result, why = str(said["result"]), " ".join(str(said["why"]).split())[:300]
        except (ValueError, KeyError, TypeError):
            self._close(descriptor)
            return _Answer(databases_child.FAILED, "the answer of the child cannot be read", None)
        if descriptor is not None and not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return _Answer(databases_child.FAILED, "the copy is no regular file", None)
        return _Answer(result, escaping.one_line(why), descriptor)

    def _started(self) -> socket.socket:
        if self._socket is not None:
            return self._socket
        owner = os.fstat(self._data)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        program = databases_child.__file__
        arguments = [str(self._data), str(owner.st_uid), str(owner.st_gid)]
        try:
            with theirs:
                self._child = subprocess.Popen(
                    # Isolated: what the environment or the working directory hold is not ours.
                    [sys.executable, "-I", "-S", "-B", program, *arguments],
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
                f"{sys.executable} cannot be started to copy databases: {error.strerror}", hint="Look at the memory."
            ) from None
        self._socket = ours
        return ours

    def _death(self) -> str:
        """Return how the child ended that should have copied a database."""
        child = self._child
        self._end()
        if child is None or child.returncode is None:
            return "the child that copies it has ended"
        if child.returncode < 0:
            return f"the child that copied it was ended by {signal.Signals(-child.returncode).name}"
        return f"the child that copied it ended with status {child.returncode}{self._words}"

    def _end(self) -> None:
        """End the child: it goes by itself when nobody is there any more, and takes what it has made along."""
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
                _, said = child.communicate(timeout=END_SECONDS)
                break
        else:
            said = b""
        lines = said.decode("utf-8", "replace").strip().splitlines()
        if lines:
            self._words = f": {lines[-1][:200]}"
            logger.debug("the child that copies databases said: %s", " | ".join(lines)[:2000])

    def _close(self, descriptor: Optional[int]) -> None:
        if descriptor is not None:
            os.close(descriptor)
