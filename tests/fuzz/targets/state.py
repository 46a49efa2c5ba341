"""Notes on disk (generations, jobs, records, the journal of a change): a note is read as what wrote it, or refused."""

from __future__ import annotations

import json

from teleport_bootstrap import errors
from teleport_bootstrap.change import journal
from teleport_bootstrap.ec2 import items
from teleport_bootstrap.state import (
    current,
    generations,
    jobs,
    metadata_cache,
    previous_state,
    restore_record,
    state_file,
)
from tests.fuzz.oracle import holds, same

LONGEST = 1024
GENERATION = generations._manifest("1")
FILES = {
    **{b"c": current.FILE, b"g": GENERATION, b"j": jobs._file("backup"), b"m": metadata_cache.FILE},
    **{b"r": restore_record.FILE, b"u": previous_state.UNDO, b"t": journal.FILE},
}


def check(data: bytes) -> None:
    """Read the note that the first byte says."""
    file: state_file.StateFile[object] = FILES.get(data[:1], GENERATION)
    try:
        value = file.value(data[1:])
    except ValueError:
        return
    try:
        written = file.content(value)
    except errors.FileTrouble:
        return
    same(_comparable(file.value(written)), _comparable(value))
    same(file.content(file.value(written)), written)
    _uses(value)


def _comparable(value: object) -> str:
    """Return the text of a value: not-a-number is not equal to itself."""
    return json.dumps(state_file.encode(value), sort_keys=True)


def _uses(value: object) -> None:
    """Ask what commands ask of a note."""
    if isinstance(value, generations.Generation):
        holds(len(value.teleport_yaml_sha256) == 64 and type(value.fips) is bool, value)
        holds(generations.says_the_same(value, value) or value != value, value)
    elif isinstance(value, jobs.Job):
        try:
            jobs._moment(value.last_success or value.last_run)
        except ValueError:
            return  # such a note is left out
        if value.name in jobs.NAMES:
            holds(type(value.trouble(1.8e9)) in (str, type(None)), value)
    elif isinstance(value, journal.Journal):
        holds(all(type(each) is str for each in value.paths), value)
    elif isinstance(value, dict):
        holds(all(type(key) is type(each) is str for key, each in value.items() if key in items.CHECKS), value)
