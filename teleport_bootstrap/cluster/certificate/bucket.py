"""The state in the bucket, which auth servers read and write, and proxies only read.

S3 replaces one object at a time, and readers come at any moment. The order in which a certificate is written makes
that harmless:

1. ACME accounts and renewal/<domain>.conf, which only auth servers read, under the lock.
2. archive/<domain>/, four objects under a number that was never used before, so that none is ever replaced. A number
   counts once all four are there and fit together: a reader sees either the new certificate whole or the one before.
   When the writer dies here, the next one takes a higher number.
3. live/<domain>/, which older images read, and whoever may not list archive/. Four objects cannot be replaced at once:
   the private key goes first, so that a reader who takes the chain first never has a new chain with an old key. He may
   have an old chain with a new key, which our own readers notice: a pair that does not fit together is not taken, and
   archive/ has a whole one. When the writer dies here, the next run of any auth server finds that live/ is not what
   archive/ has, and writes it again.

Nothing is ever deleted. Only these prefixes are listed or read, each for one domain.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Optional

from teleport_bootstrap import errors
from teleport_bootstrap.cluster.certificate import lineage, lineage_files, renewal_conf
from teleport_bootstrap.cluster.certificate.renewal_state import State, with_live
from teleport_bootstrap.secret import Secret

if TYPE_CHECKING:
    from teleport_bootstrap.aws.s3 import Bucket

# Each is a few kilobytes; what is larger was put there by something else.
LARGEST = 64 * 1024

logger = logging.getLogger(__name__)


class Shared:
    """The part of a bucket that belongs to the certificate of one domain. Raises what aws.s3.Bucket raises."""

    def __init__(self, bucket: Bucket, domain: str) -> None:
        self._bucket = bucket
        self.domain = domain
        self.name = f"s3://{bucket.name}"

    def read(self) -> State:
        """Return all of it that an auth server needs."""
        live = self._files({kind: lineage_files.current(self.domain, kind) for kind in lineage_files.KINDS})
        numbers = self._numbers()
        looked = lineage.newest(self.domain, numbers, lambda number: self._numbered(number, numbers[number]), self.name)
        renewal = self._text(lineage_files.renewal(self.domain))
        accounts = self._accounts(renewal_conf.account(renewal))
        return State(with_live(self.domain, looked, live, self.name), numbers, live, renewal, accounts)

    def live_pair(self) -> tuple[Optional[Secret], Optional[Secret]]:
        """Return the current chain and private key, None for what is absent; in that order, see above."""
        chain = self._secret(lineage_files.current(self.domain, "fullchain"))
        return chain, self._secret(lineage_files.current(self.domain, "privkey"))

    def numbered_pairs(self) -> list[tuple[int, Callable[[], tuple[Optional[Secret], Optional[Secret]]]]]:
        """Return the numbers that have a chain and a private key, the highest first, each with what reads the two."""

        def reader(number: int) -> Callable[[], tuple[Optional[Secret], Optional[Secret]]]:
            chain = lineage_files.numbered(self.domain, "fullchain", number)
            key = lineage_files.numbered(self.domain, "privkey", number)
            return lambda: (self._secret(chain), self._secret(key))

        return [(n, reader(n)) for n, kinds in self._numbers().items() if {"fullchain", "privkey"} <= kinds]

    def number_for(self, certificate: lineage.Certificate, there: State) -> int:
        """Return under which number to publish: its own, or a higher one where others have used that, or a higher one.

        Older images take the highest number for the newest certificate.
        """
        number, highest = certificate.number or 1, max(there.numbers, default=0)
        if any(each.number == number and each.files == certificate.files for each in there.looked.found):
            return number
        if number != highest:
            return max(number, highest + 1)
        held = self._numbered(number, there.numbers[number])
        is_ours = all(content == certificate.files.content(kind) for kind, content in held.items())
        return number if is_ours else number + 1

    def publish(
        self, certificate: lineage.Certificate, own: State, there: State, check: Callable[[], None]
    ) -> tuple[str, ...]:
        """Bring `certificate`, which has a number, to the bucket, and return the keys that were written.

        `own` are the accounts and the renewal settings that go with it; `there` is what the bucket holds, and what is
        right there is not written again. `check` is called before each write, and raises where it must not be made.
        """
        number = certificate.number
        assert number is not None  # noqa: S101 - see number_for
        accounts = self.publish_accounts(own, there, check)
        names = own.account_names | there.account_names
        renewal = renewal_conf.made(self.domain, own.renewal or there.renewal, accounts=names)
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
        """Bring the ACME accounts to the bucket, so that the next host need not make another; return the keys."""
        return self._put(own.accounts, there.accounts, check)

    def _put(
        self, wanted: Mapping[str, Secret], held: Mapping[str, Optional[Secret]], check: Callable[[], None]
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

    def _numbered(self, number: int, kinds: frozenset[str]) -> dict[str, Optional[Secret]]:
        return self._files(
            {kind: lineage_files.numbered(self.domain, kind, number) for kind in lineage_files.KINDS if kind in kinds}
        )

    def _accounts(self, name: str | None) -> dict[str, Secret]:
        """Return the files of the account `name`, where there are any; otherwise those of all accounts."""
        keys = [each.key for each in self._bucket.list(lineage_files.ACCOUNTS) if each.size <= LARGEST]
        known = [key for key in keys if lineage_files.account(key) is not None]
        named = [key for key in known if lineage_files.account(key) == name]
        found = {key: self._secret(key) for key in named or known}
        return {key: content for key, content in found.items() if content is not None}

    def _files(self, keys: Mapping[str, str]) -> dict[str, Optional[Secret]]:
        return {kind: self._secret(key) for kind, key in keys.items()}

    def _secret(self, key: str) -> Optional[Secret]:
        text = self._text(key)
        return None if text is None else Secret(text)

    def _text(self, key: str) -> Optional[str]:
        from teleport_bootstrap.aws import s3  # noqa: PLC0415 - botocore takes a while to import

        try:
            return self._bucket.get(key, largest=LARGEST).decode("utf-8", "replace")
        except errors.ObjectMissing:
            return None
        except errors.AwsDenied:
            if self._may_be_there(key):
                raise
            return None
        except s3.TooLarge as error:
            logger.warning("%s, and is left aside", error.message)
            return None

    def _may_be_there(self, key: str) -> bool:
        """Whether what is denied may be there: S3 denies what is missing too, unless the whole bucket may be listed.

        A policy that lets list some prefixes, which is enough for everything else, is not enough for it to say so.
        """
        try:
            return any(each.key == key for each in self._bucket.list(key))
        except errors.BootstrapError:
            return True
