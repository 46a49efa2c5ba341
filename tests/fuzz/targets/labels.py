"""TELEPORT_*LABELS and tags: what becomes a label has a key that Teleport takes, and stands in the file as written."""

from __future__ import annotations

from teleport_bootstrap import records
from teleport_bootstrap.conf import conf_file, kinds
from teleport_bootstrap.plan import planner, teleport_build
from tests.fuzz.oracle import catalogue, holds, plain, same
from tests.fuzz.targets.conf import quoted
from tests.unit.plan.planning import INSTANCE

LONGEST = 512
BUILD = teleport_build.of_version("17.5.1", fips=False)


def check(data: bytes) -> None:
    """Take the text before the first null byte for labels, the next for a tag's key, and the last for its value."""
    written, _, tag = data.decode("utf-8", "replace").partition("\0")
    key, _, value = tag.partition("\0")
    expected: dict[str, str] = {}
    try:
        pairs = kinds.labels(written)
    except kinds.Unfit as unfit:
        plain(unfit.message)
        plain(unfit.hint)
        pairs = ()
    for name, text in pairs:
        holds(kinds.LABEL_KEY.fullmatch(name) is not None, name)
        holds(text in written, (text, written))
    same(len(dict(pairs)), len(pairs))
    with catalogue():
        lines = f"TELEPORT_SSH_LABELS={quoted(written)}\nTELEPORT_COMMAND_LABELS=\n"
        conf = conf_file.load((lines + f"TELEPORT_TAG_LABELS={quoted(key)}\n").encode(), "conf")
        planned = planner.plan(conf, records.replace(INSTANCE, tags={key: value} if key else {}), BUILD)
        found = planned.document["ssh_service"].get("labels", {})
        for name in found:
            holds(kinds.LABEL_KEY.fullmatch(name) is not None, name)
        expected.update(pairs)
        same({name: found.get(name) for name in expected}, expected)
        holds(len(found) <= len(expected) + 1, found)
