"""Builds the packages: `./dev package [deb|rpm]`. Prints where they are.

The same commit gives the same bytes, independent of user, machine, time, umask, locale and time zone.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import commit
import content
import deb
import rpm

CHECKOUT = Path(__file__).resolve().parents[1]
FORMATS = {"deb": deb.build, "rpm": rpm.build}


def main() -> int:
    """Build what the command line asks for, and return the exit status."""
    parser = argparse.ArgumentParser(prog="./dev package", description="Build the packages.")
    parser.add_argument("formats", nargs="*", metavar="deb|rpm", help="the formats to build; default: both")
    parser.add_argument(
        "--output", type=Path, default=CHECKOUT / "dist", help="the directory to write them to; default: dist/"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.formats) - set(FORMATS)
    if unknown:
        parser.error(f"unknown format {', '.join(sorted(unknown))}: it is one of {', '.join(FORMATS)}")
    try:
        for package in _packages(arguments.formats or list(FORMATS), arguments.output):
            print(package)  # noqa: T201
    except (commit.Unknown, content.Missing) as error:
        return _fail(str(error))
    except FileNotFoundError as error:
        return _fail(f"{error.filename} is missing: install the packages that `./dev package` names")
    except subprocess.CalledProcessError as error:
        return _fail(f"{error.cmd[0]} failed:\n{error.stdout}{error.stderr}")
    return 0


def _packages(formats: list[str], output: Path) -> list[Path]:
    built = commit.current(CHECKOUT)
    if built.changed:
        print("package: built with uncommitted changes, so the build cannot be reproduced", file=sys.stderr)  # noqa: T201
    source = content.Source(CHECKOUT, tuple(commit.files(CHECKOUT)), built.time)
    output.mkdir(parents=True, exist_ok=True)
    found = []
    for form in formats:
        with tempfile.TemporaryDirectory(prefix="teleport-bootstrap-package-") as scratch:
            package = FORMATS[form](source, built, Path(scratch))
            for earlier in output.glob(f"{content.NAME}[-_]*.{form}"):
                earlier.unlink()
            found.append(Path(shutil.copy(package, output)))
    return found


def _fail(message: str) -> int:
    print(f"package: {message}", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
