"""`certificate install`: install the newest certificate where Teleport reads it, both files at once or none.

A proxy takes it from the bucket, an all-in-one from certbot's directory. A certificate is checked first, and installed
only where it is newer than the installed one: a bucket that is empty, half-written, unreachable, or has a certificate
for other names changes nothing.

Teleport reads its certificate when it starts and when it is reloaded. It does not report which certificate it has read,
so a note is kept from the moment a new one is written until Teleport is seen to serve with it. After a killed run or a
failed reload the next run reloads again; without a note nothing is reloaded.
"""

from __future__ import annotations

from teleport_bootstrap import errors, paths, records, unit_table
from teleport_bootstrap.change import handover, health, needed_files, session, transaction, unit_action
from teleport_bootstrap.change.unit_action import UnitAction
from teleport_bootstrap.cluster.certificate import pair
from teleport_bootstrap.cluster.certificate import subject as subjects
from teleport_bootstrap.cluster.certificate.local import Local
from teleport_bootstrap.cluster.certificate.subject import Subject
from teleport_bootstrap.hints import NamedTuple
from teleport_bootstrap.host import clock, directory, systemd, trust_store
from teleport_bootstrap.instance import gather
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.records import dataclass, field
from teleport_bootstrap.secret import Secret

INSTALLED = "installed"
UNCHANGED = "unchanged"
NOTHING = "nothing"

# The key first: until both are there, Teleport's unit waits.
_FILES = (paths.PRIVATE_KEY, paths.CERTIFICATE)

# The wait for a Teleport that was just started to become healthy, and for a successor to take over.
SECONDS = 90.0

# The resolution of the kernel's file times is 10 ms.
STAMP_SECONDS = 0.1


@dataclass(frozen=True)
class Outcome:
    """What was done: one of the words above, a line for people, the changed paths, and what systemd was asked to do."""

    result: str
    detail: str
    changed: tuple[str, ...] = ()
    units: tuple[UnitAction, ...] = ()
    notes: tuple[str, ...] = ()


class _Candidate(NamedTuple):
    """A usable certificate with its key, its number in its place, 0 for the files in live/, and that place, for people.

    The greatest is the newest; of two that were issued in the same second, the one with the higher number.
    """

    validity: pair.Validity
    number: int
    source: str
    chain: Secret
    key: Secret


@dataclass
class _Candidates:
    """The certificates that Teleport starts with on this host, why others are ignored, and what to do about those."""

    domain: str
    store: trust_store.TrustStore
    found: list[_Candidate] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    remedies: list[str] = field(default_factory=list)

    def add(self, source: str, number: int, chain: Secret | None, key: Secret | None) -> bool:
        """Add a certificate if Teleport can start and serve with it, and return whether it can."""
        if chain is None and key is None:
            return False
        if chain is None or key is None:
            self.refused.append(f"{source} is ignored: its {'chain' if chain is None else 'private key'} is missing")
            return False
        try:
            validity = pair.check(self.domain, chain.reveal(), key, self.store)
        except pair.Unusable as unusable:
            self.refused.append(f"{source} is ignored: {unusable.why}")
            if unusable.is_untrusted:
                self.remedies.append(unusable.remedy())
            return False
        self.found.append(_Candidate(validity, number, source, chain, key))
        return True


