"""One JSON note that this agent keeps on disk: read with checks, written as one step."""

from __future__ import annotations

import base64
import binascii
import collections.abc
import contextlib
import functools
import json
import os
import sys

from teleport_bootstrap import errors, json_data, log, paths, records
from teleport_bootstrap.hints import Any, Generic, Optional, TypeVar
from teleport_bootstrap.host import directory
from teleport_bootstrap.records import dataclass

logger = log.Logger(__name__)

T = TypeVar("T")

MODE = 0o600


@dataclass(frozen=True)
class StateFile(Generic[T]):
    """The note at `path`, which holds a value of `kind`: a frozen dataclass, or a hint such as dict[str, int].

    `unknown` says what cannot be decided while the note is damaged, `hint` what an operator can do about it; both go
    into the error. The note's directory is made with mode 0700 where it is missing.
    """

    path: str
    kind: Any
    unknown: str
    hint: str = "Remove the file."

    def read(self, root: paths.Root) -> T | None:
        """Return the value, None without a regular file at `path`. Raises FileTrouble for a damaged note."""
        shown = root.path(self.path)
        try:
            found = directory.read(root, self.path)
        except OSError as error:
            raise errors.FileTrouble(f"{shown} cannot be read: {error.strerror}", hint="Run as root.") from None
        if found is None:
            return None
        if found.uid not in (0, os.geteuid()):
            raise errors.FileTrouble(f"{shown} belongs to another account, so {self.unknown}", hint=self.hint)
        try:
            return self.value(found.content)
        except ValueError:
            raise errors.FileTrouble(f"{shown} is damaged, so {self.unknown}", hint=self.hint) from None

    def value(self, content: bytes) -> T:
        """Return the value that a note with this `content` holds. Raises ValueError."""
        try:
            value: T = decode(self.kind, json_data.parsed(content))
        except RecursionError:
            raise ValueError("nested too deeply") from None
        return value

    def read_or_warn(self, root: paths.Root) -> T | None:
        """Return what `read` returns, and None with a warning where it raises."""
        try:
            return self.read(root)
        except errors.FileTrouble as error:
            logger.warning("%s. %s", error.message, error.hint)
            return None

    def content(self, value: T) -> bytes:
        """Return the note for `value`. Raises FileTrouble where it would be too large to be read."""
        content = (json.dumps(encode(value), indent=1, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
        if len(content) > directory.READ_LIMIT:
            raise errors.FileTrouble(
                f"{self.path} would be larger than {directory.READ_LIMIT} bytes, the most it can be"
            )
        return content

    def write(self, root: paths.Root, value: T) -> None:
        """Replace the note as one step and make it durable; do nothing if it is the same already. Raises FileTrouble.

        Removes what an earlier writer of this note left when it was killed.
        """
        parent, name = os.path.split(self.path)
        content = self.content(value)
        with errors.file_trouble_at(root.path(self.path)):
            directory.make(root.path(parent), 0o700)
            with contextlib.closing(directory.Directory(root.path(parent))) as opened:
                found = opened.read(name)
                if found is not None and (found.content, found.mode) == (content, MODE):
                    opened.remove_staged(name)
                    opened.sync()  # an earlier run may have been killed before that
                    return
                opened.replace(name, content, mode=MODE)

    def remove(self, root: paths.Root) -> None:
        """Remove the note, where there is one, and make that durable. Raises FileTrouble."""
        parent, name = os.path.split(self.path)
        with errors.file_trouble_at(root.path(self.path)):
            try:
                opened = directory.Directory(root.path(parent))
            except FileNotFoundError:
                return
            with contextlib.closing(opened):
                if opened.exists(name):
                    opened.unlink(name)
                    opened.sync()


def encode(value: Any) -> Any:
    """Return `value` as JSON can hold it: dataclasses as objects, bytes in base64."""
    if records.is_record(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in records.fields(value)}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, collections.abc.Mapping):
        return {key: encode(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(each) for each in value]
    return value


def decode(kind: Any, data: Any) -> Any:  # noqa: PLR0911 - one for each kind
    """Return `data`, which `encode` made of a value of `kind`, as that value; raise ValueError where it is not one.

    Keys that a dataclass does not have are ignored, since a newer agent may have written them; missing ones get their
    defaults.
    """
    if kind is Any:
        return data
    origin: Any = getattr(kind, "__origin__", None)
    arguments: Any = getattr(kind, "__args__", ())
    if type(None) in arguments:
        return None if data is None else decode(next(each for each in arguments if each is not type(None)), data)
    if records.is_record(kind):
        return _decode_dataclass(kind, data)
    if origin is tuple and isinstance(data, list):
        return tuple(decode(arguments[0], each) for each in data)
    if isinstance(origin, type) and issubclass(origin, collections.abc.Mapping) and isinstance(data, dict):
        return {key: decode(arguments[1], each) for key, each in data.items()}
    if kind is bytes and isinstance(data, str):
        try:
            return base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise ValueError(str(error)) from None
    if kind is float and type(data) is int:
        try:
            return float(data)
        except OverflowError as error:
            raise ValueError(str(error)) from None
    if isinstance(kind, type) and type(data) is kind:
        return data
    raise ValueError(f"{type(data).__name__} where {kind} was expected")


def _decode_dataclass(kind: Any, data: Any) -> Any:
    if not isinstance(data, dict):
        raise ValueError(f"{type(data).__name__} where {kind.__name__} was expected")
    try:
        return kind(**{name: decode(hint, data[name]) for name, hint in _hints(kind).items() if name in data})
    except TypeError as error:
        raise ValueError(str(error)) from None


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    """Return the hint of each field; Python 3.9 cannot evaluate `X | None`, so that it is read as Optional[X]."""
    names = {name: each for base in reversed(kind.__mro__) for name, each in vars(sys.modules[base.__module__]).items()}
    names["Optional"] = Optional
    found = {}
    for field in records.fields(kind):
        hint = field.type
        text = f"Optional[{hint[: -len(' | None')]}]" if hint.endswith(" | None") else hint
        found[field.name] = eval(text, names)  # noqa: S307 - it is the text of a module of this package
    return found
