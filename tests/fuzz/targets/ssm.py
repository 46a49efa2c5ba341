"""Answers of SSM Parameter Store: each parameter that was asked for, as a secret, or an error without any value."""

from __future__ import annotations

from teleport_bootstrap.aws import ssm
from teleport_bootstrap.secret import Secret
from tests.fuzz import aws_door
from tests.fuzz.oracle import PLANTED, catalogue, holds, same, secretless

LONGEST = 2048


def check(data: bytes) -> None:
    """Call what the first byte says, of a service that answers with the rest."""
    which, script = data[:1], data[1:]
    store = aws_door.service("ssm")
    with aws_door.answering(script), catalogue():
        if which == b"p":
            version = store.put_secret("/a", Secret(PLANTED), key_id=None)
            holds(type(version) is int, version)
        elif which == b"l":
            for name, each in store.look_up(["/a", "/b"]).items():
                holds(type(name) is str and isinstance(each, ssm.Parameter), each)
                same((int, float), (type(each.version), type(each.modified)))
                holds(each.value is None or type(each.value) is str, each)
        else:
            found = store.fetch(["/a", "/b"], optional=("/b",))
            holds("/a" in found and set(found) <= {"/a", "/b"}, list(found))
            for value in found.values():
                holds(type(value.reveal()) is str and value.reveal().strip(), "empty")
            secretless(found)
