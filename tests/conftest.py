"""What holds for every test: a clean environment, no silent skips in CI, one way of running property tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

IN_CI = os.environ.get("CI") == "true"

# Variables that would quietly change what the agent does: a developer's own AWS account, a proxy between a test and
# its server on loopback, a systemd that we are not a service of.
_PREFIXES = ("AWS_", "TELEPORT_", "USE_")
_NAMES = {"INVOCATION_ID", "JOURNAL_STREAM", "NOTIFY_SOCKET", "EC2_REGION", "PROXY_MULTIPLEXING", "DEBUG"}
_PROXIES = {"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"}
_OURS = "TELEPORT_BOOTSTRAP_"

for _name in list(os.environ):
    _foreign = _name.startswith(_PREFIXES) and not _name.startswith(_OURS)
    if _foreign or _name in _NAMES or _name.lower() in _PROXIES:
        del os.environ[_name]

# Must be said before hypothesis is imported. Outside the checkout: what it remembers is one machine's experience.
_cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", os.path.join(_cache, "teleport-bootstrap", "hypothesis"))

import hypothesis  # noqa: E402

# No deadlines: the machines that run this are shared, and how long an example takes says nothing there.
hypothesis.settings.register_profile("local", deadline=None, print_blob=True)
# The same examples each time: a change is judged by what it changes. Looking for new ones is what local runs do.
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True, database=None)
hypothesis.settings.load_profile("ci" if IN_CI else "local")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> object:
    """In CI, a test that is skipped has failed: nobody looks at a list of skips there."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> object:
    """The same for a whole file that skips itself while it is read."""
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report) -> None:
    # An expected failure reports itself as skipped too; that one was run.
    if not IN_CI or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"skipped, and with CI=true nothing may be: {reason}"
