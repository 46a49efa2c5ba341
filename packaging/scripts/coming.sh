# shellcheck shell=sh
# What both packages do when installed or upgraded.

units_that_can_be_hidden="@OTHERS@"

# systemd 247 cannot create accounts without /proc, as in a plain chroot; the older programs can.
make_account() {
    if systemd-sysusers teleport-bootstrap.conf 2>/dev/null; then
        return 0
    fi
    getent group teleport >/dev/null || groupadd --system teleport
    getent passwd teleport >/dev/null || useradd --system --gid teleport --comment Teleport \
        --home-dir /var/lib/teleport --no-create-home --shell /usr/sbin/nologin teleport
}

# Makes root the owner of the directories whose content root trusts: earlier images gave the first one to another account.
# Files in them are not changed: one that another account could write to needs an operator, and the agent reports it.
secure_directory() {
    if [ -d "$1" ] && [ ! -L "$1" ]; then
        chown root:root "$1"
        chmod "$2" "$1"
    fi
}

secure_directories() {
    secure_directory /etc/teleport.d 0755
    secure_directory /var/lib/teleport-bootstrap 0700
}

# Images enable only the generator, and the machine's own presets take precedence. Other units are not changed: if
# Teleport was enabled before, its configuration may be the operator's own.
enable_generator() {
    systemctl preset teleport-generate-config.service || say "teleport-generate-config.service could not be enabled"
}

report_hidden_units() {
    for unit in $units_that_can_be_hidden; do
        if [ -f "/etc/systemd/system/$unit" ] || [ -L "/etc/systemd/system/$unit" ]; then
            say "/etc/systemd/system/$unit hides the unit of this package: remove it unless that is intended"
        fi
    done
}
