"""What all measurements share: the builds, the simulated services, a scratch directory and the number of rounds."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from benchmarks import builds
from benchmarks.builds import Build
from benchmarks.measuring import SYSTEM_PATH, Runner, Side
from tests.simulated_ec2 import SimulatedEc2

TELEPORT_VERSION = "17.5.1"


@dataclass(frozen=True)
class Setting:
    """Where everything is measured. `before` is None where git does not have that commit."""

    runner: Runner
    this: Build
    before: Optional[Build]
    ec2: SimulatedEc2
    scratch: Path
    rounds: int
    quick: bool

    def environ(self, **more: str) -> dict[str, str]:
        """Return the whole environment of a measured command."""
        return {
            "PATH": SYSTEM_PATH,
            "HOME": str(self.scratch),
            "LC_ALL": "C.UTF-8",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{self.ec2.imds.url}/",
            "AWS_ENDPOINT_URL": self.ec2.aws.url,
            **more,
        }

    def agent(self, *arguments: str, prepare: Optional[Callable[[], None]] = None, status: int = 0) -> dict[str, Side]:
        """Return the command of both builds, by their names `this` and `before`."""
        return {
            name: Side(build.argv(*arguments), self.environ(), prepare, status)
            for name, build in (("this", self.this), ("before", self.before))
            if build is not None
        }

    def python(self, program: str) -> Side:
        """Return a program for the interpreter of this checkout, with its flags."""
        return Side((str(self.this.python), "-IB", "-c", program), self.environ())

    def root(self, name: str, conf: str) -> Path:
        """Return a new root directory with `conf`, in place of an earlier one of that name."""
        root = self.scratch / name
        shutil.rmtree(root, ignore_errors=True)
        (root / "etc/teleport.d").mkdir(parents=True)
        (root / "etc/teleport.d/conf").write_text(conf, encoding="utf-8")
        return root


@contextmanager
def make(scratch: Path, commit: str, *, rounds: int, quick: bool) -> Iterator[Setting]:
    """Make everything that measuring takes; raises measuring.Failed."""
    with ExitStack() as stack:
        this, before = builds.this_checkout(scratch), builds.before(scratch, commit)
        # Before the services, so that it stays small.
        runner = stack.enter_context(Runner())
        ec2 = stack.enter_context(SimulatedEc2())
        yield Setting(runner, this, before, ec2, scratch, rounds, quick)
