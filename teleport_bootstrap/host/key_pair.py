"""Whether a private key and a chain of certificates can serve, and whether Teleport would start with them.

A handshake in memory, between two ends in this process, shows that the key belongs to the first certificate, that each
certificate was issued by the next, which names it is for, and when it is valid. Python's `ssl` uses the library that
real clients use. Parsing X.509 instead would need a program (openssl) that reads the key from a file, or a compiled
library (cryptography) that nothing else here needs.

At its start Teleport verifies the certificate of each key pair of its proxy with the authorities that the system
trusts, and ends if that fails. One single self-signed certificate is exempt; its times do not matter either. Every
version that is known does so.
"""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Iterator

from teleport_bootstrap import regex
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import der, trust_store
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import Secret

# OpenSSL's X509_V_FLAGPARTIAL_CHAIN; the ssl module has a name for it since Python 3.10 only.
PARTIAL_CHAIN = 0x80000
# OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED.
_NOT_YET = 9
_EXPIRED = 10
# Its X509_V_ERR_ for an issuer that is missing, self-signed alone, self-signed in the chain, and for one that is not
# sent along.
UNTRUSTED = (2, 18, 19, 20, 21)

_STEPS = 10

# Weak keys are refused or not as by Teleport, not as by the policy of this system.
CIPHERS = "DEFAULT:@SECLEVEL=1"

_PEM_KIND = regex.compile(r"-----BEGIN ([^-\n]*)-----")
# Go sees a block only at the start of a line; OpenSSL also looks behind a byte order mark.
_INSIDE_A_LINE = regex.compile(r"[^\n]-----BEGIN ")
_LAST_BLOCK = "-----END CERTIFICATE-----"


