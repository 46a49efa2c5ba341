# shellcheck shell=sh
#INCLUDE begin#

reload_systemd
