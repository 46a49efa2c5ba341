"""The files that a document names: those that a backup has to contain, and those that Teleport needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import provenance, services
from teleport_bootstrap.records import dataclass

# Keys of files besides those such as key_file, license_file, ca_cert_file, tls_ca_file, keytab_file, kubeconfig_file. A
# pin and a token may also be given themselves.
_OTHERS = ("ca_pin", "auth_token", "token_name", "credentials_path", "pin_path", "registration_secret_path")


def paths_in(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the absolute paths of the files that `document` names, also for disabled services, each once.

    The file that `pid_file` names is left out: Teleport writes it itself.
    """
    found: dict[str, None] = {}
    for path, value, _ in provenance.leaves(dict(document)):
        key = next((part for part in reversed(path) if isinstance(part, str)), "")
        if key in _OTHERS or (key.endswith("_file") and key != "pid_file"):
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, str) and each.startswith("/") and "\0" not in each:
                    found[each] = None
    return tuple(found)


_EACH = "*"
_TOKEN = "Teleport joins with what it holds"  # noqa: S105 - a reason
LICENSE = ("auth_service", "license_file")
_TOKEN_NAME = ("teleport", "join_params", "token_name")
_CERTIFICATE = "the proxy does not start without its certificate and key"
_TRUST = "Teleport trusts the database by it"
_STATIC_TOKEN = "it holds a static token of the auth server"  # noqa: S105 - a reason
_ATTESTATION = "it says which keys people may register"
_MTLS = "Teleport uses it for TLS"

# Where a document names such files, `*` being each item of a list, and why Teleport needs them.
_NAMED: tuple[tuple[tuple[str, ...], str], ...] = (
    (("teleport", "ca_pin"), "Teleport reads its pins at every start"),
    (("teleport", "auth_token"), _TOKEN),
    (_TOKEN_NAME, _TOKEN),
    (("teleport", "join_params", "bound_keypair", "registration_secret_path"), _TOKEN),
    (LICENSE, "an auth server of Teleport Enterprise needs its license"),
    (("proxy_service", "https_keypairs", _EACH, "cert_file"), _CERTIFICATE),
    (("proxy_service", "https_keypairs", _EACH, "key_file"), _CERTIFICATE),
    (("proxy_service", "https_cert_file"), _CERTIFICATE),
    (("proxy_service", "https_key_file"), _CERTIFICATE),
    (("kubernetes_service", "kubeconfig_file"), "it names the clusters to serve"),
    (("auth_service", "tokens", _EACH), _STATIC_TOKEN),
    (("auth_service", "tokens"), _STATIC_TOKEN),
    (("auth_service", "ca_key_params", "pkcs11", "module_path"), "Teleport signs with its keys"),
    (("auth_service", "ca_key_params", "pkcs11", "pin_path"), "it unlocks the keys that Teleport signs with"),
    (("auth_service", "authentication", "webauthn", "attestation_allowed_cas"), _ATTESTATION),
    (("auth_service", "authentication", "webauthn", "attestation_denied_cas"), _ATTESTATION),
    (("metrics_service", "keypairs", _EACH, "key_file"), _MTLS),
    (("metrics_service", "keypairs", _EACH, "cert_file"), _MTLS),
    (("metrics_service", "ca_certs"), _MTLS),
    (("tracing_service", "keypairs", _EACH, "key_file"), _MTLS),
    (("tracing_service", "keypairs", _EACH, "cert_file"), _MTLS),
    (("tracing_service", "ca_certs"), _MTLS),
    (("windows_desktop_service", "ldap", "der_ca_file"), "Teleport trusts the domain controller by it"),
    (("db_service", "databases", _EACH, "ca_cert_file"), _TRUST),
    (("db_service", "databases", _EACH, "tls", "ca_cert_file"), _TRUST),
)


@dataclass(frozen=True)
class NeededFile:
    """A file, the key that names it, and why Teleport needs it.

    `until_joined` is true where Teleport reads it only until the host has joined its cluster.
    """

    path: str
    key: provenance.Path
    why: str
    until_joined: bool = False


def needed(document: dict[str, Any]) -> tuple[NeededFile, ...]:
    """Return the files that the services which `document` enables need, each path once."""
    found: dict[str, NeededFile] = {}
    for pattern, why in _NAMED:
        if pattern[0] != "teleport" and not services.runs(document, pattern[0]):
            continue
        if pattern == _TOKEN_NAME and provenance.value_at(document, (*pattern[:-1], "method")) != "token":
            continue
        for key, value in _matches(document, pattern):
            for each in value if isinstance(value, list) else [value]:
                # After the roles of a static token.
                path = each.partition(":")[2] if why is _STATIC_TOKEN and isinstance(each, str) else each
                # A pin or a token may also be given itself: only an absolute path is a file.
                if isinstance(path, str) and path.startswith("/"):
                    found.setdefault(path, NeededFile(path, key, why, until_joined=why == _TOKEN))
    return tuple(found.values())


def _matches(node: Any, pattern: tuple[str, ...], key: provenance.Path = ()) -> Iterator[tuple[provenance.Path, Any]]:
    if not pattern:
        yield key, node
    elif pattern[0] == _EACH:
        for index, item in enumerate(node if isinstance(node, list) else ()):
            yield from _matches(item, pattern[1:], (*key, index))
    else:
        yield from _matches(provenance.child(node, pattern[0]), pattern[1:], (*key, pattern[0]))
