"""The lock that a cluster's auth servers share, in a real table: two hundred that want it, faults, and older images."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional

import pytest
from botocore.credentials import Credentials

from teleport_bootstrap import errors, paths
from teleport_bootstrap.aws.account import Aws as InstanceAws
from teleport_bootstrap.aws.dynamodb import DynamoDb
from teleport_bootstrap.cluster import lock
from tests.simulated import auth_server
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import aws as answers

LOCKS = auth_server.LOCKS
KEY = {"Lock": {"S": "/auth/servers"}}

CONTENDERS = 200


@pytest.fixture
def table(aws: Aws) -> Aws:
    auth_server.make_table(aws)
    return aws


@pytest.fixture
def host(table: Aws, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """A function that holds the lock as a host of that name."""

    def hold(name: str = "host-1", deadline: float = 0.0, terms: lock.Terms = lock.TERMS) -> Any:
        place = tmp_path / name
        place.mkdir(exist_ok=True)
        return lock.hold(
            client(table),
            root=paths.Root(str(place)),
            table=LOCKS,
            process=name,
            deadline_seconds=deadline,
            terms=terms,
        )

    yield hold


def client(aws: Aws, seconds: float = 30.0) -> DynamoDb:
    credentials = Credentials("access", "secret")
    return InstanceAws(answers.REGION, credentials, {"AWS_ENDPOINT_URL": aws.url}, wait_seconds=seconds).dynamodb


def item(aws: Aws) -> Optional[dict[str, dict[str, str]]]:
    found = aws.client("dynamodb").get_item(TableName=LOCKS, Key=KEY, ConsistentRead=True).get("Item")
    return None if found is None else dict(found)


def put(aws: Aws, **attributes: Any) -> None:
    given = {name: value if isinstance(value, dict) else {"S": value} for name, value in attributes.items()}
    aws.client("dynamodb").put_item(TableName=LOCKS, Item={**KEY, **given})


def in_seconds(seconds: float) -> str:
    return str(int(time.time() + seconds))


def take_as_old_images_do(aws: Aws, name: str, now: float) -> bool:
    """The contract's conditional put, in its own words."""
    table = aws.client("dynamodb")
    try:
        table.put_item(
            TableName=LOCKS,
            Item={**KEY, "Expires": {"S": str(int(now) + 300)}, "Process": {"S": name}},
            ConditionExpression="attribute_not_exists(Expires) OR Expires <= :now OR #process = :me",
            ExpressionAttributeNames={"#process": "Process"},
            ExpressionAttributeValues={":now": {"S": str(int(now))}, ":me": {"S": name}},
        )
    except table.exceptions.ConditionalCheckFailedException:
        return False
    return True


# ---------------------------------------------------------------- one of many


def test_one_of_two_hundred_hosts_gets_the_lock(table: Aws, tmp_path: Path) -> None:
    shared = client(table, 60)
    start = threading.Barrier(CONTENDERS)
    done = threading.Event()
    winners: list[str] = []
    losers: list[str] = []
    others: list[BaseException] = []

    def contend(number: int) -> None:
        name = f"host-{number}"
        place = tmp_path / name
        place.mkdir()
        start.wait(60)
        try:
            with lock.hold(shared, root=paths.Root(str(place)), table=LOCKS, process=name) as lease:
                lease.check()
                winners.append(name)
                done.wait(120)
                lease.check()
        except errors.ClusterLockHeld as error:
            losers.append(error.message)
        except BaseException as error:
            others.append(error)

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(CONTENDERS)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 120
    while len(losers) + len(others) < CONTENDERS - 1 and time.monotonic() < end:
        time.sleep(0.05)
    held = item(table)
    done.set()
    for thread in threads:
        thread.join(60)
    assert not others, others[0]
    assert len(winners) == 1 and len(losers) == CONTENDERS - 1
    assert held is not None and held["Process"] == {"S": winners[0]}
    assert {message.split()[0] for message in losers} == {winners[0]}
    assert item(table) is None


