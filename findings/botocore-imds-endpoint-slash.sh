#!/bin/sh
# botocore 1.20 (Debian 11 ships it) appends paths to AWS_EC2_METADATA_SERVICE_ENDPOINT without a slash in between.
#
# Guess: an endpoint written as AWS documents it, http://host:port, works in every version that reads the variable.
# Seen:  1.20.112 raises InvalidIMDSEndpointError for ".../latest/api/token" glued to the port ("http://host:80latest");
#        with a slash at the end it works. 1.44.8 takes both.
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
    def do_PUT(self):
        self.answer(b"token")

    def do_GET(self):
        key = b'{"Code": "Success", "AccessKeyId": "A", "SecretAccessKey": "S", "Token": "T"'
        self.answer(b"role" if self.path.endswith("/") else key + b', "Expiration": "2099-01-01T00:00:00Z"}')

    def answer(self, body):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Metadata)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ.update(AWS_SHARED_CREDENTIALS_FILE="/dev/null", AWS_CONFIG_FILE="/dev/null")
seen = []
for ending in ("", "/"):
    os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}{ending}"
    try:
        seen.append("credentials" if botocore.session.Session().get_credentials() else "none")
    except Exception as error:
        seen.append(type(error).__name__)
print(f"botocore {botocore.__version__}: without slash {seen[0]}, with slash {seen[1]}")
sys.exit(seen != sys.argv[1:])
END
python3 -m venv "$folder/old" && "$folder/old/bin/pip" -q install botocore==1.20.112 'urllib3==1.26.20'
python3 -m venv "$folder/new" && "$folder/new/bin/pip" -q install botocore==1.44.8
"$folder/old/bin/python" "$folder/ask.py" InvalidIMDSEndpointError credentials
"$folder/new/bin/python" "$folder/ask.py" credentials credentials
