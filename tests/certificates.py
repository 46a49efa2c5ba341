"""Certificates and keys for tests, made in memory: what an authority would issue, and what it never would."""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass
from typing import Optional

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = 24 * 3600

# Python 3.13 and newer refuse an authority without it.
_ISSUES = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
KINDS = ("privkey", "cert", "chain", "fullchain")


@dataclass(frozen=True)
class Issued:
    """The four files as certbot keeps them."""

    privkey: str
    cert: str
    chain: str

    @property
    def fullchain(self) -> str:
        return self.cert + self.chain

    def files(self) -> dict[str, str]:
        return {kind: getattr(self, kind) for kind in KINDS}


# The roots of authorities that test hosts trust.
TRUSTED: list[str] = []


class Authority:
    """A root that signs an intermediate, which signs what is issued; like Let's Encrypt it does not give the root.

    Hosts that tests make later trust it, unless it is not `trusted`.
    """

    def __init__(self, name: str = "test authority", *, trusted: bool = True) -> None:
        self._root_key = ec.generate_private_key(ec.SECP256R1())
        root_name = _name(f"{name} root")
        self.root = _sign(root_name, self._root_key.public_key(), root_name, self._root_key, _year(), is_issuer=True)
        if trusted:
            TRUSTED.append(self.root)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self.intermediate = _sign(
            self._name, self._key.public_key(), root_name, self._root_key, _year(), is_issuer=True
        )

    def issue(
        self,
        domain: str,
        *,
        names: Optional[tuple[str, ...]] = None,
        begins: float = -DAY,
        ends: float = 90 * DAY,
    ) -> Issued:
        """Issue one for `domain` and its wildcard, good from `begins` until `ends`, in seconds from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = time.time()
        certificate = _sign(
            _name(domain),
            key.public_key(),
            self._name,
            self._key,
            (now + begins, now + ends),
            names=names if names is not None else (domain, f"*.{domain}"),
        )
        return Issued(_key_pem(key), certificate, self.intermediate)


def self_signed(domain: str) -> Issued:
    """What an operator makes by hand: no issuer but itself, so that its chain is empty."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = (domain, f"*.{domain}")
    name = _name(domain)
    return Issued(_key_pem(key), _sign(name, key.public_key(), name, key, _year(), names=names), "")


def _year() -> tuple[float, float]:
    return time.time() - DAY, time.time() + 365 * DAY


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _sign(
    subject: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    validity: tuple[float, float],
    *,
    names: tuple[str, ...] = (),
    is_issuer: bool = False,
) -> str:
    begins, ends = (datetime.datetime.fromtimestamp(int(each), datetime.timezone.utc) for each in validity)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if is_issuer:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_ISSUES, critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
    signed = builder.sign(issuer_key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey, password: Optional[bytes] = None) -> str:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        encryption = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


def encrypted_key() -> str:
    """A private key that cannot be used without a password."""
    return _key_pem(ec.generate_private_key(ec.SECP256R1()), b"secret")
