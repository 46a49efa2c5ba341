"""A machine to boot: a release tree under an overlay, started by systemd-nspawn with a systemd as its first process.

What is written on it is gone when it is closed. It has a network of its own, with nothing but a loopback interface.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Optional

from tests import answers
from tests.boot import control_groups

# The directory of the machines of all runs, where each run finds the leftovers of killed ones.
MACHINES = Path("/run/teleport-bootstrap-tests")

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
REBOOT_STATUS = 133  # what systemd-nspawn ends with when the machine wants to be started again
BOOT_SECONDS = 90.0


class Machine:
    """One machine; `root` is its `/`, which can be read and written from outside, booted or not."""

    def __init__(self, tree: Path, name: str, options: tuple[str, ...] = ()) -> None:
        """Prepare a machine that starts as a copy of `tree`. `options` go to systemd-nspawn."""
        self.name = name
        self.options = options or ("--private-network",)
        self.consoles: list[Path] = []
        self._environment = control_groups.environment(tree)
        self._directory = MACHINES / name
        self._directory.mkdir(parents=True)
        self._lock = (self._directory / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # held until the process ends: see `sweep`
        self._nspawn: Optional[subprocess.Popen[bytes]] = None
        self._leader = 0
        place = self._directory / "machine"
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(place)], check=True)
        for part in ("upper", "work", "root"):
            (place / part).mkdir()
        self.root = place / "root"
        layers = f"lowerdir={tree},upperdir={place / 'upper'},workdir={place / 'work'}"
        subprocess.run(["mount", "-t", "overlay", "-o", layers, "overlay", str(self.root)], check=True)
        self.write("/etc/hostname", f"{name}\n")

    # ---- files

    def path(self, absolute: str) -> Path:
        """Return the host path of a file of the machine; only relative links in it work."""
        return self.root / absolute.lstrip("/")

    def write(self, absolute: str, text: str, mode: int = 0o644) -> None:
        path = self.path(absolute)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)

    def read(self, absolute: str) -> str:
        return self.path(absolute).read_text(encoding="utf-8")

    def chroot(self, *command: str) -> str:
        """Run a command in the tree of a machine that is not booted, and return its output."""
        done = subprocess.run(
            ["chroot", str(self.root), *command],
            env={"PATH": PATH},
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command} in {self.name}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    # ---- booting

    def start(self) -> None:
        """Boot the machine, and wait only until it can run commands."""
        assert self._nspawn is None, f"{self.name} is on already"
        console = self._directory / f"console-{len(self.consoles)}"
        self.consoles.append(console)
        # A control group for each machine, which its systemd takes for the root.
        groups = "".join(f"mkdir -p {group}; echo $$ >{group}/cgroup.procs; " for group in _groups(self.name))
        nspawn = ["systemd-nspawn", "-q", "-D", str(self.root), "--register=no", "--keep-unit"]
        nspawn += [f"--machine={self.name}", *self.options, "-b"]
        with console.open("wb") as output:
            self._nspawn = subprocess.Popen(
                ["/bin/sh", "-c", f'{groups}exec "$@"', "sh", *nspawn],
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.wait_for(self._find_leader, 20, "the first process")
        self.wait_for(self._answers, 30, "systemd")

    def boot(self, seconds: float = BOOT_SECONDS) -> None:
        """Boot the machine, and wait until the boot is complete."""
        self.start()
        self.settle(seconds)

    def settle(self, seconds: float = BOOT_SECONDS) -> None:
        """Wait until systemd has no more jobs."""

        def settled() -> bool:
            state = self.try_run("systemctl", "is-system-running").stdout.strip()
            return state in ("running", "degraded") and not self.jobs()

        self.wait_for(settled, seconds, "the end of the boot")

    def jobs(self) -> list[str]:
        """The jobs of systemd, a line for each unit."""
        lines = self.run("systemctl", "list-jobs", "--no-legend", "--no-pager", "--full").splitlines()
        return [line.strip() for line in lines if line.strip() and "No jobs" not in line]

    def reboot(self, seconds: float = BOOT_SECONDS) -> None:
        self.try_run("systemctl", "reboot")
        self._wait_until_off(REBOOT_STATUS)
        self.boot(seconds)

    def power_off(self) -> None:
        self.try_run("systemctl", "poweroff")
        self._wait_until_off(0)

    def _wait_until_off(self, status: int) -> None:
        assert self._nspawn is not None
        try:
            ended = self._nspawn.wait(60)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} does not go down\n{self.console()}") from None
        self._nspawn, self._leader = None, 0
        assert ended == status, f"{self.name} ended with {ended}\n{self.console()}"

    def _find_leader(self) -> bool:
        assert self._nspawn is not None
        assert self._nspawn.poll() is None, f"{self.name} does not boot:\n{self.console()}"
        for pid in _processes(self.name):
            try:
                status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
            except OSError:
                continue
            numbers = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
            # systemd itself, not the process of nspawn's that is about to become it.
            if len(numbers) > 1 and numbers[-1] == "1" and "\nName:\tsystemd\n" in f"\n{status}":
                self._leader = pid
                return True
        return False

    def _answers(self) -> bool:
        assert self._nspawn is not None
        # A systemd that refuses this host says why on the console, and ends.
        assert self._nspawn.poll() is None, f"{self.name} ended while it booted:\n{self.console()}"
        return self.try_run("systemctl", "list-jobs").returncode == 0

    # ---- commands in it

    @property
    def leader(self) -> int:
        """Its first process, by the host's process ID."""
        return self._leader

    def try_run(self, *command: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command in the booted machine, and return its result whatever it is.

        What the agent prints with --format json has to follow the schema.
        """
        enter = ["nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--"]
        done = subprocess.run(
            [*enter, "env", "-i", f"PATH={PATH}", *command],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        if "teleport-bootstrap" in map(os.path.basename, command) and answers.is_asked(command):
            answers.check(done.stdout, done.returncode)
        return done

    def run(self, *command: str, seconds: float = 60) -> str:
        """Run a command that has to succeed in the booted machine; return what it printed to standard output."""
        done = self.try_run(*command, seconds=seconds)
        assert done.returncode == 0, f"{command} in {self.name}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def run_as_unit(self, *command: str, seconds: float = 60) -> str:
        """The same, started by the machine's systemd: with a control group and a clean environment."""
        return self.run("systemd-run", "-q", "--pipe", "--wait", "--collect", *command, seconds=seconds)

    def start_inside(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program of the host in the machine's network: a server that the machine should reach."""
        return subprocess.Popen(
            ["nsenter", "-t", str(self._leader), "-n", "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """Properties of a unit, from systemd."""
        output = self.run("systemctl", "show", *(f"--property={name}" for name in properties), unit)
        return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)

    def state(self, unit: str) -> str:
        """`active`, `inactive`, `failed`, `activating` and so on."""
        return self.show(unit, "ActiveState")["ActiveState"]

    def is_enabled(self, unit: str) -> bool:
        return self.try_run("systemctl", "is-enabled", unit).stdout.strip() == "enabled"

    def journal(self, *options: str) -> str:
        return self.run("journalctl", "--no-pager", "-b", "-o", "short-monotonic", *options)

    def console(self) -> str:
        """The console output of the machine since its last boot."""
        return self.consoles[-1].read_text(encoding="utf-8", errors="replace") if self.consoles else ""

    def wait_for(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                state = ""
                if self._leader:
                    state = self.try_run("systemctl", "list-jobs").stdout
                raise AssertionError(f"{self.name}: {what} did not come in {seconds:.0f} s\n{state}\n{self.console()}")
            time.sleep(0.05)

    # ---- the end

    def close(self) -> None:
        """Kill it, and delete all its files."""
        _remove(self._directory)
        if self._nspawn is not None:
            self._nspawn.wait(10)
            self._nspawn = None
        self._lock.close()


def sweep() -> None:
    """Remove the leftovers of a killed run: machines whose lock is free."""
    for directory in MACHINES.glob("*"):
        try:
            with (directory / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(directory)
        except FileNotFoundError:
            _remove(directory)
        except BlockingIOError:
            continue  # another run that is still active


def _remove(directory: Path) -> None:
    name = directory.name
    deadline = time.monotonic() + 10
    # A killed nspawn leaves its machine running; killing the machine's first process ends all others.
    while (running := list(_processes(name))) and time.monotonic() < deadline:
        for pid in running:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)
    for mounted in (directory / "machine/root", directory / "machine"):
        if os.path.ismount(mounted):
            subprocess.run(["umount", "--recursive", "--lazy", str(mounted)], check=False)
    for group in _groups(name):
        for path, _, _ in os.walk(group, topdown=False):
            try:
                os.rmdir(path)
            except OSError:
                continue  # the kernel may take a moment; an empty group does no harm
    shutil.rmtree(directory, ignore_errors=True)


def _groups(name: str) -> list[Path]:
    """The control group of a machine in each hierarchy of the host."""
    return [base / name for base in control_groups.bases()]


def _processes(name: str) -> Iterator[int]:
    """The processes of a machine and its systemd-nspawn, by the host's process IDs."""
    for group in _groups(name):
        for path, _, _ in os.walk(group):
            try:
                content = Path(path, "cgroup.procs").read_text(encoding="ascii")
            except OSError:
                continue
            yield from (int(pid) for pid in content.split() if pid != "0")
