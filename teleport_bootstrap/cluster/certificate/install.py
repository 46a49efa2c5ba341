"""`certificate install`: the newest certificate put where Teleport serves from, both files at once or none of them.

A proxy reads the bucket, an all-in-one what certbot keeps on it. What is taken is judged first, and is taken only where
it is newer than what is there: an empty or half-written bucket, one that cannot be reached, or one with a certificate
for other names changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Optional

from teleport_bootstrap import errors, paths, unit_table
from teleport_bootstrap.change import changeset, pending_files, session
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

# A chain and a private key, None for what is absent.
Pair = tuple[Optional[Secret], Optional[Secret]]


@dataclass(frozen=True)
class Outcome:
    """What was done: one of the words above, in a line, the paths that changed, and what systemd was asked for."""

    what: str
    detail: str
    changed: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Found:
    """A chain with its key, found fit, where it comes from, and its number there, 0 for what is only current."""

    chain: Secret
    key: Secret
    validity: pair.Validity
    source: str
    number: int

    @property
    def rank(self) -> tuple[pair.Validity, int]:
        """The greatest is the newest; of two that were issued in the same second that with the higher number."""
        return self.validity, self.number


@dataclass
class _Looking:
    """What is found on the way, and why other things are not taken."""

    found: list[_Found] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def judge(self, domain: str, given: Pair, source: str, number: int = 0) -> bool:
        """Add `given`, a chain and a key, and return whether it can be served with."""
        chain, key = given
        if chain is None and key is None:
            return False
        if chain is None or key is None:
            self.refused.append(f"{source} is not taken: its {'chain' if chain is None else 'private key'} is missing")
            return False
        try:
            validity = pair.judge(domain, chain.reveal(), key)
        except pair.Unfit as unfit:
            self.refused.append(f"{source} is not taken: {unfit.why}")
            return False
        self.found.append(_Found(chain, key, validity, source, number))
        return True


def run(doors: gather.Doors) -> Outcome:
    """Install the newest certificate there is, and let Teleport take it up.

    Raises CertificatePending where Teleport waits for a certificate and none can be had, CertificateUnusable where it
    serves and there is nothing fit to go on with, CertificateNotServed, and what reading the conf, AWS, writing and
    systemd raise.
    """
    root = doors.root
    found = subjects.of_host(root)
    if isinstance(found, str):
        return Outcome(NOTHING, found)
    if not found.serves:
        return Outcome(NOTHING, "the proxies serve with the certificate, and this host runs none")
    try:
        looking = _look(doors, found)
    except errors.BootstrapError as error:
        # What an earlier run has installed may still have to be taken up.
        with session.begin(root, "certificate install", deadline_seconds=doors.wait_seconds):
            reload.run(root, found.wanted)
        raise _awaited(root, found, error.message, error.hint) or error from None
    newest = max(looking.found, key=lambda each: each.rank, default=None)
    with session.begin(root, "certificate install", deadline_seconds=doors.wait_seconds):
        changed, detail = _install(root, found, newest)
        units = reload.run(root, found.wanted)
    if newest is None:
        why = "; ".join(looking.refused) or f"there is no certificate for {found.domain} in {_place(doors, found)} yet"
        hint = (
            f"An auth server obtains it: check there whether {unit_table.GET_CERTIFICATE.timer} runs, and what "
            "`teleport-bootstrap certificate obtain` reports. Nothing has to be done here: the attempts go on."
        )
        raise _awaited(root, found, why, hint) or errors.CertificateUnusable(why, hint=f"What is here stays. {hint}")
    what = INSTALLED if changed else UNCHANGED
    return Outcome(what, detail, changed, units, tuple(looking.refused) + pending_files.describe(root, found.wanted))


def _awaited(root: paths.Root, found: Subject, why: str, hint: str) -> errors.BootstrapError | None:
    """Return the error for a Teleport that cannot start because of it; None for one that has what it needs."""
    waits = [each for each in pending_files.files(root, found.wanted) if each in _FILES]
    if not waits:
        return None
    shown = ", ".join(root.path(each) for each in waits)
    return errors.CertificatePending(f"{found.wanted.unit} waits for {shown}: {why}", hint=hint)


def _place(doors: gather.Doors, found: Subject) -> str:
    return Local(doors.root, found.domain).name if found.obtains else f"s3://{found.bucket}"


def _look(doors: gather.Doors, found: Subject) -> _Looking:
    looking = _Looking()
    if found.obtains:
        looked = Local(doors.root, found.domain).read().looked
        for each in looked.found:
            source = f"{_place(doors, found)}/archive/{found.domain}"
            given: Pair = (Secret(each.files.fullchain), each.files.privkey)
            looking.judge(found.domain, given, source, each.number or 0)
        looking.refused += looked.refused
        return looking
    shared = subjects.shared(found, subjects.aws(doors, found))
    for source, number, given in _read(shared):
        if looking.judge(found.domain, given, source, number) and number:
            break  # what has a lower number is older
    return looking


def _read(shared: Shared) -> Iterator[tuple[str, int, Pair]]:
    """Yield what is in each place in the bucket where a chain and a key can be: the place, its number, and the two."""
    live = f"{shared.name}/live/{shared.domain}"
    yield live, 0, shared.live_pair()
    try:
        for number, read in shared.numbered_pairs():
            yield f"number {number} in {shared.name}/archive/{shared.domain}", number, read()
    except errors.AwsDenied as error:
        # Enough to serve with; the rest only helps while live/ is being written.
        logger.info("only %s is looked at: %s", live, error.message)


def _install(root: paths.Root, found: Subject, newest: _Found | None) -> tuple[tuple[str, ...], str]:
    """Write `newest` where it is newer than what is there; return the paths that changed, and what was done."""
    if newest is None:
        return (), "there is nothing to install"
    here, there = _installed(root, found), (newest.chain, newest.key)
    until = f"good until {pair.shown(newest.validity.not_after)}"
    if here is not None and here.validity > newest.validity:
        return (), f"what is installed is newer than {newest.source}, and stays"
    owner, group = _owner(found)
    with changeset.Changeset(root) as changes:
        for each in found.wanted.directories:
            changes.make_directory(each.path, mode=each.mode, owner=each.owner, group=each.group)
        for path, content in zip(_FILES, (newest.key, newest.chain)):
            changes.write(path, content.reveal().encode(), mode=0o600, owner=owner, group=group)
        is_other = here is None or (here.chain, here.key) != there
        if is_other:
            reload.stage(changes)
        changed = tuple(path for path in changes.commit() if path in _FILES)
    if not changed:
        return (), f"the certificate is installed already, {until}"
    if not is_other:
        return changed, "the owner or the mode of the certificate's files was put right"
    return changed, f"installed the certificate from {newest.source}, {until}"


def _installed(root: paths.Root, found: Subject) -> _Found | None:
    """Return what is there, if it can be served with."""
    looking = _Looking()
    try:
        chain, key = (directory.read(root, path) for path in (paths.CERTIFICATE, paths.PRIVATE_KEY))
    except OSError as error:
        raise errors.FileTrouble(
            f"the certificate in {root.path(paths.DATA)} cannot be read: {error.strerror}", hint="Run as root."
        ) from None
    if chain is None or key is None:
        return None
    chain_text, key_text = (Secret(each.content.decode("utf-8", "replace")) for each in (chain, key))
    looking.judge(found.domain, (chain_text, key_text), root.path(paths.CERTIFICATE))
    return looking.found[0] if looking.found else None


def _owner(found: Subject) -> tuple[str, str]:
    """Return the account that Teleport runs as here: it owns the data directory."""
    return next((each.owner, each.group) for each in found.wanted.directories if each.path == paths.DATA)
