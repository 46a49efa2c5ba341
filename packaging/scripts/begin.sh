# shellcheck shell=sh
# What the scripts of both packages begin with. None of them starts, restarts or stops Teleport, or writes to its data.

umask 022

say() {
    echo "teleport-bootstrap: $*" >&2
}

# In a chroot or a container there may be nobody to tell.
systemd_runs() {
    [ -d /run/systemd/system ]
}

reload_systemd() {
    ! systemd_runs || systemctl daemon-reload || say "systemctl daemon-reload failed"
}
