"""The place of an archive on the command line."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from teleport_bootstrap import errors, paths, regex
from teleport_bootstrap.backup.stores import bucket, directory, names, store
from teleport_bootstrap.hints import TYPE_CHECKING
from teleport_bootstrap.records import dataclass

if TYPE_CHECKING:
    from teleport_bootstrap.aws.account import Aws

_S3 = "s3://"
_HINT = "Write a directory, a file whose name ends in .tar.zst or .tar.gz, or s3://BUCKET/PREFIX."
# Anything else needs quoting in URLs, policies and shells, and S3's own guide advises against it.
_KEY = regex.compile(r"[A-Za-z0-9!_.*'()/=+@,-]*", re.ASCII)


@dataclass(frozen=True)
class Destination:
    """A directory (`path`, absolute, on this machine), or a `bucket` and what its keys begin with (`prefix`).

    `name` is the name of a single archive; None means the place itself, and a generated name for a new archive.
    """

    path: str = ""
    bucket: str = ""
    prefix: str = ""
    name: str | None = None

    @property
    def is_s3(self) -> bool:
        """Whether AWS is needed."""
        return bool(self.bucket)


def parse(text: str | None, root: paths.Root) -> Destination:
    """Return the destination in `text`; None stands for the default place under `root`.

    A relative path is relative to the current directory. A path that ends in .tar.zst or .tar.gz names one archive, and
    so does the path of an existing file. A word without a slash that names nothing here is refused: it is more likely
    a mistake than a new directory for keys. Raises UsageError.
    """
    if text is None:
        return Destination(path=root.path(paths.BACKUPS))
    if text.startswith(_S3):
        return _bucket(text)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) or not text or "\0" in text:
        raise errors.UsageError(f"{text!r} is not a place for backups", hint=_HINT)
    path = os.path.abspath(text)
    if not text.endswith("/") and (names.compression_of(os.path.basename(path)) or os.path.isfile(path)):
        return Destination(path=os.path.dirname(path), name=os.path.basename(path))
    if "/" not in text and not os.path.isdir(path):
        raise errors.UsageError(
            f"there is no directory {text!r} here", hint=f"Write ./{text} for a new directory of that name."
        )
    return Destination(path=path)


def open_store(
    destination: Destination,
    aws: Callable[[], Aws],
    *,
    expected_owner: str | None = None,
    kms_key_id: str | None = None,
) -> store.Store:
    """Return the store of `destination`; nothing is written yet.

    `aws` is called for a bucket only. `expected_owner` is the account that must own the bucket, `kms_key_id` the key to
    encrypt with. Raises UsageError where these are set for a directory, and what `aws` raises.
    """
    if destination.is_s3:
        made = aws().s3(destination.bucket, expected_owner=expected_owner, kms_key_id=kms_key_id)
        return bucket.BucketStore(made, destination.prefix)
    for option, value in (("--expected-bucket-owner", expected_owner), ("--kms-key-id", kms_key_id)):
        if value is not None:
            raise errors.UsageError(f"{option} is for s3:// only, and {destination.path} is a directory", hint=_HINT)
    return directory.DirectoryStore(destination.path)


def _bucket(text: str) -> Destination:
    name, _, key = text[len(_S3) :].partition("/")
    if not name:
        raise errors.UsageError(f"{text!r} names no bucket", hint=_HINT)
    if not _KEY.fullmatch(key) or key.startswith("/") or "//" in key:
        raise errors.UsageError(
            f"{text!r}: a prefix has letters, digits, and !_.*'()/=+@,- in it, and no empty part", hint=_HINT
        )
    if any(part in (".", "..") for part in key.split("/")):
        raise errors.UsageError(f"{text!r}: a prefix has no . or .. in it", hint=_HINT)
    before, _, last = key.rpartition("/")
    if names.compression_of(last):
        return Destination(bucket=name, prefix=f"{before}/" if before else "", name=last)
    return Destination(bucket=name, prefix=f"{key.rstrip('/')}/" if key else "")
