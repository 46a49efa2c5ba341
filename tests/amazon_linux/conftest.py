"""The machines of tests/boot, and one reason to skip without the table of labels."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.boot import conftest as boot
from tests.boot.conftest import new_machine, pytest_configure

__all__ = ["new_machine", "pytest_configure"]


def pytest_runtest_setup() -> None:
    """Skip the whole layer at once."""
    boot.pytest_runtest_setup()
    if not os.path.isfile(os.environ.get("TELEPORT_BOOTSTRAP_FILE_CONTEXTS", "")):
        pytest.skip("tests/amazon_linux: no file_contexts of an SELinux policy was named")
    if shutil.which("matchpathcon") is None:
        pytest.skip("tests/amazon_linux: matchpathcon of selinux-utils is not installed")
