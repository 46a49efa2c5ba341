"""A place to run one command after the other in: a root, the services with a relay in front, and a measured run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

from tests.simulated import canaries
from tests.simulated.agent import CHECKOUT
from tests.simulated.faults import commands, files, network, programs, state
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

LAUNCHER = Path(__file__).with_name("launcher.py")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# More than any command has to print.
MOST_OUTPUT_BYTES = 64 * 1024
_CREDENTIALS = {"credentials": {"SecretAccessKey": canaries.AWS_SECRET_KEY, "Token": canaries.AWS_SESSION_TOKEN}}

# Run as a module, with another program as its own interpreter, for its children.
_AS_MODULE = (
    "import sys; sys.path.remove(''); import runpy; sys.executable = {python!r}; sys.argv[0] = 'teleport-bootstrap'; "
    "runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
)

# Makes the first argument the root directory of the others: with programs and libraries of this machine, which cannot
# be written to, and its processes, devices and temporary files. All of it is in a namespace, so that it ends with them.
_SCRIPT = """
root=$1 && shift
for each in bin lib libexec sbin share; do mkdir -p "$root/usr/$each"; done
for each in bin lib lib32 lib64 libx32 sbin; do
    if [ -L /$each ]; then ln -sfn "usr/$each" "$root/$each"; fi
    if [ -d "/usr/$each" ]; then mkdir -p "$root/usr/$each"; mount --bind -o ro "/usr/$each" "$root/usr/$each"; fi
