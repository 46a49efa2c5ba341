#!/bin/sh
# Go on Linux, and which certificate authorities a program trusts when SSL_CERT_FILE is set.
#
# Guess: SSL_CERT_FILE names all authorities that count, so that a file with one's own CA limits the program to it, and
#        breaks its calls to public services; and a file that is missing is an error.
# Seen (Go 1.26.8): SSL_CERT_FILE takes the place of the system's bundle only. Every certificate in /etc/ssl/certs and
#        /etc/pki/tls/certs is still trusted, which on Debian and on Red Hat's relatives is the whole system store, so
#        that the variable adds to it. SSL_CERT_DIR takes the place of the directories; an empty value does not. A file
#        that is missing is passed over, and with an empty directory as well nothing is trusted, without an error.
# The library is part of Go: its version is that of `go` on PATH.
set -eu
command -v go >/dev/null || { echo "This script needs Go, as \`go\` on PATH."; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir empty
export GOFLAGS='' GOTOOLCHAIN=local GOWORK=off GO111MODULE=on
unset SSL_CERT_FILE SSL_CERT_DIR
printf 'module finding\n\ngo 1.20\n' >go.mod
cat >main.go <<'END'
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"time"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// With an argument, it writes a CA of its own there; without, it prints how many authorities are trusted.
func main() {
	if len(os.Args) == 1 {
		pool, err := x509.SystemCertPool()
		fail(err)
		fmt.Println(len(pool.Subjects()))
		return
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fail(err)
	own := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Own CA"}, IsCA: true,
		BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	content, err := x509.CreateCertificate(rand.Reader, &own, &own, key.Public(), key)
	fail(err)
	fail(os.WriteFile(os.Args[1], pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: content}), 0o600))
}
END
go build -o look .
./look own.pem
store=$(SSL_CERT_FILE=missing.pem ./look)
[ "$store" -gt 0 ] || { echo "This script needs a system store in /etc/ssl/certs or /etc/pki/tls/certs."; exit 2; }
file=$(SSL_CERT_FILE=own.pem ./look)
blank=$(SSL_CERT_FILE=own.pem SSL_CERT_DIR='' ./look)
both=$(SSL_CERT_FILE=own.pem SSL_CERT_DIR="$folder/empty" ./look)
none=$(SSL_CERT_FILE=missing.pem SSL_CERT_DIR="$folder/empty" ./look)
go version
echo "  authorities in the system's directories (SSL_CERT_FILE missing): $store"
echo "  SSL_CERT_FILE with one CA of its own: $file; with an empty SSL_CERT_DIR variable: $blank"
echo "  SSL_CERT_FILE with one CA, SSL_CERT_DIR an empty directory: $both; and the file missing: $none"
[ "$file" -eq $((store + 1)) ] && [ "$blank" -eq "$file" ] && [ "$both" -eq 1 ] && [ "$none" -eq 0 ]
