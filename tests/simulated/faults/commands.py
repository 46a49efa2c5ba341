"""What is tried: each command on a host to run it on, and what may come of a fault.

This table alone is written by hand, a row for each command, and a test fails where a command of the program has none.
The calls, and the faults of each, are found.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib import parse

from teleport_bootstrap import errors
from tests.certificates import Authority
from tests.simulated import auth_server, canaries, letsencrypt, restoring
from tests.simulated.agent import CHECKOUT, GUIDE, PIN, Agent
from tests.simulated.auth_server import AuthServer
from tests.simulated.letsencrypt import Certbot, Cluster
from tests.simulated_ec2 import Aws, launches
from tests.simulated_ec2 import imds as emulator
from tests.stand_in import install_systemctl, install_tctl

# Secrets of the hosts below, which nothing may show.
CANARIES = canaries.Canaries(
    {
        "the join token of the conf": canaries.JOIN_TOKEN,
        "the password in the override": canaries.OVERRIDE_PASSWORD,
        "the static token": canaries.STATIC_TOKEN,
        "the bearer token": canaries.BEARER,
        "the secret in a comment": canaries.COMMENTED,
        "the published token": canaries.PUBLISHED_TOKEN,
        "the license": canaries.LICENSE_LINE,
        "the AWS secret key": canaries.AWS_SECRET_KEY,
        "the AWS session token": canaries.AWS_SESSION_TOKEN,
    }
)

# What a Teleport with an auth service takes.
OVERRIDE = f"""\
# auth_token: {canaries.COMMENTED}
auth_service:
  tokens: ["node:{canaries.STATIC_TOKEN}"]
app_service:
  enabled: "yes"
  apps:
  - name: canary
    uri: "http://user:{parse.quote(canaries.OVERRIDE_PASSWORD, safe="")}@127.0.0.1:8000"
    rewrite:
      headers: ["Authorization: Bearer {canaries.BEARER}"]
