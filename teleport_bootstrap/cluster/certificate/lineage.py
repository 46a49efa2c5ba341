"""A certificate with its key as certbot keeps it, in four numbered files; what a place holds, and which to use."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping

from teleport_bootstrap.cluster.certificate import lineage_files as files
from teleport_bootstrap.cluster.certificate import pair
from teleport_bootstrap.records import dataclass, field, replace
from teleport_bootstrap.secret import Secret


@dataclass(frozen=True)
class Certificate:
    """Files that belong together, by lineage_files.KINDS and in that order.

    `number` is their number in archive/, None for files that are only in live/. `validity` is None where only the time
    is wrong: then certbot can still renew them, but Teleport cannot serve with them.
    """

    files: Mapping[str, Secret]
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
class State:
    """What certbot needs to renew a certificate, as kept in one place: the bucket, or an auth server.

    `found` are the certificates that can be used or renewed, and `refused` says why others cannot, for people.
    `numbers` are the kinds of files that exist for each number, including incomplete ones, `live` the current files by
    kind, None for a missing one. `renewal` is the text of renewal/<domain>.conf, and `accounts` the files of ACME
    accounts, by key.
    """

    found: tuple[Certificate, ...] = ()
    refused: tuple[str, ...] = ()
    numbers: Mapping[int, frozenset[str]] = field(default_factory=dict)
    live: Mapping[str, Secret | None] = field(default_factory=dict)
    renewal: str | None = None
    accounts: Mapping[str, Secret] = field(default_factory=dict)

    @property
    def account_names(self) -> frozenset[str]:
        """The accounts that have files."""
        return frozenset(name for name in map(files.account, self.accounts) if name is not None)


class Place(abc.ABC):
    """A place with the files of `domain`, which messages call `name`."""

    def __init__(self, domain: str, name: str) -> None:
        self.domain = domain
        self.name = name

    def read(self) -> State:
        """Return what is there: the complete certificate with the highest number, and that in live/ if it is another.

        A higher number that is incomplete or does not fit together is being written, or its writer was killed: it is
        reported as refused, and the one before it is used. A bucket that was filled manually may hold only live/.
        """
        live = {kind: self._secret(files.current(self.domain, kind)) for kind in files.KINDS}
        numbers = self._numbers()
        found: list[Certificate] = []
        refused = []
        for number, kinds in numbers.items():
            try:
                found.append(assemble(self.domain, self._numbered(number, kinds), number))
                break
            except pair.Unusable as unusable:
                refused.append(f"number {number} in {self.name} is ignored: {unusable.why}")
        if any(live.values()) and not any(each.files == live for each in found):
            try:
                found.append(assemble(self.domain, live, None))
            except pair.Unusable as unusable:
                refused.append(f"live/{self.domain} in {self.name} is ignored: {unusable.why}")
        renewal = self._text(files.renewal(self.domain))
        return State(tuple(found), tuple(refused), numbers, live, renewal, self._accounts(renewal))

    def _numbers(self) -> dict[int, frozenset[str]]:
        return files.numbers(self._names(files.archive(self.domain)))

    def _numbered(self, number: int, kinds: Iterable[str]) -> dict[str, Secret | None]:
        return {kind: self._secret(files.numbered(self.domain, kind, number)) for kind in kinds}

    def _secret(self, key: str) -> Secret | None:
        text = self._text(key)
        return None if text is None else Secret(text)

    @abc.abstractmethod
    def _text(self, key: str) -> str | None:
        """Return the file at `key`, None where there is none."""

    @abc.abstractmethod
    def _names(self, prefix: str) -> list[str]:
        """Return what follows `prefix` in the keys that begin with it."""

    @abc.abstractmethod
    def _accounts(self, renewal: str | None) -> dict[str, Secret]:
        """Return the files of ACME accounts that a host with these renewal settings needs, by key."""


def assemble(domain: str, given: Mapping[str, Secret | None], number: int | None) -> Certificate:
    """Return the certificate for `domain` that consists of the files `given`, by kind. Raises pair.Unusable."""
    there = {kind: secret for kind in files.KINDS if (secret := given.get(kind)) is not None}
    absent = [f"{kind}.pem" for kind in files.KINDS if kind not in there]
    if absent:
        raise pair.Unusable(f"{', '.join(absent)} is missing")
    own, issuers, whole = (pair.certificates(there[kind].reveal()) for kind in ("cert", "chain", "fullchain"))
    # A self-signed certificate is its own issuer.
    if whole[:1] != own or issuers not in (whole[1:], whole if len(whole) == 1 else None):
        raise pair.Unusable(
            "fullchain.pem does not consist of cert.pem and chain.pem: they belong to different certificates"
        )
    validity: pair.Validity | None = None
    try:
        validity = pair.check(domain, there["fullchain"].reveal(), there["privkey"])
    except pair.Unusable as unusable:
        if not unusable.is_dated:
            raise
    return Certificate(there, number, validity)


def best(
    certificates: Iterable[Certificate], *, is_trusted: Callable[[Certificate], bool] = lambda _: True
) -> Certificate | None:
    """Return the one to use: the newest valid one, otherwise the one with the highest number.

    One that is valid and `is_trusted` comes before all others: an experiment with another authority never takes the
    place of a certificate that serves. Of two that are equally new, the higher number wins, then the earlier in
    `certificates`.
    """
    never = pair.Validity(0.0, 0.0)
    return max(
        certificates,
        key=lambda each: (each.is_valid and is_trusted(each), each.validity or never, each.number or 0),
        default=None,
    )
