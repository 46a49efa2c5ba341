"""That a cluster has users, once that was seen: they do not become none again, and asking takes a second."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping

from teleport_bootstrap import errors, paths
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import directory
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.state import state_file


@dataclass(frozen=True)
class Seen:
    """`cluster` is the digest of what tells one cluster from the next on this host."""

    cluster: str


FILE: state_file.StateFile[Seen] = state_file.StateFile(
    paths.USERS_SEEN, Seen, unknown="it is unknown whether the cluster has users"
)


def is_noted(root: paths.Root, document: Mapping[str, Any]) -> bool:
    """Whether users were seen in the cluster of `document`, this host's teleport.yaml."""
    with contextlib.suppress(errors.FileTrouble):
        return FILE.read(root) == Seen(_cluster(root, document))
    return False


def note(root: paths.Root, document: Mapping[str, Any]) -> None:
    """Note that the cluster has users. Where that fails, it is asked again."""
    with contextlib.suppress(errors.FileTrouble):
        FILE.write(root, Seen(_cluster(root, document)))


def _cluster(root: paths.Root, document: Mapping[str, Any]) -> str:
    """Return a digest of the cluster's name and of where its data is; data that is new or restored has another one."""
    teleport, auth = (
        (each if isinstance(each, dict) else {}) for each in map(document.get, ("teleport", "auth_service"))
    )
    identity = directory.content(root, paths.HOST_UUID) or b""
    told = json.dumps([auth.get("cluster_name"), teleport.get("storage")], sort_keys=True, default=str).encode()
    return hashlib.sha256(told + identity).hexdigest()
