"""Makes the pictures in docs/screenshots: `./dev screenshots` runs this as root.

A machine boots with a systemd, a simulated metadata service and the stand-in Teleport. In it a shell runs the real
command on a pseudo-terminal of 80 and of 120 columns. Nothing that a picture shows is written here.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.boot import applied, observe, trees
from tests.boot import machine as machines
from tests.boot.machine import PATH, Machine
from tests.screenshots import svg
from tests.screenshots.screen import Shell

DOCS = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
WIDTHS = (80, 120)

CONF = "/etc/teleport.d/conf"
MISTYPED = """\
TELEPROT_DOMAIN_NAME="teleport.acmeinc.com"
TELEPORT_EXTERNAL_PORT=44x
TELEPORT_AUTH_SERVER_LB=teleport nlb.acmeinc.com
USE_ACM=ture
"""
# What a backup has to read takes a while.
BALLAST_MEBIBYTES = 700

_ARCHIVE = "/root/teleport.tar.zst"
# What the progress of a step shows that is under way, but not nearly done.
_PART_DONE = r"\b[3-8][0-9]%"

Save = Callable[[str, Shell], None]


class Scenes:
    """The scenes, each on the machine as the one before has left it."""

    def __init__(self, machine: Machine, save: Save) -> None:
        self._machine = machine
        self._save = save

    def play(self) -> None:
        self._machine.run("teleport-bootstrap", "backup", "--wait", "5", seconds=120)
        self._picture("status-healthy", "teleport-bootstrap status")
        self._validate()
        self._danger()
        self._rolled_back()
        applied.add(self._machine, applied.LABEL.format("calm"))
        self._picture("status-drifted", "teleport-bootstrap status")
        self._machine.run("teleport-bootstrap", "reconfigure", "--yes", seconds=120)
        self._restore()
        self._broken()

    def _picture(self, name: str, command: str) -> None:
        for shell in self._shells():
            shell.run(command)
            self._save(name, shell)

    def _shells(self) -> Iterator[Shell]:
        for columns in WIDTHS:
            enter = ["nsenter", "-t", str(self._machine.leader), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--"]
            bash = ["setsid", "--ctty", "--wait", "bash", "--norc", "--noprofile", "-i"]
            shell = Shell([*enter, *bash], {"PATH": PATH, "HOME": "/root"}, columns)
            try:
                yield shell
            finally:
                shell.close()

    def _validate(self) -> None:
        self._machine.write("/root/conf", MISTYPED)
        self._picture("validate-failed", "teleport-bootstrap validate /root/conf")

    def _danger(self) -> None:
        before = self._machine.read(CONF)
        self._machine.write(CONF, before.replace("teleport.acmeinc.com", "teleport.example.com"), mode=0o600)
        for shell in self._shells():
            shell.type("teleport-bootstrap reconfigure\n")
            shell.wait_for(lambda text: text.endswith("[y/N]"))
            self._save("reconfigure-danger", shell)
            shell.run("n")
        self._machine.write(CONF, before, mode=0o600)

    def _rolled_back(self) -> None:
        before = self._machine.read(CONF)
        for shell in self._shells():
            applied.add(self._machine, applied.EXTERNAL.format("never-ready"))
            shell.run("teleport-bootstrap reconfigure --yes --health-wait 10", seconds=200)
            self._save("reconfigure-rolled-back", shell)
            self._machine.write(CONF, before, mode=0o600)
            observe.wait_until_ready(self._machine, applied.MAIN)

    def _restore(self) -> None:
        ballast = self._machine.path("/var/lib/teleport/log/ballast")
        ballast.parent.mkdir(parents=True, exist_ok=True)
        with ballast.open("wb") as file:
            for _ in range(BALLAST_MEBIBYTES):
                file.write(os.urandom(1024 * 1024))
        made = self._machine.run("teleport-bootstrap", "backup", "/var/backups/large/", "--wait", "5", seconds=300)
        archive = next(word for word in made.replace(":", " ").split() if ".tar" in word)
        self._machine.run("mv", archive, _ARCHIVE)
        for shell in self._shells():
            shell.type(f"teleport-bootstrap restore --force {_ARCHIVE}\n")
            shell.wait_for(lambda text: text.endswith("[y/N]"), 120)
            shell.type("y\n")
            shell.wait_for(lambda text: re.search(_PART_DONE, text), 120)
            self._save("restore-progress", shell)
            # Nothing was replaced yet.
            shell.type("\x03")
            shell.wait_for(lambda text: text.endswith("#"), 60)
        ballast.unlink()

    def _broken(self) -> None:
        yaml = self._machine.read("/etc/teleport.yaml").replace("  nodename: ", "  nodename: exit-now-", 1)
        self._machine.write("/etc/teleport.yaml", yaml, mode=0o600)
        self._machine.try_run("systemctl", "restart", applied.MAIN)
        self._picture("status-broken", "teleport-bootstrap status")


def main() -> int:
    """Make the pictures; `--look DIRECTORY` also draws each for a light and for a dark page, to be looked at."""
    options = argparse.ArgumentParser(prog="dev screenshots", description=main.__doc__)
    options.add_argument("--look", type=Path, metavar="DIRECTORY")
    look = options.parse_args().look
    if os.geteuid() != 0:
        print("booting a machine takes root", file=sys.stderr)
        return 1
    machines.sweep()
    numbers = itertools.count(1)
    made: list[Machine] = []

    def new_machine(*_: Any) -> Machine:
        made.append(Machine(trees.tree("bookworm"), f"tb-{os.getpid()}-{next(numbers)}"))
        return made[-1]

    def save(name: str, shell: Shell) -> None:
        title = f"{name.replace('-', ' ')}, {shell.columns} columns"
        DOCS.mkdir(exist_ok=True)
        picture = DOCS / f"{name}-{shell.columns}.svg"
        picture.write_text(svg.draw(shell.cells(), shell.columns, title))
        owner = DOCS.parent.stat()
        for each in (DOCS, picture):
            os.chown(each, owner.st_uid, owner.st_gid)
        for theme in ("light", "dark") if look else ():
            look.mkdir(parents=True, exist_ok=True)
            drawn = svg.draw(shell.cells(), shell.columns, title, theme)
            (look / f"{name}-{shell.columns}-{theme}.svg").write_text(drawn)
        print(f"{name}-{shell.columns}", flush=True)

    try:
        machine = applied.machine(new_machine)
        Scenes(machine, save).play()
    finally:
        for machine in made:
            machine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
