"""Issue 14, rows 2, 3 and 7: peers that drip, answer in a wrong form, or answer without an end.

The calls are those of the code: each operation that it names is sent, with the parameters that botocore says it needs.
"""

from __future__ import annotations

import ast
import datetime
import functools
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any
from urllib import parse

import botocore.session
import pytest
from botocore.credentials import Credentials

import teleport_bootstrap
from teleport_bootstrap import errors
from teleport_bootstrap.aws import s3
from teleport_bootstrap.aws.account import Aws
from teleport_bootstrap.aws.s3_download import Download
from teleport_bootstrap.aws.service import Service
from teleport_bootstrap.cluster import join_tokens, lock_item
from teleport_bootstrap.ec2 import credentials, facts, items
from teleport_bootstrap.ec2.imds import Imds
from teleport_bootstrap.host import clock, probe, tctl, time_limit, web_port
from tests.simulated import hostile_server as hostile

EVERY = bool(os.environ.get("TELEPORT_BOOTSTRAP_EVERY_CALL"))
PACKAGE = Path(teleport_bootstrap.__file__).parent
WAIT = 1.5
SHORT = 0.4
# Beyond the deadline: a tenth of it, and the last attempt, which is made even where no time is left.
LATEST = WAIT * 1.1 + 0.4

# What is asked of a service whose operations no action names.
_SERVICES = ("ssm", "dynamodb", "ec2", "s3")


def operations() -> dict[str, str]:
    """Return each operation of AWS that the code names, with its service."""
    session = botocore.session.Session()
    known = {
        operation: service for service in _SERVICES for operation in session.get_service_model(service).operation_names
    }
    found = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                for each in node.args:
                    if isinstance(each, ast.Constant) and isinstance(each.value, str):
                        service, _, name = each.value.rpartition(":")
                        if name in known and node.func.attr in ("request", "call", "pages", "_perform"):
                            found[name] = service if service in _SERVICES else known[name]
    return found


OPERATIONS = operations()
SAMPLE = ("GetParameters", "GetItem", "DescribeTags", "GetObject", "UploadPart", "ListObjectsV2")


