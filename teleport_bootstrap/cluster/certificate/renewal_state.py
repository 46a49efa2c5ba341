"""What certbot needs to go on with a certificate, as it lies in one place: the bucket, or an auth server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Optional

from teleport_bootstrap.cluster.certificate import lineage, lineage_files, pair
from teleport_bootstrap.secret import Secret


@dataclass(frozen=True)
class State:
    """What is in one place.

    `looked` are the certificates in it, `numbers` which numbered files there are, also of those that are not whole,
    `live` the current files by kind, None for one that is absent. `renewal` is the text of renewal/<domain>.conf, and
    `accounts` the files of ACME accounts, by key.
    """

    looked: lineage.Looked = field(default_factory=lineage.Looked)
    numbers: Mapping[int, frozenset[str]] = field(default_factory=dict)
    live: Mapping[str, Optional[Secret]] = field(default_factory=dict)
    renewal: Optional[str] = None
    accounts: Mapping[str, Secret] = field(default_factory=dict)

    @property
    def account_names(self) -> frozenset[str]:
        """The accounts of which there are files."""
        return frozenset(name for name in map(lineage_files.account, self.accounts) if name is not None)


def with_live(
    domain: str, numbered: lineage.Looked, live: Mapping[str, Optional[Secret]], place: str
) -> lineage.Looked:
    """Return `numbered` and the certificate that the current files make, where that is not the same one.

    A bucket that somebody has filled by hand may hold nothing else.
    """
    if not any(live.values()) or any(_is_same(each, live) for each in numbered.found):
        return numbered
    try:
        return lineage.Looked((*numbered.found, lineage.judged(domain, live, None)), numbered.refused)
    except pair.Unfit as unfit:
        return lineage.Looked(
            numbered.found, (*numbered.refused, f"live/{domain} in {place} is left aside: {unfit.why}")
        )


def _is_same(certificate: lineage.Certificate, live: Mapping[str, Optional[Secret]]) -> bool:
    return all(live.get(kind) == certificate.files.content(kind) for kind in lineage_files.KINDS)
