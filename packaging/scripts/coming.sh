# shellcheck shell=sh
# What both packages do when they are installed or upgraded.

units_that_can_be_hidden="@OTHERS@"

# systemd 247 cannot make accounts where /proc is not mounted, as in a plain chroot; the old programs can.
make_account() {
    if systemd-sysusers teleport-bootstrap.conf 2>/dev/null; then
        return 0
    fi
    getent group teleport >/dev/null || groupadd --system teleport
    getent passwd teleport >/dev/null || useradd --system --gid teleport --comment Teleport \
        --home-dir /var/lib/teleport --no-create-home --shell /usr/sbin/nologin teleport
}

# Gives the directories that decide about root's work back to root: images of old had given the first one away. Never
# what is in them: a file that somebody else could write to is for a person to look at, and the agent says so.
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

# What an image starts with is only the generator, and what presets of the machine's own say comes first. Other units
# are left as they are: where Teleport was enabled before, its configuration may be a person's.
enable_generator() {
    systemctl preset teleport-generate-config.service || say "teleport-generate-config.service could not be enabled"
}

tell_of_hidden_units() {
    for unit in $units_that_can_be_hidden; do
        if [ -f "/etc/systemd/system/$unit" ] || [ -L "/etc/systemd/system/$unit" ]; then
            say "/etc/systemd/system/$unit hides the unit of this package: remove it, unless it is meant to"
        fi
    done
}
