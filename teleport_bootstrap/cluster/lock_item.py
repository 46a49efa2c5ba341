"""The one item that a cluster's auth servers lock, and AWS's clock as answers from its table show it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from teleport_bootstrap import errors
from teleport_bootstrap.aws import dynamodb, failures
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import retry
from teleport_bootstrap.records import dataclass

KEY = "/auth/servers"


@dataclass(frozen=True)
class Item:
    """The item in the table: until when it is held, in seconds since 1970, and by which host."""

    expires: str
    process: str

    @property
    def ends(self) -> int | None:
        """Until when it is held; None where `expires` is not a number of seconds. Older images write whole seconds."""
        found = re.fullmatch(r"([0-9]{1,15})(\.[0-9]*)?", self.expires.strip())
        return int(found.group(1)) if found else None


@dataclass(frozen=True)
class Moment:
    """AWS's clock as an answer shows it: its Date, and the readings of our own clock before and after AWS wrote it.

    A Date has whole seconds, rounded down. Our clock here counts seconds and is never set.
    """

    date: float
    sent: float
    received: float

    def earliest(self, now: float) -> float:
        """Return the earliest time that AWS's clock may show when ours shows `now`."""
        return self.date + (now - self.received)

    def latest(self, now: float) -> float:
        """Return the latest time that AWS's clock may show when ours shows `now`."""
        return self.date + 1.0 + (now - self.sent)


@dataclass(frozen=True)
class Answer:
    """An answer of the table, and when: the item after a read, and whether a conditional write was `done`."""

    moment: Moment
    item: Item | None = None
    done: bool = False


class Table:
    """The table in DynamoDB; every write is conditional, every read consistent.

    Each method retries its request for `seconds`, until it is answered. Raises what aws.service.Service.perform raises,
    and AwsFailed where there is no such table. After an error, a write may have been made, or may still be made later.
    """

    def __init__(self, service: dynamodb.DynamoDb, name: str, *, clock: clocks.Clock) -> None:
        self._service = service
        self._name = name
        self._clock = clock

    def read(self, *, seconds: float) -> Answer:
        """Return the item; None where there is none."""
        return self._perform("dynamodb:GetItem", seconds, Key={"Lock": {"S": KEY}}, ConsistentRead=True)

    def replace(self, before: Item | None, after: Item, *, seconds: float) -> Answer:
        """Write `after` where the item is exactly `before`; the answer is `done` where it was."""
        item = {"Lock": {"S": KEY}, "Expires": {"S": after.expires}, "Process": {"S": after.process}}
        return self._perform("dynamodb:PutItem", seconds, Item=item, **_condition(before))

    def remove(self, before: Item, *, seconds: float) -> Answer:
        """Remove the item where it is exactly `before`; the answer is `done` where it was."""
        return self._perform("dynamodb:DeleteItem", seconds, Key={"Lock": {"S": KEY}}, **_condition(before))

    def _perform(self, action: str, seconds: float, **parameters: Any) -> Answer:
        return self._service.perform(
            action,
            [self._service.table_arn(self._name)],
            lambda: self._attempt(action.partition(":")[2], parameters),
            retry.Deadline(seconds, self._clock),
        )

    def _attempt(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        sent = self._clock.monotonic()
        try:
            response = self._service.request(operation, TableName=self._name, **parameters)
        except failures.Refusal as error:
            code = failures.code(error)
            if code == "ResourceNotFoundException":
                raise errors.AwsFailed(
                    f"there is no DynamoDB table {self._name} in {self._service.region}",
                    hint="Check TELEPORT_LOCKS_TABLE_NAME in the conf. The table needs the hash key Lock, a string.",
                ) from None
            if code != "ConditionalCheckFailedException":
                raise
            return Answer(self._moment(error.response, sent))
        if not response["ResponseMetadata"].get("RequestId"):
            # botocore makes an empty answer of a proxy's page with status 200: it would look like a successful write.
            raise failures.NotAnAnswer
        return Answer(self._moment(response, sent), _item(response.get("Item")), done=True)

    def _moment(self, response: Mapping[str, Any], sent: float) -> Moment:
        behind = failures.clock_skew(response, now=0.0)
        # DynamoDB's answers always have a Date. Without one, use our own clock.
        date = self._clock.wall() if behind is None else -behind
        return Moment(date, sent, self._clock.monotonic())


def _item(found: Mapping[str, Mapping[str, str]] | None) -> Item | None:
    if found is None or "Expires" not in found:  # by the contract, an item without it is free
        return None
    return Item(_text(found["Expires"]), _text(found.get("Process", {})))


def _text(value: Mapping[str, str]) -> str:
    return str(value.get("S", ""))


def _condition(before: Item | None) -> dict[str, Any]:
    """Return the condition that the item is exactly `before`: unchanged since it was read.

    It is stricter than the condition of older images, so that an item they write is never overwritten unread.
    """
    if before is None:
        return {"ConditionExpression": "attribute_not_exists(Expires)"}
    if not before.process:
        return {
            "ConditionExpression": "Expires = :expires AND attribute_not_exists(#process)",
            "ExpressionAttributeNames": {"#process": "Process"},
            "ExpressionAttributeValues": {":expires": {"S": before.expires}},
        }
    return {
        "ConditionExpression": "#expires = :expires AND #process = :process",
        "ExpressionAttributeNames": {"#expires": "Expires", "#process": "Process"},
        "ExpressionAttributeValues": {":expires": {"S": before.expires}, ":process": {"S": before.process}},
    }
