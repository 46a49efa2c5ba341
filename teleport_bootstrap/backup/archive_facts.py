"""The facts about the instance that an archive's header holds; none of them is secret, and each may be unknown.

`restore` decides by them: whether this Teleport may read the data, whether role and cluster are the same, and whether
teleport.yaml was as applied. An unknown fact is None, never an error: a backup must be possible on a broken host.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Mapping

import teleport_bootstrap
from teleport_bootstrap import errors, paths, regex, roles
from teleport_bootstrap.backup import storage
from teleport_bootstrap.conf import conf_file, decision, variables
from teleport_bootstrap.ec2 import facts, imds
from teleport_bootstrap.hints import Any, TypeVar
from teleport_bootstrap.host import accounts, clock, directory, teleport
from teleport_bootstrap.instance import gather
from teleport_bootstrap.plan import provenance
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.state import current, generations, manual_edits, metadata_cache

T = TypeVar("T")

# The metadata service answers at once or not at all, and these facts are only informative.
METADATA_SECONDS = 3.0

_UUID = regex.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


@dataclass(frozen=True)
class Facts:
    """All facts. `made_at` is ISO 8601 in UTC, `role` a value of roles.Role, `service_user` owns the data.

    `teleport` is the installed one: `version`, `edition` as in teleport_build, `fips`. `instance` has `id`, `region`,
    `private_address`, `node_name` from teleport.yaml, `host_name` from the operating system, and `host_uuid`.
    `configuration` is as `configuration` returns it.
    """

    made_at: str
    agent_version: str
    teleport: dict[str, Any] | None
    cluster: str | None
    role: str | None
    unit: str | None
    service_user: str | None
    instance: dict[str, str | None]
    configuration: dict[str, Any]
    storage: storage.Storage
    notes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Return the name of the cluster for the name of an archive."""
        return self.cluster or "teleport"

    @property
    def host_label(self) -> str:
        """Return the name of this host for the name of an archive."""
        return self.instance["node_name"] or self.instance["id"] or platform.node()


def gather_facts(doors: gather.Doors) -> Facts:
    """Return the facts of this host; never raises."""
    root = doors.root
    notes: list[str] = []
    document = manual_edits.document(manual_edits.text(root, paths.TELEPORT_YAML)) or {}
    conf = _or_note(lambda: gather.conf(root), notes, "the conf was not read: ")
    generation = _or_note(lambda: current.generation(root), notes)
    role, unit = _role(root, conf, generation)
    return Facts(
        made_at=now(),
        agent_version=teleport_bootstrap.__version__,
        teleport=_teleport(root, notes),
        cluster=_cluster(document, conf),
        role=role,
        unit=unit,
        service_user=_owner(root),
        instance=_instance(doors, document, conf, notes),
        configuration=configuration(root),
        storage=storage.from_document(document),
        notes=tuple(notes),
    )


def configuration(root: paths.Root) -> dict[str, Any]:
    """Return where teleport.yaml comes from; call it under the lock.

    `generation` is the number of the one that was applied last, None where there is none; `conf` says whether there is
    a conf; `hand_edited` whether teleport.yaml has manual edits, None where the file is missing.
    """
    generation = _or_note(lambda: current.generation(root), [])
    wanted = generation.document if generation is not None else {}
    has_file = os.path.lexists(root.path(paths.TELEPORT_YAML))
    return {
        "generation": None if generation is None else generation.number,
        "conf": os.path.lexists(root.path(paths.CONF)),
        "hand_edited": bool(manual_edits.lost(root, generation, wanted)) if has_file else None,
    }


def now() -> str:
    """Return the current time in the form of `made_at`."""
    return clock.iso()


def _or_note(read: Callable[[], T | None], notes: list[str], what: str = "") -> T | None:
    """Return what `read` returns, or None with a note where it raises."""
    try:
        return read()
    except errors.BootstrapError as error:
        notes.append(f"{what}{error.message.splitlines()[0]}")
        return None


def _teleport(root: paths.Root, notes: list[str]) -> dict[str, Any] | None:
    if teleport.find(root) is None:
        notes.append("no teleport binary is installed, so the version that wrote the data is unknown")
        return None
    build = _or_note(lambda: gather.build(root, gather.NamedBuild()), notes)
    if build is None:
        return None
    return {"version": build.version, "edition": build.edition, "fips": build.fips}


def _role(
    root: paths.Root, conf: conf_file.Conf | None, generation: generations.Generation | None
) -> tuple[str | None, str | None]:
    """Return role and unit: those that were applied, else those of the conf, else those of the marker."""
    if generation is not None:
        return generation.role, generation.unit
    if conf is not None:
        decided = decision.decide(conf, fips=False)
        return decided.role.value, decided.place.unit
    by_marker = {each.marker_path: (roles.ROLE_OF_MARKER[each.marker_path].value, each.unit) for each in roles.PLACES}
    marked = [path for path in by_marker if os.path.exists(root.path(path))]
    return by_marker[marked[0]] if len(marked) == 1 else (None, None)


def _cluster(document: Mapping[str, Any], conf: conf_file.Conf | None) -> str | None:
    named = provenance.value_at(document, ("auth_service", "cluster_name"))
    if isinstance(named, str) and named:
        return named
    return None if conf is None else decision.decide(conf, fips=False).cluster


def _owner(root: paths.Root) -> str | None:
    try:
        uid = os.lstat(root.path(paths.DATA)).st_uid
    except OSError:
        return None
    return accounts.Names(root).user(uid) or str(uid)


def _instance(
    doors: gather.Doors, document: Mapping[str, Any], conf: conf_file.Conf | None, notes: list[str]
) -> dict[str, str | None]:
    named = provenance.value_at(document, ("teleport", "nodename"))
    said = _metadata(doors, conf, notes)
    return {
        "id": said.get("instance-id"),
        "region": said.get("region"),
        "private_address": said.get("local-ipv4") or said.get("ipv6"),
        "node_name": named if isinstance(named, str) else None,
        "host_name": platform.node(),
        "host_uuid": _host_uuid(doors.root),
    }


def _metadata(doors: gather.Doors, conf: conf_file.Conf | None, notes: list[str]) -> Mapping[str, str]:
    """Return what the metadata service answers, or the cached copy of its last answer."""
    region = conf.value(variables.EC2_REGION) if conf is not None else None
    try:
        seconds = min(METADATA_SECONDS, doors.wait_seconds)
        client = imds.Imds.from_environment(doors.environ, doors.root, deadline_seconds=seconds)
        return metadata_cache.from_facts(facts.read(client, region=region, needs_hostname=False))
    except errors.BootstrapError as error:
        notes.append(f"the facts about the instance are from the cache: {error.message}")
        return metadata_cache.read(doors.root)


def _host_uuid(root: paths.Root) -> str | None:
    """Return the identifier of this host in its cluster; another account can write to the file."""
    text = (directory.content(root, f"{paths.DATA}/host_uuid") or b"").decode("ascii", "replace").strip()
    return text if _UUID.fullmatch(text) else None
