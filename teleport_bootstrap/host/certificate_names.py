"""Whom a certificate is about, and who issued it, for people."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.host import der

_VERSION = 0xA0
# The object identifiers of common name, organization and organizational unit.
_COMMON_NAME, _ORGANIZATION, _UNIT = (bytes((0x55, 0x04, last)) for last in (0x03, 0x0A, 0x0B))
_UNREADABLE = "an issuer whose name cannot be read"


def issuer(certificate: bytes) -> str:
    """Return the name of the issuer of a certificate in DER, such as `R11 (Let's Encrypt)`."""
    return _name(certificate, 2)


def subject(certificate: bytes) -> str:
    """Return the name of whom it was issued to, in the same form."""
    return _name(certificate, 4)


def _name(certificate: bytes, number: int) -> str:
    """Return the name in the field `number`, counted from the serial number of the certificate: RFC 5280, 4.1."""
    try:
        fields = list(der.elements(der.one(der.one(certificate, der.SEQUENCE), der.SEQUENCE)))
        parts = dict(_parts(fields[number + (fields[0][0] == _VERSION)][1]))
    except (ValueError, IndexError):
        return _UNREADABLE
    organization = parts.get(_ORGANIZATION) or parts.get(_UNIT, "")
    common = parts.get(_COMMON_NAME, "")
    if common and organization:
        return f"{common} ({organization})"
    return common or organization or _UNREADABLE


def _parts(name: bytes) -> Iterator[tuple[bytes, str]]:
    for _, group in der.elements(name):
        for _, part in der.elements(group):
            (_, kind), (_, value) = list(der.elements(part))[:2]
            yield kind, value.decode("utf-8", "replace")
