"""What an archive says of the instance that it was made on; nothing of it is secret, and all of it may be unknown.

Whoever restores decides by it: whether this Teleport may read the data, whether it is the same role and cluster, and
whether teleport.yaml was as it had been applied. A fact that cannot be had is None, never an error: a backup is made
when things are not well.
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

import teleport_bootstrap
from teleport_bootstrap import errors, paths, roles
from teleport_bootstrap.backup import storage
from teleport_bootstrap.conf import conf_file, decision, variables
from teleport_bootstrap.host import accounts, clock, directory, teleport
from teleport_bootstrap.instance import gather
from teleport_bootstrap.plan import teleport_build
from teleport_bootstrap.state import current, generations, manual_edits, metadata_cache

logger = logging.getLogger(__name__)

# The metadata service answers at once or not at all, and what it would say is only told, not relied on.
METADATA_SECONDS = 3.0

HOST_UUID = "host_uuid"
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


@dataclass(frozen=True)
class Teleport:
    """The installed Teleport: `edition` as in teleport_build."""

    version: str
    edition: Optional[str]
    fips: bool


@dataclass(frozen=True)
class Instance:
    """The instance: `node_name` is what teleport.yaml calls it, `host_name` what it calls itself."""

    id: Optional[str]
    region: Optional[str]
    private_address: Optional[str]
    node_name: Optional[str]
    host_name: str
    host_uuid: Optional[str]


@dataclass(frozen=True)
class Configuration:
    """How teleport.yaml came to be.

    `generation` is the number of what was applied last, None where we never applied anything; `conf` says whether there
    is one; `hand_edited` whether teleport.yaml holds what no generation accounts for, None where there is no such file.
    """

    generation: Optional[int]
    conf: bool
    hand_edited: Optional[bool]


@dataclass(frozen=True)
class Facts:
    """All of it. `made_at` is ISO 8601 in UTC, `role` a value of roles.Role, `service_user` who owns the data."""

    made_at: str
    agent_version: str
    teleport: Optional[Teleport]
    cluster: Optional[str]
    role: Optional[str]
    unit: Optional[str]
    service_user: Optional[str]
    instance: Instance
    configuration: Configuration
    storage: storage.Storage
    notes: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """Return it as the header of an archive has it: mappings and lists by the names of these fields."""
        return dataclasses.asdict(self)

    @property
    def label(self) -> str:
        """Return what the cluster is called in the name of an archive."""
        return self.cluster or "teleport"

    @property
    def host_label(self) -> str:
        """Return what this host is called in the name of an archive."""
        return self.instance.node_name or self.instance.id or self.instance.host_name


def gathered(doors: gather.Doors) -> Facts:
    """Return the facts of this host; never raises."""
    root = doors.root
    notes: list[str] = []
    document = manual_edits.document(manual_edits.text(root, paths.TELEPORT_YAML)) or {}
    given = _conf(root, notes)
    generation = _generation(root, notes)
    role, unit = _role(root, given, generation)
    return Facts(
        made_at=now(),
        agent_version=teleport_bootstrap.__version__,
        teleport=_teleport(root, notes),
        cluster=_cluster(document, given),
        role=role,
        unit=unit,
        service_user=_owner(root),
        instance=_instance(doors, document, given, notes),
        configuration=_configuration(root, generation),
        storage=storage.of(document),
        notes=tuple(notes),
    )


def configuration(root: paths.Root) -> Configuration:
    """Return how teleport.yaml is now; for when nobody else is at work."""
    return _configuration(root, _generation(root, []))


def now() -> str:
    """Return this moment in the form of `made_at`."""
    moment = datetime.datetime.fromtimestamp(clock.SYSTEM.wall(), datetime.timezone.utc)
    return moment.isoformat(timespec="seconds")


def _conf(root: paths.Root, notes: list[str]) -> Optional[conf_file.Conf]:
    try:
        return gather.conf(root)
    except errors.BootstrapError as error:
        notes.append(f"the conf was not read: {error.message.splitlines()[0]}")
        return None


def _generation(root: paths.Root, notes: list[str]) -> Optional[generations.Generation]:
    try:
        return current.generation(root)
    except errors.BootstrapError as error:
        notes.append(error.message)
        return None


def _teleport(root: paths.Root, notes: list[str]) -> Optional[Teleport]:
    if teleport.find(root) is None:
        notes.append("no teleport binary is installed, so the version that wrote the data is not known")
        return None
    try:
        build: teleport_build.TeleportBuild = gather.build(root, gather.NamedBuild())
    except errors.BootstrapError as error:
        notes.append(error.message)
        return None
    return Teleport(build.version, build.edition, build.fips)


def _role(
    root: paths.Root, conf: Optional[conf_file.Conf], generation: Optional[generations.Generation]
) -> tuple[Optional[str], Optional[str]]:
    """Return role and unit: what was applied, else what the conf asks for, else what the marker says."""
    if generation is not None:
        return generation.role, generation.unit
    if conf is not None:
        decided = decision.decide(conf, fips=False)
        return decided.role.value, decided.place.unit
    by_marker = {
        each.marker_path: (role.value, each.unit)
        for role in roles.Role
        for each in (roles.place(role, acm=False), roles.place(role, acm=True))
    }
    marked = [path for path in by_marker if os.path.exists(root.path(path))]
    return by_marker[marked[0]] if len(marked) == 1 else (None, None)


def _cluster(document: Mapping[str, Any], conf: Optional[conf_file.Conf]) -> Optional[str]:
    section = document.get("auth_service")
    named = section.get("cluster_name") if isinstance(section, Mapping) else None
    if isinstance(named, str) and named:
        return named
    if conf is None:
        return None
    return decision.decide(conf, fips=False).cluster


def _owner(root: paths.Root) -> Optional[str]:
    try:
        uid = os.lstat(root.path(paths.DATA)).st_uid
    except OSError:
        return None
    return accounts.Names(root).user(uid) or str(uid)


def _instance(
    doors: gather.Doors, document: Mapping[str, Any], conf: Optional[conf_file.Conf], notes: list[str]
) -> Instance:
    section = document.get("teleport")
    named = section.get("nodename") if isinstance(section, Mapping) else None
    said = _metadata(doors, conf, notes)
    return Instance(
        id=said.get("instance-id"),
        region=said.get("region"),
        private_address=said.get("local-ipv4"),
        node_name=named if isinstance(named, str) else None,
        host_name=platform.node(),
        host_uuid=_host_uuid(doors.root),
    )


def _metadata(doors: gather.Doors, conf: Optional[conf_file.Conf], notes: list[str]) -> Mapping[str, str]:
    """Return what the metadata service says, or what it last said."""
    from teleport_bootstrap.ec2 import facts, imds  # noqa: PLC0415 - with an HTTP library

    region = conf.value(variables.EC2_REGION) if conf is not None else None
    try:
        client = imds.Imds.from_environment(doors.environ, deadline_seconds=min(METADATA_SECONDS, doors.wait_seconds))
        return metadata_cache.of(facts.read(client, region=region))
    except errors.BootstrapError as error:
        notes.append(f"what is said of the instance is what it last knew: {error.message}")
        return metadata_cache.read(doors.root)


def _host_uuid(root: paths.Root) -> Optional[str]:
    """Return what this host is called in its cluster; the file belongs to an account that may put anything there."""
    try:
        found = directory.read(root, f"{paths.DATA}/{HOST_UUID}")
    except OSError:
        return None
    text = found.content.decode("ascii", "replace").strip() if found else ""
    return text if _UUID.fullmatch(text) else None


def _configuration(root: paths.Root, generation: Optional[generations.Generation]) -> Configuration:
    return Configuration(
        generation=None if generation is None else generation.number,
        conf=os.path.lexists(root.path(paths.CONF)),
        hand_edited=_is_edited(root, generation),
    )


def _is_edited(root: paths.Root, generation: Optional[generations.Generation]) -> Optional[bool]:
    if not os.path.lexists(root.path(paths.TELEPORT_YAML)):
        return None
    wanted = generation.document if generation is not None else {}
    return bool(manual_edits.lost(root, generation, wanted))
