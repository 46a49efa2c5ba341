"""The key pairs that a teleport.yaml names, judged as Teleport judges them when it starts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from teleport_bootstrap import paths
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import key_pair, trust_store
from teleport_bootstrap.plan import provenance, services
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import Secret


@dataclass(frozen=True)
class Blocking:
    """A pair with which Teleport does not start: its certificate's path, the key that names it, and what is wrong."""

    path: str
    key: provenance.Path
    unusable: key_pair.Unusable

    @property
    def message(self) -> str:
        """What is wrong, as a sentence without its end; it begins with the path."""
        return f"{self.path} keeps Teleport from its next start: {self.unusable.why}"


def blocking(root: paths.Root, document: dict[str, Any], unit: str | None) -> tuple[Blocking, ...]:
    """Return the pairs of `document`, a teleport.yaml, with which Teleport does not start if `unit` starts it.

    Files that are missing, which is reported elsewhere, or that this process may not read are left out.
    """
    pairs = {pair: key for pair, key in _pairs(document) if all(os.path.exists(root.path(each)) for each in pair)}
    if not pairs:
        return ()
    store = trust_store.read(root, unit, os.environ)
    found = ((pair, key, _judge(root, pair, store)) for pair, key in pairs.items())
    return tuple(Blocking(root.path(pair[0]), key, unusable) for pair, key, unusable in found if unusable is not None)


def _judge(root: paths.Root, pair: tuple[str, str], store: trust_store.TrustStore) -> key_pair.Unusable | None:
    chain, key = (trust_store.text(root.path(each)) for each in pair)
    if chain is None or key is None:
        return None
    return key_pair.blocks_startup(chain, Secret(key), store)


def _pairs(document: dict[str, Any]) -> Iterator[tuple[tuple[str, str], provenance.Path]]:
    """Yield the paths of certificate and private key, and the key in `document` that names the certificate."""
    if services.runs(document, "proxy_service"):
        section = document.get("proxy_service")
        yield from _listed(section, ("proxy_service", "https_keypairs"))
        if isinstance(section, dict):
            names = ("https_cert_file", "https_key_file")
            yield from _pair(section, names, ("proxy_service", names[0]))
    metrics = document.get("metrics_service")
    # Only then it speaks TLS.
    if services.runs(document, "metrics_service") and isinstance(metrics, dict) and metrics.get("ca_certs"):
        yield from _listed(metrics, ("metrics_service", "keypairs"))


def _listed(section: Any, path: tuple[str, str]) -> Iterator[tuple[tuple[str, str], provenance.Path]]:
    pairs = section.get(path[1]) if isinstance(section, dict) else None
    for index, pair in enumerate(pairs if isinstance(pairs, list) else ()):
        if isinstance(pair, dict):
            yield from _pair(pair, ("cert_file", "key_file"), (*path, index, "cert_file"))


def _pair(
    given: Mapping[str, Any], names: tuple[str, str], key: provenance.Path
) -> Iterator[tuple[tuple[str, str], provenance.Path]]:
    certificate, private = (given.get(name) for name in names)
    if all(isinstance(each, str) and each.startswith("/") and "\0" not in each for each in (certificate, private)):
        yield (str(certificate), str(private)), key
