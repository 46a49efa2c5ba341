"""The state in the bucket, which auth servers read and write, and proxies only read.

S3 replaces one object at a time, and readers come at any moment. The order in which a certificate is written makes
that harmless:

1. ACME accounts and renewal/<domain>.conf, which only auth servers read, under the lock.
2. archive/<domain>/, four objects under a number that was never used before, so that none is ever replaced. A number
   counts once all four exist and fit together: a reader sees either the complete new certificate or the previous one.
   After a writer dies here, the next one uses a higher number.
3. live/<domain>/, which older images read, and readers that may not list archive/. Four objects cannot be replaced at
   once: the private key is written first, so that a reader who reads the chain first never has a new chain with an old
   key. It may have an old chain with a new key, which our own readers notice: they ignore a pair that does not fit
   together, and archive/ has a complete one. After a writer dies here, the next run of any auth server finds that live/
   differs from archive/, and writes it again.

Nothing is ever deleted. Only these prefixes are listed or read, each for one domain.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from teleport_bootstrap import errors
from teleport_bootstrap.aws import s3
from teleport_bootstrap.cluster.certificate import lineage, lineage_files, renewal_conf
from teleport_bootstrap.cluster.certificate.renewal_state import State, add_live
from teleport_bootstrap.secret import Secret

# Each object has a few kilobytes; a larger one was written by something else.
LARGEST = 64 * 1024

logger = logging.getLogger(__name__)


class Shared:
    """The part of a bucket that belongs to the certificate of one domain. Raises what aws.s3.Bucket raises."""

    def __init__(self, bucket: s3.Bucket, domain: str) -> None:
        self._bucket = bucket
        self.domain = domain
        self.name = f"s3://{bucket.name}"

    def read(self) -> State:
        """Return all that an auth server needs."""
        live = self._files({kind: lineage_files.current(self.domain, kind) for kind in lineage_files.KINDS})
        numbers = self._numbers()
        candidates = lineage.newest(
            self.domain, numbers, lambda number: self._numbered(number, numbers[number]), self.name
        )
        renewal = self._text(lineage_files.renewal(self.domain))
        accounts = self._accounts(renewal_conf.account(renewal))
        return State(add_live(self.domain, candidates, live, self.name), numbers, live, renewal, accounts)

    def live_pair(self) -> tuple[Secret | None, Secret | None]:
        """Return the current chain and private key, None for a missing one; read in that order, see above."""
        chain = self._secret(lineage_files.current(self.domain, "fullchain"))
        return chain, self._secret(lineage_files.current(self.domain, "privkey"))

    def numbered_pairs(self) -> list[tuple[int, Callable[[], tuple[Secret | None, Secret | None]]]]:
        """Return the numbers with a chain and a private key, the highest first, each with a function to read them."""

        def reader(number: int) -> Callable[[], tuple[Secret | None, Secret | None]]:
            chain = lineage_files.numbered(self.domain, "fullchain", number)
            key = lineage_files.numbered(self.domain, "privkey", number)
            return lambda: (self._secret(chain), self._secret(key))

        return [(n, reader(n)) for n, kinds in self._numbers().items() if {"fullchain", "privkey"} <= kinds]

    def number_for(self, certificate: lineage.Certificate, there: State) -> int:
        """Return the number to publish under: its own, or a higher one where that or a higher number is already used.

        Older images take the highest number for the newest certificate.
        """
        number, highest = certificate.number or 1, max(there.numbers, default=0)
        if any(each.number == number and each.files == certificate.files for each in there.candidates.found):
            return number
        if number != highest:
            return max(number, highest + 1)
        held = self._numbered(number, there.numbers[number])
        is_ours = all(content == certificate.files.content(kind) for kind, content in held.items())
        return number if is_ours else number + 1

    def publish(
        self, certificate: lineage.Certificate, own: State, there: State, check: Callable[[], None]
    ) -> tuple[str, ...]:
        """Write `certificate`, which has a number, to the bucket, and return the keys that were written.

        `own` holds the accounts and the renewal settings that belong to it; `there` is the state of the bucket, whose
        correct objects are not written again. `check` is called before each write, and raises to prevent it.
        """
        number = certificate.number
        assert number is not None  # noqa: S101 - see number_for
        accounts = self.publish_accounts(own, there, check)
        names = own.account_names | there.account_names
        renewal = renewal_conf.compose(self.domain, own.renewal or there.renewal, accounts=names)
        wanted = {lineage_files.renewal(self.domain): Secret(renewal)}
        held = {lineage_files.renewal(self.domain): None if there.renewal is None else Secret(there.renewal)}
        for kind in lineage_files.KINDS:
            wanted[lineage_files.numbered(self.domain, kind, number)] = certificate.files.content(kind)
        for kind in there.numbers.get(number, ()):
            key = lineage_files.numbered(self.domain, kind, number)
            held[key] = wanted[key]  # the same: see number_for
        for kind in lineage_files.KINDS:
            wanted[lineage_files.current(self.domain, kind)] = certificate.files.content(kind)
            held[lineage_files.current(self.domain, kind)] = there.live.get(kind)
        return (*accounts, *self._put(wanted, held, check))

    def publish_accounts(self, own: State, there: State, check: Callable[[], None]) -> tuple[str, ...]:
        """Write the ACME accounts to the bucket, so that the next host need not create one; return the keys."""
        return self._put(own.accounts, there.accounts, check)

    def _put(
        self, wanted: Mapping[str, Secret], held: Mapping[str, Secret | None], check: Callable[[], None]
    ) -> tuple[str, ...]:
        written = []
        for key, content in wanted.items():
            if held.get(key) != content:
                check()
                self._bucket.put(key, content.reveal().encode(), content_type="text/plain")
                logger.debug("wrote %s/%s", self.name, key)
                written.append(key)
        return tuple(written)

    def _numbers(self) -> dict[int, frozenset[str]]:
        prefix = lineage_files.archive(self.domain)
        return lineage_files.numbers(
            each.key[len(prefix) :] for each in self._bucket.list(prefix) if each.size <= LARGEST
        )

    def _numbered(self, number: int, kinds: frozenset[str]) -> dict[str, Secret | None]:
        return self._files(
            {kind: lineage_files.numbered(self.domain, kind, number) for kind in lineage_files.KINDS if kind in kinds}
        )

    def _accounts(self, name: str | None) -> dict[str, Secret]:
        """Return the files of the account `name`, or those of all accounts where it has none."""
        keys = [each.key for each in self._bucket.list(lineage_files.ACCOUNTS) if each.size <= LARGEST]
        of_accounts = [key for key in keys if lineage_files.account(key) is not None]
        named = [key for key in of_accounts if lineage_files.account(key) == name]
        found = {key: self._secret(key) for key in named or of_accounts}
        return {key: content for key, content in found.items() if content is not None}

    def _files(self, keys: Mapping[str, str]) -> dict[str, Secret | None]:
        return {kind: self._secret(key) for kind, key in keys.items()}

    def _secret(self, key: str) -> Secret | None:
        text = self._text(key)
        return None if text is None else Secret(text)

    def _text(self, key: str) -> str | None:
        try:
            return self._bucket.get(key, largest=LARGEST).decode("utf-8", "replace")
        except errors.ObjectMissing:
            return None
        except errors.AwsDenied:
            if self._may_exist(key):
                raise
            return None
        except s3.TooLarge as error:
            logger.warning("%s, and is ignored", error.message)
            return None

    def _may_exist(self, key: str) -> bool:
        """Return whether a denied key may exist: S3 denies missing keys too, unless the role may list the whole bucket.

        A policy that allows to list some prefixes, which is enough for everything else, does not change that.
        """
        try:
            return any(each.key == key for each in self._bucket.list(key))
        except errors.BootstrapError:
            return True