def minimal(shape: Any) -> Any:
    """Return a value of botocore's `shape` with nothing but what it requires."""
    if shape.type_name == "structure":
        return {name: minimal(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [minimal(shape.member)]
    if shape.type_name == "map":
        return {"Lock": {"S": "/auth/servers"}}
    if shape.type_name in ("integer", "long"):
        return 1
    return "acme-backups"


@functools.cache
def input_shape(operation: str) -> Any:
    model = botocore.session.Session().get_service_model(OPERATIONS[operation])
    return model.operation_model(operation).input_shape


def send(service: Service, operation: str, **more: Any) -> Any:
    """Send `operation` as the code does; a request that can have a body has one of 3 MiB."""
    shape = input_shape(operation)
    parameters = minimal(shape)
    if "Body" in shape.members:
        parameters["Body"] = bytes(3 * 1024 * 1024)

    def attempt() -> Any:
        answer = service.request(operation, **parameters)
        return answer["Body"].read(1024 * 1024) if "Body" in answer else answer

    return service.perform(f"x:{operation}", ["*"], attempt, **more)


@functools.cache  # a client takes longer to make than to use
def _made(aws: Aws, name: str, kind: type[Service]) -> Any:
    return Aws._service(aws, name, kind)


class CachedAws(Aws):
    """AWS whose clients are made once."""

    def __hash__(self) -> int:
        return id(self)

    def _service(self, name: str, kind: Any) -> Any:
        return _made(self, name, kind)


def cloud(url: str, wait: float = WAIT) -> Aws:
    return CachedAws("us-east-1", Credentials("AKIDEXAMPLE", "secret"), {"AWS_ENDPOINT_URL": url}, wait_seconds=wait)


def services(url: str) -> dict[str, Service]:
    aws = cloud(url)
    return {name: aws._service(name, Service) for name in _SERVICES}


@pytest.fixture(scope="module")
def peer() -> Iterator[hostile.HostileServer]:
    """One server for many tests, each of which sets its fault."""
    with hostile.HostileServer(hostile.DRIPS["silence"]) as server:
        yield server


@pytest.fixture(scope="module")
def of_peer(peer: hostile.HostileServer) -> dict[str, Service]:
    return services(peer.url)


@pytest.fixture(scope="module")
def reads(peer: hostile.HostileServer) -> dict[str, Callable[[], Any]]:
    """What the code reads from AWS, as it reads it."""
    aws = cloud(peer.url, SHORT)
    bucket, table = aws.s3("acme-backups"), lock_item.Table(aws.dynamodb, "locks", clock=clock.SYSTEM)
    item = lock_item.Item("1", "host")
    return {
        "fetch": lambda: aws.ssm.fetch(["/t/a"]),
        "look_up": lambda: aws.ssm.look_up(["/t/a"]),
        "put": lambda: aws.ssm.put("/t/a", "x"),
        "tags": lambda: aws.instance_tags("i-0123456789abcdef0", ["Name"]),
        "lock read": lambda: table.read(seconds=SHORT),
        "lock replace": lambda: table.replace(None, item, seconds=SHORT),
        "backup": lambda: aws.dynamodb.back_up(["table"], "now"),
        "get": lambda: bucket.get("key"),
        "head": lambda: bucket.head("key"),
        "list": lambda: list(bucket.list("prefix")),
    }


def timed(call: Callable[[], Any]) -> tuple[float, BaseException | None]:
    """Return how long a call took, and what it raised."""
    began = time.monotonic()
    try:
        call()
    except Exception as error:
        return time.monotonic() - began, error
    return time.monotonic() - began, None


def at_once(calls: dict[str, Callable[[], Any]], threads: int = 24) -> dict[str, tuple[float, BaseException | None]]:
    """Make all calls, many at a time: they wait for their peers."""
    with futures.ThreadPoolExecutor(threads) as pool:
        running = {name: pool.submit(timed, call) for name, call in calls.items()}
        return {name: each.result() for name, each in running.items()}


def judge(results: dict[str, tuple[float, BaseException | None]], *allowed: type[BaseException]) -> None:
    """Fail where a call took too long, or ended otherwise than with one of the errors that say why."""
    wrong = {
        name: f"{seconds:.1f} s, {error!r}"
        for name, (seconds, error) in results.items()
        if seconds > LATEST or not isinstance(error, allowed)
    }
    assert not wrong


AWS_ERRORS = (errors.AwsUnreachable, errors.AwsFailed)
METADATA_ERRORS = (errors.MetadataUnreachable, errors.MetadataInvalid, errors.CredentialsMissing)


def test_the_operations_of_the_code_are_found() -> None:
    assert set(SAMPLE) <= set(OPERATIONS)
    assert {"PutParameter", "CreateBackup", "PutItem", "CompleteMultipartUpload", "HeadObject"} <= set(OPERATIONS)


@pytest.mark.parametrize("place", hostile.DRIPS)
def test_row_2_a_call_to_aws_ends_at_its_deadline_however_slowly_the_answer_comes(
    peer: hostile.HostileServer, of_peer: dict[str, Service], place: str
) -> None:
    """Issue 14, row 2: the timeouts of urllib3 count again with each byte."""
    peer.fault = hostile.DRIPS[place]
    chosen = OPERATIONS if EVERY else SAMPLE
    results = at_once({name: lambda name=name: send(of_peer[OPERATIONS[name]], name) for name in chosen})
    threads = [each.name for each in threading.enumerate() if each.name == "time-limit"]
    if place == "trailer":  # the document is complete there
        results = {name: each for name, each in results.items() if each[1] is not None or each[0] > LATEST}
    judge(results, *AWS_ERRORS)
    assert not threads


def test_row_2_a_streamed_body_that_drips_after_a_good_beginning_ends_too() -> None:
    """Issue 14, row 2: an object of S3 may take long, but each piece of it has a limit."""

    size, good = 1_000_000_000, 300_000

    def some(peer: hostile.Peer) -> None:
        start = int(peer.seen.headers.get("range", "bytes=0-").partition("=")[2].rstrip("-"))
        headers = {"etag": '"1"', "last-modified": "Sun, 22 Nov 2026 11:57:43 GMT"}
        if start:
            headers["content-range"] = f"bytes {start}-{size - 1}/{size}"
        peer.send(hostile.answer(length=str(size - start), headers=headers, status=206 if start else 200))
        peer.send(b"x" * max(0, good - start))
        peer.drip(b"x" * 100_000)

    with hostile.HostileServer(some) as server:
        aws = Aws("us-east-1", Credentials("a", "b"), {"AWS_ENDPOINT_URL": server.url}, wait_seconds=WAIT)
        stream = Download(aws.s3("acme-backups"), "key")
        seconds, error = timed(lambda: [stream.read(100_000) for _ in range(10)])
    assert isinstance(error, errors.AwsUnreachable)
    assert seconds <= LATEST + WAIT / 2  # the first connection got some bytes, and then its own limit


def test_row_2_a_large_body_that_comes_steadily_takes_longer_than_the_deadline() -> None:
    """Issue 14, row 2: what is limited is each piece of a transfer, not all of it."""

    def steady(peer: hostile.Peer) -> None:
        headers = {"etag": '"1"', "last-modified": "Sun, 22 Nov 2026 11:57:43 GMT"}
        peer.send(hostile.answer(length=str(8 * 65536), headers=headers))
        for _ in range(8):
            time.sleep(0.2)
            peer.send(b"x" * 65536)

    with hostile.HostileServer(steady) as server:
        aws = Aws("us-east-1", Credentials("a", "b"), {"AWS_ENDPOINT_URL": server.url}, wait_seconds=1.0)
        assert len(aws.s3("acme-backups").get("key")) == 8 * 65536


@pytest.mark.parametrize("place", hostile.DRIPS)
def test_row_2_the_metadata_service_is_waited_for_until_the_deadline(place: str) -> None:
    """Issue 14, row 2."""
    with hostile.HostileServer(hostile.DRIPS[place]) as server:
        results = at_once(
            {
                "facts": lambda: facts.read(Imds(server.url, deadline_seconds=WAIT), region=None),
                "credentials": lambda: credentials.refreshable(Imds(server.url, deadline_seconds=WAIT)),
                "role": lambda: credentials.role(Imds(server.url, deadline_seconds=WAIT)),
                "account": lambda: credentials.account(Imds(server.url, deadline_seconds=WAIT)),
            }
        )
    judge(results, *METADATA_ERRORS)


@pytest.mark.parametrize("place", hostile.DRIPS)
def test_row_2_this_hosts_teleport_is_asked_within_a_limit(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Issue 14, row 2: /readyz, and the web port in the clear."""
    with hostile.HostileServer(hostile.DRIPS[place]) as server:
        monkeypatch.setattr(probe, "READY_URL", f"{server.url}/readyz")
        where = web_port.WebPort("127.0.0.1", server.port, tls=False)
        results = at_once({"readyz": probe.readiness, "web port": lambda: web_port.ask(where, seconds=0.5)})
    assert {name: each for name, each in results.items() if each[0] > 1.8 or each[1] is not None} == {}


@pytest.mark.parametrize("shake", [hostile.silent_handshake, hostile.dripping_handshake])
def test_row_2_a_handshake_of_tls_has_the_same_limit(shake: Any) -> None:
    """Issue 14, row 2."""
    with hostile.HostileServer(hostile.DRIPS["silence"], before_tls=shake) as server:
        made = services(server.url)
        where = web_port.WebPort("127.0.0.1", server.port)
        results = at_once(
            {
                "ssm": lambda: send(made["ssm"], "GetParameters"),
                "imds": lambda: Imds(server.url, deadline_seconds=WAIT).get("region"),
            }
        )
        seconds, error = timed(lambda: web_port.ask(where, seconds=0.5))
    judge(results, *AWS_ERRORS, *METADATA_ERRORS)
    assert seconds < 1.8 and error is None


@pytest.mark.parametrize("place", ["silence", "status line", "header", "continue"])
def test_row_2_a_proxy_has_the_same_limit(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Issue 14, row 2: the answer to CONNECT comes before the connection to AWS."""
    with hostile.HostileServer(hostile.DRIPS[place]) as server:
        monkeypatch.setenv("HTTPS_PROXY", server.url)
        made = services("https://ssm.us-east-1.amazonaws.com")
        results = at_once({"ssm": lambda: send(made["ssm"], "GetParameters")})
    judge(results, *AWS_ERRORS)
    assert {each.method for each in server.seen} == {"CONNECT"}


def test_row_2_a_port_that_takes_no_connection() -> None:
    """Issue 14, row 2."""
    with hostile.NeverAccepts() as server:
        made = services(server.url)
        calls = {name: lambda name=name: send(made[OPERATIONS[name]], name) for name in SAMPLE}
        calls["imds"] = lambda: Imds(server.url, deadline_seconds=WAIT).get("region")
        judge(at_once(calls), *AWS_ERRORS, *METADATA_ERRORS)


def test_row_2_a_resolver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 14, row 2: a look-up cannot be interrupted, but it need not be waited for, and retries share one."""
    ended, looked_up, real = threading.Event(), [], socket.getaddrinfo

    def hangs(host: Any, *arguments: Any, **options: Any) -> Any:
        if options.get("flags") == socket.AI_NUMERICHOST or host == "127.0.0.1":
            return real(host, *arguments, **options)
        looked_up.append(host)
        ended.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    made = services("http://aws.invalid")
    calls = {name: lambda name=name: send(made[OPERATIONS[name]], name) for name in SAMPLE}
    calls["imds"] = lambda: Imds("http://imds.invalid", deadline_seconds=WAIT).get("region")
    results = at_once(calls)
    ended.set()
    judge(results, *AWS_ERRORS, *METADATA_ERRORS)
    assert sorted(looked_up) == ["aws.invalid", "imds.invalid"]
    assert all("does not resolve" in str(error) for _, error in results.values())


def test_row_2_a_healthy_peer_is_not_touched_by_the_limit_of_an_earlier_exchange() -> None:
    """Issue 14, row 2: connections are used again, and each exchange watches its own."""
    with hostile.HostileServer(hostile.ODD["null"]) as server:
        for seconds in (0.2, 5.0):
            with time_limit.Limit(seconds) as limit:
                connection = time_limit.connect("127.0.0.1", server.port, seconds=5.0)
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            time.sleep(0.3)
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
            assert not limit._watched
            connection.close()


# --- what comes in time, and is nothing that was asked for ---


@pytest.mark.parametrize("name", hostile.ODD if EVERY else list(hostile.ODD)[::3])
def test_row_3_an_odd_answer_of_aws_counts_as_none(
    peer: hostile.HostileServer, reads: dict[str, Callable[[], Any]], name: str
) -> None:
    """Issue 14, row 3: it is retried, and then an error of AWS, never an unforeseen one."""
    peer.fault = hostile.ODD[name]
    wrong = {
        each: repr(error)
        for each, (_, error) in at_once(reads).items()
        if not isinstance(error, errors.BootstrapError) and (error is not None or _is_answered(each, name))
    }
    assert not wrong


def _is_answered(call: str, name: str) -> bool:
    """Whether a call must not take this for an answer."""
    return not (call.startswith("lock") and name in _JSON_OBJECTS)


# A table without the item answers {} too.
_JSON_OBJECTS = {name for name in hostile.ODD if name not in hostile.ODD_BODIES} | {
    "empty object",
    "unknown object",
    "same key twice",
    "byte order mark",
}


@pytest.mark.parametrize("name", hostile.ODD if EVERY else list(hostile.ODD)[1::3])
def test_row_3_an_odd_answer_of_the_metadata_service_is_an_error_of_it(name: str) -> None:
    """Issue 14, row 3."""

    def fault(peer: hostile.Peer) -> None:
        if peer.seen.method == "PUT":
            peer.send(hostile.answer(b"token"))
        else:
            hostile.ODD[name](peer)

    with hostile.HostileServer(fault) as server:
        results = at_once(
            {
                "facts": lambda: facts.read(Imds(server.url, deadline_seconds=SHORT), region=None),
                "credentials": lambda: credentials.refreshable(Imds(server.url, deadline_seconds=SHORT)),
                "account": lambda: credentials.account(Imds(server.url, deadline_seconds=SHORT)),
            }
        )
    assert {each: error for each, (_, error) in results.items() if not isinstance(error, errors.BootstrapError)} == {}


# --- a good answer, of which one value is odd ---

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/table/backup/01489602797149-73d8d5bc"
GOOD = {
    "GetParameters": {
        "Parameters": [{"Name": "/t/a", "Value": "x", "Type": "String", "Version": 3, "LastModifiedDate": 1.5e9}]
    },
    "PutParameter": {"Version": 3},
    "GetItem": {"Item": {"Lock": {"S": "/auth/servers"}, "Expires": {"S": "5"}, "Process": {"S": "host"}}},
    "CreateBackup": {"BackupDetails": {"BackupArn": ARN, "BackupName": "b", "BackupStatus": "CREATING"}},
    "DescribeBackup": {"BackupDescription": {"BackupDetails": {"BackupArn": ARN, "BackupStatus": "AVAILABLE"}}},
}
CREDENTIALS = {
    **{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "secret"},
    **{"Token": "token", "Expiration": "2222-11-22T11:57:43Z"},
}


def sends_document(document: Any) -> hostile.Fault:
    return lambda peer: peer.send(hostile.answer(json.dumps(document).encode()))


def unforeseen(call: Callable[[], Any]) -> BaseException | None:
    """Return what a call raises that is not in the catalogue of errors."""
    _, error = timed(call)
    return None if isinstance(error, errors.BootstrapError) else error


@pytest.mark.parametrize("operation", GOOD)
def test_row_3_no_value_of_an_answer_of_aws_is_trusted(peer: hostile.HostileServer, operation: str) -> None:
    """Issue 14, row 3: each value in turn is missing, or has each wrong type."""
    aws = cloud(peer.url, 0.05)
    table = lock_item.Table(aws.dynamodb, "locks", clock=clock.SYSTEM)
    calls: dict[str, list[Callable[[], Any]]] = {
        "GetParameters": [lambda: aws.ssm.fetch(["/t/a"]), lambda: aws.ssm.look_up(["/t/a"])],
        "PutParameter": [lambda: aws.ssm.put("/t/a", "x")],
        "GetItem": [lambda: table.read(seconds=0.05)],
    }
    backs_up = [lambda: aws.dynamodb.back_up(["table"], "now")]
    peer.fault = lambda each: sends_document(GOOD[each.seen.operation])(each)
    assert next(timed(call)[1] for call in calls.get(operation, backs_up)) is None
    wrong = {}
    for name, document in hostile.mutants(GOOD[operation]):
        documents = {**GOOD, operation: document}
        peer.fault = lambda each, documents=documents: sends_document(documents[each.seen.operation])(each)
        found = [unforeseen(call) for call in calls.get(operation, backs_up)]
        wrong.update((name, repr(each)) for each in found if each is not None)
    assert not wrong


def test_row_3_no_value_of_the_metadata_service_is_trusted(peer: hostile.HostileServer) -> None:
    """Issue 14, row 3: credentials become parts of headers, and the identity document is one in name only."""
    answers: dict[str, bytes] = {}

    def fault(each: hostile.Peer) -> None:
        found = next((text for end, text in answers.items() if each.seen.path.endswith(end)), b"role")
        each.send(hostile.answer(b"token" if each.seen.method == "PUT" else found))

    peer.fault = fault
    service = Imds(peer.url, deadline_seconds=0.05)
    wrong = {}
    for name, document in hostile.mutants(CREDENTIALS):
        answers["/role"] = json.dumps(document).encode()
        error = timed(lambda: credentials.refreshable(service))[1]
        if error is None and not name.startswith(("Code = missing", "Type", "all")):
            wrong[name] = "accepted"
        elif error is not None and not isinstance(error, errors.BootstrapError):
            wrong[name] = repr(error)
    for name, document in hostile.mutants({"accountId": "123456789012"}):
        answers["/document"] = json.dumps(document).encode()
        if not isinstance(timed(lambda: credentials.account(service))[1], errors.BootstrapError):
            wrong[name] = "accepted, or unforeseen"
    assert not wrong


@pytest.mark.parametrize(
    "region", ["", "us-east-1.example.com/", "us-east-1\r\nX: y", "us east 1", "@evil", "a" * 300, "[::1]", "US-EAST-1"]
)
def test_row_3_a_region_cannot_lead_to_another_host(peer: hostile.HostileServer, region: str) -> None:
    """Issue 14, row 3: the region becomes a part of the names of AWS's endpoints."""
    peer.fault = lambda each: each.send(hostile.answer(b"token" if each.seen.method == "PUT" else region.encode()))
    with pytest.raises(errors.BootstrapError):
        items.read_required(Imds(peer.url, deadline_seconds=0.05), items.REGION)


TOKEN_RESOURCE = {
    "kind": "token",
    "version": "v2",
    "metadata": {"name": "iam", "expires": "2222-11-22T11:57:43Z", "labels": {"a": "b"}},
    "spec": {"roles": ["Node"], "join_method": "iam", "allow": [{"aws_account": "123456789012", "aws_arn": "arn:x"}]},
}


def test_row_3_no_value_of_a_token_resource_is_trusted(tmp_path: Path) -> None:
    """Issue 14, row 3: `tctl` may be of any release, and its output of any form."""
    program, output = tmp_path / "tctl", tmp_path / "output"
    program.write_text(f"#!/bin/sh\nexec cat '{output}'\n")
    program.chmod(0o755)
    installed = tctl.Tctl(str(program), {"PATH": "/usr/bin:/bin"}, None)
    wanted = join_tokens.for_instance_role("iam", account="123456789012", partition="aws", role="role")

    def use() -> None:
        found = installed.token("iam")
        if found is not None and join_tokens.is_by_iam(found):
            join_tokens.is_as_wanted(found, join_tokens.merged(found, wanted), now=0.0)

    bodies = {name: body for name, body in hostile.ODD_BODIES.items() if name != "nothing"}
    bodies.update({name: json.dumps([each]).encode() for name, each in hostile.mutants(TOKEN_RESOURCE)})
    wrong = {}
    for name, body in bodies.items():
        output.write_bytes(body)
        error = unforeseen(use)
        if error is not None:
            wrong[name] = repr(error)
    assert not wrong


def test_row_3_all_json_is_read_by_one_function() -> None:
    """Issue 14, row 3: Python's own reader raises RecursionError for a document that is nested too deeply."""
    elsewhere = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("loads", "load") and ast.unparse(node.value) == "json"
    }
    assert elsewhere == {"json_data.py"}


# --- a bucket with very many objects ---

LISTER = """
import sys
from botocore.credentials import Credentials
from teleport_bootstrap.aws.account import Aws
from teleport_bootstrap.backup.stores import bucket

def largest():
    return [int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")][0]

bucket.MOST_ARCHIVES = 500
store = bucket.BucketStore(Aws("us-east-1", Credentials("a", "b"), {"AWS_ENDPOINT_URL": sys.argv[1]}).s3("acme"), "")
next(iter(store.bucket.list("teleport-")))
before = largest()
found = store.sources()
print(len(found), found[0].name, found[-1].name, sum(each.verified for each in found), largest() - before)
"""


def archive_name(number: int) -> str:
    made = datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=number)
    return f"teleport-acme_host_{made:%Y%m%dT%H%M%SZ}.tar.zst"


def test_row_7_a_list_of_a_bucket_with_very_many_objects_needs_little_memory() -> None:
    """Issue 14, row 7: the newest archives are kept while the pages go by; a million with the switch."""
    pages = 1000 if EVERY else 15

    def page(peer: hostile.Peer) -> None:
        number = int(dict(parse.parse_qsl(parse.urlsplit(peer.seen.path).query)).get("continuation-token", "0"))
        names = [name for each in range(500) for name in (archive_name(number * 500 + each),) * 2]
        names[1::2] = [f"{name}.verified" for name in names[1::2]]
        objects = "".join(
            f"<Contents><Key>{name}</Key><Size>3</Size><ETag>x</ETag>"
            "<LastModified>2026-11-22T11:57:43.000Z</LastModified></Contents>"
            for name in names
        )
        more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{number + 1}</NextContinuationToken>"
        body = f"<ListBucketResult><Name>acme</Name>{more if number + 1 < pages else ''}{objects}</ListBucketResult>"
        peer.send(hostile.answer(body.encode(), kind="application/xml"))

    with hostile.HostileServer(page) as server:
        done = subprocess.run(
            [sys.executable, "-c", LISTER, server.url],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            check=True,
            timeout=250,
            text=True,
        )
    count, first, last, verified, grown = done.stdout.split()
    assert (int(count), int(verified)) == (500, 500)
    assert (first, last) == (archive_name((pages - 1) * 500), archive_name(pages * 500 - 1))
    assert int(grown) < 20 * 1024
    assert "more than 500 archives" in done.stderr


def test_row_7_a_list_that_never_ends_is_given_up(peer: hostile.HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 14, row 7: neither the same page again and again, nor more pages than any bucket has."""
    monkeypatch.setattr(s3, "MOST_LISTED", 20_000)
    tokens = itertools.count()
    again = "<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>"

    def page(each: hostile.Peer) -> None:
        body = f"<ListBucketResult><Name>acme</Name>{again.format(next(tokens))}</ListBucketResult>"
        each.send(hostile.answer(body.encode(), kind="application/xml"))

    peer.fault = page
    with pytest.raises(errors.BucketUnusable, match="more than 20,000 objects"):
        list(cloud(peer.url).s3("acme").list("teleport-"))
    assert next(tokens) == 20
