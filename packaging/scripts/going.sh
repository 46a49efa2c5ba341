# shellcheck shell=sh
# What both packages do before removal.

units_that_can_be_enabled="@UNITS@"
units_besides_teleport="@HELPERS@"

stop_and_disable() {
    if systemd_runs; then
        for unit in $units_besides_teleport; do
            systemctl stop "$unit" || say "$unit could not be stopped"
        done
        for unit in $units_that_can_be_enabled; do
            case " $units_besides_teleport " in
                *" $unit "*) ;;
                *)
                    if systemctl --quiet is-active "$unit"; then
                        say "$unit keeps running until it is stopped or this machine restarts; it will not start again"
                    fi
                    ;;
            esac
        done
    fi
    for unit in $units_that_can_be_enabled; do
        systemctl --quiet disable "$unit" || say "$unit could not be disabled"
    done
}
