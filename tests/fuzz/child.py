"""One process for one target: `python -m tests.fuzz.child PROGRAM TARGET [OPTIONS OF LIBFUZZER]`.

PROGRAM is what libFuzzer starts to have the same again, as it does to choose inputs; any word where it does not.

With atheris, libFuzzer runs in this process, and counts the branches of our modules and of those that the target names.
Without it, on an interpreter that it has no build for, the corpus is replayed, and then random changes of its inputs.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import sys

from tests.fuzz import plain_fuzzer, target

OURS = "teleport_bootstrap"


def main(arguments: list[str]) -> None:
    """Run a target with options and directories as libFuzzer takes them."""
    program, name, *options = arguments
    if not has_atheris():
        plain_fuzzer.run(target.load(name), options)
        return
    import atheris  # noqa: PLC0415 - not on every interpreter

    _import_at_once()
    with atheris.instrument_imports(include=[OURS, *_guided_by(name)]):
        loaded = target.load(name)
    settings = [f"-max_len={loaded.longest}", f"-dict={target.dictionary(name)}"]
    atheris.Setup([program, *settings, *options], loaded.check)
    atheris.Fuzz()


def _import_at_once() -> None:
    """Have every module run when it is imported: the fuzzer counts the branches of what loads while it watches."""
    import teleport_bootstrap  # noqa: F401, PLC0415 - which installs the finder of slow modules

    sys.meta_path[:] = [each for each in sys.meta_path if type(each).__module__ != "teleport_bootstrap.lazy_imports"]


def has_atheris() -> bool:
    """Whether this interpreter has the coverage-guided fuzzer, and may use it."""
    return importlib.util.find_spec("atheris") is not None and "TELEPORT_BOOTSTRAP_PLAIN_FUZZER" not in os.environ


def _guided_by(name: str) -> list[str]:
    """Return the other packages that the target names, without importing it."""
    tree = ast.parse((target.TARGETS / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "GUIDED_BY":
            return list(ast.literal_eval(node.value))
    return []


if __name__ == "__main__":
    main(sys.argv[1:])
