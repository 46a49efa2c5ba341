"""`certificate obtain` and `certificate renew`: an auth server's work on the certificate of its cluster.

Both compare the bucket with this host, run certbot where needed, and write the result to the bucket. After any failure
the valid files are unchanged, and the next run continues from what it finds: a certificate that was obtained here and
did not reach the bucket is written to it, without requesting another.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from teleport_bootstrap import errors, log, records
from teleport_bootstrap.change import session
from teleport_bootstrap.cluster import lock
from teleport_bootstrap.cluster.certificate import lineage, local
from teleport_bootstrap.cluster.certificate import lineage_files as files
from teleport_bootstrap.cluster.certificate import subject as subjects
from teleport_bootstrap.ec2 import endpoint
from teleport_bootstrap.host import certbot, certificate_form, key_pair, process, trust_store
from teleport_bootstrap.host import lock as host_lock
from teleport_bootstrap.instance import gather
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import Secret

# certbot itself waits for Route 53 to propagate the record, which may take a few minutes.
CERTBOT_SECONDS = 900.0

OBTAINED = "obtained"
RENEWED = "renewed"
PUBLISHED = "published"
PRESENT = "present"
ELSEWHERE = "elsewhere"
NOTHING = "nothing"

logger = log.Logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What was done: one of the words above, a line for people, and the keys in the bucket that were written."""

    result: str
    detail: str
    written: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def obtain(doors: gather.Doors, *, server: str | None, certbot_seconds: float) -> Outcome:
    """Obtain a certificate where there is no valid one yet; certbot may take `certbot_seconds`.

    `server` is the directory URL of an ACME server, by default certbot's. Raises CertbotTrouble, CertificateUnusable
    where certbot left none that can be used, LeaseLost, LockBusy, and what reading the conf, AWS and writing raise. It
    is not an error that another host is at work.
    """
    work = _begin(doors, "obtain", certbot_seconds)
    if isinstance(work, Outcome):
        return work
    work.look()
    if work.is_complete():
        # Nothing to request: this hourly check does not need the lock of the cluster.
        with host_lock.hold(doors.root, "the certificate", name=lock.NAME, deadline_seconds=doors.wait_seconds):
            work.on_host = work.local.read()
            work.install_for_certbot()
        return work.outcome(PRESENT, f"there is a valid certificate for {work.subject.domain} in the bucket")
    return work.alone(lambda: work.obtain(server))


def renew(doors: gather.Doors, *, certbot_seconds: float) -> Outcome:
    """Renew the certificate where it is due. Raises as `obtain` does."""
    work = _begin(doors, "renew", certbot_seconds)
    return work if isinstance(work, Outcome) else work.alone(work.renew)


def _begin(doors: gather.Doors, verb: str, certbot_seconds: float) -> _Work | Outcome:
    subject = subjects.of_host(doors.root)
    if isinstance(subject, str):
        return Outcome(NOTHING, subject)
    if not subject.obtains:
        return Outcome(NOTHING, f"auth servers {verb} the certificate, not proxies")
    return _Work(doors, subject, certbot_seconds)


