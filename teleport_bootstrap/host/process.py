"""Run other programs."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from teleport_bootstrap import escaping, masking
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import child
from teleport_bootstrap.records import dataclass

# In the environment of every program, because some messages are parsed.
_ENGLISH = {"LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}

# For what is asked of a program in one line or a few, such as a version or the properties of some units.
SHORT = 256 * 1024
# For what grows with a cluster or a configuration.
LONG = 4 * 1024 * 1024

TOO_LONG = 124
TOO_MUCH = 125
NOT_RUN = 127
_OURS = {TOO_LONG: "did not end in time", TOO_MUCH: "printed too much and was ended", NOT_RUN: "could not be run"}


@dataclass(frozen=True)
class Finished:
    """A program that has ended.

    `status` is 127 where it could not be run, 124 where it took too long, and 125 where it printed too much.
    """

    argv: tuple[str, ...]
    status: int
    output: str
    errors: str

    @property
    def ok(self) -> bool:
        """Whether it ended with status 0."""
        return self.status == 0

    def describe(self) -> str:
        """Return one line: the command, how it ended, and the last line of its output."""
        lines = [line.strip() for line in (self.errors or self.output).splitlines() if line.strip()]
        return f"`{' '.join(self.argv)}` {self.ending}" + (
            f": {escaping.one_line(masking.mask_foreign(lines[-1]))}" if lines else ""
        )

    @property
    def ending(self) -> str:
        """How it ended, as the rest of a sentence that begins with its name."""
        return _OURS.get(self.status) or ended_by(self.status)


@dataclass(frozen=True)
class Excerpt:
    """The first part of a program's output; `cut` says whether there was more, `trouble` what failed."""

    text: str
    cut: bool = False
    trouble: str = ""


def ended_by(status: int) -> str:
    """Return how a program ended, as the rest of a sentence; a negative `status` is the number of a signal."""
    if status >= 0:
        return f"ended with status {status}"
    # Real-time signals have no names.
    named = {int(each): each.name for each in signal.Signals}
    return f"was ended by {named.get(-status, f'signal {-status}')}"


def run(
    argv: Sequence[str],
    *,
    most_bytes: int,
    timeout_seconds: float,
    environ: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    ids: tuple[int, int] | None = None,
    pass_fds: tuple[int, ...] = (),
) -> Finished:
    """Run `argv` without a shell; return how it ended, never raise.

    The locale is English, because some messages are parsed. A program that prints more than `most_bytes` to standard
    output or to standard error, or runs longer than `timeout_seconds`, is ended, and so is what it started. Escape
    sequences for terminals are removed from what it prints. `environ` is the rest of its environment, by default that
    of this process. `stdin` is its standard input. `ids` are the user and the group that it runs as, without any other
    group. `pass_fds` are descriptors that it gets.
    """
    more: dict[str, Any] = {} if ids is None else {"user": ids[0], "group": ids[1], "extra_groups": []}
    more["pass_fds"] = pass_fds
    more["env"] = {**(os.environ if environ is None else environ), **_ENGLISH}
    done = _run(argv, given=stdin, stderr=subprocess.PIPE, most_bytes=most_bytes, seconds=timeout_seconds, more=more)
    if isinstance(done, str):
        return Finished(tuple(argv), NOT_RUN, "", done)
    if done.limit is child.Limit.TIME:
        return Finished(tuple(argv), TOO_LONG, "", f"no end after {timeout_seconds:.0f} s")
    if done.limit is child.Limit.SIZE:
        return Finished(tuple(argv), TOO_MUCH, "", f"more than {most_bytes} bytes")
    return Finished(tuple(argv), done.status, _text(done.output), _text(done.errors))


def excerpt(argv: Sequence[str], *, most_bytes: int, timeout_seconds: float, is_plain: bool = True) -> Excerpt:
    """Run `argv` without input, and return whole lines of its output, at most `most_bytes`; never raise.

    As `run`, but a program that prints more, or takes longer, is not in error: its output until then is returned.
    With `is_plain` off, escape sequences stay in it, for a caller that shows them escaped.
    """
    decode = _text if is_plain else _decoded
    more = {"env": {**os.environ, **_ENGLISH}}
    done = _run(argv, given=b"", stderr=subprocess.DEVNULL, most_bytes=most_bytes, seconds=timeout_seconds, more=more)
    if isinstance(done, str):
        return Excerpt("", trouble=f"`{argv[0]}` could not be run: {done}")
    if done.limit is None:
        trouble = f"`{argv[0]}` {ended_by(done.status)}" if done.status != 0 and not done.output else ""
        return Excerpt(decode(done.output), trouble=trouble)
    # Half a line could be half a secret, which redaction would not recognize.
    kept = done.output[:most_bytes]
    whole = decode(kept[: kept.rfind(b"\n") + 1])
    is_late = done.limit is child.Limit.TIME
    return Excerpt(whole, cut=True, trouble=f"`{argv[0]}` did not end in time" if is_late else "")


def _run(
    argv: Sequence[str], *, given: bytes, stderr: int, most_bytes: int, seconds: float, more: dict[str, Any]
) -> child.Outcome | str:
    """Return how `argv` ended, or why it could not be run."""
    stdin = subprocess.PIPE if given else subprocess.DEVNULL
    try:
        started = subprocess.Popen(
            argv, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, start_new_session=True, **more
        )
    except OSError as error:
        return error.strerror or str(error)
    except ValueError:
        # A zero byte, or a character that no file name can have.
        return "an argument or a variable of its environment is invalid"
    return child.watch(started, given=given, most_bytes=most_bytes, timeout_seconds=seconds)


def _text(printed: bytes) -> str:
    # Some color their messages also without a terminal; here is where all of them come in.
    return escaping.without_sequences(_decoded(printed))


def _decoded(printed: bytes) -> str:
    return printed.decode("utf-8", "replace")
