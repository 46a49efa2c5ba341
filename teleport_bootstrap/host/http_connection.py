"""Connections of urllib3, for requests and botocore, that keep to the limit of time of their exchange.

See teleport_bootstrap.host.time_limit. They also bound the length of a line, which urllib3 does not where the size of a
chunk or a trailer is expected.
"""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Iterator

from urllib3 import exceptions

from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import time_limit

_LONGEST_LINE = 65536  # as in http.client
_SENT_AT_ONCE = 16 * 1024


class _Lines(io.BufferedReader):
    def readline(self, size: int | None = -1) -> bytes:
        line = super().readline(_LONGEST_LINE + 1 if size is None or size < 0 else size)
        if len(line) > _LONGEST_LINE:
            raise http.client.LineTooLong("line")
        return line


class _Response(http.client.HTTPResponse):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fp: Any = _Lines(self.fp.detach())  # nothing was read yet


class _Watched:
    """What is mixed into a connection class of urllib3, or into one of botocore that is made from it."""

    response_class = _Response
    sock: Any
    _limit: time_limit.Limit | None = None

    def _new_conn(self: Any) -> socket.socket:
        """Connect; raises as urllib3's own does."""
        self._limit = time_limit.current()
        try:
            seconds = None if self.timeout is None else float(self.timeout)
            return time_limit.connect(self._dns_host, self.port, seconds=seconds, options=self.socket_options or ())
        except socket.timeout as error:
            if "name resolution" in str(error):
                raise exceptions.NewConnectionError(self, f"no answer in time: {error}") from None
            raise exceptions.ConnectTimeoutError(self, "connect timeout") from None
        except OSError as error:
            raise exceptions.NewConnectionError(self, f"Failed to establish a new connection: {error}") from None

    def putrequest(self: Any, *arguments: Any, **options: Any) -> Any:
        limit = time_limit.current()
        if self.sock is not None and limit is not None and limit is not self._limit:
            self._limit = limit
            limit.watch(self.sock)  # a connection of an earlier exchange
        return super().putrequest(*arguments, **options)  # type: ignore[misc]

    def send(self, data: Any) -> None:
        """Send `data`, bytes or a binary file, piece by piece; each PIECE_BYTES get the time of the limit."""
        limit, sent = time_limit.current(), 0
        for block in _blocks(data):
            super().send(block)  # type: ignore[misc]
            sent += len(block)
            if limit is not None and sent >= time_limit.PIECE_BYTES:
                limit.restart()
                sent = 0


def _blocks(data: Any) -> Iterator[Any]:
    if hasattr(data, "read"):
        yield from iter(lambda: data.read(_SENT_AT_ONCE), b"")
        return
    with memoryview(data) as whole, whole.cast("B") as view:
        for start in range(0, len(view), _SENT_AT_ONCE):
            with view[start : start + _SENT_AT_ONCE] as block:
                yield block


def pools(http_pool: Any, https_pool: Any) -> dict[str, Any]:
    """Return pools for `pool_classes_by_scheme` of a PoolManager, which differ from those only in their connections."""
    return {scheme: _pool(each) for scheme, each in (("http", http_pool), ("https", https_pool))}


def _pool(pool: Any) -> Any:
    connection = type(pool.ConnectionCls.__name__, (_Watched, pool.ConnectionCls), {})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})
