#!/bin/sh
# Removes what building an image leaves behind, then checks that the image holds nothing of one instance. It removes files
# that `teleport-bootstrap seal` would report, but none of Teleport's: a Teleport that ran in the image should fail the build.
set -eu

if command -v dnf >/dev/null; then
    dnf -q clean all
fi
if command -v apt-get >/dev/null; then
    apt-get -q clean
    rm -rf /var/lib/apt/lists/*
fi

if command -v cloud-init >/dev/null; then
    cloud-init clean --logs
fi
rm -rf /var/lib/cloud/instance /var/lib/cloud/instances /var/lib/cloud/data /var/lib/cloud/sem

rm -f /etc/ssh/ssh_host_*key*
rm -f /var/lib/systemd/random-seed /var/lib/systemd/credential.secret /var/lib/NetworkManager/secret_key
rm -f /var/lib/dhcp/*.leases /var/lib/dhclient/*.leases /var/lib/NetworkManager/*.lease
rm -rf /var/lib/amazon/ssm/i-* /var/lib/amazon/ssm/mi-*

truncate --size=0 /etc/machine-id
if [ -e /var/lib/dbus/machine-id ] && [ ! -L /var/lib/dbus/machine-id ]; then
    rm -f /var/lib/dbus/machine-id
fi

for home in /root /home/*; do
    rm -f "$home/.ssh/authorized_keys" "$home/.ssh/authorized_keys2"
    rm -f "$home/.bash_history" "$home/.sh_history" "$home/.zsh_history" "$home/.python_history" "$home/.lesshst"
    rm -f "$home/.viminfo" "$home/.ssh/known_hosts"
done

if command -v journalctl >/dev/null; then
    journalctl --quiet --rotate
    journalctl --quiet --vacuum-time=1s
fi

teleport-bootstrap seal
