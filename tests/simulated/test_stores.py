"""Archives in S3 and in directories: written whole or not at all, whatever S3 and the network do meanwhile."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import Credentials

from teleport_bootstrap import errors
from teleport_bootstrap.aws import s3, s3_upload
from teleport_bootstrap.aws.account import Aws as InstanceAws
from teleport_bootstrap.backup.stores.bucket import BucketStore
from teleport_bootstrap.backup.stores.directory import PARTIAL, DirectoryStore
from teleport_bootstrap.backup.stores.store import remove_old
from teleport_bootstrap.ec2.imds import Imds
from teleport_bootstrap.host import clock
from tests.simulated.agent import CHECKOUT, needs_root
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import aws as simulated
from tests.simulated_ec2 import imds as emulator

BUCKET = "acme-backups"
NAME = "teleport-acme_ip-10-0-1-5_20261122T115743Z.tar.zst"
OLDER = "teleport-acme_ip-10-0-1-5_20261121T115743Z.tar.zst"
KEY = f"hosts/{NAME}"
MIB = 1024 * 1024

PART = simulated.SMALLEST_PART
THREE_PARTS = os.urandom(PART * 5 // 2)

# What a store asks of S3 to write THREE_PARTS, in this order.
CALLS = {
    "is it there": rf"^HEAD /{BUCKET}/{KEY}",
    "begin": rf"^POST /{BUCKET}/{KEY}\?uploads",
    "part 1": r"^PUT .*partNumber=1\b",
    "part 2": r"^PUT .*partNumber=2\b",
    "part 3": r"^PUT .*partNumber=3\b",
    "complete": rf"^POST /{BUCKET}/{KEY}\?uploadId",
}
WRITES = tuple(list(CALLS)[1:])

# Pauses are for a machine that others need too.
IMPATIENT = clock.Clock(sleep=lambda seconds: time.sleep(min(seconds, 0.01)))


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_upload, "FIRST_PART_BYTES", PART)


@pytest.fixture
def bucket(aws: Aws) -> s3.Bucket:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    return opened(aws)


def opened(aws: Aws, *, seconds: float = 10.0, **options: Any) -> s3.Bucket:
    """Return the bucket; each call is tried for `seconds`, and at least once."""
    environ = {"AWS_ENDPOINT_URL": aws.url}
    instance = InstanceAws(simulated.REGION, Credentials("key", "secret"), environ, wait_seconds=10.0, clock=IMPATIENT)
    bucket = instance.s3(BUCKET, **options)
    bucket._service.wait_seconds = seconds
    return bucket


def write(store: BucketStore, content: bytes = THREE_PARTS, name: str = NAME) -> None:
    with store.writing(name) as sink:
        for start in range(0, len(content), 100_000):
            sink.write(content[start : start + 100_000])


def held(aws: Aws) -> dict[str, bytes]:
    """Return what is in the bucket, by key."""
    client = aws.client("s3")
    found = client.list_objects_v2(Bucket=BUCKET).get("Contents", ())
    return {each["Key"]: client.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read() for each in found}


def under_way(aws: Aws) -> list[str]:
    """Return the keys of multipart uploads that were neither completed nor aborted."""
    return [each["Key"] for each in aws.client("s3").list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())]


def asked(aws: Aws, pattern: str) -> list[simulated.Request]:
    return [request for request in aws.requests if re.search(pattern, request.operation)]


def test_uploads_in_parts_with_each_call_once(aws: Aws, bucket: s3.Bucket) -> None:
    write(BucketStore(bucket, "hosts/"))
    assert held(aws) == {KEY: THREE_PARTS}
    assert under_way(aws) == []
    assert [len(asked(aws, pattern)) for pattern in CALLS.values()] == [2, 1, 1, 1, 1, 1]


def test_a_small_archive_goes_up_in_one_call(aws: Aws, bucket: s3.Bucket) -> None:
    write(BucketStore(bucket, ""), b"small")
    assert held(aws) == {NAME: b"small"}
    assert [request.operation.split()[0] for request in aws.requests] == ["HEAD", "PUT", "HEAD"]


def test_an_upload_is_invisible_until_its_end(aws: Aws, bucket: s3.Bucket) -> None:
    store = BucketStore(bucket, "hosts/")
    with store.writing(NAME) as sink:
        sink.write(THREE_PARTS)
        sink.write(THREE_PARTS)
        assert held(aws) == {}
        assert store.sources() == ()
    assert [each.name for each in store.sources()] == [NAME]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "answer",
    [simulated.SLOW_DOWN, simulated.LOST, simulated.CUT_OFF, simulated.PAGE],
    ids=["slow-down", "lost-answer", "dropped-in-the-middle", "a-proxys-page"],
)
def test_survives_a_temporary_failure_of_any_call(
    aws: Aws, bucket: s3.Bucket, call: str, answer: simulated.Answer
) -> None:
    if answer is simulated.PAGE and call == "is it there":
        return  # an answer to HEAD has no page in it
    aws.fail(answer, operation=CALLS[call])
    write(BucketStore(bucket, "hosts/"))
    assert held(aws) == {KEY: THREE_PARTS}
    assert under_way(aws) == []


@pytest.mark.parametrize("call", WRITES)
def test_a_denied_call_ends_the_upload_and_leaves_nothing(aws: Aws, bucket: s3.Bucket, call: str) -> None:
    aws.fail(simulated.S3_DENIED, operation=CALLS[call], times=100)
    with pytest.raises(errors.AwsDenied) as raised:
        write(BucketStore(bucket, "hosts/"))
    assert f"s3:PutObject on arn:aws:s3:::{BUCKET}/{KEY}" in raised.value.hint
    aws.clear_faults()
    assert held(aws) == {}
    assert under_way(aws) == []


@pytest.mark.parametrize("call", WRITES)
def test_a_call_that_keeps_failing_ends_the_upload_by_its_deadline(aws: Aws, call: str) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    aws.fail(simulated.SLOW_DOWN, operation=CALLS[call], times=10000)
    with pytest.raises(errors.AwsThrottled):
        write(BucketStore(opened(aws, seconds=0.4), "hosts/"))
    aws.clear_faults()
    assert held(aws) == {}
    assert under_way(aws) == []


def test_removes_an_object_whose_completion_was_never_confirmed(aws: Aws) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    aws.fail(simulated.LOST, simulated.RESETTING, times=1, operation=CALLS["complete"])
    aws.fail(simulated.RESETTING, times=10000, operation=CALLS["complete"])
    with pytest.raises(errors.AwsUnreachable):
        write(BucketStore(opened(aws, seconds=0.4), "hosts/"))
    assert held(aws) == {}
    assert under_way(aws) == []


def test_an_error_inside_the_answer_to_the_completion_is_tried_again(aws: Aws, bucket: s3.Bucket) -> None:
    """S3 has said 200 by then: it sends that at once, and the outcome when it knows it."""
    late = '<?xml version="1.0"?><Error><Code>InternalError</Code><Message>We encountered an error</Message></Error>'
    aws.fail(simulated.Answer(text=late, status=200), operation=CALLS["complete"])
    write(BucketStore(bucket, "hosts/"))
    assert held(aws) == {KEY: THREE_PARTS}


@pytest.mark.parametrize("call", WRITES)
def test_renews_credentials_that_expire_in_the_middle(aws: Aws, imds: emulator.Server, call: str) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    service = Imds.from_environment({"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url}, deadline_seconds=5)
    instance = InstanceAws.of_instance(service, simulated.REGION, {"AWS_ENDPOINT_URL": aws.url}, wait_seconds=10)
    aws.fail(simulated.S3_EXPIRED, operation=CALLS[call])
    fetched = len([get for get in imds.service.gets() if "security-credentials/" in get.path])
    write(BucketStore(instance.s3(BUCKET), "hosts/"))
    assert held(aws) == {KEY: THREE_PARTS}
    assert len([get for get in imds.service.gets() if "security-credentials/" in get.path]) > fetched


def test_reports_credentials_that_stay_expired(aws: Aws, bucket: s3.Bucket) -> None:
    aws.fail(simulated.S3_EXPIRED, operation=CALLS["part 2"], times=100)
    with pytest.raises(errors.AwsFailed, match="ExpiredToken") as raised:
        write(BucketStore(bucket, "hosts/"))
    assert "instance role" in raised.value.hint
    assert under_way(aws) == []


def test_recognises_expired_credentials_without_an_error_body(aws: Aws, bucket: s3.Bucket) -> None:
    renewed: list[int] = []

    def renew() -> None:
        renewed.append(1)
        aws.clear_faults()

    aws.fail_always(simulated.S3_EXPIRED)
    bucket = opened(aws)
    bucket._service.renew = renew
    assert bucket.head("nothing") is None
    assert renewed == [1]


def test_a_bucket_of_another_account_is_refused_and_the_message_names_that(aws: Aws) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    with pytest.raises(errors.AwsDenied) as raised:
        write(BucketStore(opened(aws, expected_owner="999999999999"), "hosts/"))
    assert f"bucket {BUCKET} does not belong to account 999999999999" in raised.value.hint
    assert held(aws) == {}
    write(BucketStore(opened(aws, expected_owner=simulated.ACCOUNT), "hosts/"))
    assert held(aws) == {KEY: THREE_PARTS}


def test_a_bucket_in_another_region_is_found(aws: Aws, bucket: s3.Bucket) -> None:
    aws.bucket_regions[BUCKET] = "eu-west-1"
    store = BucketStore(bucket, "hosts/")
    write(store)
    source = store.source(NAME)
    with source.open() as stream:
        assert stream.read() == THREE_PARTS
    store.mark_verified(NAME)
    assert [each.verified for each in store.sources()] == [True]
    assert under_way(aws) == []
    assert len(aws.requests) == 12  # only the first of them went elsewhere


@pytest.mark.parametrize("call", [lambda bucket: bucket.head(KEY), lambda bucket: list(bucket.list(""))])
def test_names_the_region_of_an_unreachable_bucket(aws: Aws, call: Any) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    aws.bucket_regions[BUCKET] = "eu-west-1"
    with pytest.raises(errors.BucketUnusable, match=f"{BUCKET} is not in us-east-1 but in eu-west-1"):
        bucket = opened(aws)
        bucket._in_region = None
        call(bucket)


def test_distinguishes_a_missing_bucket_from_a_missing_object(aws: Aws) -> None:
    store = BucketStore(opened(aws), "hosts/")
    with pytest.raises(errors.BucketUnusable, match=f"there is no S3 bucket {BUCKET}"):
        store.sources()
    with pytest.raises(errors.BucketUnusable, match=f"there is no S3 bucket {BUCKET}"):
        write(store, b"small")


@pytest.mark.parametrize("size", [5, 2 * PART])
def test_the_key_that_is_asked_for_is_used_for_small_and_large(aws: Aws, size: int) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    write(BucketStore(opened(aws, kms_key_id="alias/backups"), ""), bytes(size))
    found = aws.client("s3").head_object(Bucket=BUCKET, Key=NAME)
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", "alias/backups")


def test_never_overwrites_an_archive(aws: Aws, bucket: s3.Bucket) -> None:
    store = BucketStore(bucket, "hosts/")
    write(store, b"first")
    with pytest.raises(errors.BackupExists, match=f"s3://{BUCKET}/{KEY}"):
        write(store, b"second")
    assert held(aws) == {KEY: b"first"}


def test_an_error_of_the_writer_leaves_nothing(aws: Aws, bucket: s3.Bucket) -> None:
    with pytest.raises(ZeroDivisionError), BucketStore(bucket, "hosts/").writing(NAME) as sink:
        sink.write(THREE_PARTS)
        raise ZeroDivisionError
    assert held(aws) == {}
    assert under_way(aws) == []


def test_works_with_permission_to_list_below_the_prefix_only(aws: Aws, bucket: s3.Bucket) -> None:
    """S3 denies HEAD of what is missing, unless one may list the whole bucket."""
    store = BucketStore(bucket, "hosts/")
    aws.fail(simulated.S3_DENIED, operation="^HEAD")
    with pytest.raises(errors.BackupMissing):
        store.source(NAME)
    aws.fail(simulated.S3_DENIED, operation="^HEAD")
    write(store)
    aws.fail(simulated.S3_DENIED, operation="^HEAD")
    with pytest.raises(errors.AwsDenied, match="s3:GetObject"):
        store.source(NAME)
    aws.fail(simulated.S3_DENIED, operation="^HEAD")
    with pytest.raises(errors.BackupExists):
        write(store)


def test_writes_with_permission_to_write_only(aws: Aws, bucket: s3.Bucket) -> None:
    aws.fail(simulated.S3_DENIED, operation="^HEAD|^GET", times=100)
    write(BucketStore(bucket, "hosts/"))
    aws.clear_faults()
    assert held(aws) == {KEY: THREE_PARTS}


# --- reading ---


def test_a_download_resumes(aws: Aws, bucket: s3.Bucket) -> None:
    write(BucketStore(bucket, "hosts/"))
    aws.requests.clear()
    aws.fail(simulated.CUT_SHORT, times=4, operation="^GET")
    source = BucketStore(bucket, "hosts/").source(NAME)
    with source.open() as stream:
        digest = hashlib.sha256()
        while piece := stream.read(100_000):
            digest.update(piece)
    assert digest.digest() == hashlib.sha256(THREE_PARTS).digest()
    assert len(asked(aws, "^GET")) == 5


def test_a_download_never_mixes_two_versions(aws: Aws, bucket: s3.Bucket) -> None:
    content = os.urandom(4 * MIB)
    aws.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=content)
    source = BucketStore(bucket, "hosts/").source(NAME)
    aws.fail(simulated.CUT_SHORT, operation="^GET")
    with source.open() as stream:
        assert stream.read(10) == content[:10]
        aws.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=content[::-1])
        with pytest.raises(errors.ObjectChanged):
            stream.read()
    with pytest.raises(errors.ObjectChanged):
        source.open()


def test_a_stalled_download_ends_by_its_deadline(aws: Aws) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    write(BucketStore(opened(aws), "hosts/"))
    aws.fail(simulated.CUT_SHORT, operation="^GET")
    aws.fail(simulated.RESETTING, operation="^GET", times=10000)
    source = BucketStore(opened(aws, seconds=0.4), "hosts/").source(NAME)
    with source.open() as stream, pytest.raises(errors.AwsUnreachable):
        stream.read()


def test_names_the_url_of_a_missing_archive(bucket: s3.Bucket) -> None:
    with pytest.raises(errors.BackupMissing, match=f"s3://{BUCKET}/{KEY}"):
        BucketStore(bucket, "hosts/").source(NAME)


# --- listing and keeping ---


def test_only_archives_below_the_prefix_are_listed_and_deleted(aws: Aws, bucket: s3.Bucket) -> None:
    others = ["hosts/readme.txt", f"hosts/deeper/{NAME}", f"hosts2/{NAME}", NAME, f"hosts/x{NAME}", f"hosts/{NAME}x"]
    for key in others:
        aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"theirs")
    store = BucketStore(bucket, "hosts/")
    write(store, b"ours")
    store.mark_verified(NAME)
    assert [(each.name, each.size, each.verified) for each in store.sources()] == [(NAME, 4, True)]
    store.mark_damaged(NAME)
    assert [each.verified for each in store.sources()] == [False]
    store.mark_verified(NAME)
    store.delete(NAME)
    assert store.sources() == ()
    assert sorted(held(aws)) == sorted(others)


def test_a_listing_goes_through_all_pages(aws: Aws, bucket: s3.Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"teleport-acme_a_202611{day:02d}T000000Z.tar.gz" for day in range(1, 8)]
    for name in names:
        aws.client("s3").put_object(Bucket=BUCKET, Key=name, Body=b"")
    request = bucket.request
    monkeypatch.setattr(bucket, "request", lambda operation, **parameters: request(operation, **parameters, MaxKeys=3))
    assert [each.name for each in BucketStore(bucket, "").sources()] == names
    assert len(asked(aws, "^GET .*list-type=2")) == 3


@pytest.mark.parametrize(
    "answer",
    [simulated.SLOW_DOWN, simulated.LOST, simulated.RESETTING, simulated.PAGE, simulated.CUT_SHORT],
    ids=["slow-down", "lost-answer", "reset", "a-proxys-page", "cut-short"],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_listing_survives_a_temporary_failure(
    aws: Aws, bucket: s3.Bucket, method: str, answer: simulated.Answer
) -> None:
    if method == "DELETE" and answer is simulated.PAGE:
        return  # an answer without a body: nothing tells it from the page
    store = BucketStore(bucket, "hosts/")
    for name in (OLDER, NAME):
        aws.client("s3").put_object(Bucket=BUCKET, Key=f"hosts/{name}", Body=b"content")
    aws.fail(answer, operation=f"^{method} ")
    store.mark_verified(NAME)
    store.delete(OLDER)
    assert [(each.name, each.verified) for each in store.sources()] == [(NAME, True)]
    assert sorted(held(aws)) == [KEY, f"{KEY}.verified"]


def test_ignores_a_note_older_than_the_archive(aws: Aws, bucket: s3.Bucket) -> None:
    store = BucketStore(bucket, "hosts/")
    write(store, b"first")
    store.mark_verified(NAME)
    time.sleep(1.1)  # S3 counts whole seconds
    aws.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=b"second")
    assert [each.verified for each in store.sources()] == [False]


@pytest.mark.parametrize("kind", ["bucket", "directory"])
def test_keep_removes_archives_with_enough_newer_verified_ones(bucket: s3.Bucket, tmp_path: Path, kind: str) -> None:
    store: Any = BucketStore(bucket, "hosts/") if kind == "bucket" else DirectoryStore(str(tmp_path / "backups"))
    other = NAME.replace("ip-10-0-1-5", "ip-10-0-1-50")
    for name in (other, OLDER, NAME):
        write(store, b"content", name)
        store.mark_verified(name)
    assert remove_old(store, NAME, 1) == (store.source(NAME).name.replace(NAME, OLDER),)
    assert {each.name for each in store.sources()} == {NAME, other}


# --- killed ---

WRITER = """
import os, sys, time
from botocore.credentials import Credentials
from teleport_bootstrap.aws.account import Aws
from teleport_bootstrap.backup.stores.bucket import BucketStore
from teleport_bootstrap.backup.stores.directory import DirectoryStore

