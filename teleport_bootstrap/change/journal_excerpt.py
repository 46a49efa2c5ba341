"""The last lines of a unit in the journal, with secrets masked, for the message that Teleport is unhealthy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from teleport_bootstrap import paths
from teleport_bootstrap.change import secret_files
from teleport_bootstrap.conf import secret_names
from teleport_bootstrap.host import systemd
from teleport_bootstrap.secret import MASK
from teleport_bootstrap.state import manual_edits

# Shorter strings may be words that the message needs; no join token is that short.
_SHORTEST_SECRET = 4


def last_lines(root: paths.Root, unit: str, *, since: float, secret_paths: Iterable[str], also: Iterable[bytes]) -> str:
    """Return the last lines of `unit` since then (seconds since 1970), with a mask for each secret.

    Secrets are what the files at `secret_paths` hold, what `also` holds, and what teleport.yaml says under a key that
    is named like a secret. Empty where there are no lines.
    """
    said = systemd.last_words(unit, since=since) if systemd.is_running(root) else ""
    document = manual_edits.document(manual_edits.text(root, paths.TELEPORT_YAML))
    contents = [*also, *(secret_files.read(root, path) or b"" for path in secret_paths)]
    lines = [line.strip() for content in contents for line in content.decode("utf-8", "replace").splitlines()]
    for secret in sorted({*lines, *_inline(document)}, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            said = said.replace(secret, MASK)
    return said


def _inline(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, content in value.items():
            yield from _inline(content, str(key))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _inline(each, name)
    elif isinstance(value, str) and secret_names.looks_secret(name) and not value.startswith("/"):
        yield value
