"""Modules that run at their first use instead of at their import, so that a command loads what it uses and no more.

Every module of this package imports what it needs at its top, as usual. Importing a module of this package, or one of
`LIBRARIES`, only notes its name; its code runs when another module first asks it for an attribute, as in `imds.Imds`.
So a command that has no use for AWS never waits for AWS's library. To keep it so, use another module's names in
functions, not in base classes, default values, constants or `from … import NAME`, unless it is needed at once anyway.

`tests/simulated/test_loaded_modules.py` holds what each command loads against a list.
"""

from __future__ import annotations

import sys
from _frozen_importlib_external import PathFinder
from _thread import RLock  # `threading` would take longer to load than all of this

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any
else:
    ModuleType = type(sys)

PACKAGE = "teleport_bootstrap."

# Of the standard library and others, those that modules import which are used for something else too.
LIBRARIES = frozenset(
    (
        *("base64", "ctypes", "curses", "datetime", "decimal", "difflib", "glob", "grp", "hashlib", "ipaddress"),
        *("jinja2", "json", "logging", "platform", "pwd", "random", "requests", "resource", "secrets", "select"),
        *("shlex", "shutil", "socket", "ssl", "struct", "subprocess", "tempfile", "textwrap", "threading"),
        *("traceback", "unicodedata", "urllib.parse", "uuid", "warnings", "yaml"),
    )
)

# What Python looks at in a module that it imports.
_OF_IMPORTS = frozenset(("__cached__", "__class__", "__file__", "__loader__", "__name__", "__package__", "__spec__"))


class _Pending:
    """What runs a module that has not run yet, and the lock of the thread that does."""

    __slots__ = ("has_begun", "lock", "run")

    def __init__(self, run: Callable[[ModuleType], None]) -> None:
        self.run, self.lock, self.has_begun = run, RLock(), False


_pending: dict[str, _Pending] = {}
_awaited: dict[str, list[Callable[[], None]]] = {}


class _Unloaded(ModuleType):
    """A module that has not run yet. Once it has, it is an ordinary one."""

    def __getattribute__(self, name: str) -> Any:
        if name not in _OF_IMPORTS:
            _run(self)
        return ModuleType.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _OF_IMPORTS:
            _run(self)
        ModuleType.__setattr__(self, name, value)

    def __dir__(self) -> list[str]:
        _run(self)
        return [*ModuleType.__dir__(self)]


def _run(module: ModuleType) -> None:
    name = ModuleType.__getattribute__(module, "__name__")
    found = _pending.get(name)
    if found is None:
        return
    with found.lock:  # other threads wait here until the module has run; the one that runs it does not
        if found.has_begun:
            return
        found.has_begun = True
        try:
            found.run(module)
        except BaseException:
            found.has_begun = False
            raise
        module.__class__ = ModuleType
        del _pending[name]
    for act in _awaited.pop(name, ()):
        act()


class _Finder:
    """Finds modules as Python does, and has them run later."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not name.startswith(PACKAGE) and name not in LIBRARIES:
            return None
        spec = PathFinder.find_spec(name, path, target)
        # A package of this program is empty; one of others is found by its parts.
        if spec is None or spec.loader is None or (name.startswith(PACKAGE) and spec.submodule_search_locations):
            return spec
        run = spec.loader.exec_module

        def postpone(module: ModuleType) -> None:
            _pending[name] = _Pending(run)
            module.__class__ = _Unloaded

        spec.loader.exec_module = postpone  # type: ignore[method-assign]
        return spec


def when_loaded(name: str, act: Callable[[], None]) -> None:
    """Run `act` once the module `name`, one of `LIBRARIES`, has run, however soon that is."""
    if name in sys.modules and name not in _pending:
        act()
    else:
        _awaited.setdefault(name, []).append(act)


def install() -> None:
    """Let modules run at their first use from here on."""
    sys.meta_path.insert(0, _Finder())
