"""Machines for tests, and one reason if this computer cannot boot any."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from collections.abc import Callable, Iterator

import pytest

# Assertions of these modules show the compared values, as in test modules.
pytest.register_assert_rewrite("tests.boot.machine", "tests.boot.observe")

from tests.boot import machine as machines  # noqa: E402
from tests.boot import trees  # noqa: E402

NewMachine = Callable[..., machines.Machine]

_numbers = itertools.count(1)
_PROGRAMS = ("debootstrap", "systemd-nspawn", "nsenter", "chroot", "mount", "umount")


def _obstacle() -> str:
    """The reason why no machine can be booted here; empty if one can."""
    if not sys.platform.startswith("linux"):
        return "booting takes Linux"
    if os.geteuid() != 0:
        return "booting takes root"
    absent = [program for program in _PROGRAMS if shutil.which(program) is None]
    return f"booting takes {', '.join(absent)}, not found here" if absent else ""


def pytest_runtest_setup() -> None:
    """Skip the whole layer if nothing can be booted; here instead of in a fixture, so that it is one line."""
    if obstacle := _obstacle():
        pytest.skip(f"tests/boot: {obstacle}")


def pytest_configure(config: pytest.Config) -> None:
    """Remove the leftovers of a killed run before workers start."""
    if not hasattr(config, "workerinput") and not _obstacle():
        machines.sweep()


@pytest.fixture
def new_machine() -> Iterator[NewMachine]:
    """A function that makes machines of a release; a failing test shows their last output."""
    yield from _make_machines()


@pytest.fixture(scope="module")
def new_shared_machine() -> Iterator[NewMachine]:
    """The same for machines that all tests of a module use one after the other."""
    yield from _make_machines()


def _make_machines() -> Iterator[NewMachine]:
    made: list[machines.Machine] = []

    def make(release: str = "bookworm", *options: str) -> machines.Machine:
        name = f"tb-{os.getpid()}-{next(_numbers)}"
        made.append(machines.Machine(trees.tree(release), name, options))
        return made[-1]

    try:
        yield make
    finally:
        for machine in made:
            try:
                print(f"---- console of {machine.name}\n{machine.console()}")
            finally:
                machine.close()
