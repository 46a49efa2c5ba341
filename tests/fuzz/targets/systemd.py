"""What systemctl and journalctl print: states and times of the right types, or an error of the catalogue."""

from __future__ import annotations

from teleport_bootstrap import paths
from teleport_bootstrap.host import boot_order, cloud_init, process, systemd
from tests.fuzz.oracle import catalogue, holds, same

LONGEST = 1024
UNITS = ("teleport.service", "teleport-all.service")


def check(data: bytes) -> None:
    """Have every program print `data`."""
    status, output = data[:1], data[1:].decode("utf-8", "replace")
    done = process.Finished(("systemctl", "show"), int(status == b"1"), output, output)
    before = process.run, process.excerpt
    process.run = lambda *_, **__: done
    process.excerpt = lambda *_, **__: process.Excerpt(output, status == b"1")
    try:
        _ask()
    finally:
        process.run, process.excerpt = before


def _ask() -> None:
    with catalogue():
        for unit, state in systemd.states(UNITS).items():
            holds(unit in UNITS, unit)
            kinds = (str, str, int, bool, float, bool, str, int)
            values = (state.active, state.enablement, state.main_pid, state.conditions_held, state.started)
            same(tuple(map(type, (*values, state.is_stale, state.sub, state.restarts))), kinds)
            holds(state.main_pid >= 0 and state.restarts >= 0, state)
    with catalogue():
        ended = systemd.succeeded_at(UNITS[0])
        holds(ended is None or type(ended) is float, ended)
    with catalogue():
        found = systemd.environment(UNITS[0])
        holds(all(type(name) is type(value) is str for name, value in found.items()), found)
    with catalogue():
        systemd.is_boot_under_way()
        systemd.is_inside_user_data()
    with catalogue():
        holds(all(type(each) is str for each in boot_order.left_out("a.target")), "left_out")
    circle = boot_order.cycle(UNITS[0])
    holds(circle[:1] in ((), (UNITS[0],)) and len(set(circle)) == len(circle), circle)
    holds(type(boot_order.had_cycle()) is bool, "had_cycle")
    found = cloud_init.outcome(paths.Root())
    holds(all(type(each) is str for each in (found.state, *found.errors)), found)
    holds(all("\n" not in each for each in cloud_init.services(paths.Root())), "services")
    for moment, text in systemd.journal_lines(UNITS[0]):
        holds(type(moment) is float and abs(moment) < float("inf"), moment)
        holds("\n" not in text, text)
    holds(type(systemd.last_words(UNITS[0], since=1.5, lines=3)) is str, "last_words")
