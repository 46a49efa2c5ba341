#!/bin/sh
# Installs the teleport-bootstrap package at $PACKAGE with its dependencies, and zstd, which is optional, so that backups
# are smaller and zstd-compressed ones of other instances can be read.
set -eu

case $PACKAGE in
    *.rpm) dnf -q -y install "$PACKAGE" zstd ;;
    *.deb)
        apt-get -q update
        DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "$PACKAGE" zstd
        ;;
    *)
        echo "$PACKAGE is neither .rpm nor .deb" >&2
        exit 1
        ;;
esac
rm -f -- "$PACKAGE"

teleport-bootstrap --version
systemctl is-enabled teleport-generate-config.service
