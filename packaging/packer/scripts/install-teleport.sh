#!/bin/sh
# Installs the Teleport named by the TELEPORT_* variables into /usr/local/bin after verifying its checksum.
set -eu

if [ "$TELEPORT_FIPS" = true ] && [ "$TELEPORT_EDITION" != enterprise ]; then
    echo "the community edition has no FIPS build: set edition to enterprise" >&2
    exit 1
fi

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

if command -v dnf >/dev/null; then
    dnf -q -y install tar gzip
fi
if ! command -v curl >/dev/null; then
    apt-get -q update
    DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends curl ca-certificates
fi

curl --fail --silent --show-error --location --proto '=https,http' --retry 5 --max-time 900 \
    --output "$work/teleport.tar.gz" "$TELEPORT_URL"
if ! echo "$TELEPORT_SHA256  $work/teleport.tar.gz" | sha256sum --check --status; then
    echo "$TELEPORT_URL does not match teleport_sha256: it has $(sha256sum <"$work/teleport.tar.gz")" >&2
    exit 1
fi

mkdir "$work/files"
tar -xzf "$work/teleport.tar.gz" -C "$work/files" --no-same-owner --strip-components=1
for program in teleport tctl tsh tbot; do
    if [ -f "$work/files/$program" ]; then
        install -o root -g root -m 0755 "$work/files/$program" "/usr/local/bin/$program"
    fi
done

# From Teleport 19 on, nothing in `teleport version` tells a FIPS build; teleport-bootstrap looks for this file.
marker=/usr/share/teleport-bootstrap/fips
if [ "$TELEPORT_FIPS" = true ]; then
    install -d -m 0755 "${marker%/*}"
    install -m 0644 /dev/null "$marker"
else
    rm -f "$marker"
fi

version=$(/usr/local/bin/teleport version)
echo "$version"
case $version in
    *"v$TELEPORT_VERSION "*) ;;
    *)
        echo "this is not Teleport $TELEPORT_VERSION" >&2
        exit 1
        ;;
esac
