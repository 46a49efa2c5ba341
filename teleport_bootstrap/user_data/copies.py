"""What programs do that copy, move, link and remove files, and make directories."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from teleport_bootstrap import regex
from teleport_bootstrap.hints import TYPE_CHECKING
from teleport_bootstrap.user_data import calls, redirections, text
from teleport_bootstrap.user_data.calls import Call
from teleport_bootstrap.user_data.expansion import Expanded
from teleport_bootstrap.user_data.text import Unknowable
from teleport_bootstrap.user_data.words import Word

if TYPE_CHECKING:
    from teleport_bootstrap.user_data.shell import Reader

# Options of `cp`, `mv` and `install` with which each file is copied.
_COPYING = regex.compile(
    r"--|-[abcdfprvxDLPRTCZHgmo0-9]+|--(?:archive|recursive|force|verbose|preserve|no-deref|mode=|owner=|group=).*"
)


def _copy(reader: Reader, call: Call) -> None:
    """Follow `cp`, `mv` and `install`, as far as the conf is concerned."""
    name = call.name
    files: list[tuple[Word, Expanded]] = []
    destination: tuple[Word, Expanded] | None = None
    words = list(call.words[1:])
    is_directory = False
    while words:
        (word, each), words = words[0], words[1:]
        option = each.value or ""
        if option in ("-t", "--target-directory") and words:
            destination, words = words[0], words[1:]
        elif name == "install" and option in ("-m", "-o", "-g", "-S") and words:
            words = words[1:]
        elif name == "install" and option.startswith("-") and "d" in option and not option.startswith("--"):
            is_directory = True
        elif not option.startswith("-") or option == "-":
            files.append((word, each))
        elif not _COPYING.fullmatch(option):
            _link_or_keep(reader, call)
            return
        elif option.endswith("m") and name == "install" and not option.startswith("--"):
            words = words[1:]
    if is_directory:
        for _, each in files:
            reader.files.make_directory(_path(reader, each))
        return
    if destination is None and files:
        destination = files.pop()
    if not files:
        # One word may become several.
        calls.check_mentions(reader, call)
    if destination is not None:
        _copy_to(reader, call, files, destination)


def _link_or_keep(reader: Reader, call: Call) -> None:
    """Follow a copy of which an option says that files stay as they are, or get another name."""
    calls.check_mentions(reader, call)
    for _, each in call.words[1:]:
        path = _path(reader, each)
        reader.files.share(path)
        reader.files.forget_below(path)


def _source(reader: Reader, call: Call, name: str) -> str | None:
    """Return the path of a file that is copied; of the standard input, that of a file with its content."""
    if name != "/dev/stdin":
        return reader.path(name)
    stream = reader.files.new_stream()
    redirections.write(reader, stream, "", lambda: redirections.standard_input(reader, call), appends=False)
    return stream


def _copy_to(
    reader: Reader, call: Call, files: Sequence[tuple[Word, Expanded]], destination: tuple[Word, Expanded]
) -> None:
    name = call.name
    target, place = reader.files.target, reader.place
    to = _path(reader, destination[1])
    for word, each in files:
        path = None if each.value is None else _source(reader, call, each.value)
        goal = to
        if to is not None and (target.startswith(f"{to}/") or destination[1].text.endswith("/")):
            whole = path is None or each.text.endswith(("/", "/."))
            if whole and reader.files.may_be_conf(to, ""):
                what = f"`{name}` may write the conf among other files of {text.short(word.typed)}"
                raise Unknowable(what, place, text.HERE_DOCUMENT)
            goal = reader.path(f"{to}/{(path or '').rpartition('/')[2]}")
        if goal == target:
            if path == target:
                continue
            reader.files.check_write(goal, "", place)
            content = reader.files.content(path, place)
            reader.files.write(goal, "", content, place, appends=False)
        elif goal is None or goal != target:
            known = reader.files.read(path) if path != target or reader.files.conf() else None
            if goal is None:
                reader.files.check_write(goal, destination[0].typed, place)
            elif known is None:
                reader.files.forget(goal)
                reader.files.forget_below(to)
            else:
                reader.files.write(goal, destination[0].typed, known, place, appends=False)
        if name == "mv" and path is not None and path != goal:
            reader.files.remove(path, word.typed, place)


def _remove(reader: Reader, call: Call) -> None:
    """Follow `rm`, which leaves directories alone without an option."""
    options = "".join(word.typed for word, _ in call.words[1:] if word.typed.startswith("-"))
    is_recursive = "r" in options.replace("--force", "") or "R" in options
    for word, each in call.words[1:]:
        reader.files.remove(_path(reader, each), word.typed, reader.place, is_recursive=is_recursive)


def _make_directories(reader: Reader, call: Call) -> None:
    for _, each in call.words[1:]:
        reader.files.make_directory(_path(reader, each))


def _link(reader: Reader, call: Call) -> None:
    """Follow `ln`: what its files hold may change under another name."""
    calls.check_mentions(reader, call)
    for _, each in call.words[1:]:
        reader.files.share(_path(reader, each))


def _path(reader: Reader, name: Expanded) -> str | None:
    return None if name.value is None else reader.path(name.value)


FOLLOWED: dict[str, Callable[[Reader, Call], None]] = {
    "cp": _copy,
    "mv": _copy,
    "install": _copy,
    "rm": _remove,
    "mkdir": _make_directories,
    "ln": _link,
}
