"""The one item that a cluster's auth servers lock, and what an answer from its table tells of AWS's clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Optional, Protocol

from botocore.exceptions import ClientError

from teleport_bootstrap import errors
from teleport_bootstrap.aws import calls, failures, partition, session
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import retry

KEY = "/auth/servers"


@dataclass(frozen=True)
class Item:
    """The item as it is in the table: until when it is held, in seconds since 1970, and by which host."""

    expires: str
    process: str

    @property
    def ends(self) -> Optional[int]:
        """Until when it is held; None where that is no number of seconds. Older images write whole seconds."""
        found = re.fullmatch(r"([0-9]{1,15})(\.[0-9]*)?", self.expires.strip())
        return int(found.group(1)) if found else None


@dataclass(frozen=True)
class Moment:
    """What an answer tells of AWS's clock: its Date, and between which readings of our own clock AWS wrote that.

    A Date has whole seconds, cut off. Our clock here is one that counts seconds and is never set.
    """

    date: float
    sent: float
    received: float

    def earliest(self, now: float) -> float:
        """Return what AWS's clock says at least when ours says `now`."""
        return self.date + (now - self.received)

    def latest(self, now: float) -> float:
        """Return what AWS's clock says at most when ours says `now`."""
        return self.date + 1.0 + (now - self.sent)


@dataclass(frozen=True)
class Answer:
    """What the table answered, and when: the item after a read, and whether the condition of a write held."""

    moment: Moment
    item: Optional[Item] = None
    done: bool = False


class Table(Protocol):
    """The table with the item. Each method makes its request until it is answered, or raises a catalogue error.

    An error says nothing about whether a write was made: it may still be, later than anybody waits for.
    """

    def read(self, *, seconds: float) -> Answer:
        """Return the item as it is, or None where there is none."""

    def replace(self, before: Optional[Item], after: Item, *, seconds: float) -> Answer:
        """Write `after` where the item is exactly `before`; the answer is `done` where it was."""

    def remove(self, before: Item, *, seconds: float) -> Answer:
        """Remove the item where it is exactly `before`; the answer is `done` where it was."""


class DynamoTable:
    """The table in DynamoDB; every write is conditional, every read consistent.

    Raises what teleport_bootstrap.aws.calls.perform raises.
    """

    def __init__(
        self, client: Any, name: str, *, clock: clocks.Clock, renew: Optional[Callable[[], None]] = None
    ) -> None:
        """Use the table `name` through a botocore client for dynamodb; `renew` gets fresh credentials."""
        self._client = client
        self._name = name
        self._clock = clock
        self._renew = renew

    def read(self, *, seconds: float) -> Answer:
        """Return the item as it is, or None where there is none."""
        return self._perform(
            "GetItem",
            lambda: self._client.get_item(TableName=self._name, Key={"Lock": {"S": KEY}}, ConsistentRead=True),
            seconds,
        )

    def replace(self, before: Optional[Item], after: Item, *, seconds: float) -> Answer:
        """Write `after` where the item is exactly `before`."""
        item = {"Lock": {"S": KEY}, "Expires": {"S": after.expires}, "Process": {"S": after.process}}
        return self._perform(
            "PutItem",
            lambda: self._client.put_item(TableName=self._name, Item=item, **_condition(before)),
            seconds,
        )

    def remove(self, before: Item, *, seconds: float) -> Answer:
        """Remove the item where it is exactly `before`."""
        return self._perform(
            "DeleteItem",
            lambda: self._client.delete_item(TableName=self._name, Key={"Lock": {"S": KEY}}, **_condition(before)),
            seconds,
        )

    def _perform(self, action: str, request: Callable[[], Mapping[str, Any]], seconds: float) -> Answer:
        region = self._client.meta.region_name
        part = partition.of(region).name
        call = failures.Call(
            action=f"dynamodb:{action}",
            resources=(f"arn:{part}:dynamodb:{region}:*:table/{self._name}",),
            endpoint=self._client.meta.endpoint_url,
            region=region,
            partition=part,
        )
        return calls.perform(
            lambda: self._attempt(request),
            call,
            deadline=retry.Deadline(seconds, self._clock),
            attempt_seconds=session.attempt_seconds(self._client),
            renew=self._renew,
        )

    def _attempt(self, request: Callable[[], Mapping[str, Any]]) -> Answer:
        sent = self._clock.monotonic()
        try:
            response = request()
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code == "ResourceNotFoundException":
                raise errors.AwsFailed(
                    f"there is no DynamoDB table {self._name} in {self._client.meta.region_name}",
                    hint="TELEPORT_LOCKS_TABLE_NAME in the conf names it. It needs the hash key Lock, a string.",
                ) from None
            if code != "ConditionalCheckFailedException":
                raise
            return Answer(self._moment(error.response, sent))
        if not response["ResponseMetadata"].get("RequestId"):
            # A proxy's page with status 200: botocore makes an empty answer of it, as a write that was made has.
            raise failures.NotAnAnswer
        return Answer(self._moment(response, sent), _item(response.get("Item")), done=True)

    def _moment(self, response: Mapping[str, Any], sent: float) -> Moment:
        behind = failures.clock_skew(response, now=0.0)
        # DynamoDB's answers always have a Date. Without one, our own clock has to do.
        date = self._clock.wall() if behind is None else -behind
        return Moment(date, sent, self._clock.monotonic())


def _item(found: Optional[Mapping[str, Mapping[str, str]]]) -> Optional[Item]:
    if found is None or "Expires" not in found:  # an item without it is held by nobody: that is the contract
        return None
    return Item(_text(found["Expires"]), _text(found.get("Process", {})))


def _text(value: Mapping[str, str]) -> str:
    return str(value.get("S", ""))


def _condition(before: Optional[Item]) -> dict[str, Any]:
    """Return the condition that the item is exactly `before`: nobody has touched it since it was read.

    That is stricter than what older images ask for, so that an item they write is never overwritten unread.
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
