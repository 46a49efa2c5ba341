"""Licenses as Teleport's are: a certificate with an RSA key, and JSON in an extension."""

from __future__ import annotations

import datetime
import json
import time
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

DAY = 24 * 3600
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_EXTENSION = x509.ObjectIdentifier("2.5.42")


def license_file(*, begins: float = -DAY, ends: float = 365 * DAY, says_end: float = 365 * DAY) -> str:
    """Return one that is good from `begins` until `ends`, in seconds from now, and says itself that it ends."""
    payload: dict[str, Any] = {
        "kind": "license",
        "version": "v3",
        "metadata": {"name": "license-1", "expires": _moment(says_end).isoformat()},
        "spec": {"account_id": "planted-account", "k8s": True, "app": True, "db": "yes", "desktop": False},
    }
    return certificate(json.dumps(payload).encode(), begins, ends) + key()


def certificate(payload: bytes | None, begins: float = -DAY, ends: float = 365 * DAY) -> str:
    """Return a certificate with this payload, None for one without."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "license")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(_KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(begins))
        .not_valid_after(_moment(ends))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    if payload is not None:
        builder = builder.add_extension(x509.UnrecognizedExtension(_EXTENSION, payload), critical=False)
    return builder.sign(_KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def key() -> str:
    """Return the key, in the form that Teleport looks for."""
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return _KEY.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(time.time() + seconds), datetime.timezone.utc)
