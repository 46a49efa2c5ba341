"""Modules that run at their first use."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.simulated.agent import CHECKOUT


def python(program: str, *paths: Path) -> str:
    """Run a program in a Python of its own, and return what it prints."""
    code = f"import sys\nsys.path[:0] = {[str(CHECKOUT), *map(str, paths)]!r}\n{textwrap.dedent(program)}"
    done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A module `slow_one` that prints when it runs, which takes a while."""
    text = 'import time\nprint("running", flush=True)\nfirst = 1\ntime.sleep(0.3)\nlast = 2\n'
    (tmp_path / "slow_one.py").write_text(text)
    return tmp_path


def test_a_slow_module_runs_once_at_its_first_use(slow: Path) -> None:
    program = """
        from teleport_bootstrap import lazy_imports
        lazy_imports.SLOW += ("slow_one",)
        import slow_one
        print("imported")
        import slow_one as again
        print(slow_one.__spec__.name)
        print(again.last, slow_one.first, type(slow_one).__name__)
    """
    assert python(program, slow).splitlines() == ["imported", "slow_one", "running", "2 1 module"]


def test_other_threads_wait_until_it_has_run(slow: Path) -> None:
    program = """
        import threading
        from teleport_bootstrap import lazy_imports
        lazy_imports.SLOW += ("slow_one",)
        import slow_one
        def use():
            sys.stdout.write(f"{slow_one.first} {slow_one.last}\\n")
        threads = [threading.Thread(target=use) for _ in range(4)]
        for each in threads: each.start()
        for each in threads: each.join()
    """
    assert python(program, slow).splitlines() == ["running", *["1 2"] * 4]


def test_a_module_that_fails_fails_at_each_use(tmp_path: Path) -> None:
    (tmp_path / "slow_one.py").write_text("import no_such_library\nvalue = 1\n")
    program = """
        from teleport_bootstrap import lazy_imports
        lazy_imports.SLOW += ("slow_one",)
        import slow_one
        for _ in range(2):
            try:
                slow_one.value
            except ImportError as error:
                print(error.name)
    """
    assert python(program, tmp_path).splitlines() == ["no_such_library"] * 2


def test_every_slow_module_exists_and_names_its_library() -> None:
    program = """
        from teleport_bootstrap import lazy_imports
        import importlib, pkgutil
        for name in lazy_imports.SLOW:
            module = importlib.import_module(name.rstrip("."))
            for each in pkgutil.iter_modules(getattr(module, "__path__", [])):
                importlib.import_module(f"{name}{each.name}")
        print(sorted({"botocore", "jinja2", "requests", "ssl"} & set(sys.modules)))
    """
    assert python(program).strip() == "[]"


def test_no_slow_library_is_loaded_with_the_modules_of_the_commands() -> None:
    program = """
        import argparse
        from teleport_bootstrap.cli import main
        main.parser()
        print(sorted({"botocore", "jinja2", "requests", "urllib3"} & set(sys.modules)))
    """
    assert python(program).strip() == "[]"
