#!/bin/sh
# Installs the package of teleport-bootstrap at $PACKAGE, with what it needs from the distribution.
set -eu

case $PACKAGE in
    *.rpm) dnf -q -y install "$PACKAGE" ;;
    *.deb)
        apt-get -q update
        DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "$PACKAGE"
        ;;
    *)
        echo "$PACKAGE is neither .rpm nor .deb" >&2
        exit 1
        ;;
esac
rm -f -- "$PACKAGE"

teleport-bootstrap --version
systemctl is-enabled teleport-generate-config.service
