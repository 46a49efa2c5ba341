#!/bin/sh
# Go's url.Parse and Python's urlsplit, given a host and a port without a scheme.
#
# Guess: both judge host:3080 and 10.0.0.1:3080 alike, and a parser that reports errors reports both or neither.
# Seen (Go 1.26.8; Python 3.9, 3.11 and 3.13): Go takes proxy.example.com:3080 for a URL with the scheme
#        "proxy.example.com" and no host, without an error, and refuses 10.0.0.1:3080 and [::1]:3080 with "first path
#        segment in URL cannot contain colon". A check by url.Parse thus finds the forgotten scheme of addresses, but
#        not of names. Python refuses none, and finds a host in none: everything is a scheme and a path, or all path.
# Both libraries are part of their languages: the versions are those of `go` and `python3` on PATH.
set -eu
command -v go >/dev/null || { echo "This script needs Go, as \`go\` on PATH."; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export GOFLAGS='' GOTOOLCHAIN=local GOWORK=off GO111MODULE=on
printf 'module finding\n\ngo 1.20\n' >go.mod
cat >main.go <<'END'
package main

import (
	"fmt"
	"net/url"
	"os"
	"strings"
)

func main() {
	for _, text := range os.Args[1:] {
		parsed, err := url.Parse(text)
		switch {
		case err == nil:
			fmt.Printf("scheme=%s host=%s\n", parsed.Scheme, parsed.Host)
		case strings.Contains(err.Error(), "first path segment in URL cannot contain colon"):
			fmt.Println("refused")
		default:
			fmt.Println(err)
		}
	}
}
END
cat >look.py <<'END'
import platform
import subprocess
import sys
from urllib.parse import urlsplit

CASES = {
    "proxy.example.com:3080": "scheme=proxy.example.com host=",
    "localhost:3080/path": "scheme=localhost host=",
    "10.0.0.1:3080": "refused",
    "[::1]:3080": "refused",
    "https://10.0.0.1:3080": "scheme=https host=10.0.0.1:3080",
}
answers = subprocess.run(["./look", *CASES], capture_output=True, text=True, check=True).stdout.splitlines()
same = len(answers) == len(CASES)
print("Python", platform.python_version())
for (text, expected), go in zip(CASES.items(), answers):
    python = urlsplit(text)
    print(f"  {text:22}  Go: {go:31} Python: scheme={python.scheme} host={python.netloc} path={python.path}")
    same = same and go == expected and bool(python.netloc) == ("//" in text)
sys.exit(not same)
END
go build -o look .
go version
python3 look.py