class _Work:
    """A run: the bucket and this host's certbot directory, what they held when last read, and what was written."""

    def __init__(self, doors: gather.Doors, subject: subjects.Subject, certbot_seconds: float) -> None:
        self.doors = doors
        self.subject = subject
        self.certbot_seconds = certbot_seconds
        self.aws = subjects.aws(doors, subject)
        self.shared = subjects.shared(subject, self.aws)
        self.local = local.Local(doors.root, subject.domain)
        self.in_bucket = self.on_host = lineage.State()
        self.written: tuple[str, ...] = ()
        self.check: Callable[[], None] = lambda: None
        self.store = trust_store.read(doors.root, subject.wanted.unit, doors.environ)

    def look(self) -> None:
        self.in_bucket, self.on_host = self.shared.read(), self.local.read()

    def alone(self, work: Callable[[], Outcome]) -> Outcome:
        """Do `work` under the lock, after another look: another host may have done it meanwhile."""
        try:
            with subjects.exclusive(self.doors, self.subject, self.aws) as self.check:
                self.look()
                return work()
        except errors.ClusterLockHeld as error:
            return Outcome(ELSEWHERE, f"nothing to do here: {error.message}")

    def outcome(self, result: str, detail: str) -> Outcome:
        best = self.best()
        untrusted = None if best is None or not best.is_valid else self.blocking(best)
        notes = []
        if untrusted is not None:
            who = "a proxy that trusts what this host trusts"
            notes = [f"{who} does not start with this certificate: {untrusted.why}. {untrusted.remedy()}"]
        return Outcome(result, detail, self.written, (*self.in_bucket.refused, *self.on_host.refused, *notes))

    def blocking(self, certificate: lineage.Certificate) -> key_pair.Unusable | None:
        """Return why Teleport on this host would not start with `certificate`; None where it would."""
        fullchain, key = certificate.files["fullchain"], certificate.files["privkey"]
        return key_pair.blocks_startup(fullchain.reveal(), key, self.store)

    def best(self) -> lineage.Certificate | None:
        """Return the certificate to use; of two that are equally new, the one in the bucket."""
        found = (*self.in_bucket.found, *self.on_host.found)
        # Asked only where there is a choice, since each answer takes a handshake.
        is_choice = len({each.files["fullchain"] for each in found}) > 1
        return lineage.best(found, is_trusted=lambda each: not is_choice or self.blocking(each) is None)

    def is_complete(self) -> bool:
        """Return whether the bucket holds the best certificate, valid, complete and in all its places."""
        best = lineage.best(self.in_bucket.found)
        if best is None or not best.is_valid or best.number is None or best != self.best():
            return False
        return self.in_bucket.live == best.files and self.in_bucket.renewal is not None

    def obtain(self, server: str | None) -> Outcome:
        domain = self.subject.domain
        best = self.best()
        if best is not None and best.is_valid:
            self.share(best)
            detail = f"there is a valid certificate for {domain}"
            if self.written:
                return self.outcome(PUBLISHED, f"{detail}, now also in the bucket")
            return self.outcome(PRESENT, detail)
        self.install_for_certbot()
        self.run_certbot(lambda bot: bot.obtain(domain, self.subject.email or "", server))
        best = self.best()
        if best is None or not best.is_valid:
            raise self.unusable()
        self.share(best)
        return self.outcome(OBTAINED, f"obtained a certificate for {domain}")

    def renew(self) -> Outcome:
        domain = self.subject.domain
        before = self.best()
        if before is None:
            return self.outcome(
                NOTHING, f"there is no certificate for {domain} yet: run `teleport-bootstrap certificate obtain`"
            )
        # First, so that a certificate that did not reach the bucket yet does so even where certbot fails.
        self.share(before)
        numbers_before = set(self.on_host.numbers)
        self.run_certbot(lambda bot: bot.renew(domain, self.subject.email or ""))
        best = self.best()
        if best is None or (set(self.on_host.numbers) - numbers_before and best.files == before.files):
            raise self.unusable()
        if best.files == before.files:
            detail = f"the certificate for {domain} is not due"
            if self.written:
                return self.outcome(PUBLISHED, f"{detail}; wrote what the bucket lacked")
            return self.outcome(PRESENT, detail)
        self.share(best)
        return self.outcome(RENEWED, f"renewed the certificate for {domain}")

    def unusable(self) -> errors.CertificateUnusable:
        untrusted = [blocking.why for each in self.on_host.found if (blocking := self.blocking(each)) is not None]
        why = "; ".join((*self.on_host.refused, *untrusted))
        why = why or f"{self.local.name} holds no certificate that is valid now"
        return errors.CertificateUnusable(
            f"certbot succeeded, but left no usable certificate for {self.subject.domain}: {why}",
            hint=f"Check {self.doors.root.path(files.LOGS)}/letsencrypt.log and this machine's clock.",
        )

    def install_for_certbot(self) -> None:
        """Arrange that certbot here continues with the best certificate, or obtains a new one where there is none."""
        best = self.best()
        with session.begin(self.doors.root, "certificate", deadline_seconds=self.doors.wait_seconds):
            if best is None:
                self.local.clear(self.accounts)
            else:
                self.local.install(self.with_number(best), self.renewal(best), self.accounts)

    def with_number(self, best: lineage.Certificate) -> lineage.Certificate:
        return best.numbered(best.number or max((*self.in_bucket.numbers, *self.on_host.numbers, 0)) + 1)

    @property
    def accounts(self) -> dict[str, Secret]:
        return {**self.on_host.accounts, **self.in_bucket.accounts}

    def renewal(self, best: lineage.Certificate) -> str | None:
        """Return the renewal settings for `best`: those of this host where only this host has it."""
        here, there = self.on_host.renewal, self.in_bucket.renewal
        is_from_here = best in self.on_host.found and best not in self.in_bucket.found
        return (here or there) if is_from_here else (there or here)

    def share(self, best: lineage.Certificate) -> None:
        """Write `best` to the bucket and for certbot here, under one number, and read both again."""
        numbered = self.with_number(best)
        numbered = numbered.numbered(self.shared.number_for(numbered, self.in_bucket))
        own = records.replace(self.on_host, renewal=self.renewal(best), accounts=self.accounts)
        with session.begin(self.doors.root, "certificate", deadline_seconds=self.doors.wait_seconds):
            self.local.install(numbered, own.renewal, own.accounts)
        written = self.shared.publish(numbered, own, self.in_bucket, self.check)
        self.written += written
        if written:
            self.in_bucket = self.shared.read()
        self.on_host = self.local.read()

    def run_certbot(self, call: Callable[[certbot.Certbot], process.Finished]) -> None:
        """Run certbot, and read what it left on this host.

        Raises CertbotTrouble where it failed; an account that it created is kept for the next attempt, since an ACME
        server limits how many may be created.
        """
        self.check()
        root = self.doors.root
        for path in (files.WORK, files.LOGS):
            with errors.file_trouble_at(root.path(path)):
                os.makedirs(root.path(path), mode=0o700, exist_ok=True)
        directories = (files.CONFIG, files.WORK, files.LOGS)
        # certbot's own client of the metadata service does not find the address by itself.
        environ = {endpoint.MODE: "IPv6", **self.doors.environ} if self.aws.dual_stack else self.doors.environ
        done = call(certbot.Certbot(root, *directories, environ, self.aws.region, self.certbot_seconds))
        self.on_host = self.local.read()
        if done.ok:
            return
        try:
            self.shared.publish_accounts(self.on_host, self.in_bucket, self.check)
        except errors.BootstrapError as error:
            logger.warning("certbot's account could not be written to the bucket: %s", error.message)
        if done.status == process.NOT_RUN:
            raise errors.CertbotTrouble(
                f"certbot could not be run: {done.errors}",
                hint="Install certbot and its plugin for Route 53 (Debian: certbot python3-certbot-dns-route53).",
            )
        said = certbot.last_words(done)
        by_form = certificate_form.remedy(f"{done.output}\n{done.errors}")
        short = records.replace(done, argv=("certbot", done.argv[1]), output="", errors="")
        raise errors.CertbotTrouble(
            short.describe() + (f": {said}" if said else ""),
            hint=by_form
            or f"Check {root.path(files.LOGS)}/letsencrypt.log. The instance role needs route53:ListHostedZones, "
            "route53:GetChange and route53:ChangeResourceRecordSets. A certificate that was valid before is unchanged; "
            "the timer tries again.",
        )
