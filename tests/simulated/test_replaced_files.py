"""Something else in place of each file that another account can replace: issue 14, row 1.

The table of files is not written down: each command runs under strace once, and every file that it opens, itself or
through another program, in a place where another account can write, is a row. Then each of them is replaced by a named
pipe, a socket, a device, a directory, a link to a pipe, a file with a lease, and a huge and a sparse file. Every
command has to end soon, in a way that the catalogue knows. A sample by default; TELEPORT_BOOTSTRAP_EVERY_CALL=1 tries
everything at each file with each command that opens it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from teleport_bootstrap.host import tree
from tests import certificates
from tests.simulated import agent as agents
from tests.simulated import restoring
from tests.simulated.agent import Agent, needs_strace
from tests.simulated.kill_sweep import EVERY_CALL
from tests.simulated_ec2 import imds as emulator

pytestmark = needs_strace

DATA = "/var/lib/teleport"
# Teleport's account can write here on an instance.
THEIRS = (DATA, "/run/teleport", "/srv/shared")

# Longer than any command takes here, and shorter than a wait for a lease, which the kernel breaks after 45 s.
SECONDS = 30.0
# No command reads so much into memory.
MOST_MEMORY = 1024 * 1024 * 1024

CERTIFICATE = f"""\
proxy_service:
  https_keypairs:
    - cert_file: {DATA}/own/cert.pem
      key_file: {DATA}/own/key.pem
db_service:
  enabled: "yes"
  databases:
    - name: one
      protocol: postgres
      uri: "postgres.example.com:5432"
      tls: {{ca_cert_file: /srv/shared/ca.pem}}
"""

COMMANDS = {
    "generate": ("generate", "--wait", "5"),
    "reconfigure": ("reconfigure", "--yes", "--wait", "5"),
    "plan": ("plan",),
    "status": ("status",),
    "adopt": ("adopt", "--wait", "5"),
    "collect-logs": ("collect-logs", "--output", "{root}/bundle.tar.gz"),
    "backup": ("backup", "{root}/again/", "--wait", "5"),
    "verify": ("backup", "verify", "{archive}"),
    "restore": ("restore", "{archive}", "--yes", "--force", "--wait", "5"),
    "render": ("render", "/srv/shared/conf"),
    "fetch-secrets": ("fetch-secrets", "--wait", "2"),
    "publish-tokens": ("publish-tokens", "--wait", "2"),
    "signal": ("signal", "--wait", "2"),
    "certificate install": ("certificate", "install", "--wait", "2"),
}


# A backup archives such a file of Teleport's data, or says that it does not: the tests of `backup` judge that.
ELSEWHERE = (("backup", "sparse"), ("backup", "lease"))


class Case(NamedTuple):
    """A command, a file that it opens, and what takes the place of the file."""

    command: str
    path: str
    kind: str


@pytest.fixture(scope="module")
def imds() -> Iterator[emulator.Server]:
    server = emulator.Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, imds: emulator.Server) -> Agent:
    """A host that is in use, with an edited teleport.yaml and files that its operator has named."""
    agent = restoring.host(tmp_path_factory.mktemp("replaced") / "host", imds)
    agent.conf(restoring.ALL_IN_ONE)
    agent.write("/etc/teleport.d/teleport.yaml.d/10-own.yaml", CERTIFICATE)
    pair = certificates.self_signed("teleport.example.com")
    agent.write(f"{DATA}/own/cert.pem", pair.fullchain)
    agent.write(f"{DATA}/own/key.pem", pair.files()["privkey"], 0o600)
    agent.write("/srv/shared/ca.pem", pair.fullchain)
    agent.write("/srv/shared/conf", restoring.ALL_IN_ONE)
    done = agent.generate()
    assert done.status == 0, done.said
    restoring.used(agent)
    agent.write("/run/teleport/teleport.pid", "1\n")
    archive = restoring.backup(agent, agent.root / "first")
    shutil.move(archive, agent.path(f"/srv/shared/{archive.name}"))
    with agent.teleport_yaml.open("a") as file:
        file.write("# edited\n")
    return agent


def arguments(agent: Agent, command: str) -> list[str]:
    archive = next(agent.path("/srv/shared").glob("*.tar.*"))
    return [each.format(root=agent.root, archive=archive) for each in COMMANDS[command]]


@contextlib.contextmanager
def copy(prepared: Agent, into: Path) -> Iterator[Agent]:
    """Give a copy of the host in the new directory `into`, and remove it."""
    subprocess.run(["cp", "-a", "--reflink=auto", str(prepared.root), str(into)], check=True)
    try:
        yield Agent(into, imds=prepared.imds, environ=prepared.environ)
    finally:
        tree.remove(str(into))


_OPENED = re.compile(r'open(?:at)?\((?:(?:AT_FDCWD|\d+)<(?P<base>[^>]*)>, )?"(?P<name>[^"]*)", (?P<flags>[A-Z_|]+)')


def opened(trace: Path, root: Path) -> set[str]:
    """Return the files below `root` that were opened, as the instance sees them, from the lines of strace."""
    found = set()
    for line in trace.read_text(errors="replace").splitlines():
        match = _OPENED.search(line)
        if match is None or {"O_CREAT", "O_DIRECTORY"} & set(match["flags"].split("|")):
            continue
        path = os.path.normpath(os.path.join(match["base"] or "/", match["name"]))
        if path.startswith(f"{root}/"):
            found.add(path[len(str(root)) :])
    return found


@pytest.fixture(scope="module")
def rows(prepared: Agent, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The files in places where another account can write that each command opens."""
    found: dict[str, set[str]] = {}
    top = tmp_path_factory.mktemp("traced")
    there = {path for path in agents.tree(prepared.root) if f"/{path}".startswith(tuple(f"{each}/" for each in THEIRS))}
    for command in COMMANDS:
        with copy(prepared, top / "host") as agent:
            trace = top / "trace"
            strace = ("strace", "-f", "-y", "-s", "4096", "-e", "trace=open,openat", "-o", str(trace))
            agent.run(*arguments(agent, command), prefix=strace)
            found[command] = {path for path in opened(trace, agent.root) if path.lstrip("/") in there}
    return found


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    os.mknod(path, 0o600 | stat.S_IFSOCK)


