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
        lazy_imports.LIBRARIES |= {"slow_one"}
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
        lazy_imports.LIBRARIES |= {"slow_one"}
        import slow_one
        def use():
            sys.stdout.write(f"{slow_one.first} {slow_one.last}\\n")
        threads = [threading.Thread(target=use) for _ in range(4)]
        for each in threads: each.start()
        for each in threads: each.join()
    """
    assert python(program, slow).splitlines() == ["running", *["1 2"] * 4]


def test_threads_do_not_wait_for_each_other_where_all_modules_have_run(tmp_path: Path) -> None:
    for name, other in (("slow_one", "slow_two"), ("slow_two", "slow_one")):
        text = f"import time\nimport {other}\ntime.sleep(0.3)\ngetattr({other}, 'value', 0)\nvalue = 1\n"
        (tmp_path / f"{name}.py").write_text(text)
    program = """
        import threading
        from teleport_bootstrap import lazy_imports
        lazy_imports.LIBRARIES |= {"slow_one", "slow_two", "no_such_library"}
        import slow_one, slow_two
        lazy_imports.run_pending()
        threads = [threading.Thread(target=getattr, args=(each, "value"), daemon=True) for each in (slow_one, slow_two)]
        for each in threads: each.start()
        for each in threads: each.join(5)
        print([each.is_alive() for each in threads], list(lazy_imports._pending))
    """
    assert python(program, tmp_path).split() == ["[False,", "False]", "[]"]


def test_a_module_that_fails_fails_at_each_use(tmp_path: Path) -> None:
    (tmp_path / "slow_one.py").write_text("import no_such_library\nvalue = 1\n")
    program = """
        from teleport_bootstrap import lazy_imports
        lazy_imports.LIBRARIES |= {"slow_one"}
        import slow_one
        for _ in range(2):
            try:
                slow_one.value
            except ImportError as error:
                print(error.name)
    """
    assert python(program, tmp_path).splitlines() == ["no_such_library"] * 2


def test_a_module_that_is_changed_from_outside_runs_before(slow: Path) -> None:
    program = """
        from teleport_bootstrap import lazy_imports
        lazy_imports.LIBRARIES |= {"slow_one"}
        import slow_one
        slow_one.last = 5
        print(slow_one.last, slow_one.first, "first" in dir(slow_one))
    """
    assert python(program, slow).splitlines() == ["running", "5 1 True"]


def test_the_document_and_the_names_of_a_module_are_its_own(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / f"slow_{name}.py").write_text('"""What it is."""\nvalue = 1\n')
    program = """
        from teleport_bootstrap import lazy_imports
        lazy_imports.LIBRARIES |= {"slow_one", "slow_other"}
        import slow_one, slow_other
        print(slow_one.__doc__, sorted(name for name in vars(slow_other) if not name.startswith("_")))
    """
    assert python(program, tmp_path).splitlines() == ["What it is. ['value']"]


def test_a_package_runs_before_its_parts(tmp_path: Path) -> None:
    (tmp_path / "slow_one").mkdir()
    (tmp_path / "slow_one" / "__init__.py").write_text("from slow_one.part import value\n")
    (tmp_path / "slow_one" / "part.py").write_text("value = 1\n")
    program = """
        from teleport_bootstrap import lazy_imports
        lazy_imports.LIBRARIES |= {"slow_one"}
        import slow_one
        print("slow_one.part" in sys.modules)
        import slow_one.part
        print(slow_one.value, slow_one.part.value)
    """
    assert python(program, tmp_path).splitlines() == ["False", "1 1"]


def test_two_threads_that_load_each_others_modules_end(tmp_path: Path) -> None:
    """A thread that runs a module holds back only those that need this one."""
    for name, other in (("one", "two"), ("two", "three"), ("three", "four")):
        (tmp_path / f"slow_{name}.py").write_text(
            f"import time\nimport slow_{other}\ntime.sleep(0.1)\nvalue = slow_{other}.value + 1\n"
        )
    (tmp_path / "slow_four.py").write_text("value = 1\n")
    program = """
        import threading
        from teleport_bootstrap import lazy_imports
        lazy_imports.LIBRARIES |= {"slow_one", "slow_two", "slow_three"}
        import slow_one, slow_two, slow_three
        found = []
        threads = [threading.Thread(target=lambda each=each: found.append(each.value), daemon=True)
                   for each in (slow_one, slow_three, slow_two, slow_one)]
        for each in threads: each.start()
        for each in threads: each.join(20)
        print(sorted(found))
    """
    assert python(program, tmp_path).strip() == "[2, 3, 4, 4]"


def test_issue_16_start_requests_loads_nothing_that_it_has_no_use_for() -> None:
    program = """
        from teleport_bootstrap import lazy_imports
        import requests
        requests.Session()
        import charset_normalizer, importlib.metadata
        for name in ("idna", "zipfile", "charset_normalizer", "importlib.metadata"):
            print(name, name in lazy_imports._pending)
        print("charset_normalizer.api" in sys.modules, "idna.core" in sys.modules)
    """
    assert python(program).splitlines() == [
        *("idna True", "zipfile True", "charset_normalizer True", "importlib.metadata True"),
        "False False",
    ]


def test_what_requests_imports_for_a_name_runs_when_it_is_used() -> None:
    program = """
        import teleport_bootstrap, requests, charset_normalizer
        from importlib.metadata import version
        print(charset_normalizer.__version__ == version("charset-normalizer"))
        print(version("requests") == version("requests") == requests.__version__)
        answer = requests.Response()
        answer._content = "Grüße aus dem Süden, mit größter Mühe überbracht".encode("utf-8")
        print(answer.apparent_encoding, answer.text.split(",")[0])
        print(charset_normalizer.__version__ == charset_normalizer.version.__version__)
        print("bücher.example".encode("idna"))
    """
    assert python(program).splitlines() == [
        *("True", "True", "utf-8 Grüße aus dem Süden", "True"),
        "b'xn--bcher-kva.example'",
    ]


def test_a_library_that_keeps_no_version_beside_itself_runs_for_it(tmp_path: Path) -> None:
    (tmp_path / "chardet").mkdir()
    (tmp_path / "chardet" / "__init__.py").write_text('print("running")\n__version__ = "4.0"\n')
    program = """
        import teleport_bootstrap
        from chardet import __version__
        import chardet
        print(__version__, chardet.__version__)
    """
    assert python(program, tmp_path).splitlines() == ["running", "4.0 4.0"]


def test_a_module_of_the_package_that_does_not_exist_is_missing_at_its_import() -> None:
    program = """
        import teleport_bootstrap
        for name in ("gone", "host.gone", "gone.errors"):
            try:
                __import__(f"teleport_bootstrap.{name}")
            except ModuleNotFoundError as error:
                print(error.name)
        from teleport_bootstrap import errors
        print(errors.__file__ == errors.__spec__.origin, errors.__cached__.startswith(errors.__file__[:-9]))
    """
    assert python(program).splitlines() == [
        *(f"teleport_bootstrap.{name}" for name in ("gone", "host.gone", "gone")),
        "True True",
    ]


def test_bytecode_counts_only_for_its_source(tmp_path: Path) -> None:
    """As everywhere in Python: what is older, broken, too large or missing is made again from the source."""
    package = tmp_path / "teleport_bootstrap"
    package.mkdir()
    for name in ("__init__.py", "lazy_imports.py"):
        (package / name).write_text((CHECKOUT / "teleport_bootstrap" / name).read_text())
    program = """
        import importlib, os, py_compile
        directory = sys.path[1]
        sys.path[:2] = [directory]
        import teleport_bootstrap
        assert teleport_bootstrap.__file__.startswith(directory)
        def given(name, text, spoil=None, then=None):
            path = f"{directory}/teleport_bootstrap/{name}.py"
            with open(path, "w") as file:
                file.write(text)
            cached = py_compile.compile(path)
            if spoil is not None:
                with open(cached, "r+b") as file:
                    spoil(file)
            if then is not None:
                with open(path, "w") as file:
                    file.write(then)
                os.utime(path, (1, 1))
            module = importlib.import_module(f"teleport_bootstrap.{name}")
            print(name, module.value, module.__cached__ == cached, module.__spec__.loader.get_filename() == path)
        given("fresh", "value = 1")
        given("other_time", "value = 1", then="value = 2")
        given("other_size", "value = 1", then="value = 22")
        given("other_release", "value = 1", lambda file: file.write(b"xxxx"))
        given("cut_off", "value = 1", lambda file: file.truncate(3))
        given("checked_hash", "value = 1", lambda file: (file.seek(4), file.write(bytes([3]))), "value = 2")
        given("large", f"value = len({'x' * 200_000!r})")
        given("gone", "value = 1", lambda file: os.remove(file.name))
    """
    assert python(program, tmp_path).splitlines() == [
        *("fresh 1 True True", "other_time 2 True True", "other_size 22 True True", "other_release 1 True True"),
        *("cut_off 1 True True", "checked_hash 2 True True", "large 200000 True True", "gone 1 True True"),
    ]


def test_each_library_exists() -> None:
    program = """
        from teleport_bootstrap import lazy_imports
        import importlib.util
        print([name for name in lazy_imports.LIBRARIES if importlib.util.find_spec(name) is None])
    """
    assert python(program).strip() == "[]"


def test_every_module_of_the_package_can_run_first() -> None:
    """One that needs another at its top finds it ready, whichever is used first."""
    program = """
        import importlib, os, pkgutil
        import teleport_bootstrap
        failed, tried = [], 0
        for each in pkgutil.walk_packages(teleport_bootstrap.__path__, "teleport_bootstrap."):
            if each.name.endswith("__main__"):
                continue
            child = os.fork()
            if not child:
                dir(importlib.import_module(each.name))
                os._exit(0)
            failed += [each.name] if os.waitpid(child, 0)[1] else []
            tried += 1
        print(failed, tried > 250)
    """
    assert python(program).strip() == "[] True"
