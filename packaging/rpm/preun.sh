# shellcheck shell=sh
#INCLUDE begin#
#INCLUDE going#

if [ "$1" -eq 0 ]; then
    stop_and_disable
    # Includes the bytecode of other Python versions.
    find /usr/share/teleport-bootstrap -depth -type d -name __pycache__ -exec rm -rf {} + || say "there is bytecode left in /usr/share/teleport-bootstrap"
fi
