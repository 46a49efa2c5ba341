"""A conf with a join token in it: however its lines are broken, nothing that is shown holds a byte of the token."""

from __future__ import annotations

from teleport_bootstrap.conf import conf_file
from tests.fuzz.oracle import PLANTED, findings, secretless

LONGEST = 1024


def check(data: bytes) -> None:
    """Put the token into the line that the first null byte divides."""
    before, _, after = data.partition(b"\0")
    noise, _, rest = after.partition(b"\n")
    noise = noise.replace(b"=", b"")  # not an assignment of its own, to another name
    line = b"\nTELEPORT_JOIN_TOKEN=" + PLANTED.encode() + noise + PLANTED.encode() + b"\n"
    inspected = conf_file.inspect(before + line + rest, "conf")
    # Where quotes before it swallow the line, it is part of another value.
    if {each.name for each in inspected.variables} >= {"TELEPORT_JOIN_TOKEN"} or not before.strip():
        findings((*inspected.errors, *inspected.warnings))
        secretless(repr((inspected.variables, inspected.conf)))
