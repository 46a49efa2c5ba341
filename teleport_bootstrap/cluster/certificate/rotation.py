"""`certificate obtain` and `certificate renew`: an auth server's work on the certificate of its cluster.

Both compare the bucket with this host, run certbot where needed, and write the result to the bucket. After any failure
the valid files are unchanged, and the next run continues from what it finds: a certificate that was obtained here and
did not reach the bucket is written to it, without requesting another.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass

from teleport_bootstrap import errors
from teleport_bootstrap.aws import account
from teleport_bootstrap.change import session
from teleport_bootstrap.cluster import lock
from teleport_bootstrap.cluster.certificate import lineage, lineage_files
from teleport_bootstrap.cluster.certificate import subject as subjects
from teleport_bootstrap.cluster.certificate.bucket import Shared
from teleport_bootstrap.cluster.certificate.local import Local
from teleport_bootstrap.cluster.certificate.renewal_state import State
from teleport_bootstrap.cluster.certificate.subject import Subject
from teleport_bootstrap.host import certbot, process, trouble
from teleport_bootstrap.host import lock as host_lock
from teleport_bootstrap.instance import gather

# certbot itself waits for Route 53 to propagate the record, which may take a few minutes.
CERTBOT_SECONDS = 900.0

OBTAINED = "obtained"
RENEWED = "renewed"
PUBLISHED = "published"
PRESENT = "present"
ELSEWHERE = "elsewhere"
NOTHING = "nothing"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What was done: one of the words above, a line for people, and the keys in the bucket that were written."""

    what: str
    detail: str
    written: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CertbotOptions:
    """`server` is the directory URL of an ACME server, by default certbot's; certbot may take `certbot_seconds`."""

    server: str | None = None
    certbot_seconds: float = CERTBOT_SECONDS


@dataclass(frozen=True)
class _Places:
    """The bucket and this host's certbot directory, and what they hold now."""

    shared: Shared
    local: Local
    in_bucket: State
    on_host: State

    @property
    def best(self) -> lineage.Certificate | None:
        """The certificate to use; of two that are equally new, the one in the bucket."""
        return lineage.best((*self.in_bucket.candidates.found, *self.on_host.candidates.found))

    @property
    def refused(self) -> tuple[str, ...]:
        return (*self.in_bucket.candidates.refused, *self.on_host.candidates.refused)

    def reread_host(self) -> _Places:
        """Return the places with what this host holds now."""
        return dataclasses.replace(self, on_host=self.local.read())


def obtain(doors: gather.Doors, options: CertbotOptions) -> Outcome:
    """Obtain a certificate where there is no valid one yet.

    Raises CertbotTrouble, CertificateUnusable where certbot left none that can be used, LeaseLost, LockBusy, and what
    reading the conf, AWS and writing raise. It is not an error that another host is at work.
    """
    subject = subjects.of_host(doors.root)
    if isinstance(subject, str) or not subject.obtains:
        return Outcome(NOTHING, _not_here(subject, "obtain"))
    aws = subjects.aws(doors, subject)
    places = _look(doors, subject, subjects.shared(subject, aws))
    if _is_complete(places):
        # Nothing to request: this hourly check does not need the lock of the cluster.
        with host_lock.hold(doors.root, "the certificate", name=lock.NAME, deadline_seconds=doors.wait_seconds):
            _install_for_certbot(doors, places.reread_host())
        return Outcome(
            PRESENT, f"there is a valid certificate for {subject.domain} in the bucket", notes=places.refused
        )
    try:
        with subjects.exclusive(doors, subject, aws) as check:
            return _obtain(doors, subject, options, aws, check)
    except errors.ClusterLockHeld as error:
        return Outcome(ELSEWHERE, f"nothing to do here: {error.message}")


