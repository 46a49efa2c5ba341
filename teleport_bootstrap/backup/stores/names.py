"""What archives are called: teleport-CLUSTER_HOST_20261122T115743Z.tar.zst.

Of one host, the order of the names is the order in time. A store only offers what has such a name, and only deletes
that; an archive that somebody has named otherwise is his own affair.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from dataclasses import dataclass
from typing import Optional

# The kinds of compression by the ending of the name.
COMPRESSIONS = {".tar.zst": "zstd", ".tar.gz": "gzip"}

# Beside an archive: it was read back after it had been written, and was good.
VERIFIED = ".verified"

_LONGEST = 64
_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")
_NAME = re.compile(
    r"teleport-(?P<cluster>[A-Za-z0-9.-]+)_(?P<host>[A-Za-z0-9.-]+)_(?P<time>[0-9]{8}T[0-9]{6}Z)"
    rf"(?P<ending>{'|'.join(re.escape(ending) for ending in COMPRESSIONS)})",
    re.ASCII,
)
_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Name:
    """What a name says: `cluster` and `host` as `safe` makes them, and `made`, in UTC."""

    cluster: str
    host: str
    made: datetime.datetime
    compression: str

    @property
    def series(self) -> tuple[str, str]:
        """Those archives belong together: the cluster, and the host."""
        return self.cluster, self.host


def name(cluster: str, host: str, made: datetime.datetime, compression: str) -> str:
    """Return what an archive made at `made`, compressed with `compression` (zstd, gzip), is called."""
    ending = next(ending for ending, kind in COMPRESSIONS.items() if kind == compression)
    return f"{start(cluster, host)}{made.astimezone(datetime.timezone.utc).strftime(_TIME)}{ending}"


def start(cluster: str, host: str) -> str:
    """Return what the names of all archives of this host begin with, and of no other host's."""
    return f"teleport-{safe(cluster)}_{safe(host)}_"


def parse(text: str) -> Optional[Name]:
    """Return what the name `text` says, None where it is not one of ours."""
    found = _NAME.fullmatch(text)
    if found is None:
        return None
    try:
        made = datetime.datetime.strptime(found["time"], _TIME).replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        return None
    return Name(found["cluster"], found["host"], made, COMPRESSIONS[found["ending"]])


def compression_of(text: str) -> Optional[str]:
    """Return the kind of compression that the ending of a name or path stands for; None where it names no archive."""
    return next((kind for ending, kind in COMPRESSIONS.items() if text.endswith(ending) and text != ending), None)


def safe(text: str) -> str:
    """Return `text` as it appears in names: letters, digits, `.` and `-`; what had to change stays distinguishable."""
    plain = _UNSAFE.sub("-", text).strip(".-")[:_LONGEST].strip(".-")
    if plain and plain == text:
        return plain
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else digest