def test_hosts_take_the_lock_one_after_the_other(host: Callable[..., Any]) -> None:
    order: list[str] = []

    def work(name: str) -> None:
        with host(name, deadline=60):
            order.append(name)
            order.append(name)

    threads = [threading.Thread(target=work, args=(f"host-{number}",)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert len(order) == 10 and order[::2] == order[1::2]


def test_a_second_process_of_the_same_host_is_kept_out_by_the_file_lock(host: Callable[..., Any]) -> None:
    with host("host-1"), pytest.raises(errors.LockBusy, match="the lock of the cluster"), host("host-1"):
        pass


# ---------------------------------------------------------------- the item, as old images know it


def test_the_item_has_the_shape_of_the_contract_and_is_removed_afterwards(table: Aws, host: Callable[..., Any]) -> None:
    with host("host-1"):
        found = item(table)
        assert found is not None
        assert set(found) == {"Lock", "Expires", "Process"}
        assert found["Process"] == {"S": "host-1"}
        assert abs(int(found["Expires"]["S"]) - time.time() - lock.LEASE_SECONDS) < 30
    assert item(table) is None


def test_an_older_image_cannot_take_a_lock_that_is_held_here(table: Aws, host: Callable[..., Any]) -> None:
    with host("host-1") as lease:
        # With the worst clock that AWS still lets in.
        assert not take_as_old_images_do(table, "old", time.time() + 299)
        lease.check()
    assert take_as_old_images_do(table, "old", time.time())


def test_does_not_take_the_lock_of_an_older_image_before_it_expires(table: Aws, host: Callable[..., Any]) -> None:
    assert take_as_old_images_do(table, "old", time.time())
    with pytest.raises(errors.ClusterLockHeld, match="old holds the lock until"), host("host-1"):
        pass
    assert take_as_old_images_do(table, "old", time.time() - 301)
    with host("host-1"):
        assert item(table)["Process"] == {"S": "host-1"}  # type: ignore[index]


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda: {"Expires": in_seconds(-1), "Process": "dead"}, id="ended"),
        pytest.param(lambda: {"Expires": "0", "Process": "dead"}, id="0"),
        # As strings, these two are later than any time of today's.
        pytest.param(lambda: {"Expires": "99", "Process": "dead"}, id="99"),
        pytest.param(lambda: {"Expires": "999999999", "Process": "dead"}, id="999999999"),
        pytest.param(lambda: {"Expires": f"{time.time() - 5:.6f}", "Process": "dead"}, id="ended, with a fraction"),
        pytest.param(lambda: {"Expires": in_seconds(-1)}, id="ended, without a holder"),
        pytest.param(lambda: {"Process": "dead"}, id="without an end"),
        pytest.param(dict, id="nothing"),
        pytest.param(lambda: {"Expires": in_seconds(600), "Process": "host-1"}, id="our own"),
    ],
)
def test_takes_a_lock_that_no_other_host_holds(
    table: Aws, host: Callable[..., Any], made: Callable[[], dict[str, str]]
) -> None:
    attributes = made()
    put(table, **attributes)
    with host("host-1") as lease:
        lease.check()
        assert item(table)["Process"] == {"S": "host-1"}  # type: ignore[index]
    assert item(table) is None


@pytest.mark.parametrize("expires", ["soon", "", "-5", {"N": "1700000000"}])
def test_reports_an_item_without_a_valid_expiry_and_keeps_it(
    table: Aws, host: Callable[..., Any], expires: object
) -> None:
    put(table, Expires=expires, Process="strange")
    before = item(table)
    with pytest.raises(errors.AwsFailed, match="Expires that is not a number of seconds") as raised, host("host-1"):
        pass
    assert "Remove the item" in raised.value.hint
    assert item(table) == before


# ---------------------------------------------------------------- keeping it


def test_renews_the_lock_while_it_is_held(table: Aws, host: Callable[..., Any]) -> None:
    with host("host-1", terms=lock.Terms(lease_seconds=5, margin_seconds=1, renew_seconds=0.3)) as lease:
        first = item(table)
        end = time.monotonic() + 8  # longer than one term
        while time.monotonic() < end:
            lease.check()
            time.sleep(0.1)
        assert item(table) != first
        with pytest.raises(errors.ClusterLockHeld), host("host-2"):
            pass


