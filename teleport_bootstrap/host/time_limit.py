"""One limit of wall-clock time around an exchange over the network, the look-up of the name included.

The timeouts of sockets, and of the HTTP libraries above them, start again with each byte that arrives: a peer that
sends one now and then is waited for without end. Here a watching thread shuts down the connections of an exchange when
its time is up, whatever they are in the middle of: the handshake of TLS, the answer of a proxy, a header, a chunk. The
exchange itself stays in the thread that called it, which gets TimeUp. So signals arrive as ever, nothing that was
abandoned goes on, and no lock or half-made state stays behind.

Only a look-up of a name cannot be interrupted. It has a thread of its own, which knows the name and nothing else.
"""

from __future__ import annotations

import contextlib
import math
import os
import queue
import socket
import threading
import time
from collections.abc import Iterable
from types import TracebackType

from teleport_bootstrap import errors
from teleport_bootstrap.hints import Any

# A transfer goes on as long as each piece of this size comes or goes within the limit.
PIECE_BYTES = 64 * 1024

_local = threading.local()
_lock = threading.Lock()
_lookups: dict[tuple[str, int], list[queue.Queue[Any]]] = {}


class TimeUp(TimeoutError):
    """The exchange was ended, since it had not come to its end within its limit."""

    def __init__(self) -> None:
        super().__init__("timed out: the exchange took longer than its time limit")


class Limit:
    """A context manager: what its body does over the network ends after `seconds`, with TimeUp.

    It covers the connections that are passed to `watch`, as `connect` and teleport_bootstrap.host.http_connection do.
    Limits nest, for one thread; an inner one ends no later than the outer one.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._outer: Limit | None = None
        self._end = math.inf
        self._guard = threading.Lock()
        self._over = threading.Event()
        self._watched: list[socket.socket] = []
        self._watcher: threading.Thread | None = None
        self._fired = False

    def __enter__(self) -> Limit:
        self._outer = current()
        self._end = time.monotonic() + self.seconds
        if self._outer is not None:
            self._end = min(self._end, self._outer._end)
        _local.current = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _local.current = self._outer
        self._over.set()
        with self._guard:
            for each in self._watched:
                each.close()
            self._watched.clear()
        # What was cut off looks like an error of the connection, or even like the end of the answer.
        if self._fired and (error is None or isinstance(error, Exception)) and not _is_decided(error):
            raise TimeUp from None

    def remaining(self) -> float:
        """Return the seconds that are left, 0 when the time is up."""
        return max(0.0, self._end - time.monotonic())

    def restart(self) -> None:
        """Count again: a piece of a long transfer has arrived. That holds for the outer limits too."""
        if self._outer is not None:
            self._outer.restart()
        if not self._fired:
            self._end = max(self._end, time.monotonic() + self.seconds)

    def watch(self, connection: socket.socket) -> None:
        """Shut down `connection`, connected or not, when the time is up."""
        copy = _copy(connection)
        with self._guard:
            self._watched.append(copy)
            if self._fired:
                _shut_down([copy])
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._wait, name="time-limit", daemon=True)
                self._watcher.start()

    def copies(self) -> list[socket.socket]:
        """Return copies of the connections, to be watched by a later limit too; the caller closes them."""
        with self._guard:
            return [_copy(each) for each in self._watched]

    def _wait(self) -> None:
        while not self._over.wait(self.remaining()):
            with self._guard:
                if self.remaining() or self._over.is_set():
                    continue
                self._fired = True
                _shut_down(self._watched)
                return


def _is_decided(error: BaseException | None) -> bool:
    """Whether the error says what was made of a complete answer."""
    return isinstance(error, errors.BootstrapError)


def current() -> Limit | None:
    """Return the innermost limit of this thread, None without one."""
    found: Limit | None = getattr(_local, "current", None)
    return found


def remaining() -> float:
    """Return the seconds that the limits of this thread leave, infinity without a limit."""
    found = current()
    return math.inf if found is None else found.remaining()


def connect(host: str, port: int, *, seconds: float | None, options: Iterable[tuple[Any, ...]] = ()) -> socket.socket:
    """Return a connection to `host`, which may have several addresses, watched by the current limit.

    One address is tried for `seconds` at most, which is also the timeout of the connection; None is without a timeout.
    `options` are arguments of `setsockopt`. Raises OSError: socket.gaierror for a name that does not resolve.
    """
    last: OSError = socket.gaierror(socket.EAI_NONAME, "no address associated with the name")
    for family, kind, protocol, _, address in _addresses(host, port):
        left = remaining()
        if not left:
            raise TimeUp
        made = socket.socket(family, kind, protocol)
        try:
            for option in options:
                made.setsockopt(*option)
            made.settimeout(None if seconds is None and left == math.inf else min(seconds or math.inf, left))
            limit = current()
            if limit is not None:
                limit.watch(made)
            made.connect(address)
            made.settimeout(seconds)
            return made
        except OSError as error:
            made.close()
            last = error
        except BaseException:
            made.close()
            raise
    raise last


def addresses(host: str) -> tuple[str, ...]:
    """Return the addresses of `host`, each once, within the current limit.

    Raises OSError: socket.gaierror for a name that does not resolve, socket.timeout where no name server answers.
    """
    return tuple(dict.fromkeys(str(each[4][0]) for each in _addresses(host, 0)))


def _addresses(host: str, port: int) -> list[Any]:
    """Return what socket.getaddrinfo does, within the current limit."""
    host = host.strip("[]")
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass  # a name
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "name or service not known") from None
    left = remaining()
    if left == math.inf:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    answer: queue.Queue[Any] = queue.Queue()
    with _lock:
        # One that hangs is joined, so that retries do not pile up threads.
        waiting = _lookups.setdefault((host, port), [])
        waiting.append(answer)
        if len(waiting) == 1:
            threading.Thread(target=_look_up, args=(host, port), name="resolver", daemon=True).start()
    try:
        found = answer.get(timeout=left)
    except queue.Empty:
        raise socket.timeout("timed out in name resolution") from None
    finally:
        with _lock, contextlib.suppress(KeyError, ValueError):
            if len(_lookups[host, port]) > 1:
                _lookups[host, port].remove(answer)
    if isinstance(found, OSError):
        raise found
    return list(found)


def _look_up(host: str, port: int) -> None:
    found: Any
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        found = error
    with _lock:
        waiting = _lookups.pop((host, port), [])
    for each in waiting:
        each.put(found)


def _copy(connection: socket.socket) -> socket.socket:
    # Not `dup`, which connections with TLS refuse. Shutting down a copy shuts down the connection itself.
    return socket.socket(fileno=os.dup(connection.fileno()))


def _shut_down(connections: Iterable[socket.socket]) -> None:
    for each in connections:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
