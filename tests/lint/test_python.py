"""The Python files are formatted, follow the lint rules and are strictly typed, for the oldest Python we run on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


def check(*command: str) -> None:
    """Run a Python tool over the checkout; fail with what it prints if it has complaints."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(done.stdout + done.stderr or f"exit status {done.returncode}", pytrace=False)


def test_formatting() -> None:
    check("ruff", "format", "--diff", ".")  # `./dev format` does it


def test_lint_rules() -> None:
    check("ruff", "check", ".")


def test_strict_types() -> None:
    # Where root has run this before and we are not root, mypy would stop at the cache that it cannot write to.
    cache = CHECKOUT / ".mypy_cache"
    writable = os.access(cache if cache.exists() else CHECKOUT, os.W_OK)
    options = ["--python-version", "3.9", "--cache-dir", str(cache) if writable else os.devnull]
    check("mypy", *options)
    check("mypy", *options, "packaging/build.py")
    # The tests, whose parts the benchmarks use, import libraries without types.
    check("mypy", *options, "--disable-error-code", "import-untyped", "-p", "benchmarks")
    check("mypy", *options, "-p", "tests.fleet")