def renew(doors: gather.Doors, options: CertbotOptions) -> Outcome:
    """Renew the certificate where it is due. Raises as `obtain` does."""
    subject = subjects.of_host(doors.root)
    if isinstance(subject, str) or not subject.obtains:
        return Outcome(NOTHING, _not_here(subject, "renew"))
    aws = subjects.aws(doors, subject)
    try:
        with subjects.exclusive(doors, subject, aws) as check:
            return _renew(doors, subject, options, aws, check)
    except errors.ClusterLockHeld as error:
        return Outcome(ELSEWHERE, f"nothing to do here: {error.message}")


def _not_here(subject: Subject | str, verb: str) -> str:
    return subject if isinstance(subject, str) else f"auth servers {verb} the certificate, not proxies"


def _look(doors: gather.Doors, subject: Subject, shared: Shared) -> _Places:
    local = Local(doors.root, subject.domain)
    return _Places(shared, local, shared.read(), local.read())


def _is_complete(places: _Places) -> bool:
    """Return whether the bucket holds the best certificate, valid, complete and in all its places."""
    best = lineage.best(places.in_bucket.candidates.found)
    if best is None or not best.is_valid or best.number is None or best != places.best:
        return False
    is_live = all(places.in_bucket.live.get(kind) == best.files.content(kind) for kind in lineage_files.KINDS)
    return is_live and places.in_bucket.renewal is not None


def _obtain(
    doors: gather.Doors, subject: Subject, options: CertbotOptions, aws: account.Aws, check: Callable[[], None]
) -> Outcome:
    # Read again: another host may have obtained it while this one waited for the lock.
    places = _look(doors, subject, subjects.shared(subject, aws))
    best = places.best
    if best is not None and best.is_valid:
        _, written = _share(doors, places, best, check)
        what = PUBLISHED if written else PRESENT
        detail = f"there is a valid certificate for {subject.domain}"
        return Outcome(what, f"{detail}, now also in the bucket" if written else detail, written, places.refused)
    _install_for_certbot(doors, places)
    check()
    done = _certbot(doors, options, aws).obtain(subject.domain, subject.email or "", options.server)
    places = _after(done, places, check)
    best = places.best
    if best is None or not best.is_valid:
        raise _unusable(subject, places)
    _, written = _share(doors, places, best, check)
    return Outcome(OBTAINED, f"obtained a certificate for {subject.domain}", written, places.refused)


def _renew(
    doors: gather.Doors, subject: Subject, options: CertbotOptions, aws: account.Aws, check: Callable[[], None]
) -> Outcome:
    places = _look(doors, subject, subjects.shared(subject, aws))
    before = places.best
    if before is None:
        detail = f"there is no certificate for {subject.domain} yet: run `teleport-bootstrap certificate obtain`"
        return Outcome(NOTHING, detail, notes=places.refused)
    # First, so that a certificate that did not reach the bucket yet does so even where certbot fails.
    places, written = _share(doors, places, before, check)
    numbers_before = set(places.on_host.numbers)
    check()
    done = _certbot(doors, options, aws).renew(subject.domain, subject.email or "")
    places = _after(done, places, check)
    best = places.best
    if best is None or (set(places.on_host.numbers) - numbers_before and best.files == before.files):
        raise _unusable(subject, places)
    if best.files == before.files:
        detail = f"the certificate for {subject.domain} is not due"
        what = PUBLISHED if written else PRESENT
        return Outcome(
            what,
            f"{detail}; wrote what the bucket lacked" if written else detail,
            written,
            places.refused,
        )
    _, renewed = _share(doors, places, best, check)
    return Outcome(RENEWED, f"renewed the certificate for {subject.domain}", (*written, *renewed), places.refused)


def _unusable(subject: Subject, places: _Places) -> errors.CertificateUnusable:
    why = "; ".join(places.on_host.candidates.refused) or f"{places.local.name} holds no certificate that is valid now"
    return errors.CertificateUnusable(
        f"certbot succeeded, but left no usable certificate for {subject.domain}: {why}",
        hint=f"Check {places.local.root.path(lineage_files.LOGS)}/letsencrypt.log and this machine's clock.",
    )


