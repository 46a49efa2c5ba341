"""`certificate obtain` and `certificate renew`: what an auth server does for the certificate of its cluster.

Both bring together what the bucket and this host have, let certbot do its part where that is needed, and bring the
outcome to the bucket. Whatever fails, what was valid stays where it was, and the next run goes on from what it finds:
a certificate that was obtained here and did not reach the bucket is brought there, without asking for another.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from teleport_bootstrap import errors
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

if TYPE_CHECKING:
    from teleport_bootstrap.aws.account import Aws

# certbot itself waits for Route 53 to spread the record, which takes up to a few minutes.
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
    """What became of the certificate, as one of the words above, and the keys in the bucket that were written."""

    what: str
    detail: str
    written: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wishes:
    """`server` is the directory URL of another ACME server than certbot's own choice; certbot is ended after
    `certbot_seconds`.
    """

    server: str | None = None
    certbot_seconds: float = CERTBOT_SECONDS


@dataclass(frozen=True)
class _Places:
    """The two places in which the state is, and what they hold now."""

    shared: Shared
    local: Local
    there: State
    own: State

    @property
    def best(self) -> lineage.Certificate | None:
        """The certificate to go on with; of two that are as new as each other the one in the bucket."""
        return lineage.best((*self.there.looked.found, *self.own.looked.found))

    @property
    def refused(self) -> tuple[str, ...]:
        return (*self.there.looked.refused, *self.own.looked.refused)

    def looked_again_here(self) -> _Places:
        """Return the places with what this host holds now."""
        return dataclasses.replace(self, own=self.local.read())


def obtain(doors: gather.Doors, wishes: Wishes) -> Outcome:
    """Have a certificate where there is no valid one yet.

    Raises CertbotTrouble, CertificateUnusable where certbot left none that can be used, LeaseLost, LockBusy, and what
    reading the conf, AWS and writing raise. Another host at work is no error.
    """
    subject = subjects.of_host(doors.root)
    if isinstance(subject, str) or not subject.obtains:
        return Outcome(NOTHING, _not_here(subject, "obtain"))
    aws = subjects.aws(doors, subject)
    places = _look(doors, subject, subjects.shared(subject, aws))
    if _is_complete(places):
        # Nothing to ask for: an hourly look needs no lock of the cluster.
        with host_lock.held(doors.root, "the certificate", name=lock.NAME, deadline_seconds=doors.wait_seconds):
            _bring(doors, places.looked_again_here())
        return Outcome(
            PRESENT, f"there is a valid certificate for {subject.domain} in the bucket", notes=places.refused
        )
    try:
        with subjects.exclusive(doors, subject, aws) as check:
            return _obtain(doors, subject, wishes, aws, check)
    except errors.ClusterLockHeld as error:
        return Outcome(ELSEWHERE, f"nothing to do here: {error.message}")


def renew(doors: gather.Doors, wishes: Wishes) -> Outcome:
    """Have the certificate renewed where it is due. Raises as `obtain` does."""
    subject = subjects.of_host(doors.root)
    if isinstance(subject, str) or not subject.obtains:
        return Outcome(NOTHING, _not_here(subject, "renew"))
    aws = subjects.aws(doors, subject)
    try:
        with subjects.exclusive(doors, subject, aws) as check:
            return _renew(doors, subject, wishes, aws, check)
    except errors.ClusterLockHeld as error:
        return Outcome(ELSEWHERE, f"nothing to do here: {error.message}")


def _not_here(subject: Subject | str, verb: str) -> str:
    return subject if isinstance(subject, str) else f"auth servers {verb} the certificate, not proxies"


def _look(doors: gather.Doors, subject: Subject, shared: Shared) -> _Places:
    local = Local(doors.root, subject.domain)
    return _Places(shared, local, shared.read(), local.read())


def _is_complete(places: _Places) -> bool:
    """Whether the bucket holds the best certificate, a valid one, whole and in all the places where it belongs."""
    best = lineage.best(places.there.looked.found)
    if best is None or not best.is_valid or best.number is None or best != places.best:
        return False
    is_live = all(places.there.live.get(kind) == best.files.content(kind) for kind in lineage_files.KINDS)
    return is_live and places.there.renewal is not None


def _obtain(doors: gather.Doors, subject: Subject, wishes: Wishes, aws: Aws, check: Callable[[], None]) -> Outcome:
    # Once more: another host may have obtained it while this one waited for the lock.
    places = _look(doors, subject, subjects.shared(subject, aws))
    best = places.best
    if best is not None and best.is_valid:
        _, written = _share(doors, places, best, check)
        what = PUBLISHED if written else PRESENT
        detail = f"there is a valid certificate for {subject.domain}"
        return Outcome(what, f"{detail}, now in the bucket too" if written else detail, written, places.refused)
    _bring(doors, places)
    check()
    done = _certbot(doors, wishes, aws).obtain(subject.domain, subject.email or "", wishes.server)
    places = _after(done, places, check)
    best = places.best
    if best is None or not best.is_valid:
        raise _unfit(subject, places)
    _, written = _share(doors, places, best, check)
    return Outcome(OBTAINED, f"obtained a certificate for {subject.domain}", written, places.refused)


def _renew(doors: gather.Doors, subject: Subject, wishes: Wishes, aws: Aws, check: Callable[[], None]) -> Outcome:
    places = _look(doors, subject, subjects.shared(subject, aws))
    before = places.best
    if before is None:
        detail = f"there is no certificate for {subject.domain} yet: `teleport-bootstrap certificate obtain` gets one"
        return Outcome(NOTHING, detail, notes=places.refused)
    # First, so that a certificate which did not reach the bucket does so even where certbot fails.
    places, written = _share(doors, places, before, check)
    known = set(places.own.numbers)
    check()
    done = _certbot(doors, wishes, aws).renew(subject.domain, subject.email or "")
    places = _after(done, places, check)
    best = places.best
    if best is None or (set(places.own.numbers) - known and best.files == before.files):
        raise _unfit(subject, places)
    if best.files == before.files:
        detail = f"the certificate for {subject.domain} is not due"
        what = PUBLISHED if written else PRESENT
        return Outcome(
            what,
            f"{detail}; what was missing in the bucket is there now" if written else detail,
            written,
            places.refused,
        )
    _, renewed = _share(doors, places, best, check)
    return Outcome(RENEWED, f"renewed the certificate for {subject.domain}", (*written, *renewed), places.refused)


def _unfit(subject: Subject, places: _Places) -> errors.CertificateUnusable:
    why = "; ".join(places.own.looked.refused) or f"nothing that is good now is in {places.local.name}"
    return errors.CertificateUnusable(
        f"certbot ended well, but left no certificate for {subject.domain} that can be used: {why}",
        hint=f"Look at {places.local.root.path(lineage_files.LOGS)}/letsencrypt.log and at this machine's clock.",
    )


def _bring(doors: gather.Doors, places: _Places) -> None:
    """Let certbot here go on with the best certificate there is, or begin anew where there is none."""
    best = places.best
    accounts = {**places.own.accounts, **places.there.accounts}
    with session.begin(doors.root, "certificate", deadline_seconds=doors.wait_seconds):
        if best is None:
            places.local.clear(accounts)
        else:
            number = best.number or max((*places.there.numbers, *places.own.numbers, 0)) + 1
            places.local.bring(best.numbered(number), _renewal(places, best), accounts)


def _renewal(places: _Places, best: lineage.Certificate) -> str | None:
    """Return the renewal settings that go with `best`: those of this host where it comes from here alone."""
    is_from_here = best in places.own.looked.found and best not in places.there.looked.found
    first, second = places.there.renewal, places.own.renewal
    return (second or first) if is_from_here else (first or second)


def _share(
    doors: gather.Doors, places: _Places, best: lineage.Certificate, check: Callable[[], None]
) -> tuple[_Places, tuple[str, ...]]:
    """Bring `best` to the bucket and to certbot here, under one number; return both places, and the keys written."""
    numbered = best
    if best.number is None:
        numbered = best.numbered(max((*places.there.numbers, *places.own.numbers, 0)) + 1)
    numbered = numbered.numbered(places.shared.number_for(numbered, places.there))
    renewal = _renewal(places, best)
    accounts = {**places.own.accounts, **places.there.accounts}
    with session.begin(doors.root, "certificate", deadline_seconds=doors.wait_seconds):
        places.local.bring(numbered, renewal, accounts)
    own = dataclasses.replace(places.own, renewal=renewal, accounts=accounts)
    written = places.shared.publish(numbered, own, places.there, check)
    if written:
        places = dataclasses.replace(places, there=places.shared.read())
    return places.looked_again_here(), written


def _certbot(doors: gather.Doors, wishes: Wishes, aws: Aws) -> certbot.Certbot:
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
        wishes.certbot_seconds,
    )


def _after(done: process.Finished, places: _Places, check: Callable[[], None]) -> _Places:
    """Return the places after certbot has run.

    Raises CertbotTrouble where it failed; the account that it may have made is kept for the next attempt, since an ACME
    server lets nobody make many.
    """
    places = places.looked_again_here()
    if done.ok:
        return places
    try:
        places.shared.publish_accounts(places.own, places.there, check)
    except errors.BootstrapError as error:
        logger.warning("certbot's account could not be brought to the bucket: %s", error.message)
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
        hint=f"Look at {logs}. The instance role needs route53:ListHostedZones, route53:GetChange and "
        "route53:ChangeResourceRecordSets. What was valid before is still there; the timer tries again.",
    )