def run(doors: gather.Doors) -> Outcome:
    """Install the newest certificate, and have Teleport serve with it.

    Raises CertificatePending where Teleport waits for a certificate and there is none, CertificateUnusable where it
    serves and there is no usable certificate, CertificateNotServed, and what reading the conf, AWS, writing and systemd
    raise.
    """
    root = doors.root
    subject = subjects.of_host(root)
    if isinstance(subject, str):
        return Outcome(NOTHING, subject)
    if not subject.serves:
        return Outcome(NOTHING, "the proxies serve with the certificate, and this host runs none")
    place = Local(root, subject.domain).name if subject.obtains else f"s3://{subject.bucket}"
    try:
        store = trust_store.read(root, subject.wanted.unit, doors.environ)
        candidates = _look(doors, subject, place, store)
    except errors.BootstrapError as error:
        # Teleport may not serve yet with what an earlier run installed.
        with session.begin(root, "certificate install", deadline_seconds=doors.wait_seconds):
            _serve(root, subject.wanted)
        raise _pending(root, subject, error.message, error.hint) or error from None
    newest = max(candidates.found, key=lambda each: each[:2], default=None)
    with session.begin(root, "certificate install", deadline_seconds=doors.wait_seconds):
        changed, detail = _install(root, subject, newest, store)
        units = _serve(root, subject.wanted)
    if newest is None:
        why = "; ".join(candidates.refused) or f"there is no certificate for {subject.domain} in {place} yet"
        hint = (
            f"An auth server obtains it: check that its {unit_table.GET_CERTIFICATE.timer} runs, and what "
            "`teleport-bootstrap certificate obtain` reports there. Nothing has to be done here: the timer tries again."
        )
        if candidates.remedies:
            hint = (
                f"{candidates.remedies[0]} Teleport would not start with such a certificate. The timer tries again, "
                "and `teleport-bootstrap certificate install` at once."
            )
        raise _pending(root, subject, why, hint) or errors.CertificateUnusable(
            why, hint=f"The installed certificate is kept. {hint}"
        )
    notes = (*candidates.refused, *needed_files.notes_on_pending(root, subject.wanted))
    return Outcome(INSTALLED if changed else UNCHANGED, detail, changed, units, notes)


def _pending(root: paths.Root, subject: Subject, why: str, hint: str) -> errors.BootstrapError | None:
    """Return the error for a Teleport that cannot start without a certificate; None for one that has it."""
    waits = [each for each in needed_files.pending(root, subject.wanted) if each in _FILES]
    if not waits:
        return None
    shown = ", ".join(root.path(each) for each in waits)
    return errors.CertificatePending(f"{subject.wanted.unit} waits for {shown}: {why}", hint=hint)


def _look(doors: gather.Doors, subject: Subject, place: str, store: trust_store.TrustStore) -> _Candidates:
    candidates = _Candidates(subject.domain, store)
    if subject.obtains:
        state = Local(doors.root, subject.domain).read()
        for each in state.found:
            source = f"{place}/archive/{subject.domain}"
            candidates.add(source, each.number or 0, each.files["fullchain"], each.files["privkey"])
        candidates.refused += state.refused
        return candidates
    for source, number, chain, key in subjects.shared(subject, subjects.aws(doors, subject)).pairs():
        if candidates.add(source, number, chain, key) and number:
            break  # lower numbers are older
    return candidates


def _install(
    root: paths.Root, subject: Subject, newest: _Candidate | None, store: trust_store.TrustStore
) -> tuple[tuple[str, ...], str]:
    """Write `newest` where it is newer than the installed one; return the paths that changed, and what was done."""
    if newest is None:
        return (), "there is nothing to install"
    here = _installed(root, subject, store)
    until = f"valid until {clock.iso(newest.validity.not_after)}"
    if here is not None and here.validity > newest.validity:
        return (), f"the installed certificate is newer than {newest.source} and is kept"
    # Teleport runs as the owner of the data directory.
    owner, group = next((each.owner, each.group) for each in subject.wanted.directories if each.path == paths.DATA)
    is_other = here is None or (here.chain, here.key) != (newest.chain, newest.key)
    with transaction.Transaction(root) as changes:
        for each in subject.wanted.directories:
            changes.make_directory(each.path, mode=each.mode, owner=each.owner, group=each.group)
        for path, content in zip(_FILES, (newest.key, newest.chain)):
            changes.write(path, content.reveal().encode(), mode=0o600, owner=owner, group=group)
        if is_other and systemd.is_running(root):
            changes.write(paths.CERTIFICATE_NOTE, b"not served yet\n", mode=0o600, owner="root", group="root")
        changed = tuple(path for path in changes.commit() if path in _FILES)
    if not changed:
        return (), f"the certificate is already installed, {until}"
    if not is_other:
        return changed, "corrected the owner or the mode of the certificate's files"
    return changed, f"installed the certificate from {newest.source}, {until}"


