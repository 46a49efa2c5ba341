"""What a server shows of itself in TLS: its chain of certificates, and whether this host trusts it.

Each question is a handshake of its own. The chain is read off one with TLS 1.2, where it is not encrypted, since
Python's `ssl` gives the certificates of an unverified peer only from 3.13 on, and only the first one before.
"""

from __future__ import annotations

import socket
import ssl

from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import certificate_names, key_pair, time_limit, trust_store
from teleport_bootstrap.records import dataclass

SECONDS = 2.5
_READ_BYTES = 16 * 1024
_MOST_BYTES = 512 * 1024
# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for: whether it is valid today is another check.
_NO_CHECK_TIME = 0x200000
_HANDSHAKE, _CERTIFICATE = 22, 11


@dataclass(frozen=True)
class Peer:
    """The certificates that a server sends, its own first, in DER; `own` is the first one as `ssl` reads it.

    `distrust` is OpenSSL's reason not to trust the issuer, empty where this host trusts it.
    """

    chain: tuple[bytes, ...]
    own: dict[str, Any]
    distrust: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The DNS names that the certificate is for, in lower case."""
        return tuple(value.lower() for kind, value in self.own.get("subjectAltName", ()) if kind == "DNS")

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that the certificate is for."""
        return tuple(value for kind, value in self.own.get("subjectAltName", ()) if kind == "IP Address")

    def is_for(self, host: str) -> bool:
        """Whether it is for `host`: exactly, or by a wildcard for one label."""
        wanted = host.lower().rstrip(".")
        return wanted in (*self.names, *self.addresses) or f"*.{wanted.partition('.')[2]}" in self.names

    @property
    def is_self_signed(self) -> bool:
        """Whether the server's certificate was issued by itself."""
        return certificate_names.issuer(self.chain[0]) == certificate_names.subject(self.chain[0])

    @property
    def is_linked(self) -> bool:
        """Whether each certificate of the chain was issued by the one after it."""
        pairs = zip(self.chain, self.chain[1:])
        return all(certificate_names.issuer(one) == certificate_names.subject(other) for one, other in pairs)

    @property
    def authority(self) -> str:
        """The issuer that a client has to know: the one that issued the last certificate of the chain."""
        return certificate_names.issuer(self.chain[-1])


def client() -> ssl.SSLContext:
    """Return a client that takes every certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers(key_pair.CIPHERS)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def look(host: str, port: int, store: trust_store.TrustStore) -> Peer:
    """Return what the server at `host` shows. Raises OSError, of which ssl.SSLError is one, and ValueError."""
    first = _first_certificate(host, port)
    chain = _chain(host, port)
    pem = ssl.DER_cert_to_PEM_cert(first)
    context = key_pair.issued_by((pem,))
    context.verify_flags |= key_pair.PARTIAL_CHAIN | _NO_CHECK_TIME
    own, _ = _verified(context, host, port)
    trusting = key_pair.trusting(store)
    trusting.verify_flags |= _NO_CHECK_TIME
    _, distrust = _verified(trusting, host, port)
    return Peer(chain if chain[:1] == (first,) else (first,), own, distrust)


def connected(host: str, port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Return a connection in TLS. Raises OSError and ValueError."""
    plain = time_limit.connect(host, port, seconds=SECONDS)
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _first_certificate(host: str, port: int) -> bytes:
    with connected(host, port, client()) as connection:
        return connection.getpeercert(binary_form=True) or b""


def _verified(context: ssl.SSLContext, host: str, port: int) -> tuple[dict[str, Any], str]:
    """Return the server's certificate, or why `context` does not trust it."""
    try:
        with connected(host, port, context) as connection:
            return dict(connection.getpeercert() or {}), ""
    except ssl.SSLCertVerificationError as error:
        return {}, error.verify_message or "its issuer is not trusted"


def _chain(host: str, port: int) -> tuple[bytes, ...]:
    """Return the certificates that the server sends, none where it refuses TLS 1.2."""
    context = client()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    end = context.wrap_bio(incoming, outgoing, server_hostname=host)
    received = b""
    with time_limit.connect(host, port, seconds=SECONDS) as connection:
        while len(received) < _MOST_BYTES:
            try:
                end.do_handshake()
                break
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                more = _receive(connection)
                if not more:
                    break
                received += more
                incoming.write(more)
            except ssl.SSLError:
                break
    return _certificates(received)


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(_READ_BYTES)
    except ConnectionResetError:
        return b""


def _certificates(received: bytes) -> tuple[bytes, ...]:
    """Return the certificates in what a server has sent up to the end of its part of the handshake; RFC 5246."""
    messages, position = b"", 0
    while position + 5 <= len(received) and received[position] == _HANDSHAKE:
        length = int.from_bytes(received[position + 3 : position + 5], "big")
        messages += received[position + 5 : position + 5 + length]
        position += 5 + length
    position = 0
    while position + 4 <= len(messages):
        length = int.from_bytes(messages[position + 1 : position + 4], "big")
        if messages[position] == _CERTIFICATE:
            return tuple(_listed(messages[position + 7 : position + 4 + length]))
        position += 4 + length
    return ()


def _listed(content: bytes) -> list[bytes]:
    found, position = [], 0
    while position + 3 <= len(content):
        length = int.from_bytes(content[position : position + 3], "big")
        found.append(content[position + 3 : position + 3 + length])
        position += 3 + length
    return found
