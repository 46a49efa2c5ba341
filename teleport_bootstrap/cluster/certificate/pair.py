"""Whether a private key and a chain of certificates can serve a domain and all names below it."""

from __future__ import annotations

from teleport_bootstrap.host import key_pair, trust_store
from teleport_bootstrap.secret import Secret

Unusable = key_pair.Unusable
Validity = key_pair.Validity
certificates = trust_store.certificates


def check(domain: str, fullchain: str, key: Secret, store: trust_store.TrustStore | None = None) -> Validity:
    """Return when `fullchain`, certificates in PEM with that of `domain` first, is valid to serve with `key`.

    It must be for the domain and for all names below it, which Teleport needs for its applications. With `store`,
    Teleport must also start with it on this host. Raises Unusable.
    """
    blocks = certificates(fullchain)
    if not blocks:
        raise Unusable("it contains no certificate")
    presented = key_pair.present(key_pair.server_context(fullchain, key), key_pair.issued_by(blocks))
    names = {str(name).lower() for kind, name in presented.get("subjectAltName", ()) if kind == "DNS"}
    missing = [name for name in (domain.lower(), f"*.{domain.lower()}") if name not in names]
    if missing:
        shown = ", ".join(sorted(names)) or "no name"
        raise Unusable(f"it is for {shown}, and not for {' and '.join(missing)}")
    blocking = None if store is None else key_pair.blocks_startup(fullchain, key, store)
    if blocking is not None:
        raise blocking
    return key_pair.validity(presented)
