"""Run the matrix of faults: `./dev faults`, see --help."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Optional

from tests.simulated.agent import CHECKOUT
from tests.simulated.faults import cases, commands, report, workers
from tests.simulated.faults.cases import Case

PAGE = CHECKOUT / "docs" / "reliability.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev faults", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-k", metavar="PATTERN", default="", help="only cases whose name has this regular expression")
    parser.add_argument("--every", action="store_true", help="also repeated calls, and every fault also once")
    parser.add_argument("--most", type=int, metavar="N", help="not more than N cases, evenly spread")
    parser.add_argument("--minutes", type=float, metavar="N", help="begin no case after N minutes")
    parser.add_argument("--again", action="store_true", help="also run cases that have a result")
    parser.add_argument("--failed", action="store_true", help="run those again that had a problem")
    parser.add_argument("--fresh", action="store_true", help="forget the results and the calls that were found")
    parser.add_argument("--workers", type=int, default=2 * (os.cpu_count() or 1), metavar="N")
    parser.add_argument("--results", type=Path, metavar="FILE", help="default: one for this code in ~/.cache")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(CHECKOUT)} from the results")
    parser.add_argument("--list", action="store_true", help="show the cases and run none")
    arguments = parser.parse_args()
    code = "-".join(_git("rev-parse", f"HEAD:{folder}")[:8] for folder in ("teleport_bootstrap", "tests/simulated"))
    results = arguments.results or _cache() / f"{code}.jsonl"
    results.parent.mkdir(parents=True, exist_ok=True)
    hosts = results.parent / f"{results.stem}-hosts"
    if arguments.fresh:
        shutil.rmtree(hosts, ignore_errors=True)
        results.unlink(missing_ok=True)
    known = _read(results)
    # In memory where that is possible, as each run writes and brings to the disk all that a command writes.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="faults-", dir=memory) as scratch:
        os.chmod(scratch, 0o755)  # some programs run as another user
        with ProcessPoolExecutor(arguments.workers, get_context("spawn"), workers.begin, (scratch, str(hosts))) as pool:
            found, expected = _discover(pool, arguments)
            if arguments.list:
                print(*(case.name for case in found), sep="\n")
                pool.shutdown(cancel_futures=True)
                return 0
            due = {name for name, row in known.items() if row["problems"] and arguments.failed}
            todo = [case for case in found if arguments.again or case.name not in known or case.name in due]
            _run_all(pool, todo[: arguments.most], results, known, arguments.minutes)
    names = {case.name for case in found}
    rows = [row for name, row in known.items() if name in names]
    print(report.table(rows, expected))
    print(f"\nresults: {results}")
    if arguments.write:
        # The last one that changed the program.
        commit = _git("log", "-1", "--format=%h", "--", "teleport_bootstrap")
        PAGE.write_text(report.page(rows, expected, commit))
    return 1 if any(row["problems"] for row in rows) else 0


def _discover(pool: ProcessPoolExecutor, arguments: argparse.Namespace) -> tuple[list[Case], dict[str, Counter[str]]]:
    pattern = re.compile(arguments.k)
    wanted = [each for each in commands.COMMANDS if not arguments.k or _may_match(pattern, each.name)]
    futures = {each.name: pool.submit(workers.discover, each.name, arguments.every) for each in wanted}
    found: list[Case] = []
    expected: dict[str, Counter[str]] = {}
    for name, future in futures.items():
        given = future.result()
        mine = [case for case in (Case.of(each["case"]) for each in given) if pattern.search(case.name)]
        expected[name] = Counter(case.kind for case in mine)
        found += mine
        for problem in given[0]["usual"] if given else ():
            _say(f"{name}, undisturbed: {problem}")
        _say(f"{name}: {len(mine)} cases")
    return cases.spread(found), expected


def _may_match(pattern: re.Pattern[str], name: str) -> bool:
    """Whether a case of the command could match; a pattern that names one of the commands leaves the others out."""
    named = [each.name for each in commands.COMMANDS if pattern.pattern.startswith(re.escape(each.name))]
    return not named or name == max(named, key=len)


def _run_all(
    pool: ProcessPoolExecutor, todo: list[Case], results: Path, known: dict[str, Any], minutes: Optional[float]
) -> None:
    end = time.monotonic() + 60 * minutes if minutes else float("inf")
    waiting = iter(todo)
    running: set[Future[dict[str, Any]]] = set()
    done = 0
    with results.open("a") as file:
        while True:
            while len(running) < 16 and time.monotonic() < end:
                case = next(waiting, None)
                if case is None:
                    break
                running.add(pool.submit(workers.run, case.data()))
            if not running:
                return
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                row = future.result()
                known[row["name"]] = row
                file.write(json.dumps(row) + "\n")
                file.flush()
                done += 1
                for problem in row["problems"]:
                    _say(f"{row['name']}: {problem}")
                if done % 50 == 0:
                    _say(f"{done} of {len(todo)}")


def _read(results: Path) -> dict[str, Any]:
    if not results.exists():
        return {}
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    return {row["name"]: row for row in rows}


def _cache() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "teleport-bootstrap" / "faults"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.strip()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
