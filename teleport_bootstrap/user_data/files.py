"""The files that a script writes, the conf among them, and on which conditions it does."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

from teleport_bootstrap.finding import Finding, Place
from teleport_bootstrap.user_data import text
from teleport_bootstrap.user_data.text import Line, Text, Unknowable, Write

_DIRECTORY = "teleport.d"
_STREAM = "\0"
_NOTHING = "/dev/null"
_MOST_STEPS = 50_000_000
_MOST = 4 * 1024 * 1024


class Files:
    """What files hold as far as the script has been followed."""

    def __init__(self, target: str, before: tuple[Write, ...], findings: list[Finding]) -> None:
        self.target = target
        # cloud-init runs scripts in the root directory; None where that is not known any more.
        self.directory: str | None = "/"
        # Each has its words, and whether the conf cannot be known where it is written on this condition.
        self.conditions: list[tuple[str, bool]] = []
        # Where the commands that are followed print and read, None where that is of no interest or not known.
        self.output: str | None = None
        self.input: str | None = None
        self.is_input_read = False
        # How many of `$(...)` are being followed, and whether one of them has to do with the conf.
        self.capturing = 0
        self.is_conf_touched = False
        self._streams = 0
        self._depths: dict[str, int] = {}
        self._reasons: dict[str, Unknowable] = {}
        self._contents: dict[str, tuple[Write, ...] | None] = {target: before, _NOTHING: ()}
        self._unsure: dict[str, str] = {}
        # Files with several names, and whether the directory of the conf has not been removed.
        self._shared: set[str] = set()
        self._has_directory = True
        # Files to which what is followed prints, each with whether that appends.
        self.opened: list[tuple[str | None, bool]] = []
        self._findings = findings
        self._may_have_ended: Place | None = None
        # The files that were read and written, in order, each with whether it was written.
        self.accesses: list[tuple[str, bool]] = []
        self._size = 0
        self._steps = 0

    def add(self, others: Mapping[str, tuple[Write, ...]]) -> None:
        """Take what other files hold when the script begins."""
        self._contents.update(others)

    def new_stream(self) -> str:
        """Return the name of a new pipe."""
        self._streams += 1
        name = f"{_STREAM}{self._streams}"
        self._contents[name] = ()
        self._depths[name] = len(self.conditions)
        return name

    def state(self) -> dict[str, tuple[Write, ...] | None]:
        """Return what all files hold."""
        return dict(self._contents)

    def restore(self, state: dict[str, tuple[Write, ...] | None]) -> None:
        """Have files hold what they did; of those that have changed since, it is not known."""
        changed = {name: None for name, content in self._contents.items() if state.get(name, content) != content}
        self._contents = {**self._contents, **state, **changed}

    def check_open(self, path: str | None, place: Place, *, appends: bool) -> None:
        """Raise Unknowable for a write to the conf while commands around print to it, each at its own position."""
        if any(path == each and not (appends and is_appended) for each, is_appended in self.opened):
            if path == self.target:
                raise Unknowable("the conf is written here while it is open for the group of this command", place)
            self.forget(path)

    def spend(self, steps: int, place: Place) -> None:
        """Count what looking for patterns takes. Raises Unknowable where that would take too long."""
        self._steps += steps
        if self._steps > _MOST_STEPS:
            raise Unknowable("the script changes more with `sed` than is followed here", place, text.HERE_DOCUMENT)

    def check_together(self, starts: Sequence[int], place: Place) -> None:
        """Raise Unknowable where one command of a pipeline reads the conf and another one writes it meanwhile.

        `starts` has how many of the accesses were there when each of them began. Of other files, forget what they hold.
        """
        ends = [*starts[1:], len(self.accesses)]
        pieces = [set(self.accesses[start:end]) for start, end in zip(starts, ends)]
        for one in pieces:
            for path in {path for path, is_write in one if not is_write}:
                if any((path, True) in other for other in pieces if other is not one):
                    if path == self.target:
                        what = "one command of a pipeline reads the conf while another one writes it"
                        raise Unknowable(what, place, "write to another file first, and move it there")
                    self.forget(path)

    def end_input(self) -> None:
        """After a command that has read the standard input, nothing is left of it."""
        if self.is_input_read and self.input is not None:
            self.replace(self.input, ())
        self.is_input_read = False

    def replace(self, path: str, content: tuple[Write, ...]) -> None:
        """Have a pipe or file that is read hold what is left of it."""
        if path.startswith(_STREAM):
            self._contents[path] = content

    def conf(self) -> tuple[Write, ...]:
        """Return what the conf holds."""
        return self._contents[self.target] or ()

    def may_end(self, place: Place) -> None:
        """Note that the script ends at `place` on a condition."""
        self._may_have_ended = self._may_have_ended or place

    def may_be_conf(self, path: str | None, typed: str) -> bool:
        """Whether a path is the conf or one of its directories, or may be where it is not known."""
        if path is None:
            return _DIRECTORY in typed
        return path == self.target or (path != "/" and self.target.startswith(f"{path}/"))

    def read(self, path: str | None) -> tuple[Write, ...] | None:
        """Return what a file holds, None where that is not known."""
        return self._contents.get(path) if path is not None and path not in self._shared else None

    def content(self, path: str | None, place: Place) -> tuple[Write, ...]:
        """Return what a file holds, to be written to the conf. Raises Unknowable."""
        found = self.read(path)
        if path is not None and path != _NOTHING and not path.startswith(_STREAM):
            self.accesses.append((path, False))
        if path not in (None, _NOTHING) and any(path == each for each, _ in self.opened):
            what = f"a command reads {text.short(path or '')} while it writes it"
            raise Unknowable(what, place, "write to another file first, and move it there")
        if found is None:
            what = f"the conf is made of {text.short(path or 'a file')}, whose content this script does not tell"
            if path is None or path.startswith(_STREAM):
                what = "the conf comes from something that only running the script tells"
            raise self._reasons.get(path or "", Unknowable(what, place, text.HERE_DOCUMENT))
        if path in self._unsure and not (path or "").startswith(_STREAM):
            what = f"{text.short(path or '')} was written inside {self._unsure[path]}, and is read as if that ran"
            self._findings.append(text.warning(what, place))
        return found

    def as_script(self, path: str | None) -> Text | None:
        """Return a file that this script has written, to be followed as one; None where it is not known."""
        found = self.read(path)
        if not found:
            return None
        lines = tuple(line for write in found for line in write.lines)
        return Text(found[0].path, lines)

    def check_write(self, path: str | None, typed: str, place: Place) -> None:
        """Raise Unknowable where the conf cannot be known after a write to `path` here."""
        if path is None and _DIRECTORY in typed:
            what = f"`{text.short(typed)}` may be the conf, which only running the script tells"
            raise Unknowable(what, place, f"write {self.target} as it is")
        if path != self.target:
            return
        if not self._has_directory:
            what = "the directory of the conf was removed before, so that nothing can be written to it here"
            raise Unknowable(what, place, f"make it again: mkdir -p {posixpath.dirname(self.target)}")
        if self.capturing:
            self.is_conf_touched = True
            raise Unknowable("a command in `$(...)` writes the conf, which is not followed here", place)
        never = next((each for each, is_never in self.conditions if is_never), None)
        if never is not None:
            what = f"the conf is written inside {never}, so that only running the script tells what is in it"
            raise Unknowable(what, place, text.HERE_DOCUMENT)
        said = self.conditions[-1][0] if self.conditions else None
        if said is not None:
            what = f"the conf is written inside {said}, and read here as if that runs"
            self._findings.append(text.warning(what, place))
        if self._may_have_ended is not None:
            what = f"line {self._may_have_ended.line} may end the script before the conf is written here"
            self._findings.append(text.warning(what, place))
            self._may_have_ended = None

    def write(self, path: str | None, typed: str, content: tuple[Write, ...], place: Place, *, appends: bool) -> None:
        """Write to a file, at the place `place` of the script. Raises Unknowable."""
        self.check_write(path, typed, place)
        if path == _NOTHING:
            return
        self.accesses += [(path, True)] if path is not None and not path.startswith(_STREAM) else []
        if path is None:
            if self._may_match(typed):
                what = f"`{text.short(typed)}` is known only when it runs, and is read as another file than the conf"
                self._findings.append(text.warning(what, place, f"write {self.target} as it is"))
            return
        # Where nothing has written the file before, it may be one of the image.
        before: tuple[Write, ...] | None = self._contents.get(path) if appends else ()
        self._size += sum(len(line.text) + 1 for write in content for line in write.lines)
        if self._size > _MOST:
            raise Unknowable("the script writes more than is followed here", place)
        self._contents[path] = None if before is None else text.joined(before, content)
        if not appends:
            self._unsure.pop(path, None)
        conditions = self.conditions[self._depths.get(path, 0) :]
        if path != self.target and conditions:
            self._unsure[path] = conditions[-1][0]
            if path.startswith(_STREAM) or any(is_never for _, is_never in conditions):
                self._contents[path] = None

    def change(self, path: str, content: tuple[tuple[str, tuple[Line, ...]], ...], place: Place) -> None:
        """Change what a file holds, each write of it by itself. Raises Unknowable."""
        self.write(path, path, tuple(Write(origin, lines) for origin, lines in content), place, appends=False)

    def forget(self, path: str | None, reason: Unknowable | None = None) -> None:
        """From now on, it is not known what a file holds, for a reason."""
        if path is not None and path not in (self.target, _NOTHING):
            self._contents[path] = None
            if reason is not None:
                self._reasons.setdefault(path, reason)

    def remove(self, path: str | None, typed: str, place: Place, *, is_recursive: bool = True) -> None:
        """Remove a file, or a directory with all that is in it. Raises Unknowable."""
        if not is_recursive and path is not None and path != self.target and self.may_be_conf(path, typed):
            return
        if self.may_be_conf(path, typed):
            self.check_write(self.target, typed, place)
            if path is None:
                self.check_write(path, typed, place)
            self._contents[self.target] = ()
            self._has_directory = path == self.target
        elif path is not None:
            for each in [each for each in self._contents if each == path or each.startswith(f"{path}/")]:
                del self._contents[each]

    def make_directory(self, path: str | None) -> None:
        """Make a directory, and those above it where they are missing."""
        self._has_directory |= path is None or self.target.startswith(f"{path}/")

    def forget_below(self, path: str | None) -> None:
        """From now on, it is not known what the files of a directory hold."""
        for each in [each for each in self._contents if path is not None and each.startswith(f"{path}/")]:
            self.forget(each)

    def share(self, path: str | None) -> None:
        """From now on, a file has another name, so that it may change with each command."""
        if path is not None:
            self._shared.add(path)
            self.forget(path)

    def _may_match(self, typed: str) -> bool:
        """Whether a name with parts that are not known may be that of the conf."""
        last = posixpath.basename(typed)
        return "$" in last or "`" in last or last == posixpath.basename(self.target)
