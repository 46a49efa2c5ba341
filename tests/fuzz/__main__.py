"""`./dev fuzz`: run targets by hand, show what they found, and with `--write` keep the corpora and the figures."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from tests.fuzz import corpus, figures, process, target


def main() -> int:
    """Return 0 when no target found a fault."""
    arguments = parser().parse_args()
    if arguments.list:
        for name in target.names():
            print(f"{name:18} {target.load(name).thought}")
        return 0
    unknown = set(arguments.targets) - set(target.names())
    if unknown:
        print(f"no such target: {', '.join(sorted(unknown))}; `./dev fuzz --list` names them", file=sys.stderr)
        return 2
    if arguments.input:
        return max(process.replay(name, arguments.input) for name in arguments.targets or target.names())
    results = [_fuzz(name, arguments) for name in arguments.targets or target.names()]
    if arguments.write:
        figures.write(results)
    return int(any(each.fault for each in results))


def _fuzz(name: str, arguments: argparse.Namespace) -> process.Result:
    place = arguments.work / name
    place.mkdir(parents=True, exist_ok=True)
    for path in corpus.files(name):
        shutil.copy(path, place / path.name)
    result = process.run(name, place, seconds=arguments.minutes * 60, artifacts=arguments.work / f"{name}-")
    print(result.line(), flush=True)
    if result.fault:
        print(f"{result.output}\n{name}: a fault; run it again with `./dev fuzz {name} --input {result.fault}`")
    elif arguments.write:
        corpus.replace(name, process.useful(name, place))
    return result


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev fuzz", description="Fuzz the ways into the program.", allow_abbrev=False
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all by default, one after the other")
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target (default: 1)")
    parser.add_argument("--input", type=Path, metavar="FILE", help="run this one input instead, and show what it does")
    parser.add_argument(
        "--write", action="store_true", help="keep the useful inputs, and write docs/fuzzing.md's figures"
    )
    parser.add_argument("--list", action="store_true", help="name the targets and what each of them checks")
    parser.add_argument("--work", type=Path, default=_work(), help="where inputs are kept between runs (%(default)s)")
    return parser


def _work() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "teleport-bootstrap" / "fuzz"


if __name__ == "__main__":
    sys.exit(main())
