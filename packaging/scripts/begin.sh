# shellcheck shell=sh
# The beginning of all scripts of both packages. None of them starts, restarts or stops Teleport, or changes its data.

umask 022

say() {
    echo "teleport-bootstrap: $*" >&2
}

# In a chroot or a container systemd may not run.
systemd_runs() {
    [ -d /run/systemd/system ]
}

reload_systemd() {
    ! systemd_runs || systemctl daemon-reload || say "systemctl daemon-reload failed"
}