def _install_for_certbot(doors: gather.Doors, places: _Places) -> None:
    """Arrange that certbot here continues with the best certificate, or obtains a new one where there is none."""
    best = places.best
    accounts = {**places.on_host.accounts, **places.in_bucket.accounts}
    with session.begin(doors.root, "certificate", deadline_seconds=doors.wait_seconds):
        if best is None:
            places.local.clear(accounts)
        else:
            number = best.number or max((*places.in_bucket.numbers, *places.on_host.numbers, 0)) + 1
            places.local.install(best.numbered(number), _renewal(places, best), accounts)


def _renewal(places: _Places, best: lineage.Certificate) -> str | None:
    """Return the renewal settings for `best`: those of this host where only this host has it."""
    is_from_here = best in places.on_host.candidates.found and best not in places.in_bucket.candidates.found
    first, second = places.in_bucket.renewal, places.on_host.renewal
    return (second or first) if is_from_here else (first or second)


def _share(
    doors: gather.Doors, places: _Places, best: lineage.Certificate, check: Callable[[], None]
) -> tuple[_Places, tuple[str, ...]]:
    """Write `best` to the bucket and for certbot here, under one number; return both places, and the keys written."""
    numbered = best
    if best.number is None:
        numbered = best.numbered(max((*places.in_bucket.numbers, *places.on_host.numbers, 0)) + 1)
    numbered = numbered.numbered(places.shared.number_for(numbered, places.in_bucket))
    renewal = _renewal(places, best)
    accounts = {**places.on_host.accounts, **places.in_bucket.accounts}
    with session.begin(doors.root, "certificate", deadline_seconds=doors.wait_seconds):
        places.local.install(numbered, renewal, accounts)
    own = dataclasses.replace(places.on_host, renewal=renewal, accounts=accounts)
    written = places.shared.publish(numbered, own, places.in_bucket, check)
    if written:
        places = dataclasses.replace(places, in_bucket=places.shared.read())
    return places.reread_host(), written


def _certbot(doors: gather.Doors, options: CertbotOptions, aws: account.Aws) -> certbot.Certbot:
    for path in (lineage_files.WORK, lineage_files.LOGS):
        with trouble.at(doors.root.path(path)):
            os.makedirs(doors.root.path(path), mode=0o700, exist_ok=True)
    return certbot.Certbot(
        doors.root,
        lineage_files.CONFIG,
        lineage_files.WORK,
        lineage_files.LOGS,
        doors.environ,
        aws.region,
        options.certbot_seconds,
    )


def _after(done: process.Finished, places: _Places, check: Callable[[], None]) -> _Places:
    """Return the places after certbot has run.

    Raises CertbotTrouble where it failed; an account that it created is kept for the next attempt, since an ACME server
    limits how many may be created.
    """
    places = places.reread_host()
    if done.ok:
        return places
    try:
        places.shared.publish_accounts(places.on_host, places.in_bucket, check)
    except errors.BootstrapError as error:
        logger.warning("certbot's account could not be written to the bucket: %s", error.message)
    said = certbot.last_words(done)
    logs = f"{places.local.root.path(lineage_files.LOGS)}/letsencrypt.log"
    if done.status == 127:
        raise errors.CertbotTrouble(
            f"certbot could not be run: {done.errors}",
            hint="Install certbot and its plugin for Route 53 (Debian: certbot python3-certbot-dns-route53).",
        )
    short = dataclasses.replace(done, argv=("certbot", done.argv[1]), output="", errors="")
    raise errors.CertbotTrouble(
        short.describe() + (f": {said}" if said else ""),
        hint=f"Check {logs}. The instance role needs route53:ListHostedZones, route53:GetChange and "
        "route53:ChangeResourceRecordSets. A certificate that was valid before is unchanged; the timer tries again.",
    )
