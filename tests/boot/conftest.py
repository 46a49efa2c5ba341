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

from tests.boot import amazon_linux, control_groups, trees  # noqa: E402
from tests.boot import machine as machines  # noqa: E402

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


def pytest_report_header() -> list[str]:
    """Say what is particular about this host and about the tree of testing."""
    if _obstacle():
        return []
    origin = trees.origin(trees.TESTING)
    required = "required" if trees.TESTING_IS_REQUIRED else "a failure there is a finding"
    testing = f"testing: {origin or 'no tree yet'}; {required}"
    return [each for each in (control_groups.note(), testing) if each]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Count a failure on testing as expected, unless testing is required: see `trees.TESTING_IS_REQUIRED`."""
    report = yield
    release = getattr(item, "callspec", None) and item.callspec.params.get("release")
    if report.failed and report.when == "call" and release == trees.TESTING and not trees.TESTING_IS_REQUIRED:
        report.wasxfail = "a finding on testing, which does not fail the run"
        report.outcome = "skipped"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the findings on testing, which would otherwise be one letter each."""
    for report in terminalreporter.getreports("xfailed"):
        if "a finding on testing" in getattr(report, "wasxfail", ""):
            terminalreporter.section(f"FINDING on testing: {report.nodeid}", sep="_")
            terminalreporter.line(str(report.longrepr))


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
        tree = amazon_linux.tree() if release == trees.AMAZON_LINUX else trees.tree(release)
        made.append(machines.Machine(tree, name, options))
        return made[-1]

    try:
        yield make
    finally:
        for machine in made:
            try:
                print(f"---- console of {machine.name}\n{machine.console()}")
            finally:
                machine.close()