def test_the_lock_counts_as_lost_before_others_can_take_it(table: Aws, host: Callable[..., Any]) -> None:
    terms = lock.Terms(lease_seconds=8, margin_seconds=3, renew_seconds=0.3)
    with host("host-1", terms=terms) as lease:
        table.fail_always(answers.BROKEN)
        end = time.monotonic() + 20
        while lease.remaining() and time.monotonic() < end:
            time.sleep(0.05)
        with pytest.raises(errors.LeaseLost, match="not confirmed in time"):
            lease.check()
        assert int(item(table)["Expires"]["S"]) > time.time() + 1  # type: ignore[index]
        table.clear_faults()
        with pytest.raises(errors.LeaseLost):  # it does not come back
            lease.check()


def test_the_lock_is_lost_when_another_host_has_taken_it(table: Aws, host: Callable[..., Any]) -> None:
    with host("host-1", terms=lock.Terms(renew_seconds=0.2)) as lease:
        put(table, Expires=in_seconds(500), Process="thief")
        end = time.monotonic() + 20
        while lease.remaining() and time.monotonic() < end:
            time.sleep(0.05)
        with pytest.raises(errors.LeaseLost, match="thief has taken it"):
            lease.check()
    assert item(table)["Process"] == {"S": "thief"}  # type: ignore[index]


def test_does_not_begin_a_step_that_may_outlast_the_lease(host: Callable[..., Any]) -> None:
    with host("host-1") as lease:
        lease.check(lock.LEASE_SECONDS - lock.MARGIN_SECONDS - 30)
        with pytest.raises(errors.LeaseLost, match="the next step may take 600 s"):
            lease.check(600)
        lease.check()


def test_uses_the_time_of_aws_and_not_of_this_host(table: Aws, host: Callable[..., Any]) -> None:
    put(table, Expires=in_seconds(100), Process="other")
    table.fail_always(answers.Answer(clock_seconds=200.0))
    with host("host-1"):
        assert abs(int(item(table)["Expires"]["S"]) - time.time() - 200 - lock.LEASE_SECONDS) < 30  # type: ignore[index]


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("fault", [answers.BROKEN, answers.RESETTING, answers.THROTTLED, answers.PAGE])
def test_a_fault_at_any_request_costs_nothing_but_time(
    table: Aws, host: Callable[..., Any], number: int, fault: answers.Answer
) -> None:
    table.fail(*[answers.Answer()] * number, fault)
    with host("host-1") as lease:
        lease.check()
    assert item(table) is None


def test_recognizes_its_own_write_whose_answer_was_lost(table: Aws, host: Callable[..., Any]) -> None:
    table.fail(answers.Answer(), answers.Answer(action="lose"))
    with host("host-1") as lease:
        lease.check()
        assert item(table)["Process"] == {"S": "host-1"}  # type: ignore[index]
    assert item(table) is None


def test_a_failed_release_is_logged_and_the_work_succeeds(
    table: Aws, host: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    with host("host-1"):
        table.fail_always(answers.denied("dynamodb:DeleteItem"))
    assert "could not be released; it expires by itself" in caplog.text
    table.clear_faults()
    with host("host-1"):  # its own host takes it up again at once
        pass


def test_names_a_missing_table(aws: Aws, tmp_path: Path) -> None:
    with (
        pytest.raises(errors.AwsFailed, match="no DynamoDB table absent-1 in us-east-1") as raised,
        lock.hold(client(aws), root=paths.Root(str(tmp_path)), table="absent-1", process="host-1"),
    ):
        pass
    assert "TELEPORT_LOCKS_TABLE_NAME" in raised.value.hint


def test_a_denial_names_the_action_and_the_table(table: Aws, host: Callable[..., Any]) -> None:
    table.fail(answers.Answer(), answers.denied("dynamodb:PutItem"))
    with (
        pytest.raises(errors.AwsDenied, match=r"dynamodb:PutItem on arn:aws:dynamodb:us-east-1:.*:table/locks-1"),
        host(),
    ):
        pass
