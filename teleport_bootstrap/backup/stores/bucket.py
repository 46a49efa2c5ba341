"""Archives as objects in S3, all of whose keys begin with one prefix."""

from __future__ import annotations

import contextlib
import datetime
import heapq
import itertools
from collections.abc import Iterator

from teleport_bootstrap import errors, log
from teleport_bootstrap.aws import s3, s3_download, s3_upload
from teleport_bootstrap.backup.stores import names
from teleport_bootstrap.backup.stores.store import Stored
from teleport_bootstrap.host import termination

logger = log.Logger(__name__)

# More are not of use to anyone who looks at them; they take 10 MiB of memory.
MOST_ARCHIVES = 10_000


class BucketStore:
    """The archives in `bucket` below `prefix`, which is empty or ends in a slash."""

    def __init__(self, bucket: s3.Bucket, prefix: str) -> None:
        self.bucket = bucket
        self.prefix = prefix

    @property
    def place(self) -> str:
        """The URL of the prefix."""
        return self.bucket.url(self.prefix)

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[s3_upload.Upload]:
        """As Store.writing. Threads send the data meanwhile: the body may start programs, but must not fork."""
        key = self._key(name)
        with termination.as_exception():
            self._refuse_existing(key)
            with s3_upload.Upload(self.bucket, key) as upload:
                yield upload

    def sources(self) -> tuple[Stored, ...]:
        """As Store.sources; one call for each thousand objects whose names begin as those of archives.

        Of more than MOST_ARCHIVES, only the newest ones are returned, and a warning says so.
        """
        archives = _Newest(MOST_ARCHIVES)
        notes = {ending: _Newest(MOST_ARCHIVES) for ending in names.NOTES}
        for each in self.bucket.list(self._key(names.START)):
            name = each.key[len(self.prefix) :]
            ending = next((ending for ending in notes if name.endswith(ending)), "")
            of = notes[ending] if ending else archives
            of.add(name[: len(name) - len(ending)], each)
        if archives.left_out:
            logger.warning(
                "%s has more than %d archives: only the newest %d of %d are looked at",
                *(self.place, MOST_ARCHIVES, MOST_ARCHIVES, MOST_ARCHIVES + archives.left_out),
            )
        noted = {ending: of.by_name() for ending, of in notes.items()}
        return tuple(
            Stored(name, self.bucket.url(each.key), each.size, bool(marks), names.INCOMPLETE in marks)
            for name, each in sorted(archives.by_name().items())
            for marks in [
                [
                    ending
                    for ending, of in noted.items()
                    for note in [of.get(name)]
                    if note is not None and note.modified >= each.modified
                ]
            ]
        )

    def source(self, name: str) -> ObjectSource:
        """As Store.source."""
        key = self._key(name)
        try:
            found = self.bucket.head(key)
        except errors.AwsDenied:
            if self._is_listed(key) is not False:
                raise
            found = None
        if found is None:
            raise errors.BackupMissing(
                f"{self.bucket.url(key)} does not exist",
                hint=f"`teleport-bootstrap backup list {self.place}` shows what there is.",
            )
        return ObjectSource(self.bucket, found)

    def mark_verified(self, name: str, *, incomplete: bool = False) -> None:
        """As Store.mark_verified. By the times, a listing sees whether the note belongs to the current object."""
        ending = names.INCOMPLETE if incomplete else names.VERIFIED
        self.bucket.put(f"{self._key(name)}{ending}", names.note({}), content_type="application/json")

    def mark_damaged(self, name: str) -> None:
        """As Store.mark_damaged."""
        self._delete_notes(name)

    def delete(self, name: str) -> None:
        """As Store.delete."""
        # The note first: a note without an archive would be left over.
        self._delete_notes(name)
        self.bucket.delete(self._key(name))

    def sweep(self, cluster: str, host: str) -> tuple[str, ...]:
        """As Store.sweep. The parts of unfinished uploads cost money, and no listing shows them."""
        try:
            return tuple(
                self.bucket.url(key)
                for key in s3_upload.abort_all(
                    self.bucket,
                    self._key(names.start(cluster, host)),
                    lambda key: names.parse(key[len(self.prefix) :]) is not None,
                )
            )
        except errors.AwsDenied as error:
            logger.info("cannot look for unfinished uploads of earlier runs: %s", error.message)
            return ()

    def _refuse_existing(self, key: str) -> None:
        try:
            is_there = self.bucket.head(key) is not None
        except errors.AwsDenied:
            is_there = self._is_listed(key) is True  # without permission to read, rely on the name being new
        if is_there:
            raise errors.BackupExists(
                f"{self.bucket.url(key)} already exists", hint="Remove it first, or choose another name."
            )

    def _is_listed(self, key: str) -> bool | None:
        """Return whether `key` exists, None without permission to know.

        S3 answers "denied" for a missing object unless listing the whole bucket is allowed.
        """
        try:
            return self.bucket.is_listed(key)
        except errors.AwsDenied:
            return None

    def _key(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def _delete_notes(self, name: str) -> None:
        for ending in names.NOTES:
            self.bucket.delete(f"{self._key(name)}{ending}")


class _Newest:
    """The objects of the newest archives, at most `most` of them, of any number that is added in any order."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[datetime.datetime, str, int, s3.Object]] = []
        self._numbers = itertools.count()  # two entries may be the same otherwise
        self.left_out = 0

    def add(self, name: str, each: s3.Object) -> None:
        """Add the object of the archive `name`; do nothing where that is not a generated name."""
        parsed = names.parse(name)
        if parsed is None:
            return
        entry = (parsed.made, name, next(self._numbers), each)
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
        else:
            self.left_out += 1
            heapq.heappushpop(self._heap, entry)

    def by_name(self) -> dict[str, s3.Object]:
        """Return the objects by the names of their archives."""
        return {name: each for _, name, _, each in self._heap}


class ObjectSource:
    """An archive in S3, always the same version of it."""

    def __init__(self, bucket: s3.Bucket, found: s3.Object) -> None:
        self._bucket = bucket
        self._found = found

    @property
    def name(self) -> str:
        """The URL."""
        return self._bucket.url(self._found.key)

    @property
    def size(self) -> int | None:
        """Its size in bytes."""
        return self._found.size

    def open(self) -> s3_download.Download:
        """Return its bytes. Raises ObjectMissing and ObjectChanged, as reading does."""
        return s3_download.Download(self._bucket, self._found.key, if_match=self._found.etag)
