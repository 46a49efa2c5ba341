"""Auth servers that want the lock of their cluster at the same moment: the real code of the lock, in simulated time."""

from __future__ import annotations

import email.utils
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from teleport_bootstrap import errors
from teleport_bootstrap.aws import dynamodb, failures
from teleport_bootstrap.cluster import lock, lock_item
from teleport_bootstrap.host import retry
from tests.fleet.simulation import Bucket
from tests.fleet.threads import SimulatedTime

# What a holder does meanwhile: six calls of SSM, and tctl for each token.
WORK_SECONDS = 8.0
# The default of `--wait`.
WAIT_SECONDS = 60.0
TABLE = "locks"


@dataclass
class Outcome:
    """When each server that got the lock had done its work, those that gave up, all requests and the throttled ones."""

    done: list[float] = field(default_factory=list)
    gave_up: int = 0
    requests: int = 0
    throttled: int = 0


class Client:
    """DynamoDB with one table: conditional writes, one after the other, limited by a bucket."""

    region = "us-east-1"
    endpoint = "https://dynamodb.us-east-1.amazonaws.com"
    attempt_seconds = 10.0

    def __init__(self, time: SimulatedTime, rate: float, outcome: Outcome) -> None:
        self._time = time
        self._bucket = Bucket(rate)
        self._outcome = outcome
        self._item: Mapping[str, Any] | None = None

    def send(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        self._time.sleep(0.01)
        self._outcome.requests += 1
        metadata = {
            "RequestId": "1",
            "HTTPStatusCode": 200,
            "HTTPHeaders": {"date": email.utils.formatdate(self._time.now, usegmt=True)},
        }
        if not self._bucket.take(self._time.now):
            self._outcome.throttled += 1
            raise _refusal("ProvisionedThroughputExceededException", metadata, operation)
        if operation == "GetItem":
            return {"ResponseMetadata": metadata, **({} if self._item is None else {"Item": self._item})}
        if not self._holds(parameters):
            raise _refusal("ConditionalCheckFailedException", metadata, operation)
        self._item = parameters["Item"] if operation == "PutItem" else None
        return {"ResponseMetadata": metadata}

    def _holds(self, parameters: Mapping[str, Any]) -> bool:
        values = parameters.get("ExpressionAttributeValues")
        if values is None:
            return self._item is None
        wanted = {"Expires": values[":expires"], "Process": values[":process"]}
        return self._item is not None and all(self._item[name] == value for name, value in wanted.items())


def _refusal(code: str, metadata: Mapping[str, Any], operation: str) -> failures.Refusal:
    told = {"Code": code, "Message": "simulated"}
    return failures.Refusal({"Error": told, "ResponseMetadata": {**metadata, "HTTPStatusCode": 400}}, operation)


def contend(servers: int, *, seed: int, rate: float) -> Outcome:
    """Let so many auth servers want the lock at once, of a table that takes `rate` requests a second."""
    outcome, time = Outcome(), SimulatedTime()
    client = Client(time, rate, outcome)

    def server(number: int) -> Callable[[], None]:
        clock = time.clock(random.Random(seed * 1000 + number).random)

        def run() -> None:
            table = lock_item.Table(dynamodb.DynamoDb(client, clock=clock), TABLE, clock=clock)
            try:
                lease = lock.take(table, f"auth-{number}", deadline=retry.Deadline(WAIT_SECONDS, clock))
            except errors.ClusterLockHeld:
                outcome.gave_up += 1
                return
            time.sleep(WORK_SECONDS)
            lease.check()
            lease.release()
            outcome.done.append(time.now)

        return run

    time.run([server(number) for number in range(servers)])
    return outcome
