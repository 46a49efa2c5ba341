"""Issue 14, canaries: no command shows or leaves a secret outside the files meant for it, in any form.

A sample of commands, formats and failures by default; TELEPORT_BOOTSTRAP_EVERY_CANARY=1 takes them all.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib import parse

import pytest

from teleport_bootstrap.cli import layout, main
from tests.simulated import canaries
from tests.simulated.agent import Agent, Ended, needs_root, needs_strace
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import aws as answers
from tests.simulated_ec2 import imds as emulator
from tests.stand_in import install_tctl

EVERYTHING = os.environ.get("TELEPORT_BOOTSTRAP_EVERY_CANARY") == "1"

# What commands get that have arguments; one that needs an argument and has no entry fails the test.
ARGUMENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "render": ((), ("--explain",)),
    "reconfigure": (("--dry-run",), ("--yes",)),
    "backup verify": (("/var/backups/teleport/none.tar.zst",),),
    "restore": (("/var/backups/teleport/none.tar.zst", "--dry-run"), ("--undo", "--yes")),
    "rollback": (("--yes",),),
    "metadata": (("instance-id",),),
    "first-admin": (("alice", "--wait", "1"),),
    "certificate": (("install",), ("obtain",)),
}
# These change what the commands after them find, so they come last, in this order.
LAST = (
    "generate",
    "fetch-secrets",
    "publish-tokens",
    "signal",
    "reconfigure",
    "adopt",
    "rollback",
    "restore",
    "certificate",
)


@dataclass
class Host:
    """A host with canaries, and the services that it asks."""

    agent: Agent
    imds: emulator.Server
    aws: Aws
    planted: canaries.Canaries
    trace: Path

    def run(self, *command: str) -> list[str]:
        """Run a command under strace and return what has leaked."""
        done = self.agent.run(*command, prefix=(*canaries.TRACE, str(self.trace)))
        self.planted.tokens_of(self.imds.service)
        temporary = Path(self.agent.environ["TMPDIR"])
        return self.planted.leaks(done, root=self.agent.root, directories=[temporary], traces=[self.trace])


def nothing(host: Host) -> None:
    """Everything works."""


def denied(host: Host) -> None:
    """SSM denies."""
    host.aws.fail_always(answers.denied())


def refused(host: Host) -> None:
    """Teleport repeats the configuration that it refuses."""
    host.agent.install(refuse="bad value: " + canaries.OVERRIDE_TEXT)


def broken(host: Host) -> None:
    """The override is not valid YAML any more."""
    host.agent.write(canaries.OVERRIDE, f"{canaries.OVERRIDE_TEXT}x: [\n", 0o600)


def misspelled(host: Host) -> None:
    """The conf has an error in each line with a secret."""
    text = canaries.CONFS["agent"].replace("='", "=' ").replace("TELEPORT_JOIN_TOKEN", "TELEPORT_JOIN_TOKENS")
    host.agent.write("/etc/teleport.d/conf", text, 0o600)


def silent(host: Host) -> None:
    """The metadata service answers with errors."""
    host.imds.service.set_faults(error_500=True)


# Other tests may add failures: each arranges one in a host.
FAILURES: dict[str, Callable[[Host], None]] = {
    each.__name__: each for each in (nothing, denied, refused, broken, misspelled, silent)
}


SAMPLE = (("agent", "nothing"), ("auth", "refused"), ("agent", "broken"), ("agent", "misspelled"))
# After a failure, in the sample.
FAILING = ("validate", "render", "reconfigure", "generate", "status", "fetch-secrets")


def chosen() -> list[tuple[str, str]]:
    """Return the roles and failures to try."""
    return [(role, failure) for role in canaries.CONFS for failure in FAILURES] if EVERYTHING else list(SAMPLE)


def leaves(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    below = list(layout.commands(parser))
    if not below and name:
        yield name, parser
    for word, each in below:
        yield from leaves(each, f"{name} {word}".strip())


def commands() -> Iterator[tuple[str, ...]]:
    """Yield every command of the parser with its arguments, those that change the host last."""
    found = dict(leaves(main.parser()))
    for name in sorted(found, key=lambda each: LAST.index(each) if each in LAST else -1):
        options = {option for action in found[name]._actions for option in action.option_strings}
        waits = [word for option in ("--wait", "--health-wait") if option in options for word in (option, "2")]
        for arguments in ARGUMENTS.get(name, ((),)):
            yield (*name.split(), *arguments, *waits)


def test_every_command_that_needs_an_argument_has_one() -> None:
    for name, parser in leaves(main.parser()):
        if any(not action.option_strings and action.nargs is None for action in parser._actions):
            assert ARGUMENTS.get(name), f"{name} needs an argument: add it to ARGUMENTS"


@pytest.fixture
def host(tmp_path: Path, imds: emulator.Server, aws: Aws) -> Host:
    root, temporary = tmp_path / "root", tmp_path / "tmp"
    root.mkdir()
    temporary.mkdir()
    agent = Agent(root, imds=imds.url, aws=aws.url, environ={"TMPDIR": str(temporary), **canaries.TO_JOURNAL})
    agent.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\nteleport:x:64998:64998::/:/bin/false\n")
    agent.write("/etc/group", "root:x:0:\nteleport:x:64998:\n")
    agent.path("/var/backups/teleport").mkdir(parents=True, mode=0o700)
    agent.install()
    return Host(agent, imds, aws, canaries.Canaries(), tmp_path / "trace")


def prepare(host: Host, role: str) -> None:
    """Plant the canaries; Teleport has them in its data directory and its journal too."""
    host.planted = canaries.plant(host.agent, imds=host.imds, aws=host.aws, role=role)
    install_tctl(host.agent.path("/usr/local/bin"), data=str(host.agent.path("/var/lib/teleport")))


def sweep(host: Host, failure: str, levels: tuple[str, ...], formats: tuple[str, ...]) -> list[str]:
    """Run every command on a host on which generate has run once, with `failure`; return each leak with its command."""
    found = dict.fromkeys(host.run("generate", "--wait", "5"), "generate")
    FAILURES[failure](host)
    for command in commands():
        if not EVERYTHING and failure != "nothing" and command[0] not in FAILING:
            continue
        for level in levels:
            for form in formats:
                for each in host.run(*command, "--log-level", level, "--format", form):
                    found.setdefault(each, f"{' '.join(command)} ({level}, {form})")
    return [f"{command}: {each}" for each, command in found.items()]


@needs_root
@needs_strace
@pytest.mark.parametrize(("role", "failure"), chosen())
def test_no_command_leaks_a_canary(host: Host, role: str, failure: str) -> None:
    """Issue 14, canaries: every command of the parser, and every failure of the table."""
    prepare(host, role)
    levels, formats = (("debug", "info"), ("text", "json")) if EVERYTHING else (("debug",), ("json",))
    leaking = sweep(host, failure, levels, formats)
    assert not leaking, "\n".join(leaking)


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text,
        lambda text: f"x{text[: len(text) // 2]}\n  {text[len(text) // 2 :]}",
        parse.quote_plus,
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.b64encode(b"u:" + text.encode() + b"\n").decode(),
        lambda text: base64.urlsafe_b64encode(b"a" + text.encode()).decode(),
        lambda text: text.encode().hex().upper(),
        lambda text: text.encode("utf-16").decode("latin-1"),
        lambda text: gzip.compress(text.encode()).decode("latin-1"),
    ],
)
def test_the_search_finds_each_form(encode: Callable[[str], str]) -> None:
    for value in (canaries.LICENSE_LINE, canaries.OVERRIDE_PASSWORD if encode("/") else ""):
        planted = canaries.Canaries({"it": value})
        if value == canaries.OVERRIDE_PASSWORD and "\n" in encode(value):
            continue  # a half of a short one says too little
        assert planted.leaks(encode(value).encode("latin-1")), encode(value)


def test_the_search_finds_what_a_file_name_or_a_wrong_mode_gives_away(tmp_path: Path) -> None:
    planted = canaries.Canaries({"it": canaries.JOIN_TOKEN})
    agent = Agent(tmp_path)
    agent.write("/etc/teleport.d/conf", canaries.CONFS["agent"], 0o600)
    assert not planted.leaks(Ended(0, "fine", "********"), root=tmp_path)
    agent.path("/etc/teleport.d/conf").chmod(0o640)
    agent.write(f"/var/lib/{canaries.JOIN_TOKEN.replace('/', '-')}", "")
    agent.write("/var/lib/teleport-bootstrap/generations/1/manifest.json", canaries.JOIN_TOKEN, 0o600)
    assert len(planted.leaks(root=tmp_path)) == 3
