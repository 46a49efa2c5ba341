"""The commands of the power loss model, each with a host that is prepared for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from teleport_bootstrap.backup.stores.directory import DirectoryStore
from tests.certificates import DAY, Authority
from tests.simulated import backing_up, letsencrypt, restoring
from tests.simulated.agent import GUIDE, PIN, TOKEN, Agent
from tests.simulated.power_loss import check
from tests.simulated.power_loss import tree as trees
from tests.simulated.power_loss.check import Run
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

NODE = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
AGENT = (
    f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN={TOKEN}\n"
    "TELEPORT_AGENT_SSH_ENABLED=true\n"
)
RECONFIGURE = ("reconfigure", "--yes", "--wait", "20")


class World:
    """Where hosts are made below `directory`, and the services they ask; `resources` ends those."""

    def __init__(self, directory: Path, resources: contextlib.ExitStack) -> None:
        self.directory = directory
        self._resources = resources

    def imds(self, data: Optional[dict[str, Any]] = None) -> emulator.Server:
        """Return a metadata service."""
        server = emulator.Server(data)
        server.start()
        self._resources.callback(server.stop)
        return server

    def aws(self) -> Aws:
        """Return AWS's APIs, with nothing in them."""
        aws = Aws()
        aws.start()
        self._resources.callback(aws.stop)
        return aws

    def agent(self) -> Agent:
        """Return a host without anything."""
        root = self.directory / "root"
        root.mkdir()
        return Agent(root, imds=self.imds().url)


def _done(agent: Agent, *command: str) -> None:
    ended = agent.run(*command)
    assert ended.status == 0, ended.said


def _node(world: World) -> Agent:
    """A node with a token and a pin in place, whose conf says agent: files to add, to change and to remove."""
    agent = world.agent()
    agent.conf(NODE).chmod(0o600)
    agent.write("/var/lib/teleport/token", "old-token\n", 0o600).parent.chmod(0o700)
    agent.write("/var/lib/teleport/ca-pin-hash", "sha256:" + "0" * 64 + "\n")
    _done(agent, "generate", "--wait", "2")
    agent.conf(AGENT).chmod(0o600)
    return agent


def first_boot(world: World) -> Run:
    """Return `generate` on a host on which nothing of this agent ran yet."""
    agent = world.agent()
    agent.conf(GUIDE).chmod(0o600)
    return Run(agent, "generate", "--wait", "20")


def generate(world: World) -> Run:
    """Return `generate` on a host that changes its role."""
    agent = _node(world)
    agent.teleport_yaml.unlink()
    return Run(agent, "generate", "--wait", "20")


def reconfigure(world: World) -> Run:
    """Return `reconfigure` on a host that changes its role."""
    return Run(_node(world), *RECONFIGURE)


def rollback(world: World) -> Run:
    """Return `rollback` to what needs nothing from SSM."""
    agent = _node(world)
    for text in (GUIDE, AGENT):
        agent.conf(text).chmod(0o600)
        _done(agent, *RECONFIGURE)
    return Run(agent, "rollback", "--yes", "--wait", "20")


def reset_data(world: World) -> Run:
    """Return `reconfigure --reset-data`, which also sets Teleport's data aside."""
    agent = _node(world)
    restoring.first_boot(agent)
    return Run(agent, *RECONFIGURE, "--reset-data")


def recovery(world: World) -> Run:
    """Return the recovery from a reconfigure that lost its power after the last swap, which any command does first."""
    run = reconfigure(world)
    last = max(number for number, each in enumerate(run.log.words, 1) if each.endswith(" to /etc/teleport.yaml"))
    agent = Agent(world.directory / "interrupted")
    trees.write(run.state(last), agent.root)
    return Run(agent, "rollback", "--yes", "99", status=2)


def adopt(world: World) -> Run:
    """Return `adopt` of a second edit of teleport.yaml."""
    agent = world.agent()
    agent.conf(GUIDE).chmod(0o600)
    _done(agent, "generate", "--wait", "20")
    for old, new in (("INFO", "DEBUG"), ("DEBUG", "WARN")):
        text = agent.teleport_yaml.read_text()
        agent.teleport_yaml.write_text(text.replace(f"severity: {old}", f"severity: {new}"))
        if new == "DEBUG":
            _done(agent, "adopt")
    return Run(agent, "adopt")


