"""`certificate install`: install the newest certificate where Teleport reads it, both files at once or none.

A proxy takes it from the bucket, an all-in-one from certbot's directory. A certificate is checked first, and installed
only where it is newer than the installed one: a bucket that is empty, half-written, unreachable, or has a certificate
for other names changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from teleport_bootstrap import errors, paths, unit_table
from teleport_bootstrap.change import needed_files, session, transaction
from teleport_bootstrap.cluster.certificate import pair, reload
from teleport_bootstrap.cluster.certificate import subject as subjects
from teleport_bootstrap.cluster.certificate.bucket import Shared
from teleport_bootstrap.cluster.certificate.local import Local
from teleport_bootstrap.cluster.certificate.subject import Subject
from teleport_bootstrap.host import directory
from teleport_bootstrap.instance import gather
from teleport_bootstrap.secret import Secret

INSTALLED = "installed"
UNCHANGED = "unchanged"
NOTHING = "nothing"

logger = logging.getLogger(__name__)

# The key first: until both are there, Teleport's unit waits.
_FILES = (paths.PRIVATE_KEY, paths.CERTIFICATE)

# A chain and a private key, None for one that is missing.
Pair = tuple["Secret | None", "Secret | None"]


@dataclass(frozen=True)
class Outcome:
    """What was done: one of the words above, a line for people, the changed paths, and what systemd was asked to do."""

    what: str
    detail: str
    changed: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Candidate:
    """A usable chain with its key, its source, and its number there, 0 for the files in live/."""

    chain: Secret
    key: Secret
    validity: pair.Validity
    source: str
    number: int

    @property
    def rank(self) -> tuple[pair.Validity, int]:
        """The highest is the newest; of two that were issued in the same second, the one with the higher number."""
        return self.validity, self.number


@dataclass
class _Candidates:
    """The usable certificates, and why others are ignored."""

    found: list[_Candidate] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def add(self, domain: str, candidate: Pair, source: str, number: int = 0) -> bool:
        """Add `candidate` if Teleport can serve with it, and return whether it can."""
        chain, key = candidate
        if chain is None and key is None:
            return False
        if chain is None or key is None:
            self.refused.append(f"{source} is ignored: its {'chain' if chain is None else 'private key'} is missing")
            return False
        try:
            validity = pair.check(domain, chain.reveal(), key)
        except pair.Unusable as unusable:
            self.refused.append(f"{source} is ignored: {unusable.why}")
            return False
        self.found.append(_Candidate(chain, key, validity, source, number))
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
    try:
        candidates = _look(doors, subject)
    except errors.BootstrapError as error:
        # Teleport may not serve yet with what an earlier run installed.
        with session.begin(root, "certificate install", deadline_seconds=doors.wait_seconds):
            reload.run(root, subject.wanted)
        raise _pending(root, subject, error.message, error.hint) or error from None
    newest = max(candidates.found, key=lambda each: each.rank, default=None)
    with session.begin(root, "certificate install", deadline_seconds=doors.wait_seconds):
        changed, detail = _install(root, subject, newest)
        units = reload.run(root, subject.wanted)
    if newest is None:
        why = (
            "; ".join(candidates.refused)
            or f"there is no certificate for {subject.domain} in {_place(doors, subject)} yet"
        )
        hint = (
            f"An auth server obtains it: check that its {unit_table.GET_CERTIFICATE.timer} runs, and what "
            "`teleport-bootstrap certificate obtain` reports there. Nothing has to be done here: the timer tries again."
        )
        raise _pending(root, subject, why, hint) or errors.CertificateUnusable(
            why, hint=f"The installed certificate is kept. {hint}"
        )
    what = INSTALLED if changed else UNCHANGED
    return Outcome(
        what, detail, changed, units, tuple(candidates.refused) + needed_files.describe_pending(root, subject.wanted)
    )


def _pending(root: paths.Root, subject: Subject, why: str, hint: str) -> errors.BootstrapError | None:
    """Return the error for a Teleport that cannot start without a certificate; None for one that has it."""
    waits = [each for each in needed_files.pending(root, subject.wanted) if each in _FILES]
    if not waits:
        return None
    shown = ", ".join(root.path(each) for each in waits)
    return errors.CertificatePending(f"{subject.wanted.unit} waits for {shown}: {why}", hint=hint)


def _place(doors: gather.Doors, subject: Subject) -> str:
    return Local(doors.root, subject.domain).name if subject.obtains else f"s3://{subject.bucket}"


def _look(doors: gather.Doors, subject: Subject) -> _Candidates:
    candidates = _Candidates()
    if subject.obtains:
        local = Local(doors.root, subject.domain).read().candidates
        for each in local.found:
            source = f"{_place(doors, subject)}/archive/{subject.domain}"
            candidates.add(subject.domain, (Secret(each.files.fullchain), each.files.privkey), source, each.number or 0)
        candidates.refused += local.refused
        return candidates
    shared = subjects.shared(subject, subjects.aws(doors, subject))
    for source, number, pair_there in _read(shared):
        if candidates.add(subject.domain, pair_there, source, number) and number:
            break  # lower numbers are older
    return candidates


def _read(shared: Shared) -> Iterator[tuple[str, int, Pair]]:
    """Yield the pairs in the bucket, each with its place and its number, 0 for live/."""
    live = f"{shared.name}/live/{shared.domain}"
    yield live, 0, shared.live_pair()
    try:
        for number, read in shared.numbered_pairs():
            yield f"number {number} in {shared.name}/archive/{shared.domain}", number, read()
    except errors.AwsDenied as error:
        # live/ is enough to serve with; archive/ only helps while live/ is being written.
        logger.info("reading only %s: %s", live, error.message)


def _install(root: paths.Root, subject: Subject, newest: _Candidate | None) -> tuple[tuple[str, ...], str]:
    """Write `newest` where it is newer than the installed one; return the paths that changed, and what was done."""
    if newest is None:
        return (), "there is nothing to install"
    here, there = _installed(root, subject), (newest.chain, newest.key)
    until = f"valid until {pair.utc_text(newest.validity.not_after)}"
    if here is not None and here.validity > newest.validity:
        return (), f"the installed certificate is newer than {newest.source} and is kept"
    owner, group = _owner(subject)
    with transaction.Transaction(root) as changes:
        for each in subject.wanted.directories:
            changes.make_directory(each.path, mode=each.mode, owner=each.owner, group=each.group)
        for path, content in zip(_FILES, (newest.key, newest.chain)):
            changes.write(path, content.reveal().encode(), mode=0o600, owner=owner, group=group)
        is_other = here is None or (here.chain, here.key) != there
        if is_other:
            reload.stage(changes)
        changed = tuple(path for path in changes.commit() if path in _FILES)
    if not changed:
        return (), f"the certificate is already installed, {until}"
    if not is_other:
        return changed, "corrected the owner or the mode of the certificate's files"
    return changed, f"installed the certificate from {newest.source}, {until}"


def _installed(root: paths.Root, subject: Subject) -> _Candidate | None:
    """Return the installed certificate, if it is usable."""
    candidates = _Candidates()
    try:
        chain, key = (directory.read(root, path) for path in (paths.CERTIFICATE, paths.PRIVATE_KEY))
    except OSError as error:
        raise errors.FileTrouble(
            f"the certificate in {root.path(paths.DATA)} cannot be read: {error.strerror}", hint="Run as root."
        ) from None
    if chain is None or key is None:
        return None
    chain_text, key_text = (Secret(each.content.decode("utf-8", "replace")) for each in (chain, key))
    candidates.add(subject.domain, (chain_text, key_text), root.path(paths.CERTIFICATE))
    return candidates.found[0] if candidates.found else None


def _owner(subject: Subject) -> tuple[str, str]:
    """Return the account that Teleport runs as: the owner of the data directory."""
    return next((each.owner, each.group) for each in subject.wanted.directories if each.path == paths.DATA)
