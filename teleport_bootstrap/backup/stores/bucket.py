"""Archives as objects in S3, all of whose keys begin with one prefix."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.aws import s3, s3_download, s3_upload
from teleport_bootstrap.backup.stores import names
from teleport_bootstrap.backup.stores.store import Stored
from teleport_bootstrap.host import termination

logger = logging.getLogger(__name__)


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
        """As Store.sources; one call for each thousand objects that are named as archives are."""
        found: dict[str, s3.Object] = {}
        for each in self.bucket.list(self._key("teleport-")):
            found[each.key[len(self.prefix) :]] = each
        return tuple(
            Stored(name, self.bucket.url(each.key), each.size, bool(marks), names.INCOMPLETE in marks)
            for name, each in sorted(found.items())
            if names.parse(name)
            for marks in [
                [
                    ending
                    for ending in names.NOTES
                    for note in [found.get(f"{name}{ending}")]
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
            return any(each.key == key for each in self.bucket.list(key))
        except errors.AwsDenied:
            return None

    def _key(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def _delete_notes(self, name: str) -> None:
        for ending in names.NOTES:
            self.bucket.delete(f"{self._key(name)}{ending}")


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