"""

WAIT = 3.0
BUCKET = "acme-backups"
PLACE = f"s3://{BUCKET}/teleport"
STAND_INS = "/usr/local/lib/stand-ins"

# Where a service fails: the metadata service, AWS, a secret or a certificate that is pending, an archive that cannot be
# read. Where the fault is in a program: also Teleport, systemd, certbot. A file: also that one.
_SERVICES = frozenset({errors.METADATA, errors.AWS})
_PROGRAMS = frozenset({errors.TELEPORT, errors.UNITS, errors.FILES, errors.RESOURCES})
_FILES = frozenset({errors.FILES, errors.RESOURCES})


@dataclass(frozen=True)
class Place:
    """Where a host is made: its root, and the services in front of which there is no relay."""

    directory: Path
    imds: emulator.Server
    aws: Aws

    def agent(self, conf: str, **switches: Any) -> Agent:
        """Return a host with a Teleport, units, accounts, and secrets in an override."""
        agent = Agent(self.directory / "root", imds=self.imds.url, aws=self.aws.url)
        agent.root.mkdir()
        agent.install(**switches)
        agent.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\nteleport:x:64998:64998::/:/bin/false\n")
        agent.write("/etc/group", "root:x:0:\nteleport:x:64998:\n")
        shutil.copytree(CHECKOUT / "systemd", agent.path("/usr/lib/systemd/system"))
        agent.conf(conf).chmod(0o600)
        if conf in (GUIDE, restoring.ALL_IN_ONE) or "TELEPORT_ROLE=auth" in conf:
            agent.write(canaries.OVERRIDE, OVERRIDE, 0o600)
        return agent


@dataclass(frozen=True)
class Command:
    """A command, the host that it is tried on, and what may come of a fault.

    `services`, `programs` and `files` are the exit statuses that a fault of this kind may lead to, besides that of an
    undisturbed run. `seconds` is how long the command may take where services fail: with `--wait 3`, that for each
    service that it waits for. `program_seconds` is the same where a program hangs. `most_mib` is of memory.
    """

    name: str
    argv: tuple[str, ...]
    prepare: Callable[[Place], Agent]
    services: frozenset[int] = _SERVICES
    programs: frozenset[int] = _PROGRAMS
    files: frozenset[int] = _FILES
    seconds: float = 2 * WAIT
    program_seconds: float = 65.0
    most_mib: int = 80
    imds: dict[str, Any] = field(default_factory=dict)
    # Whether the root is the root directory of a running system, as far as the command can see.
    live: bool = False
    # Where files hold other bytes after each run.
    vary: tuple[str, ...] = ()
    # The ends of files that may be gone afterwards.
    without: tuple[str, ...] = ()


# ---------------------------------------------------------------- hosts

JOINING = "TELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
NODE = f"TELEPORT_ROLE=node\n{JOINING}"
PROXY = f"TELEPORT_ROLE=proxy\nTELEPORT_DOMAIN_NAME=example.com\nUSE_ACM=true\n{JOINING}"
AGENT = "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_AGENT_SSH_ENABLED=true\n"


def _publish(aws: Aws, role: str) -> None:
    prefix = "/teleport/cluster-1"
    aws.put_parameters({f"{prefix}/tokens/{role}": canaries.PUBLISHED_TOKEN, f"{prefix}/ca-pin-hash": PIN})


def _ok(agent: Agent, *arguments: str) -> None:
    done = agent.run(*arguments)
    assert done.status == 0, (arguments, done.said)


def all_in_one(place: Place) -> Agent:
    return place.agent(GUIDE)


def enterprise(place: Place) -> Agent:
    place.aws.put_parameters({"/teleport/cluster-1/license": canaries.LICENSE})
    return place.agent(f"{auth_server.CONF}TELEPORT_LICENSE_PATH=1\n", edition="enterprise")


def proxy(place: Place) -> Agent:
    _publish(place.aws, "proxy")
    return place.agent(PROXY)


def node(place: Place) -> Agent:
    _publish(place.aws, "node")
    return place.agent(NODE)


def pending_node(place: Place) -> Agent:
    """A node that was set up before anything was published."""
    agent = place.agent(NODE)
    _ok(agent, "generate", "--wait", "2")
    _publish(place.aws, "node")
    return agent


def publisher(place: Place) -> Agent:
    auth_server.make_table(place.aws)
    agent = place.agent(auth_server.CONF)
    server = AuthServer(agent, place.aws)
    data = agent.path("/var/lib/teleport")
    data.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(data, 64998, 64998)  # as which tctl is run
    server.tctl()
    return agent


def all_in_one_as_it_is(place: Place) -> Agent:
    """A host with a teleport.yaml and without a conf."""
    agent = all_in_one(place)
    _ok(agent, "generate", "--wait", "5")
    agent.path("/etc/teleport.d/conf").unlink()
    return agent


def with_answers(place: Place) -> Agent:
    """A node, on which an operator has written the answers for another cluster."""
    agent = node(place)
    _ok(agent, "generate", "--wait", "5")
    agent.write("/answers.yaml", "domain: teleport.acmeinc.com\nregion: eu-west-1\nsetup: ha\n")
    return agent


def launched(place: Place) -> Agent:
    """A node whose Teleport does not run, and whose stack takes any number of signals."""
    place.aws.instead["cloudformation:SignalResource"] = launches.taken
    return place.agent(f"{NODE}TELEPORT_SIGNAL=cloudformation:teleport/Group\nTELEPORT_SIGNAL_SECONDS=1\n")


def without_users(place: Place) -> Agent:
    """An all-in-one in whose cluster nothing was done yet."""
    agent = all_in_one(place)
    _ok(agent, "generate", "--wait", "5")
    data = agent.path("/var/lib/teleport")
    data.mkdir(parents=True, exist_ok=True)
    (data / "tctl-users.json").write_text("[]")
    install_tctl(agent.path("/usr/local/bin"), data=str(data))
    return agent


def changed(place: Place) -> Agent:
    """A node with token and pin, whose conf now says agent."""
    agent = node(place)
    agent.write("/var/lib/teleport/token", "old-token\n", 0o600).parent.chmod(0o700)
    agent.write("/var/lib/teleport/ca-pin-hash", "sha256:" + "0" * 64 + "\n")
    _ok(agent, "generate", "--wait", "5")
    agent.conf(f"{AGENT}TELEPORT_JOIN_TOKEN={canaries.JOIN_TOKEN}\n").chmod(0o600)
    return agent


def twice_changed(place: Place) -> Agent:
    agent = changed(place)
    for text in (GUIDE, f"{AGENT}TELEPORT_JOIN_TOKEN={canaries.JOIN_TOKEN}\n"):
        agent.conf(text).chmod(0o600)
        _ok(agent, "reconfigure", "--yes", "--wait", "5")
    return agent


def edited(place: Place) -> Agent:
    agent = all_in_one(place)
    _ok(agent, "generate", "--wait", "5")
    text = agent.teleport_yaml.read_text()
    agent.teleport_yaml.write_text(text.replace("severity: INFO", "severity: DEBUG"))
    return agent


def in_use(place: Place) -> Agent:
    """An all-in-one with data."""
    agent = place.agent(restoring.ALL_IN_ONE)
    _ok(agent, "generate", "--wait", "5")
    restoring.used(agent)
    agent.write("/var/lib/teleport/license.pem", canaries.LICENSE, 0o600)
    agent.write("/etc/letsencrypt/archive/d/cert1.pem", "CERT")
    agent.write("/etc/default/teleport", "TELEPORT_X=1\n")
    place.aws.client("s3").create_bucket(Bucket=BUCKET)
    return agent


def with_tables(place: Place) -> Agent:
    """An auth server whose data is in DynamoDB."""
    agent = place.agent(auth_server.CONF)
    _ok(agent, "generate", "--wait", "5")
    for table in ("state-1", "events-1", auth_server.LOCKS):
        auth_server.make_table(place.aws, table)
    agent.write("/var/lib/teleport/host_uuid", restoring.HOST_UUID, 0o400)
    restoring.database(agent.path("/var/lib/teleport/proc/sqlite.db"), "/ids/node/current")
    place.aws.client("s3").create_bucket(Bucket=BUCKET)
    return agent


def backed_up(place: Place) -> Agent:
    agent = in_use(place)
    for target in ("/var/backups/teleport", PLACE):
        _ok(agent, "backup", str(agent.path(target)) if target.startswith("/") else target, "--wait", "5")
    fixed_name(agent, place.aws)
    return agent


# The same in each run.
ARCHIVE = "teleport-cluster-1_ip-10-0-0-12_20251122T115743Z"


def fixed_name(agent: Agent, aws: Aws) -> None:
    """Give the archives, which are named after the time, a name that the table below can tell."""
    folder = agent.path("/var/backups/teleport")
    for path in sorted(folder.iterdir()):
        path.rename(folder / (ARCHIVE + "".join(_ending(path.name))))
    client = aws.client("s3")
    for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        key = each["Key"]
        kept = client.get_object(Bucket=BUCKET, Key=key)
        folder_name, _, name = key.rpartition("/")
        client.put_object(
            Bucket=BUCKET,
            Key=f"{folder_name}/{ARCHIVE}{''.join(_ending(name))}",
            Body=kept["Body"].read(),
            Metadata=kept["Metadata"],
        )
        client.delete_object(Bucket=BUCKET, Key=key)


def _ending(name: str) -> str:
    return name[name.index(".tar") :]


def replaced(place: Place) -> Agent:
    """Another instance, on which the archive of the first one is to be restored."""
    old = backed_up(place)
    kept = old.root.with_name("old")
    old.root.rename(kept)
    new = place.agent(restoring.ALL_IN_ONE.replace("443", "8443"))
    _ok(new, "generate", "--wait", "5")
    restoring.first_boot(new)
    shutil.copytree(kept / "var/backups", new.path("/var/backups"))
    shutil.rmtree(kept)
    return new


def restored(place: Place) -> Agent:
    agent = replaced(place)
    _ok(
        agent, "restore", f"{agent.path('/var/backups/teleport')}/{ARCHIVE}{ending(agent.root)}", "--yes", "--wait", "5"
    )
    return agent


def _certbot(place: Place, agent: Agent, **switches: Any) -> Certbot:
    certbot = Certbot(agent.path(STAND_INS), Authority(), 6)
    certbot.switch(**switches)
    letsencrypt.trust(agent, *letsencrypt.certificates.TRUSTED)
    return Certbot.given_to(certbot, agent) and certbot


def obtaining(place: Place) -> Agent:
    cluster = Cluster(place.directory, place.aws)
    agent = place.agent(letsencrypt.AUTH)
    _certbot(place, agent)
    cluster.close()
    return agent


def renewing(place: Place) -> Agent:
    cluster = Cluster(place.directory, place.aws)
    agent = place.agent(letsencrypt.AUTH)
    certbot = _certbot(place, agent)
    _ok(agent, "certificate", "obtain", "--wait", "5")
    certbot.switch(due=True)
    cluster.close()
    return agent


def installing(place: Place) -> Agent:
    cluster = Cluster(place.directory, place.aws)
    agent = place.agent(letsencrypt.PROXY)
    authority = Authority()
    cluster.share(authority.issue(letsencrypt.DOMAIN), 1)
    letsencrypt.trust(agent, *letsencrypt.certificates.TRUSTED)
    cluster.close()
    return agent


def _running(prepare: Callable[[Place], Agent], *units: str) -> Callable[[Place], Agent]:
    """Return what makes the same host, seen as a running system on which these units are enabled and active."""

    def live(place: Place) -> Agent:
        agent = prepare(place)
        # The distribution's own /usr/lib is in place of ours.
        agent.path("/etc/systemd/system").mkdir(parents=True, exist_ok=True)
        for unit in agent.path("/usr/lib/systemd/system").iterdir():
            shutil.copy(unit, agent.path("/etc/systemd/system"))
        agent.path("/run/systemd/system").mkdir(parents=True)
        states = {unit: {"active": True, "enabled": True} for unit in units}
        agent.write("/run/stand-in-systemd.json", json.dumps(states))
        install_systemctl(agent.path(STAND_INS))
        agent.environ["PATH"] = f"{agent.path(STAND_INS)}:/usr/sbin:/usr/bin:/sbin:/bin"
        return agent

    return live


# ---------------------------------------------------------------- the table

_WAIT = ("--wait", f"{WAIT:.0f}")
_PENDING = frozenset({errors.PENDING})
# Of a change that was taken back.
_CHANGES = _PROGRAMS | {errors.ROLLED_BACK, errors.UNHEALTHY_AFTER_ROLLBACK}
_JUDGED = frozenset({errors.UNHEALTHY, errors.DRIFTED})
_CHECKED = frozenset({errors.CHECK_FAILED, errors.CHECK_WARNED})
_ARCHIVE = frozenset({errors.ARCHIVE})
_CERTIFICATE = frozenset({errors.CERTIFICATE, errors.PENDING})
# What says that an archive was verified, which goes where it could not be verified again.
_MARK = (".verified",)
_ISSUED = ("etc/letsencrypt/",)
_LOCAL = "{root}/var/backups/teleport"
_FILE = _LOCAL + "/" + ARCHIVE + "{ending}"
_OBJECT = f"{PLACE}/{ARCHIVE}{{ending}}"
_BIG = 10_000
_NEW = restoring.NEW
# Data that cannot be read counts as data of this host, for which the archive is not meant.
_RESTORE = _FILES | _ARCHIVE | {errors.CONF_OR_USAGE}
_RESTORE_PROGRAMS = _CHANGES | _ARCHIVE | {errors.CONF_OR_USAGE}
# It reads back what it has written.
_BACKUP: dict[str, Any] = {
    "programs": _PROGRAMS | _ARCHIVE | {errors.INCOMPLETE},
    "files": _FILES | {errors.INCOMPLETE},
    "most_mib": _BIG,
    "program_seconds": 400.0,
}


def _generate(name: str, prepare: Callable[[Place], Agent], **more: Any) -> Command:
    return Command(f"generate ({name})", ("generate", *_WAIT), prepare, **more)


COMMANDS = (
    _generate("all-in-one", all_in_one),
    _generate("auth", enterprise),
    _generate("proxy", proxy),
    _generate("node", node),
    Command("fetch-secrets", ("fetch-secrets", *_WAIT), pending_node, services=_SERVICES | _PENDING,
            files=_FILES | _PENDING),
    Command("publish-tokens", ("publish-tokens", *_WAIT), publisher, services=_SERVICES | {errors.BUSY}, seconds=12.0),
    Command("signal", ("signal", *_WAIT), launched),
    # It asks again where it could not note that there is a user.
    Command("first-admin", ("first-admin", "alice", *_WAIT), without_users, files=_FILES | {errors.TELEPORT},
            without=("teleport-bootstrap/users", "users/seen.json")),
    Command("reconfigure", ("reconfigure", "--yes", *_WAIT), changed, programs=_CHANGES),
    Command("rollback", ("rollback", "--yes", *_WAIT), twice_changed, programs=_CHANGES),
    Command("adopt", ("adopt", *_WAIT), edited),
    Command("plan", ("plan", *_WAIT), node),
    Command("render", ("render", *_WAIT), node),
    Command("iam-policy", ("iam-policy",), node),
    Command("validate", ("validate",), node),
    Command("variables", ("variables",), node),
    Command("history", ("history",), twice_changed),
    Command("status", ("status",), twice_changed, files=_FILES | _JUDGED, programs=_PROGRAMS | _JUDGED),
    Command("doctor", ("doctor",), node, services=_CHECKED, files=_FILES | _CHECKED, programs=_PROGRAMS | _CHECKED,
            seconds=15.0),
    Command("install-check", ("install-check",), all_in_one_as_it_is, files=_FILES | {errors.CONF_OR_USAGE},
            programs=_PROGRAMS | {errors.CONF_OR_USAGE}),
    Command("metadata", ("metadata", "local-ipv4"), all_in_one),
    Command("seal", ("seal",), all_in_one, files=_FILES | {errors.UNSEALED}),
    Command("init", ("init", "{root}/cluster", "--answers", "{root}/answers.yaml"), with_answers),
    Command("collect-logs", ("collect-logs", "--output", "{root}/bundle.tar.gz"), in_use, program_seconds=100.0),
    Command("backup (directory)", ("backup", _LOCAL, *_WAIT), in_use, **_BACKUP),
    Command("backup (S3)", ("backup", PLACE, *_WAIT), in_use, seconds=60.0, **_BACKUP),
    Command("backup (tables)", ("backup", PLACE, *_WAIT), with_tables, seconds=60.0, **_BACKUP),
    Command("backup list (directory)", ("backup", "list", _LOCAL, *_WAIT), backed_up),
    Command("backup list (S3)", ("backup", "list", PLACE, *_WAIT), backed_up),
    Command("backup verify (file)", ("backup", "verify", _FILE, *_WAIT), backed_up, files=_FILES | _ARCHIVE,
            without=_MARK, programs=_PROGRAMS | _ARCHIVE, most_mib=_BIG, program_seconds=400.0),
    Command("backup verify (S3)", ("backup", "verify", _OBJECT, *_WAIT), backed_up, services=_SERVICES | _ARCHIVE,
            without=_MARK, programs=_PROGRAMS | _ARCHIVE, most_mib=_BIG, seconds=30.0, program_seconds=400.0),
    Command("restore (file)", ("restore", _FILE, "--yes", *_WAIT), replaced, imds=_NEW, files=_RESTORE,
            programs=_RESTORE_PROGRAMS, most_mib=_BIG, program_seconds=400.0),
    Command("restore (S3)", ("restore", _OBJECT, "--yes", *_WAIT), replaced, imds=_NEW, files=_RESTORE,
            services=_SERVICES | _ARCHIVE,
            programs=_RESTORE_PROGRAMS, most_mib=_BIG, seconds=40.0, program_seconds=400.0),
    Command("restore --undo", ("restore", "--undo", "--yes", *_WAIT), restored, imds=_NEW, most_mib=_BIG,
            programs=_CHANGES),
    Command("restore --discard-undo", ("restore", "--discard-undo", "--yes", *_WAIT), restored, imds=_NEW,
            most_mib=_BIG),
    Command("certificate obtain", ("certificate", "obtain", "--certbot-wait", "5", *_WAIT), obtaining,
            services=_SERVICES | _CERTIFICATE, programs=_PROGRAMS | _CERTIFICATE, files=_FILES | _CERTIFICATE,
            vary=_ISSUED, seconds=20.0, program_seconds=30.0),
    Command("certificate renew", ("certificate", "renew", "--certbot-wait", "5", *_WAIT), renewing,
            services=_SERVICES | _CERTIFICATE, programs=_PROGRAMS | _CERTIFICATE, files=_FILES | _CERTIFICATE,
            vary=_ISSUED, seconds=20.0, program_seconds=30.0),
    Command("certificate install", ("certificate", "install", *_WAIT), installing,
            services=_SERVICES | _CERTIFICATE, programs=_PROGRAMS | _CERTIFICATE, files=_FILES | _CERTIFICATE),
)  # fmt: skip

# Those that ask systemd for something, as root alone can try them.
_UNIT = "teleport-node.service"
_LIVE: dict[str, Any] = {"live": True, "program_seconds": 150.0, "programs": _CHANGES | {errors.UNHEALTHY}}
if os.geteuid() == 0:
    COMMANDS += (
        Command("generate (running)", ("generate", *_WAIT), _running(node), **_LIVE),
        Command("fetch-secrets (running)", ("fetch-secrets", *_WAIT), _running(pending_node),
                services=_SERVICES | _PENDING, **_LIVE),
        Command("reconfigure (running)", ("reconfigure", "--yes", "--health-wait", "2", *_WAIT),
                _running(changed), **_LIVE),
        Command("status (running)", ("status",), _running(changed, _UNIT),
                **{**_LIVE, "programs": _PROGRAMS | _JUDGED}),
        Command("collect-logs (running)", ("collect-logs", "--output", "{root}/root/bundle.tar.gz"),
                _running(changed, _UNIT), **_LIVE),
    )  # fmt: skip

BY_NAME = {command.name: command for command in COMMANDS}


def argv(command: Command, root: Path) -> list[str]:
    """Return the arguments of `command` for a host in `root`."""
    if command.live:
        return [word.replace("{root}", "") for word in command.argv]
    return [word.replace("{root}", str(root)).replace("{ending}", ending(root)) for word in command.argv]


def ending(root: Path) -> str:
    """Return how the name of the archive in `root` ends; those of the files that belong to it are longer."""
    endings = (_ending(path.name) for path in (root / "var/backups/teleport").glob(f"{ARCHIVE}.tar*"))
    return min(endings, key=len, default="")
