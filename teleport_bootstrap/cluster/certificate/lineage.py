"""A certificate with its key as certbot keeps it, in four files with one number, and which of several to use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from teleport_bootstrap.cluster.certificate import lineage_files, pair
from teleport_bootstrap.secret import Secret


@dataclass(frozen=True)
class Files:
    """The four files: the private key, the certificate, those that issued it, and all certificates together."""

    privkey: Secret
    cert: str
    chain: str
    fullchain: str

    def content(self, kind: str) -> Secret:
        """Return the file of one of lineage_files.KINDS."""
        content: Secret | str = getattr(self, kind)
        return content if isinstance(content, Secret) else Secret(content)


@dataclass(frozen=True)
class Certificate:
    """Files that belong together.

    `number` is their number in archive/, None for files that are only in live/. `validity` is None where only the time
    is wrong: then certbot can still renew them, but Teleport cannot serve with them.
    """

    files: Files
    number: int | None
    validity: pair.Validity | None

    @property
    def is_valid(self) -> bool:
        """Whether Teleport can serve with it now."""
        return self.validity is not None

    def numbered(self, number: int) -> Certificate:
        """Return the same with another number."""
        return replace(self, number=number)


@dataclass(frozen=True)
class Candidates:
    """The certificates in one place that can be used or renewed, and why others cannot, for people."""

    found: tuple[Certificate, ...] = ()
    refused: tuple[str, ...] = ()


def assemble(domain: str, files: Mapping[str, Secret | None], number: int | None) -> Certificate:
    """Return the certificate for `domain` that consists of `files`, by kind. Raises pair.Unusable."""
    there = {kind: secret for kind, secret in files.items() if secret is not None}
    absent = [f"{kind}.pem" for kind in lineage_files.KINDS if kind not in there]
    if absent:
        raise pair.Unusable(f"{', '.join(absent)} is missing")
    texts = {kind: secret.reveal() for kind, secret in there.items() if kind != "privkey"}
    made = Files(there["privkey"], texts["cert"], texts["chain"], texts["fullchain"])
    whole, issuers = pair.certificates(made.fullchain), pair.certificates(made.chain)
    # A self-signed certificate is its own issuer.
    if whole[:1] != pair.certificates(made.cert) or issuers not in (whole[1:], whole if len(whole) == 1 else None):
        raise pair.Unusable(
            "fullchain.pem does not consist of cert.pem and chain.pem: they belong to different certificates"
        )
    try:
        validity: pair.Validity | None = pair.check(domain, made.fullchain, made.privkey)
    except pair.Unusable as unusable:
        if not unusable.is_dated:
            raise
        validity = None
    return Certificate(made, number, validity)


def newest(
    domain: str, numbers: Iterable[int], read: Callable[[int], Mapping[str, Secret | None]], place: str
) -> Candidates:
    """Return the complete certificate with the highest of `numbers`; `read` returns the files of a number.

    A higher number that is incomplete or does not fit together is being written, or its writer was killed: it is
    reported as refused, and the one before it is used.
    """
    refused: list[str] = []
    for number in sorted(numbers, reverse=True):
        try:
            return Candidates((assemble(domain, read(number), number),), tuple(refused))
        except pair.Unusable as unusable:
            refused.append(f"number {number} in {place} is ignored: {unusable.why}")
    return Candidates((), tuple(refused))


def best(certificates: Iterable[Certificate]) -> Certificate | None:
    """Return the one to use: the newest valid one, otherwise the one with the highest number.

    Of two that are equally new, the higher number wins, then the earlier in `certificates`.
    """
    return max(certificates, key=_rank, default=None)


def _rank(certificate: Certificate) -> tuple[bool, tuple[float, float], int]:
    validity = certificate.validity
    times = (0.0, 0.0) if validity is None else (validity.not_before, validity.not_after)
    return certificate.is_valid, times, certificate.number or 0
