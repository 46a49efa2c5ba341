"""The files that a document names, whatever they are for: a backup of the host has to contain them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Keys for files end like this: key_file, license_file, ca_cert_file, tls_ca_file, keytab_file, kubeconfig_file.
_ENDING = "_file"
# A file that Teleport writes itself.
_WRITTEN = ("pid_file",)
# Other keys of files. A pin and a token may also be given themselves.
_OTHERS = ("ca_pin", "auth_token", "token_name", "credentials_path", "pin_path")


def paths_in(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the absolute paths of the files that `document` names, also for disabled services, each once."""
    return tuple(dict.fromkeys(_paths(document, "")))


def _paths(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, content in value.items():
            yield from _paths(content, str(name))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _paths(each, key)
    elif isinstance(value, str) and value.startswith("/") and "\0" not in value and _is_for_a_file(key):
        yield value


def _is_for_a_file(key: str) -> bool:
    return key in _OTHERS or (key.endswith(_ENDING) and key not in _WRITTEN)
