# shellcheck shell=sh
#INCLUDE begin#
#INCLUDE coming#

make_account
secure_directories
# This script must not fail: a half-upgraded package is worse than one that starts slowly.
/usr/bin/python3 -I -m compileall -q -f /usr/share/teleport-bootstrap || say "could not compile bytecode for /usr/share/teleport-bootstrap"
reload_systemd
if [ "$1" -eq 1 ]; then
    enable_generator
fi
report_hidden_units
