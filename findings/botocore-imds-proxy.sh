#!/bin/sh
# botocore asks the instance metadata service, which is on the host's own link, through the proxy of HTTP_PROXY.
#
# Guess: a proxy is for calls that leave the host, so that the metadata service is asked directly; or at least NO_PROXY
#        may name it by a range such as 169.254.0.0/16, as Go's programs take it.
# Seen (1.20.112 and 1.42.97 alike): with HTTP_PROXY or http_proxy, token and keys go through the proxy. NO_PROXY helps
#        with the very address only, not with its range, and not with "localhost" where the address is 127.0.0.1.
#        HTTPS_PROXY alone does no harm, because the service is asked over plain HTTP.
# botocore 1.20 runs with Python 3.11 or older.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/ask.py" <<'END'
import http.server
import os
import sys
import threading

import botocore
import botocore.session


class Metadata(http.server.BaseHTTPRequestHandler):
    """The metadata service and the proxy in one: a proxy is asked for a whole URL."""

    def do_PUT(self):
        self.answer(b"token")

    def do_GET(self):
        key = b'{"Code": "Success", "AccessKeyId": "A", "SecretAccessKey": "S", "Token": "T"'
        self.answer(b"role" if self.path.endswith("/") else key + b', "Expiration": "2099-01-01T00:00:00Z"}')

    def answer(self, body):
        asked.add("by the proxy" if self.path.startswith("http://") else "directly")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


asked = set()
server = http.server.HTTPServer(("127.0.0.1", 0), Metadata)
threading.Thread(target=server.serve_forever, daemon=True).start()
for name in [name for name in os.environ if name.lower().endswith("_proxy") or name.startswith("AWS_")]:
    del os.environ[name]
address = f"http://127.0.0.1:{server.server_port}/"
os.environ.update(AWS_SHARED_CREDENTIALS_FILE="/dev/null", AWS_CONFIG_FILE="/dev/null")
os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = address
CASES = [
    ({"HTTPS_PROXY": address}, "directly"),
    ({"HTTP_PROXY": address}, "by the proxy"),
    ({"http_proxy": address}, "by the proxy"),
    ({"HTTP_PROXY": address, "NO_PROXY": "127.0.0.0/8"}, "by the proxy"),
    ({"HTTP_PROXY": address, "NO_PROXY": "localhost"}, "by the proxy"),
    ({"HTTP_PROXY": address, "NO_PROXY": "127.0.0.1"}, "directly"),
]
same = True
print("botocore", botocore.__version__)
for settings, expected in CASES:
    asked.clear()
    os.environ.update(settings)
    key = botocore.session.Session().get_credentials().access_key
    for name in settings:
        del os.environ[name]
    print(f"  {' '.join([*settings, *list(settings.values())[1:]])}: {', '.join(asked)}")
    same = same and key == "A" and asked == {expected}
sys.exit(not same)
END
python3 -m venv "$folder/old" && "$folder/old/bin/pip" -q install botocore==1.20.112 'urllib3==1.26.20'
python3 -m venv "$folder/new" && "$folder/new/bin/pip" -q install botocore==1.42.97
"$folder/old/bin/python" "$folder/ask.py"
"$folder/new/bin/python" "$folder/ask.py"
