"""Whether a private key and a chain of certificates can serve a domain: tried out, as a client of Teleport would.

A TLS handshake in memory, between two ends in this process, tells it all in one: that the key belongs to the first
certificate, that each certificate was issued by the next, which names it is for, and from when until when it is good.
Python's own `ssl` does that with the library that programs really connect with. Reading X.509 would take a program
(openssl) that sees the key as a file, or a library (cryptography) that is compiled and that nothing else here needs.
What such a handshake cannot tell is who stands behind the chain; with what comes from our own bucket that is no
question.
"""

from __future__ import annotations

import contextlib
import datetime
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


class Unfit(Exception):
    """A key and a chain that nothing can be served with; the text says why, for people.

    `is_dated` says that all is well with them but the time: expired, or not good yet.
    """

    def __init__(self, why: str, *, is_dated: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.is_dated = is_dated


@dataclass(frozen=True, order=True)
class Validity:
    """From when until when a certificate is good, in seconds since 1970. Of two, the newer is the greater."""

    not_before: float
    not_after: float


def judge(domain: str, fullchain: str, key: Secret) -> Validity:
    """Return how long `fullchain`, certificates in PEM with that of `domain` first, can be served with `key`.

    It has to be for the domain and for all names below it, as Teleport needs for its applications. Raises Unfit.
    """
    blocks = certificates(fullchain)
    if not blocks:
        raise Unfit("there is no certificate in it")
    presented = _handshake(_server(fullchain, key), _client(blocks))
    names = {str(name).lower() for kind, name in presented.get("subjectAltName", ()) if kind == "DNS"}
    missing = [name for name in required(domain) if name not in names]
    if missing:
        shown = ", ".join(sorted(names)) or "no name at all"
        raise Unfit(f"it is for {shown}, and not for {' and '.join(missing)}")
    return Validity(ssl.cert_time_to_seconds(presented["notBefore"]), ssl.cert_time_to_seconds(presented["notAfter"]))


def shown(moment: float) -> str:
    """Return a time in seconds since 1970 as people are told of it."""
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).isoformat(timespec="seconds")


def required(domain: str) -> tuple[str, str]:
    """Return the names that a certificate for `domain` has to carry."""
    return domain.lower(), f"*.{domain.lower()}"


def certificates(text: str) -> tuple[str, ...]:
    """Return the certificates in a PEM text one by one, each in the same form however it was written."""
    return tuple(
        f"-----BEGIN CERTIFICATE-----\n{''.join(body.split())}\n-----END CERTIFICATE-----\n"
        for body in _BLOCK.findall(text)
    )


def _server(fullchain: str, key: Secret) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with _in_memory(fullchain) as chain_path, _in_memory(key.reveal()) as key_path:
        try:
            # Without a password OpenSSL would ask for one at the terminal.
            context.load_cert_chain(chain_path, key_path, password=lambda: b"")
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise Unfit("the private key belongs to another certificate") from None
            raise Unfit(f"it cannot be served with this private key ({_said(error)})") from None
        except (OSError, ValueError):
            raise Unfit("it cannot be read") from None
    return context


def _client(blocks: tuple[str, ...]) -> ssl.SSLContext:
    """Return a client that trusts those who have issued the first of `blocks`: the others, or it itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the names are compared above, the wildcard as such
    issuers = blocks[1:] or blocks
    try:
        context.load_verify_locations(cadata="".join(issuers))
    except (ssl.SSLError, ValueError):
        raise Unfit("what follows its first certificate is none") from None
    if blocks[1:]:
        # A chain ends below its root, which clients have.
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
            raise Unfit("it has expired", is_dated=True) from None
        if error.verify_code == _NOT_YET:
            raise Unfit("it is not good yet; is this machine's clock right?", is_dated=True) from None
        raise Unfit(f"its chain does not hold ({error.verify_message})") from None
    except ssl.SSLError as error:
        raise Unfit(f"no TLS connection can be made with it ({_said(error)})") from None
    found = ends[0].getpeercert()
    if not found:
        raise Unfit("no TLS connection can be made with it")
    return dict(found)


def _said(error: ssl.SSLError) -> str:
    """Return OpenSSL's reason; never the error's text, which could show more."""
    return (error.reason or "OpenSSL gives no reason").replace("_", " ").lower()


@contextlib.contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """Give `text` a path as long as the body runs, of a file that is on no disk and open to no other process."""
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(text.encode())
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