def hwm():
    return [int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")][0]

bucket = Aws("us-east-1", Credentials("a", "b"), {"AWS_ENDPOINT_URL": sys.argv[2]}).s3("acme-backups")
store = DirectoryStore(sys.argv[3]) if len(sys.argv) > 3 else BucketStore(bucket, "hosts/")
bucket.put("first", b"")
before = hwm()
data = os.urandom(1024 * 1024)
with store.writing("teleport-acme_ip-10-0-1-5_20261122T115743Z.tar.zst") as sink:
    for number in range(int(sys.argv[1])):
        sink.write(data)
        if number == 20:
            print("writing", flush=True)
print(hwm() - before)
"""


def writer(aws: Aws, mebibytes: int, *directory: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(mebibytes), aws.url, *directory],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
    )


def await_writing(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == b"writing\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_during_an_upload_leaves_nothing(aws: Aws, bucket: s3.Bucket, number: signal.Signals) -> None:
    process = writer(aws, 100_000)
    await_writing(process)
    process.send_signal(number)
    assert process.wait(20) != 0
    assert under_way(aws) == []
    assert list(held(aws)) == ["first"]


def test_aborts_the_upload_of_a_killed_run_and_no_other(aws: Aws, bucket: s3.Bucket) -> None:
    for key in ("hosts/theirs.tar.zst", KEY.replace("ip-10-0-1-5", "ip-10-0-1-50"), f"hosts2/{NAME}"):
        aws.client("s3").create_multipart_upload(Bucket=BUCKET, Key=key)
    others = sorted(under_way(aws))
    process = writer(aws, 100_000)
    await_writing(process)
    process.kill()
    process.wait(20)
    store = BucketStore(bucket, "hosts/")
    assert sorted(under_way(aws)) == sorted([*others, KEY])
    assert store.sources() == ()
    assert store.sweep("acme", "ip-10-0-1-5") == (f"s3://{BUCKET}/{KEY}",)
    assert sorted(under_way(aws)) == others


def test_works_without_permission_to_list_uploads(aws: Aws, bucket: s3.Bucket) -> None:
    aws.fail(simulated.S3_DENIED, operation=r"^GET .*\?uploads", times=10)
    assert BucketStore(bucket, "hosts/").sweep("acme", "ip-10-0-1-5") == ()


def test_memory_does_not_grow_with_the_upload(aws: Aws, bucket: s3.Bucket) -> None:
    process = writer(aws, 200)
    await_writing(process)
    grown, _ = process.communicate(timeout=60)
    assert int(grown) < 64 * 1024
    assert aws.client("s3").head_object(Bucket=BUCKET, Key=KEY)["ContentLength"] == 200 * MIB


def test_a_signal_leaves_nothing_in_a_directory(aws: Aws, bucket: s3.Bucket, tmp_path: Path) -> None:
    process = writer(aws, 100_000, str(tmp_path / "backups"))
    await_writing(process)
    process.terminate()
    process.wait(20)
    assert os.listdir(tmp_path / "backups") == []


def test_keeps_unfinished_files_of_other_processes_and_removes_those_of_killed_ones(
    aws: Aws, bucket: s3.Bucket, tmp_path: Path
) -> None:
    place = tmp_path / "backups"
    store = DirectoryStore(str(place))
    process = writer(aws, 100_000, str(place))
    await_writing(process)
    assert store.sweep("acme", "ip-10-0-1-5") == ()
    (left,) = os.listdir(place)
    assert left.endswith(PARTIAL)
    process.kill()
    process.wait(20)
    assert store.sources() == ()
    assert store.sweep("acme", "ip-10-0-1-5") == (str(place / left),)
    assert os.listdir(place) == []


# --- a directory ---


def test_files_and_the_directory_are_created_for_root_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        _check_modes(tmp_path)
    finally:
        os.umask(before)


def _check_modes(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path / "new" / "backups"))
    with store.writing(NAME) as sink:
        (partial,) = (tmp_path / "new" / "backups").iterdir()
        assert partial.stat().st_mode & 0o7777 == 0o600
        sink.write(b"content")
    store.mark_verified(NAME)
    assert (tmp_path / "new" / "backups").stat().st_mode & 0o7777 == 0o700
    modes = {each.name: each.stat().st_mode & 0o7777 for each in (tmp_path / "new" / "backups").iterdir()}
    assert modes == {NAME: 0o600, f"{NAME}.verified": 0o600}


def test_a_changed_archive_is_unverified(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    write(store, b"content")  # type: ignore[arg-type]
    store.mark_verified(NAME)
    assert [each.verified for each in store.sources()] == [True]
    with open(tmp_path / NAME, "r+b") as file:
        file.write(b"CONTENT")
    assert [each.verified for each in store.sources()] == [False]


@pytest.mark.parametrize(
    "note", [b"", b"[]", b"{}", b'{"size": 7}', b'{"size": null, "modified": null}', b"\xff\xfe", b"{" * 10_000]
)
def test_ignores_a_note_without_a_fingerprint(tmp_path: Path, note: bytes) -> None:
    store = DirectoryStore(str(tmp_path))
    write(store, b"content")  # type: ignore[arg-type]
    (tmp_path / f"{NAME}.verified").write_bytes(note)
    assert [each.verified for each in store.sources()] == [False]


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_directory_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    store = DirectoryStore(str(tmp_path))
    tmp_path.chmod(mode)
    for use in (lambda: write(store, b""), store.sources, lambda: store.mark_verified(NAME)):  # type: ignore[arg-type]
        with pytest.raises(errors.UntrustedPath):
            use()
    assert os.listdir(tmp_path) == []


@needs_root
def test_refuses_a_directory_of_another_account(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(errors.UntrustedPath, match="belongs to user 12345"):
        write(DirectoryStore(str(tmp_path)), b"")  # type: ignore[arg-type]


def test_reports_a_full_disk_and_removes_the_unfinished_file(tmp_path: Path) -> None:
    """RLIMIT_FSIZE makes every write beyond it fail, as a full disk does."""
    store = DirectoryStore(str(tmp_path))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, before[1]))
    try:
        with pytest.raises(errors.FileTrouble, match=f"{NAME} cannot be written: File too large"):
            write(store, bytes(3 * MIB))  # type: ignore[arg-type]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert os.listdir(tmp_path) == []


def test_syncs_an_archive_before_it_gets_its_name(tmp_path: Path) -> None:
    calls: list[str] = []
    real: dict[str, Any] = {"fsync": os.fsync, "rename": os.rename}

    def fsync(descriptor: int) -> None:
        calls.append("fsync " + os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))[:9])
        real["fsync"](descriptor)

    def rename(*arguments: Any, **named: Any) -> None:
        calls.append("rename")
        real["rename"](*arguments, **named)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        patched.setattr(os, "rename", rename)
        write(DirectoryStore(str(tmp_path)), b"content")  # type: ignore[arg-type]
    assert calls == ["fsync .teleport", "rename", f"fsync {tmp_path.name[:9]}"]


def test_notices_a_file_that_was_replaced_between_two_reads(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    write(store, b"content")  # type: ignore[arg-type]
    source = store.source(NAME)
    with source.open() as stream:
        assert stream.read() == b"content"
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).write_bytes(b"CONTENT")
    with pytest.raises(errors.FileTrouble, match="was changed while it was in use"):
        source.open()


def test_refuses_archives_that_are_not_files(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    os.mkfifo(tmp_path / NAME)
    (tmp_path / OLDER).mkdir()
    assert store.sources() == ()
    for name in (NAME, OLDER):
        with pytest.raises(errors.FileTrouble, match="is not a regular file"):
            store.source(name)


def test_removes_the_note_of_a_missing_archive(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    for name in (NAME, OLDER):
        write(store, b"content", name)  # type: ignore[arg-type]
        store.mark_verified(name)
    (tmp_path / OLDER).unlink()
    (tmp_path / "theirs.verified").write_text("{}")
    assert store.sweep("", "") == (str(tmp_path / f"{OLDER}.verified"),)
    assert sorted(os.listdir(tmp_path)) == sorted([NAME, f"{NAME}.verified", "theirs.verified"])
    assert json.loads((tmp_path / f"{NAME}.verified").read_text())["size"] == len(b"content")
