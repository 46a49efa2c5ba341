"""Every example of `--help` and of the manual pages is run as it stands, on a host that it is meant for.

The hosts are those of the matrix of faults, on a simulated metadata service and simulated AWS APIs.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.cli import layout, main
from teleport_bootstrap.manual import conf_page, program_page
from tests.documents import CHECKOUT
from tests.simulated.agent import GUIDE, Agent, needs_another_account
from tests.simulated.faults import commands
from tests.simulated.faults.commands import BUCKET, Place
from tests.simulated.restoring import NEW
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

PROGRAM = "teleport-bootstrap"


@dataclass(frozen=True)
class Host:
    """Where an example is run, and how it may end there: a host in a scratch root is not running."""

    prepare: Callable[[Place], Agent]
    statuses: tuple[int, ...] = (errors.OK,)
    is_new: bool = False


def laptop(place: Place) -> Agent:
    """A computer without a Teleport, on which nothing answers."""
    agent = Agent(place.directory / "root")
    agent.root.mkdir()
    return agent


def with_answers(place: Place) -> Agent:
    """The same, with answers in a file."""
    agent = laptop(place)
    agent.write("/answers.yaml", "domain: teleport.acmeinc.com\nregion: eu-west-1\n")
    return agent


def often_changed(place: Place) -> Agent:
    """Four generations."""
    agent = commands.twice_changed(place)
    agent.conf(GUIDE).chmod(0o600)
    done = agent.run("reconfigure", "--yes", "--wait", "5")
    assert done.status == 0, done.said
    return agent


def with_an_object(place: Place) -> Agent:
    """A backup in S3 has the name of the example."""
    agent = commands.backed_up(place)
    client = place.aws.client("s3")
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET)["Contents"]]
    (archive,) = (key for key in keys if key.endswith((".tar.zst", ".tar.gz")))
    client.copy_object(Bucket=BUCKET, Key="teleport/old.tar.zst", CopySource={"Bucket": BUCKET, "Key": archive})
    return agent


def image(place: Place) -> Agent:
    """The file system of an image, from which everything of the builder was removed."""
    agent = laptop(place)
    agent.write("/mnt/image/etc/machine-id", "")
    agent.write("/mnt/image/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    agent.path("/mnt/image/var/lib").mkdir(parents=True)
    return agent


# By the words of the command.
HOSTS = {
    "adopt": Host(commands.edited),
    "backup": Host(commands.in_use),
    "backup create": Host(commands.in_use),
    "backup list": Host(commands.backed_up),
    "backup verify": Host(with_an_object),
    "certificate": Host(commands.installing),
    "certificate install": Host(commands.installing),
    "certificate obtain": Host(commands.obtaining),
    "certificate renew": Host(commands.renewing),
    "collect-logs": Host(commands.in_use),
    "doctor": Host(commands.node, (errors.OK, errors.CHECK_WARNED, errors.CHECK_FAILED)),
    "fetch-secrets": Host(commands.pending_node),
    "first-admin": Host(commands.without_users),
    "generate": Host(commands.all_in_one),
    "history": Host(often_changed),
    "iam-policy": Host(laptop),
    "init": Host(with_answers),
    "install-check": Host(commands.all_in_one_as_it_is),
    "metadata": Host(commands.all_in_one),
    "plan": Host(laptop),
    "publish-tokens": Host(commands.publisher),
    # Without --yes and a terminal, it shows the proposal and asks.
    "reconfigure": Host(commands.changed, (errors.OK, errors.UNCONFIRMED)),
    "signal": Host(commands.launched, (errors.OK, errors.UNHEALTHY)),
    "render": Host(laptop),
    "restore": Host(commands.replaced, is_new=True),
    "rollback": Host(commands.twice_changed),
    "seal": Host(image),
    "status": Host(commands.twice_changed, (errors.OK, errors.UNHEALTHY, errors.DRIFTED)),
    "validate": Host(laptop),
    "variables": Host(laptop),
}


def examples() -> list[str]:
    """Every example, once."""
    found = [text for parser in parsers(main.parser()) for text in of_help(parser)]
    for page in (program_page, conf_page):
        source = Path(str(page.__file__)).read_text("utf-8").replace("{name}", PROGRAM)
        found += re.findall(rf'["\']({PROGRAM} [^"\'{{}}]+)["\']', " ".join(_examples_of(source)))
    return list(dict.fromkeys(found))


def _examples_of(source: str) -> list[str]:
    return re.findall(r"roff\.example\((.*?)\)\n", source, re.DOTALL)


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for _, below in layout.commands(parser):
        yield below
        yield from parsers(below)


def of_help(parser: argparse.ArgumentParser) -> list[str]:
    text = " ".join(parser.format_help().split())
    return re.findall(rf"Examples?: ({PROGRAM} .+)$", text)


def host_of(example: str) -> Host:
    words = shlex.split(example)[1:]
    two = " ".join(words[:2])
    return HOSTS[two] if two in HOSTS else HOSTS[words[0]]


def test_every_command_has_an_example_and_those_of_the_manual_are_found() -> None:
    named = {shlex.split(each)[1] for each in examples()}
    assert named == set(main.COMMANDS)
    assert f"{PROGRAM} reconfigure --dry-run" in examples() and f"{PROGRAM} validate ./conf" in examples()
    assert set(HOSTS) >= named


@pytest.mark.parametrize("example", examples())
def test_issue_15_row_12_every_example_of_the_help_and_the_manual_works(
    example: str, tmp_path: Path, imds: emulator.Server, aws: Aws
) -> None:
    host = host_of(example)
    if host.prepare is commands.publisher:
        # tctl runs as the owner of Teleport's data, which is another account there.
        needs_another_account()
    for folder in (tmp_path, *tmp_path.parents):
        # tctl runs as another account.
        if folder.name.startswith(("test_", "pytest-", "popen-")):
            folder.chmod(0o755)
    agent = host.prepare(Place(tmp_path, imds, aws))
    if host.is_new:
        imds.service.update(NEW)
    agent.write("/conf", GUIDE)
    shutil.copy(CHECKOUT / "packaging" / "example-facts.yaml", agent.path("/facts.yaml"))
    # Where the example names an absolute path, it is that of the scratch root.
    words = [str(agent.path(word)) if word.startswith("/") else word for word in shlex.split(example)[1:]]
    ended = agent.run(*words, timeout=120)
    assert ended.status in host.statuses, f"{example}: {ended.status}\n{ended.said}"
    assert ended.said.strip(), "it says something"
