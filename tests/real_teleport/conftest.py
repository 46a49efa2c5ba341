"""The machines of tests/boot, and one reason to skip where there is no real Teleport."""

from __future__ import annotations

import pytest

from tests.boot import conftest as boot
from tests.boot.conftest import new_machine, new_shared_machine, pytest_configure
from tests.real_teleport import binaries

pytest.register_assert_rewrite("tests.real_teleport.real")

__all__ = ["new_machine", "new_shared_machine", "pytest_configure"]


def pytest_runtest_setup() -> None:
    """Skip the whole layer at once."""
    boot.pytest_runtest_setup()
    if obstacle := binaries.obstacle():
        pytest.skip(f"tests/real_teleport: {obstacle}")