done
mount --bind -o ro /usr/share "$root/usr/share"
for each in proc dev tmp; do mkdir -p "$root/$each"; mount --rbind "/$each" "$root/$each"; done
mkdir -p "$root/root"
case $PYTHONPATH in
    /tmp/*) ;;
    *) mkdir -p "$root$PYTHONPATH" && mount --bind -o ro "$PYTHONPATH" "$root$PYTHONPATH" ;;
esac
cd / && exec chroot "$root" "$@"
"""
_INSIDE = ("unshare", "--mount", "--", "sh", "-ec", _SCRIPT, "sh")


@dataclass(frozen=True)
class Measured:
    """How a run ended: `status` is None where it had to be killed; `peak_mib` is of it and its children."""

    status: Optional[int]
    output: bytes
    errors: bytes
    seconds: float
    peak_mib: float

    @property
    def said(self) -> bytes:
        return self.output + self.errors


Plan = Union[network.Plan, programs.Plan, None]


class World:
    """Services, a root and the programs in `directory`; `module` is the agent, or what stands in for it."""

    def __init__(self, directory: Path, module: str = "teleport_bootstrap") -> None:
        self.directory = directory
        self.module = module
        # What else is in its environment.
        self.more: dict[str, str] = {}
        directory.mkdir(parents=True, exist_ok=True)
        self.imds = emulator.Server()
        self.imds.start()
        self.aws = Aws()
        self.aws.start()
        self.relays = {"IMDS": network.Relay(_address(self.imds.url)), "AWS": network.Relay(_address(self.aws.url))}
        self.root = directory / "root"
        self.trace = directory / "trace"
        self._programs: dict[str, programs.Programs] = {}
        self._aws_content: Optional[dict[str, Any]] = None
        self._path = PATH

    def close(self) -> None:
        for relay in self.relays.values():
            relay.close()
        self.imds.stop()
        self.aws.stop()

    def relay(self, place: network.Place) -> network.Relay:
        return self.relays["IMDS" if place.service == "IMDS" else "AWS"]

    # ---- prepared once for each command, in a directory that all worlds share

    def prepare(self, command: commands.Command, into: Path) -> None:
        """Make the host of `command` in the new directory `into`: root, content of AWS, and true programs."""
        self.aws.reset()
        self.imds.service.reset()
        self.imds.service.update(_CREDENTIALS)
        into.mkdir(parents=True)
        agent = command.prepare(commands.Place(into, self.imds, self.aws))
        (into / "aws.json").write_text(json.dumps(state.content_of_aws(self.aws)))
        (into / "path").write_text(agent.environ.get("PATH", PATH))
        self.reset(command, into)
        self.run(command, 120, prefix=("strace", "-f", "-qq", "-o", str(self.trace), "-e", "trace=execve"))
        trace = self.trace.read_text(errors="replace")
        path = (into / "path").read_text().replace(str(into / "root"), str(self.root))
        if command.live:
            path = path.replace(str(self.root), "")
        found = programs.started(trace, self.root, path, inside=command.live)
        true = programs.keep_true(found, into / "root", into / "true")
        (into / "true.json").write_text(json.dumps(true))
        self._programs.pop(command.name, None)

    def reset(self, command: commands.Command, prepared: Path, plan: Plan = None) -> None:
        """Make everything what it was before the command, and spoil what `plan` says."""
        mounts = Path("/proc/self/mounts").read_text()
        assert f" {self.root}/" not in mounts, "what is mounted there would be removed with it"
        shutil.rmtree(self.root, ignore_errors=True)
        # The next run removes what a killed one left there, which is calls that have numbers too.
        shutil.rmtree(self.directory / "tmp", ignore_errors=True)
        # With owners, which shutil leaves out.
        subprocess.run(["cp", "-a", str(prepared / "root"), str(self.root)], check=True)
        self._name_root(self.root, prepared)
        self.begin(command, prepared, plan)
        self._aws_content = json.loads((prepared / "aws.json").read_text())
        state.load_aws(self.aws, self._aws_content or {})

    def begin(self, command: commands.Command, prepared: Path, plan: Plan = None) -> None:
        """Spoil what `plan` says, in what there is."""
        self.imds.service.reset()
        self.imds.service.update({**_CREDENTIALS, **command.imds})
        for name, relay in self.relays.items():
            mine = isinstance(plan, network.Plan) and self.relay(plan.place) is self.relays[name]
            relay.begin(plan if mine and isinstance(plan, network.Plan) else None)
        path = (prepared / "path").read_text().replace(str(prepared / "root"), "" if command.live else str(self.root))
        self._path = self.programs(command, prepared).begin(
            self.root, path, plan if isinstance(plan, programs.Plan) else None, inside=command.live
        )

    def programs(self, command: commands.Command, prepared: Path) -> programs.Programs:
        """Return the programs of `command`, whose files here name this root."""
        if command.name not in self._programs:
            mine = self.directory / f"true-{len(self._programs)}"
            known = prepared / "true.json"
            true = json.loads(known.read_text()) if known.exists() else {}
            if (prepared / "true").exists():
                shutil.copytree(prepared / "true", mine, symlinks=True)
                self._name_root(mine, prepared)
            here = {name: path.replace(str(prepared / "true"), str(mine)) for name, path in true.items()}
            folder = self.directory / f"programs-{len(self._programs)}"
            self._programs[command.name] = programs.Programs(folder, here)
        return self._programs[command.name]

    def _name_root(self, folder: Path, prepared: Path) -> None:
        """Let the stand-ins in `folder` work in this root."""
        for switches in folder.rglob("*.switches.json"):
            switches.write_text(switches.read_text().replace(str(prepared / "root"), str(self.root)))

    # ---- a run

    def environment(self) -> dict[str, str]:
        return {
            "PATH": self._path,
            "HOME": "/root",
            "TMPDIR": str(self.directory / "tmp"),
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONHASHSEED": "0",
            "PYTHONPYCACHEPREFIX": str(self.directory.parent / "bytecode"),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.relays["IMDS"].url,
            "AWS_ENDPOINT_URL": self.relays["AWS"].url,
            **self.more,
        }

    def run(self, command: commands.Command, seconds: float, *, prefix: Sequence[str] = ()) -> Measured:
        """Run `command`, killed after `seconds`."""
        (self.directory / "tmp").mkdir(exist_ok=True)
        shim = next((each.python for each in self._programs.values() if self._path.startswith(str(each.directory))), "")
        python = shim if shim and os.path.exists(shim) else sys.executable
        module = _AS_MODULE.format(python=python, module=self.module)
        arguments = ["--root", "/" if command.live else str(self.root), *commands.argv(command, self.root)]
        within = [*_INSIDE, str(self.root)] if command.live else []
        facts = self.directory / "facts.json"
        facts.unlink(missing_ok=True)
        launch = [sys.executable, "-IS", str(LAUNCHER), str(facts), str(seconds)]
        output, errors = self.directory / "output", self.directory / "errors"
        with output.open("wb") as to_output, errors.open("wb") as to_errors:
            subprocess.run(
                [*launch, *prefix, *within, sys.executable, "-c", module, *arguments],
                env=self.environment(),
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=to_output,
                stderr=to_errors,
                timeout=seconds + 60,
                check=True,
            )
        told = json.loads(facts.read_text())
        texts = []
        for path in (output, errors):
            with path.open("rb") as file:
                texts.append(file.read(MOST_OUTPUT_BYTES + 1))
        return Measured(told["status"], texts[0], texts[1], told["seconds"], told["peak_kib"] / 1024)

    def traced(self, command: commands.Command, seconds: float, *, inject: str = "", name: str = "") -> Measured:
        return self.run(command, seconds, prefix=files.trace(inject, name, output=self.trace))

    def aws_state(self) -> dict[str, str]:
        return state.of_aws(state.content_of_aws(self.aws))


def _address(url: str) -> tuple[str, int]:
    host, _, port = url.partition("//")[2].rpartition(":")
    return host, int(port)
