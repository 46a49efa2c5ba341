"""A fuzzer that is not guided: replays a corpus, then random changes of its inputs, within limits of time and memory.

For interpreters without atheris. It takes those options of libFuzzer that this project uses.
"""

from __future__ import annotations

import random
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tests.fuzz import target as targets
from tests.fuzz.target import Target


class TooSlow(BaseException):
    """One input took too long; not an Exception, so that no handler of the program takes it for its own."""


CRASHED = 77  # libFuzzer's status for an exception of the target


def run(target: Target, options: list[str]) -> None:
    """Run until the time or the number of inputs is over; a fault ends the process, with its input in a file."""
    values = dict(each[1:].split("=", 1) for each in options if each.startswith("-"))
    places = [Path(each) for each in options if not each.startswith("-")]
    seeds = [each.read_bytes() for place in places for each in (sorted(place.glob("*")) if place.is_dir() else [place])]
    if not any(place.is_dir() for place in places):
        values["runs"] = str(len(seeds))
    end = time.monotonic() + float(values.get("max_total_time", 0) or 1e9)
    most = int(values.get("runs", -1))
    seconds = int(values.get("timeout", 10))
    chance = random.Random(values.get("seed", "0"))
    words = targets.words(target.name)
    signal.signal(signal.SIGALRM, _too_slow)
    done = 0
    for data in seeds:
        _one(target, data, seconds, values)
        done += 1
    while (most < 0 or done < most) and time.monotonic() < end:
        _one(target, changed(chance, seeds or [b""], words)[: target.longest], seconds, values)
        done += 1
    print(f"#{done}\tDONE plain rss: {_megabytes()}Mb", file=sys.stderr)


def changed(chance: random.Random, seeds: list[bytes], words: list[bytes]) -> bytes:
    """Return one of `seeds` with a few random changes."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(data))
        way = chance.randrange(6)
        if way == 0 and data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        elif way == 1:
            data[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 4)))
        elif way == 2:
            del data[at : at + chance.randint(1, 1 + len(data) // 4)]
        elif way == 3 and words:
            data[at:at] = chance.choice(words)
        elif way == 4:
            data[at:at] = data[at : at + chance.randint(1, 1 + len(data) // 4)]
        else:
            other = chance.choice(seeds)
            data[at:] = other[chance.randint(0, len(other)) :]
    return bytes(data)


def _one(target: Target, data: bytes, seconds: int, values: dict[str, str]) -> None:
    signal.alarm(seconds)
    try:
        target.check(data)
        if _megabytes() > int(values.get("rss_limit_mb", 0) or 10**6):
            raise MemoryError(f"{_megabytes()} MiB")
    except BaseException:
        artifact = Path(values.get("artifact_prefix", "./") + "crash-plain")
        artifact.write_bytes(data)
        print(f"fault at {data[:2000]!r}\nfault is in {artifact}", file=sys.stderr)
        traceback.print_exc()
        sys.exit(CRASHED)
    finally:
        signal.alarm(0)


def _too_slow(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TooSlow


def _megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
