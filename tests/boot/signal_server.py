"""CloudFormation and Auto Scaling as a program: each request is taken, and written down, a line of its body each.

    python3 signal_server.py ASKED PORT

That the agent asks as AWS wants it is shown in tests/simulated; this one is started in a tenth of a second, by the
standard library alone.
"""

from __future__ import annotations

import http.server
import re
import sys
from pathlib import Path
from typing import Any

RESULTS = {
    "DescribeAutoScalingGroups": (
        "<DescribeAutoScalingGroupsResult><AutoScalingGroups><member><TargetGroupARNs>"
        "<member>arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/proxies/73e2d6bc24d8a067</member>"
        "</TargetGroupARNs></member></AutoScalingGroups></DescribeAutoScalingGroupsResult>"
    ),
    "DescribeTargetHealth": "<DescribeTargetHealthResult><TargetHealthDescriptions/></DescribeTargetHealthResult>",
}


class Handler(http.server.BaseHTTPRequestHandler):
    asked: Path

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with self.asked.open("a", encoding="utf-8") as file:
            file.write(f"{body}\n")
        found = re.search(r"(?:^|&)Action=(\w+)", body)
        operation = found[1] if found else "Unknown"
        inner = RESULTS.get(operation, "")
        content = f"<{operation}Response>{inner}<ResponseMetadata/></{operation}Response>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    Handler.asked = Path(sys.argv[1])
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
