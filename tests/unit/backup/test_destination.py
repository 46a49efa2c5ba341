"""What the command line may name as the place of backups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap import errors, paths
from teleport_bootstrap.backup.stores import destination, names
from teleport_bootstrap.backup.stores.destination import Destination
from teleport_bootstrap.backup.stores.directory import DirectoryStore

WHERE = paths.Root("/scratch")


def test_the_default_is_the_backup_directory_under_the_root() -> None:
    assert destination.parse(None, WHERE) == Destination(path="/scratch/var/backups/teleport")
    assert destination.parse(None, paths.Root()) == Destination(path="/var/backups/teleport")


@pytest.mark.parametrize(
    ("text", "path", "name", "compression"),
    [
        ("/srv/backups", "/srv/backups", None, None),
        ("/srv/backups/", "/srv/backups", None, None),
        ("/srv/backups/x.tar.zst", "/srv/backups", "x.tar.zst", "zstd"),
        ("/srv/../srv/x.tar.gz", "/srv", "x.tar.gz", "gzip"),
        ("/srv/x.tar.gz/", "/srv/x.tar.gz", None, None),
        ("/srv/.tar.gz", "/srv/.tar.gz", None, None),
        ("/srv/x.tar", "/srv/x.tar", None, None),
        ("s3:/x", None, None, None),
    ],
)
def test_a_path_is_a_directory_or_one_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, path: Any, name: Any, compression: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    found = destination.parse(text, WHERE)
    assert (found.path, found.name) == (path or str(tmp_path / text), name)
    assert names.compression_of(name or "") == compression
    assert not found.is_s3


def test_an_existing_file_is_one_archive_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(b"")
    found = destination.parse(str(tmp_path / "archive"), WHERE)
    assert (found.path, found.name) == (str(tmp_path), "archive")


@pytest.mark.parametrize(
    ("text", "bucket", "prefix", "name"),
    [
        ("s3://acme-backups", "acme-backups", "", None),
        ("s3://acme-backups/", "acme-backups", "", None),
        ("s3://acme-backups/hosts", "acme-backups", "hosts/", None),
        ("s3://acme-backups/hosts/", "acme-backups", "hosts/", None),
        ("s3://acme-backups/a/b", "acme-backups", "a/b/", None),
        ("s3://acme-backups/a/x.tar.zst", "acme-backups", "a/", "x.tar.zst"),
        ("s3://acme-backups/x.tar.gz", "acme-backups", "", "x.tar.gz"),
    ],
)
def test_a_bucket_has_a_prefix_or_one_archive(text: str, bucket: str, prefix: str, name: Any) -> None:
    assert destination.parse(text, WHERE) == Destination(bucket=bucket, prefix=prefix, name=name)


@pytest.mark.parametrize(
    "text",
    [
        *("", "s3://", "s3:///x", "https://acme/x", "S3://acme/x", "s3://acme//x", "s3://acme/a//b", "s3://acme/../x"),
        *("s3://acme/./x", "s3://acme/a b", "s3://acme/a?b", "s3://acme/a\n", "s3://acme/\u00fc", "a\0b"),
    ],
)
def test_refuses_invalid_destinations(text: str) -> None:
    with pytest.raises(errors.UsageError):
        destination.parse(text, WHERE)


def no_access() -> Any:
    raise AssertionError("AWS is not needed")


def test_a_directory_needs_no_aws() -> None:
    store = destination.open_store(Destination(path="/srv"), no_access)
    assert isinstance(store, DirectoryStore) and store.place == "/srv"


@pytest.mark.parametrize("options", [{"expected_owner": "123456789012"}, {"kms_key_id": "alias/x"}])
def test_options_of_s3_are_refused_for_a_directory(options: dict[str, str]) -> None:
    with pytest.raises(errors.UsageError, match="is for s3:// only"):
        destination.open_store(Destination(path="/srv"), no_access, **options)
