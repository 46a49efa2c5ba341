"""The real command, run as a process of its own in a scratch root, and what it leaves behind there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import pytest

from tests import answers
from tests.stand_in import install_teleport

CHECKOUT = Path(__file__).resolve().parents[2]
GUIDE = (CHECKOUT / "tests" / "simulated_ec2" / "guide.conf").read_text()

# Nothing listens there: a port that only root could bind, on loopback.
NOWHERE = "http://127.0.0.1:9"

LICENSE = "-----BEGIN CERTIFICATE-----\nPLANTED-LICENSE-7c1e\n-----END CERTIFICATE-----\n"
TOKEN = "planted-token-93af"
PIN = "sha256:" + "5e" * 32
SECRETS = ("PLANTED-LICENSE-7c1e", TOKEN)

LEFTOVERS = (".teleport-bootstrap-new", ".teleport-bootstrap-old")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
AS_ANOTHER_ACCOUNT = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def needs_another_account() -> None:
    """Skip the test where another account cannot run this Python or this checkout, such as one in root's home."""
    program = [*AS_ANOTHER_ACCOUNT, sys.executable, "-m", "teleport_bootstrap", "--version"]
    environ = {"PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(program, env=environ, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        pytest.skip(f"another account cannot run this Python or this checkout: {said[-1] if said else done.returncode}")


@dataclass
class Ended:
    """How a run of the command ended."""

    status: int
    output: str
    errors: str

    @property
    def data(self) -> Any:
        """What it printed with --format json."""
        return json.loads(self.output)

    @property
    def wrong(self) -> list[str]:
        """The errors that it found, as lines."""
        return answers.lines(self.data, "error")

    @property
    def warnings(self) -> list[str]:
        return answers.lines(self.data, "warning")

    @property
    def notes(self) -> list[str]:
        return answers.lines(self.data, "note")

    @property
    def said(self) -> str:
        return self.output + self.errors


@dataclass
class Agent:
    """A root to work in, and the services whose addresses the command gets; by default none."""

    root: Path
    imds: str = NOWHERE
    aws: str = NOWHERE
    environ: dict[str, str] = field(default_factory=dict)

    def path(self, absolute: str) -> Path:
        return self.root / absolute.lstrip("/")

    def write(self, absolute: str, text: str, mode: int = 0o644) -> Path:
        path = self.path(absolute)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def conf(self, text: str) -> Path:
        return self.write("/etc/teleport.d/conf", text)

    def install(self, name: str = "/usr/local/bin/teleport", **switches: Any) -> Path:
        """Put the stand-in for Teleport where the command looks for one."""
        # With this interpreter, which has PyYAML; the distribution's may not.
        return install_teleport(self.path(name).parent, **switches)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "teleport_bootstrap", "--root", str(self.root), *arguments]

    def environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.root),
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.imds,
            "AWS_ENDPOINT_URL": self.aws,
            # `./dev test newest` makes errors of warnings.
            **{name: os.environ[name] for name in ("PYTHONWARNINGS",) if name in os.environ},
            **self.environ,
        }

    def run(
        self, *arguments: str, prefix: tuple[str, ...] = (), stdin: Optional[bytes] = None, timeout: float = 90.0
    ) -> Ended:
        """Run the command with `arguments`; `prefix` is what runs it, such as strace.

        What it prints with --format json has to follow the schema.
        """
        done = subprocess.run(
            [*prefix, *self.command(*arguments)],
            env=self.environment(),
            cwd=self.root,
            input=stdin if stdin is not None else b"",
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        ended = Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
        if answers.is_asked(arguments) and not killed(ended.status) and ended.status >= 0:
            answers.check(ended.output, ended.status)
        return ended

    def give_up_soon(self, **options: Any) -> Ended:
        """Run `generate` where some service will not answer."""
        return self.run("generate", "--wait", "2", **options)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment(),
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def generate(self, *arguments: str, **options: Any) -> Ended:
        """Run `generate`; it waits long enough for a busy machine, where the test says nothing else."""
        return self.run("generate", "--wait", "20", *arguments, **options)

    @property
    def teleport_yaml(self) -> Path:
        return self.path("/etc/teleport.yaml")


@dataclass(frozen=True)
class Entry:
    """What is at a path, as far as anyone could notice a change."""

    kind: str
    mode: int
    uid: int
    gid: int
    inode: int
    mtime_ns: int
    content: Optional[bytes]


_OURS_ALWAYS = tuple(f"var/lib/teleport-bootstrap/{name}" for name in ("lock", "events.lock"))
# What commands record of themselves.
_RECORDS = "var/lib/teleport-bootstrap/events/"


def tree(root: Path) -> dict[str, Entry]:
    """Return every file and link below `root`, without the lock; directories only where they are not empty."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            shown = os.path.relpath(path, root)
            if shown in _OURS_ALWAYS or shown.startswith(_RECORDS):
                continue
            facts = os.lstat(path)
            if stat.S_ISDIR(facts.st_mode):
                continue
            content: Optional[bytes] = None
            if stat.S_ISREG(facts.st_mode):
                content = Path(path).read_bytes()
            elif stat.S_ISLNK(facts.st_mode):
                content = os.readlink(path).encode()
            found[shown] = Entry(
                kind={stat.S_IFREG: "file", stat.S_IFLNK: "link"}.get(stat.S_IFMT(facts.st_mode), "other"),
                mode=stat.S_IMODE(facts.st_mode),
                uid=facts.st_uid,
                gid=facts.st_gid,
                inode=facts.st_ino,
                mtime_ns=facts.st_mtime_ns,
                content=content,
            )
    return found


def contents(root: Path) -> dict[str, tuple[str, int, Optional[bytes]]]:
    """Return what a tree holds, without inodes and times: for comparing two roots."""
    return {name: (entry.kind, entry.mode, entry.content) for name, entry in tree(root).items()}


def leftovers(root: Path) -> list[str]:
    return [name for name in tree(root) if name.endswith(LEFTOVERS)]


def shows_no_secret(ended: Ended) -> None:
    for secret in SECRETS:
        assert secret not in ended.said


def killed(status: int) -> bool:
    """Whether strace, or what it ran, was ended by SIGKILL."""
    return status in (-signal.SIGKILL, 128 + signal.SIGKILL)
