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

from collections.abc import Callable, Iterator, Mapping

from teleport_bootstrap import errors, log
from teleport_bootstrap.aws import s3
from teleport_bootstrap.cluster.certificate import lineage
from teleport_bootstrap.cluster.certificate import lineage_files as files
from teleport_bootstrap.secret import Secret

# Each object has a few kilobytes; a larger one was written by something else.
LARGEST = 64 * 1024
# Four for each certificate, of which there are a few a year, and three for each account.
MOST_FILES = 20_000

logger = log.Logger(__name__)


class Shared(lineage.Place):
    """The part of a bucket that belongs to the certificate of one domain. Raises what aws.s3.Bucket raises."""

    def __init__(self, bucket: s3.Bucket, domain: str) -> None:
        super().__init__(domain, f"s3://{bucket.name}")
        self._bucket = bucket

    def pairs(self) -> Iterator[tuple[str, int, Secret | None, Secret | None]]:
        """Yield each chain and private key, read in that order, None for a missing one, with their place and number.

        Those in live/ are the first, with the number 0, then those in archive/, the highest number first.
        """
        live = f"{self.name}/{files.live(self.domain)}".rstrip("/")
        chain = self._secret(files.current(self.domain, "fullchain"))
        yield live, 0, chain, self._secret(files.current(self.domain, "privkey"))
        try:
            for number, kinds in self._numbers().items():
                if {"fullchain", "privkey"} <= kinds:
                    there = self._numbered(number, ("fullchain", "privkey"))
                    place = f"number {number} in {self.name}/archive/{self.domain}"
                    yield place, number, there["fullchain"], there["privkey"]
        except errors.AwsDenied as error:
            # live/ is enough to serve with; archive/ only helps while live/ is being written.
            logger.info("reading only %s: %s", live, error.message)

    def number_for(self, certificate: lineage.Certificate, there: lineage.State) -> int:
        """Return the number to publish under: its own, or a higher one where that or a higher number is already used.

        Older images take the highest number for the newest certificate.
        """
        number, highest = certificate.number or 1, max(there.numbers, default=0)
        if any(each.number == number and each.files == certificate.files for each in there.found):
            return number
        if number != highest:
            return max(number, highest + 1)
        held = self._numbered(number, there.numbers[number])
        return number if held.items() <= certificate.files.items() else number + 1

    def publish(
        self, certificate: lineage.Certificate, own: lineage.State, there: lineage.State, check: Callable[[], None]
    ) -> tuple[str, ...]:
        """Write `certificate`, which has a number, to the bucket, and return the keys that were written.

        `own` holds the accounts and the renewal settings that belong to it; `there` is the state of the bucket, whose
        correct objects are not written again. `check` is called before each write, and raises to prevent it.
        """
        number = certificate.number
        assert number is not None  # noqa: S101 - see number_for
        accounts = self.publish_accounts(own, there, check)
        names = own.account_names | there.account_names
        settings = files.renewal(self.domain)
        wanted = {
            settings: Secret(files.compose_renewal(self.domain, own.renewal or there.renewal, accounts=names)),
            **{files.numbered(self.domain, kind, number): each for kind, each in certificate.files.items()},
            **{files.current(self.domain, kind): each for kind, each in certificate.files.items()},
        }
        held = {
            settings: None if there.renewal is None else Secret(there.renewal),
            # The same: see number_for.
            **{
                files.numbered(self.domain, kind, number): certificate.files[kind]
                for kind in there.numbers.get(number, ())
            },
            **{files.current(self.domain, kind): each for kind, each in there.live.items()},
        }
        return (*accounts, *self._put(wanted, held, check))

    def publish_accounts(self, own: lineage.State, there: lineage.State, check: Callable[[], None]) -> tuple[str, ...]:
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

    def _names(self, prefix: str) -> list[str]:
        found = []
        for each in self._bucket.list(prefix):
            if each.size <= LARGEST:
                found.append(each.key[len(prefix) :])
            if len(found) > MOST_FILES:
                raise errors.BucketUnusable(
                    f"there are more than {MOST_FILES:,} files at {self._bucket.url(prefix)}",
                    hint="Older certificates and accounts can be removed; all auth servers keep the newest ones.",
                )
        return found

    def _accounts(self, renewal: str | None) -> dict[str, Secret]:
        """Return the files of the account that `renewal` names, or those of all accounts where that has none."""
        keys = [key for name in self._names(files.ACCOUNTS) if files.account(key := files.ACCOUNTS + name) is not None]
        named = [key for key in keys if files.account(key) == files.renewal_account(renewal)]
        return {key: secret for key in named or keys if (secret := self._secret(key)) is not None}

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
            return self._bucket.is_listed(key)
        except errors.BootstrapError:
            return True
