"""What is in a license of Teleport Enterprise.

It is PEM: a certificate with an RSA key, and in an extension (2.5.42) the license itself, as JSON. (github.com/
gravitational/license, parse.go and constants.go; api/types/license.go of Teleport.) Read here without a library.
"""

from __future__ import annotations

import binascii
import datetime

from teleport_bootstrap import json_data, regex
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import der
from teleport_bootstrap.records import dataclass

_BLOCK = regex.compile(r"-----BEGIN ([A-Z ]{1,40})-----\s([^-]*)-----END \1-----")
_FEATURE = regex.compile(r"[a-z][a-z0-9_]{1,40}")
_TRUE = (True, "true", "yes", "on")

_EXTENSIONS, _VERSION = 0xA3, 0xA0
_CENTURIES = {0x17: "20", 0x18: ""}  # a time in two digits or four; no license is of before 2000
_PAYLOAD = b"\x55\x2a"  # 2.5.42


class NotALicense(ValueError):
    """The file is something else; the text completes "the license "."""


@dataclass(frozen=True)
class License:
    """A license: since when and until when it holds, in seconds since 1970, and what it is for."""

    begins: float
    ends: float
    features: tuple[str, ...]


def parse(content: bytes) -> License:
    """Return the license that is in a file. Raises NotALicense."""
    blocks = dict(_BLOCK.findall(content.decode("ascii", "replace").replace("\r\n", "\n")))
    if "CERTIFICATE" not in blocks:
        raise NotALicense("has no certificate")
    if "RSA PRIVATE KEY" not in blocks:
        # Teleport looks for this very kind of block.
        raise NotALicense("has no block RSA PRIVATE KEY beside its certificate")
    try:
        begins, ends, payload = _certificate(binascii.a2b_base64(blocks["CERTIFICATE"]))
    except (ValueError, LookupError):
        raise NotALicense("has a certificate that cannot be read") from None
    if payload is None:
        raise NotALicense("has a certificate without a license in it")
    try:
        said = json_data.parsed(payload)
    except ValueError:
        raise NotALicense("has a certificate with something else than a license in it") from None
    said = said if isinstance(said, dict) else {}
    also_ends = _moment(said.get("expiration"), said.get("metadata"))
    spec = said.get("spec")
    features = sorted(
        name for name, value in (spec if isinstance(spec, dict) else {}).items() if value in _TRUE and _is_name(name)
    )
    return License(begins, ends if also_ends is None else min(ends, also_ends), tuple(features))


def _is_name(name: str) -> bool:
    return bool(_FEATURE.fullmatch(name))


def _moment(expiration: Any, metadata: Any) -> float | None:
    """Return when the license ends by its own words, None where it does not say, as in the year 1."""
    text = metadata.get("expires") if isinstance(metadata, dict) and metadata.get("expires") else expiration
    try:
        found = datetime.datetime.strptime(f"{str(text)[:19]}+0000", "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return None
    return found.timestamp() if found.year > 1970 else None


def _certificate(data: bytes) -> tuple[float, float, bytes | None]:
    """Return the two moments of a certificate, and the payload of a license. Raises ValueError and LookupError."""
    signed = list(der.elements(der.one(der.one(data, der.SEQUENCE), der.SEQUENCE)))
    fields = [each for each in signed if each[0] != _VERSION]
    # serial number, algorithm, issuer, validity, subject, key: RFC 5280, 4.1.
    begins, ends = (_time(tag, content) for tag, content in der.elements(fields[3][1]))
    payload = None
    extensions = der.content(signed, _EXTENSIONS)
    for _, extension in der.elements(der.one(extensions, der.SEQUENCE) if extensions else b""):
        parts = list(der.elements(extension))
        if parts[0] == (der.OBJECT, _PAYLOAD):
            payload = der.content(parts, der.OCTETS)
    return begins, ends, payload


def _time(tag: int, content: bytes) -> float:
    text = _CENTURIES[tag] + content.decode("ascii")
    return datetime.datetime.strptime(f"{text}+0000", "%Y%m%d%H%M%SZ%z").timestamp()