def _device(path: Path) -> None:
    # Without root there are none to be made; a link leads to one.
    if os.geteuid() == 0:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    else:
        path.symlink_to("/dev/zero")


def _link(path: Path) -> None:
    os.mkfifo(f"{path}.pipe")
    path.symlink_to(f"{path}.pipe")


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        for _ in range(6):
            file.write(b"# huge\n" * 150_000)


def _sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 200 * 1024**3)


KINDS: dict[str, Callable[[Path], None]] = {
    "named pipe": _pipe,
    "socket": _socket,
    "device": _device,
    "directory": Path.mkdir,
    "link to a pipe": _link,
    "huge": _huge,
    "sparse": _sparse,
}
LEASE = "lease"

_HOLDER = """
import fcntl, os, signal, sys, time
signal.signal(signal.SIGIO, signal.SIG_IGN)
held = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
time.sleep(120)
"""


@contextlib.contextmanager
def replaced(path: Path, kind: str) -> Iterator[None]:
    """Put something of this `kind` in place of the file at `path`."""
    if kind != LEASE:
        path.unlink()
        KINDS[kind](path)
        yield
        return
    with subprocess.Popen([sys.executable, "-c", _HOLDER, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None and holder.stdout.readline() == "held\n"
            yield
        finally:
            holder.kill()


def cases(rows: dict[str, set[str]]) -> list[Case]:
    """Return every case, or a sample in which each file occurs, and each kind more than once."""
    kinds = [*KINDS, LEASE]
    pairs = [(command, path) for command in rows for path in sorted(rows[command])]
    if EVERY_CALL:
        return [Case(*pair, kind) for pair in pairs for kind in kinds if (pair[0], kind) not in ELSEWHERE]
    chosen = []
    for index, path in enumerate(sorted(set().union(*rows.values()))):
        openers = [command for command in rows if path in rows[command]]
        chosen.append(Case(openers[index % len(openers)], path, kinds[index % len(kinds)]))
    pairs = [pair for pair in pairs if pair[0] not in dict(ELSEWHERE)]
    chosen += [Case(*pairs[index * 5 % len(pairs)], kind) for index, kind in enumerate(kinds)]
    return [each for each in dict.fromkeys(chosen) if (each.command, each.kind) not in ELSEWHERE]


def trouble(prepared: Agent, case: Case, into: Path) -> str:
    """Return what is wrong with how the command of a case ends, "" for nothing."""
    with copy(prepared, into) as agent:
        words = arguments(agent, case.command)
        with replaced(agent.path(case.path), case.kind):
            return _ends_badly(agent, case, words)


def _ends_badly(agent: Agent, case: Case, words: list[str]) -> str:
    begun = time.monotonic()
    # `prlimit` bounds the memory: a file that is read whole ends the command.
    limit = ("prlimit", f"--as={MOST_MEMORY}")
    try:
        done = agent.run(*words, prefix=limit, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return f"{case}: has not ended after {SECONDS:.0f} s"
    if done.status in (1, 120) or done.status < 0 or "Traceback" in done.said:
        return f"{case}: status {done.status} after {time.monotonic() - begun:.1f} s: {done.said[-2000:]}"
    return ""


def test_row_1_no_file_that_another_account_can_replace_stops_a_command(
    prepared: Agent, rows: dict[str, set[str]], tmp_path: Path
) -> None:
    tried = cases(rows)
    found = [each for case in tried if (each := trouble(prepared, case, tmp_path / "host"))]
    assert not found, "\n".join(found)
    assert {case.kind for case in tried} == {*KINDS, LEASE}
    print(f"{len(tried)} cases, {len(set().union(*rows.values()))} files, {len(rows)} commands")


def test_row_1_the_table_of_files_is_found(rows: dict[str, set[str]]) -> None:
    """Each of these is known to be opened; others come by themselves."""
    known = {
        "reconfigure": "/srv/shared/ca.pem",
        "status": f"{DATA}/own/cert.pem",
        "backup": f"{DATA}/host_uuid",
    }
    missing = {command: path for command, path in known.items() if path not in rows[command]}
    assert not missing, rows
