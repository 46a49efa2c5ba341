"""SSM's GetParameters as a program: what a JSON file says at the time, {name: value}, on a port of loopback.

    python3 ssm_server.py PARAMETERS.json ASKED PORT

It appends a line to the file ASKED for each request: the names, with blanks between them. That the agent asks as SSM
wants it is shown in tests/simulated; this one is started in a tenth of a second, by the standard library alone.
"""

from __future__ import annotations

import http.server
import json
import sys
from pathlib import Path
from typing import Any


class Handler(http.server.BaseHTTPRequestHandler):
    parameters: Path
    asked: Path

    def do_POST(self) -> None:
        names = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["Names"]
        with self.asked.open("a", encoding="utf-8") as file:
            file.write(" ".join(names) + "\n")
        known = json.loads(self.parameters.read_text(encoding="utf-8"))
        answer = {
            "Parameters": [{"Name": name, "Value": known[name]} for name in names if name in known],
            "InvalidParameters": [name for name in names if name not in known],
        }
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    Handler.parameters, Handler.asked = Path(sys.argv[1]), Path(sys.argv[2])
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[3])), Handler).serve_forever()
