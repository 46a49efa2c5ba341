"""What certbot needs to renew a certificate, as kept in one place: the bucket, or an auth server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from teleport_bootstrap.cluster.certificate import lineage, lineage_files, pair
from teleport_bootstrap.secret import Secret


@dataclass(frozen=True)
class State:
    """The content of one place.

    `candidates` are its certificates, `numbers` the kinds of files that exist for each number, including incomplete
    ones, `live` the current files by kind, None for a missing one. `renewal` is the text of renewal/<domain>.conf, and
    `accounts` the files of ACME accounts, by key.
    """

    candidates: lineage.Candidates = field(default_factory=lineage.Candidates)
    numbers: Mapping[int, frozenset[str]] = field(default_factory=dict)
    live: Mapping[str, Secret | None] = field(default_factory=dict)
    renewal: str | None = None
    accounts: Mapping[str, Secret] = field(default_factory=dict)

    @property
    def account_names(self) -> frozenset[str]:
        """The accounts that have files."""
        return frozenset(name for name in map(lineage_files.account, self.accounts) if name is not None)


def add_live(
    domain: str, numbered: lineage.Candidates, live: Mapping[str, Secret | None], place: str
) -> lineage.Candidates:
    """Return `numbered` and the certificate in the current files, where it is a different one.

    A bucket that was filled manually may hold nothing else.
    """
    if not any(live.values()) or any(_is_same(each, live) for each in numbered.found):
        return numbered
    try:
        return lineage.Candidates((*numbered.found, lineage.assemble(domain, live, None)), numbered.refused)
    except pair.Unusable as unusable:
        return lineage.Candidates(
            numbered.found, (*numbered.refused, f"live/{domain} in {place} is ignored: {unusable.why}")
        )


def _is_same(certificate: lineage.Certificate, live: Mapping[str, Secret | None]) -> bool:
    return all(live.get(kind) == certificate.files.content(kind) for kind in lineage_files.KINDS)
