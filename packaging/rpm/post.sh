# shellcheck shell=sh
#INCLUDE begin#
#INCLUDE coming#

make_account
secure_directories
# A script that is not the last one must not fail: a package that is half upgraded is worse than one that starts slowly.
/usr/bin/python3 -I -m compileall -q -f /usr/share/teleport-bootstrap || say "no bytecode could be made for /usr/share/teleport-bootstrap"
reload_systemd
if [ "$1" -eq 1 ]; then
    enable_generator
fi
tell_of_hidden_units
