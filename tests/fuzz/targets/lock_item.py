"""Answers of DynamoDB about the cluster's lock: an item of text, and a write is done only where DynamoDB says so."""

from __future__ import annotations

import re

from teleport_bootstrap.cluster import lock_item
from tests.fuzz import aws_door, http_door
from tests.fuzz.oracle import catalogue, holds

LONGEST = 1024
BEFORE = lock_item.Item("1700000000", "host")
_TIME = http_door.Time()


def check(data: bytes) -> None:
    """Read, replace or remove the item, with the rest of the input as the answers."""
    which, script = data[:1], data[1:]
    table = lock_item.Table(aws_door.service("dynamodb"), "locks", clock=_TIME.clock())
    with aws_door.answering(script), catalogue():
        if which == b"w":
            answer = table.replace(BEFORE, lock_item.Item("1800000000", "other"), seconds=20.0)
        elif which == b"d":
            answer = table.remove(BEFORE, seconds=20.0)
        else:
            answer = table.read(seconds=20.0)
        if answer.item is not None:
            holds(type(answer.item.expires) is str and type(answer.item.process) is str, answer)
            holds(answer.item.ends is None or 0 <= answer.item.ends < 10**15, answer)
        holds(type(answer.moment.date) is float and answer.moment.sent <= answer.moment.received, answer)
        if answer.done:
            holds(re.search(rb"\b2[0-9][0-9]\b", script), script)
