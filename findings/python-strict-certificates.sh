#!/bin/sh
# Python 3.13 demands more of a certificate authority, and of two libraries in one process only one passes that on.
#
# Guess: whether an authority without keyUsage is taken depends on OpenSSL, or on Python 3.13, whose notes say that
#        ssl.create_default_context() is strict now: all clients of one Python judge the same bundle alike.
# Seen (Python 3.13 and 3.14, OpenSSL 3.0 to 3.6): it depends on urllib3. requests takes it with urllib3 2.3.0 and refuses
#        it with 2.8.0 ("CA cert does not include key usage extension"); botocore, over the same urllib3, takes it with
#        both, since it makes its context itself. With Python 3.11 and 3.12 all take it.
# It needs `openssl`, and Python 3.13 or newer as python3.14, python3.13 or python3 on PATH, or as $PYTHON.
set -eu
python=
for candidate in "${PYTHON:-python3.14}" python3.13 python3 "$HOME"/.pyenv/versions/3.13.*/bin/python3; do
    if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 13))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || { echo "This script needs Python 3.13 or newer, on PATH or as \$PYTHON."; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
curve="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
# shellcheck disable=SC2086  # a list of words
openssl req -x509 $curve -subj "/CN=a private authority" -keyout ca.key -out ca.pem 2>/dev/null
# shellcheck disable=SC2086
openssl req $curve -subj /CN=localhost -keyout server.key -out server.csr 2>/dev/null
printf 'subjectAltName=DNS:localhost\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' >server.ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext \
    -out server.pem 2>/dev/null
cat >ask.py <<'END'
import http.server
import os
import ssl
import sys
import threading

import botocore
import botocore.awsrequest
import botocore.httpsession
import requests
import urllib3

for name in [name for name in os.environ if name.lower().endswith("_proxy") or name.endswith("_CA_BUNDLE")]:
    del os.environ[name]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"https://localhost:{server.server_port}/"


def by_requests():
    requests.get(url, verify="ca.pem", timeout=20)


def by_botocore():
    request = botocore.awsrequest.AWSRequest("GET", url).prepare()
    botocore.httpsession.URLLib3Session(verify="ca.pem").send(request)


print("Python", sys.version.split()[0], ssl.OPENSSL_VERSION, "urllib3", urllib3.__version__, end=": ")
seen = []
for name, ask in (("requests", by_requests), ("botocore", by_botocore)):
    try:
        ask()
        seen.append(f"{name} takes it")
    except Exception as error:
        why = "key usage" if "does not include key usage extension" in str(error) else repr(error)
        seen.append(f"{name} refuses it ({why})")
print("; ".join(seen))
sys.exit(seen != sys.argv[1:])
END
for version in 2.3.0 2.8.0; do
    "$python" -m venv "$folder/$version"
    "$folder/$version/bin/python" -m pip -q --disable-pip-version-check install requests==2.34.2 botocore==1.44.8 \
        "urllib3==$version"
done
same=yes
2.3.0/bin/python ask.py "requests takes it" "botocore takes it" || same=no
2.8.0/bin/python ask.py "requests refuses it (key usage)" "botocore takes it" || same=no
[ "$same" = yes ] || { echo "this differs from what is described above"; exit 1; }
echo "as described above"