def fetch_secrets(world: World) -> Run:
    """Return `fetch-secrets` of a new token and a new pin."""
    agent, aws = world.agent(), world.aws()
    agent.aws = aws.url
    for token, pin in ((TOKEN, PIN), (f"{TOKEN}-renewed", "sha256:" + "7c" * 32)):
        aws.put_parameters({"/teleport/cluster-1/tokens/node": token})
        aws.put_parameters({"/teleport/cluster-1/ca-pin-hash": pin}, kind="String")
        if token == TOKEN:
            agent.conf(NODE).chmod(0o600)
            _done(agent, "generate", "--wait", "20")
    return Run(agent, "fetch-secrets", "--wait", "20")


def certificate_install(world: World) -> Run:
    """Return `certificate install` of a newer certificate, from the bucket."""
    authority = Authority()  # first: a host trusts those that there are
    cluster = letsencrypt.Cluster(world.directory, world.aws())
    agent = cluster.host(letsencrypt.PROXY, imds=world.imds())
    old, new = (authority.issue(letsencrypt.DOMAIN, begins=60 * number - DAY) for number in range(2))
    letsencrypt.install(agent, old)
    cluster.share(new, 2)
    return Run(agent, "certificate", "install", "--wait", "20")


def backup(world: World) -> Run:
    """Return `backup` to a directory in which there is a backup already."""
    agent = world.agent()
    agent.write("/etc/teleport.yaml", "version: v3\n")
    backing_up.database(agent, "/var/lib/teleport/backend/sqlite.db", 5)
    backing_up.made(agent)

    def recover(root: Path) -> None:
        check.recover(root)
        # As the next backup does.
        DirectoryStore(f"{root}{backing_up.BACKUPS}").sweep("", "")

    # An archive is complete before it is verified: both are good states. What SQLite makes beside a database, and the
    # directory of the copies, are not synced by intent; the next backup removes what a lost one has left.
    return Run(
        agent,
        "backup",
        alone=f"{backing_up.BACKUPS[1:]}/.*",
        ignored=r"var/lib/teleport/(.*-(wal|shm)|\.teleport-bootstrap-backup\..*)",
        recover=recover,
    )


def _restored(world: World, *, times: int) -> tuple[Agent, Path]:
    """Return a host that was restored so many times, and the archive."""
    old = restoring.host(world.directory / "old", world.imds())
    old.conf(restoring.ALL_IN_ONE).chmod(0o600)
    _done(old, "generate", "--wait", "20")
    restoring.used(old)
    old.write("/etc/letsencrypt/archive/d/cert1.pem", "CERT")
    old.write("/etc/default/teleport", "TELEPORT_X=1\n")
    # Which only root may have here: a restore changes it.
    old.path("/etc/teleport.d/role.all").chmod(0o664)
    archive = restoring.backup(old, world.directory / "backups")
    new = restoring.host(world.directory / "new", world.imds(restoring.NEW))
    # What restore unpacks for a while, out of the reach of other tests.
    temporary = world.directory / "temporary"
    temporary.mkdir()
    new.environ["TMPDIR"] = str(temporary)
    new.conf(restoring.ALL_IN_ONE.replace("443", "8443")).chmod(0o600)
    _done(new, "generate", "--wait", "20")
    restoring.first_boot(new)
    for _ in range(times):
        _done(new, "restore", str(archive), "--yes", "--wait", "20")
    return new, archive


def restore(world: World) -> Run:
    """Return `restore` on a host with data of its own."""
    agent, archive = _restored(world, times=0)
    return Run(agent, "restore", str(archive), "--yes", "--wait", "20")


def restore_again(world: World) -> Run:
    """Return a second `restore`, which removes what the first one keeps."""
    agent, archive = _restored(world, times=1)
    return Run(agent, "restore", str(archive), "--force", "--yes", "--wait", "20")


def restore_undo(world: World) -> Run:
    """Return `restore --undo`."""
    return Run(_restored(world, times=1)[0], "restore", "--undo", "--yes", "--wait", "20")


def restore_discard_undo(world: World) -> Run:
    """Return `restore --discard-undo`."""
    return Run(_restored(world, times=1)[0], "restore", "--discard-undo", "--yes")


COMMANDS: dict[str, Callable[[World], Run]] = {
    "generate (first boot)": first_boot,
    "generate (another role)": generate,
    "reconfigure": reconfigure,
    "reconfigure --reset-data": reset_data,
    "rollback": rollback,
    "recovery of reconfigure": recovery,
    "adopt": adopt,
    "fetch-secrets": fetch_secrets,
    "certificate install": certificate_install,
    "backup": backup,
    "restore": restore,
    "restore (again)": restore_again,
    "restore --undo": restore_undo,
    "restore --discard-undo": restore_discard_undo,
}
