"""A certificate with its key as certbot keeps it, in four files of one number, and which of several to go on with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Optional

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
        """Return the file of one of layout.KINDS."""
        found: Secret | str = getattr(self, kind)
        return found if isinstance(found, Secret) else Secret(found)


@dataclass(frozen=True)
class Certificate:
    """Files that belong together.

    `number` is theirs in archive/, None for files that are only in live/. `validity` is None where nothing is wrong but
    the time: then certbot still knows how to renew them, and nobody can be served with them.
    """

    files: Files
    number: Optional[int]
    validity: Optional[pair.Validity]

    @property
    def is_valid(self) -> bool:
        """Whether people can be served with it now."""
        return self.validity is not None

    def numbered(self, number: int) -> Certificate:
        """Return the same with another number."""
        return replace(self, number=number)


@dataclass(frozen=True)
class Looked:
    """What was found in one place: certificates that can be gone on with, and why others cannot, for people."""

    found: tuple[Certificate, ...] = ()
    refused: tuple[str, ...] = ()


def judged(domain: str, files: Mapping[str, Optional[Secret]], number: int | None) -> Certificate:
    """Return the certificate that `files`, by kind, make for `domain`. Raises pair.Unfit."""
    there = {kind: secret for kind, secret in files.items() if secret is not None}
    absent = [f"{kind}.pem" for kind in lineage_files.KINDS if kind not in there]
    if absent:
        raise pair.Unfit(f"{', '.join(absent)} is missing")
    texts = {kind: secret.reveal() for kind, secret in there.items() if kind != "privkey"}
    made = Files(there["privkey"], texts["cert"], texts["chain"], texts["fullchain"])
    whole, issuers = pair.certificates(made.fullchain), pair.certificates(made.chain)
    # One that has signed itself is its own issuer.
    if whole[:1] != pair.certificates(made.cert) or issuers not in (whole[1:], whole if len(whole) == 1 else None):
        raise pair.Unfit("fullchain.pem is not cert.pem and chain.pem: they are of different certificates")
    try:
        validity: pair.Validity | None = pair.judge(domain, made.fullchain, made.privkey)
    except pair.Unfit as unfit:
        if not unfit.is_dated:
            raise
        validity = None
    return Certificate(made, number, validity)


def newest(
    domain: str, numbers: Iterable[int], read: Callable[[int], Mapping[str, Optional[Secret]]], place: str
) -> Looked:
    """Return the complete certificate with the highest of `numbers`, which `read` returns the files of.

    A higher number that is incomplete or does not fit together is what is being written, or was when somebody was
    killed: it is told of, and the one before it counts.
    """
    refused: list[str] = []
    for number in sorted(numbers, reverse=True):
        try:
            return Looked((judged(domain, read(number), number),), tuple(refused))
        except pair.Unfit as unfit:
            refused.append(f"number {number} in {place} is left aside: {unfit.why}")
    return Looked((), tuple(refused))


def best(certificates: Iterable[Certificate]) -> Certificate | None:
    """Return the one to go on with: the newest that is valid, otherwise that with the highest number.

    Of two that are as new as each other, the higher number counts, and the first that was given.
    """
    return max(certificates, key=_rank, default=None)


def _rank(certificate: Certificate) -> tuple[bool, tuple[float, float], int]:
    validity = certificate.validity
    times = (0.0, 0.0) if validity is None else (validity.not_before, validity.not_after)
    return certificate.is_valid, times, certificate.number or 0
