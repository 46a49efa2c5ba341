"""The names of archives: teleport-CLUSTER_HOST_20261122T115743Z.tar.zst.

For one host, the order of the names is the order in time. A store lists and deletes only files with such names, and
never touches an archive that the operator named.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Mapping

from teleport_bootstrap import regex
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import clock
from teleport_bootstrap.records import dataclass

# The kinds of compression by the ending of the name.
COMPRESSIONS = {".tar.zst": "zstd", ".tar.gz": "gzip"}

# How each name begins.
START = "teleport-"

# The note beside a verified archive, and beside one that was verified and is incomplete.
VERIFIED = ".verified"
INCOMPLETE = ".incomplete"
NOTES = (VERIFIED, INCOMPLETE)

_LONGEST = 64
_UNSAFE = regex.compile(r"[^A-Za-z0-9.-]+")
_NAME = regex.compile(
    r"teleport-(?P<cluster>[A-Za-z0-9.-]+)_(?P<host>[A-Za-z0-9.-]+)_(?P<time>[0-9]{8}T[0-9]{6}Z)"
    rf"(?P<ending>{'|'.join(re.escape(ending) for ending in COMPRESSIONS)})",
    re.ASCII,
)
_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Name:
    """The parts of a name: `cluster` and `host` as `safe` returns them, and `made`, in UTC."""

    cluster: str
    host: str
    made: datetime.datetime
    compression: str

    @property
    def series(self) -> tuple[str, str]:
        """What archives of one host have in common: the cluster and the host."""
        return self.cluster, self.host


def name(cluster: str, host: str, made: datetime.datetime, compression: str) -> str:
    """Return the name of an archive made at `made`, compressed with `compression` (zstd, gzip)."""
    ending = next(ending for ending, kind in COMPRESSIONS.items() if kind == compression)
    return f"{start(cluster, host)}{made.astimezone(datetime.timezone.utc).strftime(_TIME)}{ending}"


def start(cluster: str, host: str) -> str:
    """Return the prefix of all archive names of this host, and of no other host."""
    return f"{START}{safe(cluster)}_{safe(host)}_"


def parse(text: str) -> Name | None:
    """Return the parts of the name `text`, None where it is not a generated name."""
    found = _NAME.fullmatch(text)
    if found is None:
        return None
    try:
        made = datetime.datetime.strptime(found["time"], _TIME).replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        return None
    return Name(found["cluster"], found["host"], made, COMPRESSIONS[found["ending"]])


def compression_of(text: str) -> str | None:
    """Return the kind of compression of an archive with this name or path; None for other names."""
    return next((kind for ending, kind in COMPRESSIONS.items() if text.endswith(ending) and text != ending), None)


def note(fingerprint: Mapping[str, Any]) -> bytes:
    """Return the content of a note that says that an archive with this `fingerprint` was verified now."""
    now = clock.calendar()
    return json.dumps({"verified": now.strftime("%Y-%m-%dT%H:%M:%SZ"), **fingerprint}).encode() + b"\n"


def safe(text: str) -> str:
    """Return `text` as it appears in names: letters, digits, `.` and `-`; a changed name gets a digest added."""
    plain = _UNSAFE.sub("-", text).strip(".-")[:_LONGEST].strip(".-")
    if plain and plain == text:
        return plain
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else digest
