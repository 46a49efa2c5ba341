"""Rules for all tests: clean environment and signals, no silent skips in CI, one way of running property tests."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import signals

IN_CI = os.environ.get("CI") == "true"

# Variables that would silently change the agent's behavior: a developer's AWS account, a proxy between a test and its
# server on loopback, a systemd of which the test is not a service.
_PREFIXES = ("AWS_", "TELEPORT_", "USE_")
_NAMES = {"INVOCATION_ID", "JOURNAL_STREAM", "NOTIFY_SOCKET", "EC2_REGION", "PROXY_MULTIPLEXING", "DEBUG"}
_PROXIES = {"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"}
_OURS = "TELEPORT_BOOTSTRAP_"

for _name in list(os.environ):
    _foreign = _name.startswith(_PREFIXES) and not _name.startswith(_OURS)
    if _foreign or _name in _NAMES or _name.lower() in _PROXIES:
        del os.environ[_name]

signals.reset_inherited()

# Must be set before hypothesis is imported. Outside the checkout, since it belongs to one machine.
_cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", os.path.join(_cache, "teleport-bootstrap", "hypothesis"))

import hypothesis  # noqa: E402

# No deadlines: on shared machines the time of an example varies.
hypothesis.settings.register_profile("local", deadline=None, print_blob=True)
# In CI the same examples each time, so that only a change can fail; local runs look for new ones.
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True, database=None)
hypothesis.settings.load_profile("ci" if IN_CI else "local")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the table of confs be renewed, see tests/cases/README.md."""
    parser.addoption("--rewrite-cases", action="store_true", help="write what the code gives now into tests/cases")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> object:
    """In CI, a skipped test fails."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> object:
    """The same for a file that skips itself while it is imported."""
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report) -> None:
    # An expected failure is also reported as skipped, but it ran.
    if not IN_CI or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"skipped, and with CI=true nothing may be: {reason}"


@pytest.fixture(autouse=True)
def _no_secrets_of_other_tests() -> None:
    """A process masks every secret that it has met, and keeps what it has logged; tests share one."""
    # Not at the top: the package reads the environment, which is only clean by now.
    from teleport_bootstrap import remarks, secret  # noqa: PLC0415

    secret.forget()
    remarks.forget()


@pytest.fixture(autouse=True)
def _no_logging_of_other_tests() -> Iterator[None]:
    """A command that a test runs in this process says where records go, and which; tests share one process."""
    yield
    from teleport_bootstrap import log  # noqa: PLC0415
    from teleport_bootstrap.host import journal  # noqa: PLC0415

    logger = logging.getLogger("teleport_bootstrap")
    logger.propagate, logger.handlers = True, []
    logger.setLevel(logging.NOTSET)
    log.set_level(0)
    log.write_with(None)
    journal._prepared.clear()
