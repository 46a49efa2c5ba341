"""Modules that run at their first use instead of at their import, so that a command loads what it uses and no more.

Every module of this package imports what it needs at its top, as usual. Importing a module of this package, or one of
`LIBRARIES`, only notes its name; its code runs when another module first asks it for an attribute, as in `imds.Imds`.
So a command that has no use for AWS never waits for AWS's library. To keep it so, use another module's names in
functions, not in base classes, default values, constants or `from … import NAME`, unless it is needed at once anyway.

`tests/simulated/test_loaded_modules.py` holds what each command loads against a list.
"""

from __future__ import annotations

import sys
from _frozen_importlib import module_from_spec
from _frozen_importlib_external import MAGIC_NUMBER, PathFinder, SourceFileLoader, spec_from_file_location
from _thread import RLock  # `threading` would take longer to load than all of this
from marshal import loads
from posix import O_CLOEXEC, O_RDONLY, close, listdir, read, stat
from posix import open as open_descriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any
else:
    ModuleType = type(sys)

PACKAGE = "teleport_bootstrap."

_LARGEST = 96 * 1024  # of the bytecode of a module

# Of the standard library and others, those that modules import which are used for something else too. What `requests`
# imports of them is for names that are not ASCII (`idna`, `encodings.idna`) and certificates in an archive (`zipfile`).
LIBRARIES = frozenset(
    (
        *("base64", "ctypes", "curses", "datetime", "decimal", "difflib", "encodings.idna", "glob", "grp", "hashlib"),
        *("idna", "ipaddress", "jinja2", "json", "logging", "platform", "pwd", "random", "requests", "resource"),
        *("secrets", "select", "shlex", "shutil", "socket", "ssl", "struct", "subprocess", "tempfile", "textwrap"),
        *("threading", "traceback", "unicodedata", "urllib.parse", "uuid", "warnings", "yaml", "zipfile"),
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
            known = _WITHOUT_RUNNING.get(ModuleType.__getattribute__(self, "__name__"), {}).get(name)
            if known is not None:
                return known(self)
            _run(self)
        return ModuleType.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _OF_IMPORTS:
            _run(self)
        ModuleType.__setattr__(self, name, value)

    def __dir__(self) -> list[str]:
        _run(self)
        return [*ModuleType.__dir__(self)]


def _path(module: ModuleType) -> Any:
    """Return where the parts of a library are, which Python asks for where a name is imported from it."""
    return ModuleType.__getattribute__(module, "__path__")


def _version(module: ModuleType) -> Any:
    """Return the version of a library that keeps it in a part of its own, without running the rest."""
    name = ModuleType.__getattribute__(module, "__name__")
    spec = PathFinder.find_spec(f"{name}.version", _path(module))
    if spec is not None and spec.loader is not None:
        part = module_from_spec(spec)
        spec.loader.exec_module(part)
        return part.__version__
    _run(module)
    return module.__version__


def _function(module: ModuleType) -> Callable[..., Any]:
    """Return `version` of importlib.metadata, which runs that module when it is called."""

    def version(*arguments: Any, **named: Any) -> Any:
        _run(module)
        return module.version(*arguments, **named)

    return version


# What others import by a name that they then have no use for: `requests` asks what guesses encodings for its version,
# and urllib3 takes the function that it would call for HTTP/2.
_WITHOUT_RUNNING: dict[str, dict[str, Callable[[ModuleType], Any]]] = {
    "chardet": {"__path__": _path, "__version__": _version},
    "charset_normalizer": {"__path__": _path, "__version__": _version},
    "importlib.metadata": {"__path__": _path, "version": _function},
}


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


def run_pending() -> None:
    """Run every module that was imported and has not run yet; for a command before it starts threads that share them.

    Two threads could wait for each other for ever: each runs a module that needs the one that the other runs. Python
    finds that out for its own locks only.
    """
    tried = {*_WITHOUT_RUNNING}
    while names := [each for each in _pending if each not in tried]:
        for name in names:
            tried.add(name)
            try:  # noqa: SIM105 - contextlib would be loaded for it
                _run(sys.modules[name])
            except (ImportError, KeyError):
                pass  # a library that is missing is reported by what needs it


class _Loader(SourceFileLoader):
    """Python's own, which first looks for bytecode where the packages have it, in half the time."""

    def get_code(self, fullname: str) -> Any:
        """Return the code of the module. Where there is no bytecode of just this source, Python does it."""
        try:
            source = stat(self.path)
            descriptor = open_descriptor(_cached(self.path), O_RDONLY | O_CLOEXEC)
            try:
                data = read(descriptor, _LARGEST)
            finally:
                close(descriptor)
        except OSError:
            return super().get_code(fullname)
        # As Python checks it: its release, no flags, the time and the size of the source (PEP 552).
        newest = (int(source.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little")
        head = MAGIC_NUMBER + bytes(4) + newest + (source.st_size & 0xFFFFFFFF).to_bytes(4, "little")
        if data[:16] != head or len(data) == _LARGEST:
            return super().get_code(fullname)
        return loads(memoryview(data)[16:])  # noqa: S302 - as Python does for each module


def _cached(path: str) -> str:
    directory, _, file = path.rpartition("/")
    return f"{directory}/__pycache__/{file[:-3]}.{sys.implementation.cache_tag}.pyc"


_listings: dict[str, frozenset[str]] = {}


def _own(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """Find a module of this package as Python would, with one look at each directory."""
    if path is not None and len(path) == 1:
        directory, file = path[0], f"{name.rpartition('.')[2]}.py"
        if directory not in _listings:
            try:
                _listings[directory] = frozenset(listdir(directory))
            except OSError:  # of an archive
                _listings[directory] = frozenset()
        if file in _listings[directory]:
            whole = f"{directory}/{file}"
            spec = spec_from_file_location(name, whole, loader=_Loader(name, whole), submodule_search_locations=None)
            if spec is not None:
                spec.cached = _cached(whole)
            return spec
    return PathFinder.find_spec(name, path)


class _Finder:
    """Finds modules as Python does, and has them run later."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name.startswith(PACKAGE):
            spec = _own(name, path)
        elif name in LIBRARIES or name in _WITHOUT_RUNNING:
            spec = PathFinder.find_spec(name, path, target)
        else:
            return None
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
