"""A little of S3 as a program: objects below a directory, got, put and listed, on a port of loopback.

    python3 s3_server.py DIRECTORY PORT

That the agent asks as S3 wants it is shown in tests/simulated; this one is started in a tenth of a second, by the
standard library alone.
"""

from __future__ import annotations

import hashlib
import http.server
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects: Path

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if "list-type" in parse_qs(asked.query):
            self._list(unquote(asked.path).strip("/"), parse_qs(asked.query).get("prefix", [""])[0])
            return
        path = self.objects / unquote(asked.path).lstrip("/")
        if path.is_file():
            self._answer(200, path.read_bytes(), ETag=_etag(path))
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code><Message>simulated</Message></Error>")

    def do_PUT(self) -> None:
        path = self.objects / unquote(urlsplit(self.path).path).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(200, b"", ETag=_etag(path))

    def _list(self, bucket: str, prefix: str) -> None:
        top = self.objects / bucket
        found = []
        for path in sorted(top.rglob("*")):
            key = str(path.relative_to(top))
            if path.is_file() and key.startswith(prefix):
                found.append(
                    f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-22T00:00:00.000Z</LastModified>"
                    f"<ETag>{_etag(path)}</ETag><Size>{path.stat().st_size}</Size></Contents>"
                )
        text = f"<Name>{bucket}</Name><IsTruncated>false</IsTruncated>{''.join(found)}"
        self._answer(200, f"<ListBucketResult>{text}</ListBucketResult>".encode())

    def _answer(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", "Sun, 22 Nov 2026 00:00:00 GMT")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def _etag(path: Path) -> str:
    return f'"{hashlib.md5(path.read_bytes()).hexdigest()}"'


if __name__ == "__main__":
    Handler.objects = Path(sys.argv[1])
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
