"""Whether a private key and a chain of certificates can serve a domain: tested with a TLS handshake.

A handshake in memory, between two ends in this process, shows that the key belongs to the first certificate, that each
certificate was issued by the next, which names it is for, and when it is valid. Python's `ssl` uses the library that
real clients use. Parsing X.509 instead would need a program (openssl) that reads the key from a file, or a compiled
library (cryptography) that nothing else here needs. The handshake does not show whether clients trust the root of the
chain; for certificates from our own bucket that need not be checked.
"""

from __future__ import annotations

import contextlib
import os
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from teleport_bootstrap.secret import Secret

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)

# OpenSSL's X509_V_FLAG_PARTIAL_CHAIN; the ssl module has a name for it since Python 3.10 only.
_PARTIAL_CHAIN = 0x80000
# OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED.
_NOT_YET = 9
_EXPIRED = 10

_STEPS = 10


class Unusable(Exception):
    """A key and a chain that cannot serve; the text says why, for people.

    `is_dated`: only the time is wrong, the certificate has expired or is not valid yet.
    """

    def __init__(self, why: str, *, is_dated: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.is_dated = is_dated


@dataclass(frozen=True, order=True)
class Validity:
    """From when until when a certificate is valid, in seconds since 1970. The newer of two compares as greater."""

    not_before: float
    not_after: float


def check(domain: str, fullchain: str, key: Secret) -> Validity:
    """Return when `fullchain`, certificates in PEM with that of `domain` first, is valid to serve with `key`.

    It must be for the domain and for all names below it, which Teleport needs for its applications. Raises Unusable.
    """
    blocks = certificates(fullchain)
    if not blocks:
        raise Unusable("it contains no certificate")
    presented = _handshake(_server(fullchain, key), _client(blocks))
    names = {str(name).lower() for kind, name in presented.get("subjectAltName", ()) if kind == "DNS"}
    missing = [name for name in (domain.lower(), f"*.{domain.lower()}") if name not in names]
    if missing:
        shown = ", ".join(sorted(names)) or "no name"
        raise Unusable(f"it is for {shown}, and not for {' and '.join(missing)}")
    return Validity(ssl.cert_time_to_seconds(presented["notBefore"]), ssl.cert_time_to_seconds(presented["notAfter"]))


def certificates(text: str) -> tuple[str, ...]:
    """Return the certificates in a PEM text, each in a normal form that can be compared."""
    return tuple(
        f"-----BEGIN CERTIFICATE-----\n{''.join(body.split())}\n-----END CERTIFICATE-----\n"
        for body in _BLOCK.findall(text)
    )


def _server(fullchain: str, key: Secret) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with _in_memory(fullchain) as chain_path, _in_memory(key.reveal()) as key_path:
        try:
            # Without a password callback OpenSSL would prompt at the terminal.
            context.load_cert_chain(chain_path, key_path, password=lambda: b"")
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise Unusable("the private key belongs to another certificate") from None
            raise Unusable(f"it does not work with this private key ({_reason(error)})") from None
        except (OSError, ValueError):
            raise Unusable("it cannot be read") from None
    return context


def _client(blocks: tuple[str, ...]) -> ssl.SSLContext:
    """Return a client that trusts the issuers of the first of `blocks`: the others, or itself where it is alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # `check` compares the names, including the wildcard
    issuers = blocks[1:] or blocks
    try:
        context.load_verify_locations(cadata="".join(issuers))
    except (ssl.SSLError, ValueError):
        raise Unusable("the text after its first certificate is not a certificate") from None
    if blocks[1:]:
        # A chain ends below its root, which clients already have.
        context.verify_flags |= _PARTIAL_CHAIN
    return context


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> dict[str, Any]:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (client.wrap_bio(to_client, to_server), server.wrap_bio(to_server, to_client, server_side=True))
    try:
        for _ in range(_STEPS):
            for end in ends:
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
    except ssl.SSLCertVerificationError as error:
        if error.verify_code == _EXPIRED:
            raise Unusable("it has expired", is_dated=True) from None
        if error.verify_code == _NOT_YET:
            raise Unusable("it is not valid yet; is this machine's clock right?", is_dated=True) from None
        raise Unusable(f"its chain is invalid ({error.verify_message})") from None
    except ssl.SSLError as error:
        raise Unusable(f"it allows no TLS connection ({_reason(error)})") from None
    found = ends[0].getpeercert()
    if not found:
        raise Unusable("it allows no TLS connection")
    return dict(found)


def _reason(error: ssl.SSLError) -> str:
    """Return OpenSSL's reason; never the error's whole text, which could show more."""
    return (error.reason or "OpenSSL gives no reason").replace("_", " ").lower()


@contextlib.contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """Yield a path to `text` while the body runs: a file in memory that no other process can open."""
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(text.encode())
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