class Unusable(Exception):
    """A key and a chain that cannot serve; the text says why, for people.

    `is_dated`: only the time is wrong, the certificate has expired or is not valid yet. `is_untrusted`: everything is
    right but for the issuer, which this host does not trust.
    """

    def __init__(self, why: str, *, is_dated: bool = False, is_untrusted: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.is_dated = is_dated
        self.is_untrusted = is_untrusted

    def remedy(self) -> str:
        """Return what to do about it, as a sentence."""
        if self.is_untrusted:
            return (
                "Trust the issuer's root certificate on this host (`update-ca-certificates` on Debian and Ubuntu, "
                "`update-ca-trust` on Amazon Linux, or SSL_CERT_FILE in a drop-in of Teleport's unit), or use a "
                "certificate of an issuer that clients trust, such as the production service of Let's Encrypt."
            )
        if self.is_dated:
            return "Check this machine's clock, and renew the certificate."
        return "Replace the certificate and its private key, both files together."


@dataclass(frozen=True, order=True)
class Validity:
    """From when until when a certificate is valid, in seconds since 1970. The newer of two compares as greater."""

    not_before: float
    not_after: float


def blocks_startup(fullchain: str, key: Secret | None, store: trust_store.TrustStore) -> Unusable | None:
    """Return why Teleport does not start with this pair, None where it does.

    `fullchain` are certificates in PEM, that of the server first. Without `key`, which not everyone can read, only the
    certificates are judged.
    """
    try:
        _check_startup(fullchain, key, store)
    except Unusable as unusable:
        return unusable
    return None


def _check_startup(fullchain: str, key: Secret | None, store: trust_store.TrustStore) -> None:
    blocks = trust_store.certificates(fullchain)
    if not blocks:
        raise Unusable("it contains no certificate")
    if set(_PEM_KIND.findall(fullchain)) != {"CERTIFICATE"}:
        raise Unusable("it contains something other than certificates, which Teleport refuses")
    if fullchain.rpartition(_LAST_BLOCK)[2].strip():
        raise Unusable("there is text after its last certificate, which Teleport refuses")
    for what, text in (("it has", fullchain), ("its private key has", "" if key is None else key.reveal())):
        if _INSIDE_A_LINE.search(text):
            raise Unusable(f"{what} characters before -----BEGIN, such as a byte order mark, which hide it to Teleport")
    server = None if key is None else server_context(fullchain, key)
    if len(blocks) == 1 and is_self_signed(blocks[0]):
        return
    if server is None:
        return  # without the key there is no handshake; see `certificate_files` for the dates
    present(server, trusting(store), untrusted=f"its issuer is not among the authorities in {store.source}")


def is_self_signed(certificate: str) -> bool:
    """Return whether Teleport takes `certificate`, in PEM, for self-signed: its two key identifiers are the same.

    A certificate that has neither counts as well.
    """
    try:
        own, issuer = _key_identifiers(ssl.PEM_cert_to_DER_cert(certificate))
    except (ValueError, IndexError):
        return False
    return own == issuer


def server_context(fullchain: str, key: Secret) -> ssl.SSLContext:
    """Return a server that serves with them; raises Unusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(CIPHERS)
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


def issued_by(blocks: tuple[str, ...]) -> ssl.SSLContext:
    """Return a client that trusts the issuers of the first of `blocks`: the others, or itself where it is alone."""
    context = _client()
    issuers = blocks[1:] or blocks
    try:
        _trust(context, "".join(issuers))
    except ValueError:
        raise Unusable("the text after its first certificate is not a certificate") from None
    if blocks[1:]:
        # A chain ends below its root, which clients already have.
        context.verify_flags |= PARTIAL_CHAIN
    return context


def trusting(store: trust_store.TrustStore) -> ssl.SSLContext:
    """Return a client that trusts what Teleport trusts with `store`, and compares no names."""
    context = _client()
    try:
        _trust(context, "".join(store.authorities))
    except ValueError:
        # Like Teleport, without those that cannot be read.
        for each in store.authorities:
            with contextlib.suppress(ValueError):
                _trust(context, each)
    # To Go everything in the store is an anchor, whether it signed itself or not.
    context.verify_flags |= PARTIAL_CHAIN
    return context


def _trust(context: ssl.SSLContext, certificates: str) -> None:
    """Add these to the issuers that `context` trusts. Raises ValueError where one of them is not a certificate."""
    if not certificates.isascii():  # for which `ssl` raises a TypeError
        raise ValueError("this is not PEM")
    try:
        context.load_verify_locations(cadata=certificates)
    except ssl.SSLError as error:
        raise ValueError(_reason(error)) from None


def _client() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers(CIPHERS)
    context.check_hostname = False  # `cluster.certificate.pair` compares the names, including the wildcard
    return context


def present(server: ssl.SSLContext, client: ssl.SSLContext, *, untrusted: str = "") -> dict[str, Any]:
    """Let `client` connect to `server`; return the certificate that it sees, and raise Unusable.

    `untrusted` is what to say of an issuer that `client` does not know; empty where its chain is invalid then.
    """
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
        if untrusted and error.verify_code in UNTRUSTED:
            raise Unusable(untrusted, is_untrusted=True) from None
        raise Unusable(f"its chain is invalid ({error.verify_message})") from None
    except ssl.SSLError as error:
        raise Unusable(f"it allows no TLS connection ({_reason(error)})") from None
    found = ends[0].getpeercert()
    if not found:
        raise Unusable("it allows no TLS connection")
    return dict(found)


def validity(presented: dict[str, Any]) -> Validity:
    """Return when the certificate that `present` has returned is valid."""
    return Validity(ssl.cert_time_to_seconds(presented["notBefore"]), ssl.cert_time_to_seconds(presented["notAfter"]))


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


# ---------------------------------------------------------------- the two key identifiers of a certificate, in DER

_EXTENSIONS, _KEY_IDENTIFIER = 0xA3, 0x80
_SUBJECT_KEY = bytes((0x55, 0x1D, 0x0E))
_AUTHORITY_KEY = bytes((0x55, 0x1D, 0x23))


def _key_identifiers(certificate: bytes) -> tuple[bytes, bytes]:
    """Return the identifiers of a certificate's own key and of its issuer's; empty without. Raises ValueError."""
    to_be_signed = der.one(der.one(certificate, der.SEQUENCE), der.SEQUENCE)
    wrapped = next((content for tag, content in der.elements(to_be_signed) if tag == _EXTENSIONS), None)
    own = issuer = b""
    for _, extension in der.elements(der.one(wrapped, der.SEQUENCE)) if wrapped else ():
        parts = list(der.elements(extension))
        name, value = der.content(parts, der.OBJECT), der.content(parts, der.OCTETS)
        if name == _SUBJECT_KEY:
            own = der.one(value, der.OCTETS)
        elif name == _AUTHORITY_KEY:
            issuer = der.content(list(der.elements(der.one(value, der.SEQUENCE))), _KEY_IDENTIFIER)
    return own, issuer
