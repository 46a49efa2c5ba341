"""Modules that run at their first use instead of at their import, because they or their libraries are slow to load.

Every module of this package imports what it needs at its top, as usual. Importing one of the modules in `SLOW` only
finds it; its code runs when another module first asks it for an attribute, as in `imds.Imds`. So a command that has no
use for AWS never waits for AWS's library. To keep it so, use such a module's names in functions, not in base classes,
default values or `from … import NAME`.
"""

from __future__ import annotations

import importlib.machinery
import sys
import threading
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

# Names of modules, and of packages of which every module is meant; and the library that each waits for.
SLOW = (
    "teleport_bootstrap.aws.",  # requests, and for S3 botocore
    "teleport_bootstrap.cli.quotation",  # yaml, the variables of the conf
    "teleport_bootstrap.ec2.credentials",  # with those
    "teleport_bootstrap.ec2.imds",  # requests
    "teleport_bootstrap.host.key_pair",  # ssl
    "teleport_bootstrap.host.probe",  # http.client, ssl
    "teleport_bootstrap.plan.planner",  # most of the plan
    "teleport_bootstrap.plan.yaml_text",  # jinja2
)


_lock = threading.RLock()
_pending: dict[str, Callable[[ModuleType], None]] = {}


class _Unloaded(ModuleType):
    """A module that has not run yet. Once it has, it is an ordinary one."""

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("__"):  # such as __spec__, which every import of the module looks at
            with _lock:  # another thread waits until the module has run; the thread that runs it does not
                run = _pending.pop(self.__name__, None)
                if run is not None:
                    try:
                        run(self)
                        self.__class__ = ModuleType  # type: ignore[assignment]
                    except BaseException:
                        _pending[self.__name__] = run
                        raise
        return ModuleType.__getattribute__(self, name)


class _Finder:
    """Finds the modules in SLOW as Python does, and has them run later."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not any(name.startswith(each) if each.endswith(".") else name == each for each in SLOW):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def postpone(module: ModuleType) -> None:
            _pending[name] = run
            module.__class__ = _Unloaded

        spec.loader.exec_module = postpone  # type: ignore[method-assign]
        return spec


def install() -> None:
    """Let the modules in SLOW run at their first use from here on."""
    sys.meta_path.insert(0, _Finder())