def _installed(root: paths.Root, subject: Subject, store: trust_store.TrustStore) -> _Candidate | None:
    """Return the installed certificate, if it is usable."""
    try:
        chain, key = (directory.read(root, path) for path in (paths.CERTIFICATE, paths.PRIVATE_KEY))
    except OSError as error:
        raise errors.FileTrouble(
            f"the certificate in {root.path(paths.DATA)} cannot be read: {error.strerror}", hint="Run as root."
        ) from None
    if chain is None or key is None:
        return None
    candidates = _Candidates(subject.domain, store)
    texts = (Secret(each.content.decode("utf-8", "replace")) for each in (chain, key))
    candidates.add(root.path(paths.CERTIFICATE), 0, *texts)
    return candidates.found[0] if candidates.found else None


def _serve(root: paths.Root, wanted: plan_model.Applicable) -> tuple[UnitAction, ...]:
    """Have Teleport serve with the installed certificate, where it does not yet; return what was done.

    It is started where it waited, and reloaded where it runs. Call this within `change.session.begin`. Raises
    CertificateNotServed, after which the next run tries again, and UnitTrouble.
    """
    started = needed_files.start_teleport(root, wanted)
    done = unit_action.for_each(unit_action.START_REQUESTED, started)
    if not started:
        if not _has_note(root) or not systemd.is_running(root) or not systemd.is_installed(root, wanted.unit):
            return ()
        state = systemd.states([wanted.unit])[wanted.unit]
        written = needed_files.changed_at(root, paths.CERTIFICATE)
        # For example by an operator. It reads the certificate when it starts.
        has_started_since = written is not None and state.started > written + STAMP_SECONDS
        if state.active in ("active", "reloading", "activating") and not has_started_since:
            _reload(root, wanted)
            done = unit_action.for_each(unit_action.RELOADED, [wanted.unit])
    with transaction.Transaction(root) as changes:
        changes.remove(paths.CERTIFICATE_NOTE)
        changes.commit()
    return done


def _reload(root: paths.Root, wanted: plan_model.Applicable) -> None:
    """Reload Teleport and wait for a healthy successor: if it fails, the old process continues to serve."""
    watched = health.subject(root, wanted.unit, wanted)
    process_id = handover.in_charge_when_reloadable(root)
    if process_id is None or wanted.unit not in systemd.units_around(process_id):
        # One that has just been started cannot be reloaded before it has written its pid file.
        verdict = health.wait(root, watched, seconds=SECONDS)
        process_id = verdict.process_id
        if process_id is None:
            raise _not_served(wanted, verdict.seen)
    if handover.is_deaf(process_id):
        raise _not_served(wanted, handover.WHY)
    predecessor = handover.reload(root, wanted.unit, process_id)
    successor = records.replace(watched, successor_of=predecessor)
    verdict = health.wait(root, successor, seconds=SECONDS)
    if not verdict.healthy:
        handover.keep_in_charge(root, process_id)
        raise _not_served(wanted, verdict.seen)


def _not_served(wanted: plan_model.Applicable, seen: str) -> errors.CertificateNotServed:
    return errors.CertificateNotServed(
        f"a new certificate is installed, but {wanted.unit} does not serve with it yet: {seen}",
        hint=f"Check `journalctl -u {wanted.unit}`. Until the cause is known, do not restart it: the process that "
        "runs serves with the previous certificate, and one that fails to start does not serve at all. The next "
        "run reloads it again.",
    )


def _has_note(root: paths.Root) -> bool:
    try:
        return directory.read(root, paths.CERTIFICATE_NOTE) is not None
    except OSError:
        return True  # an unneeded reload does no harm
