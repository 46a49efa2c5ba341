"""What the checks are about: this host, its conf, and AWS as its role may ask it; each part is read once."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from teleport_bootstrap import errors, paths, records
from teleport_bootstrap.aws import account
from teleport_bootstrap.backup.stores import destination
from teleport_bootstrap.checks import host_facts
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.doctor import shared_answers
from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.ec2 import imds
from teleport_bootstrap.hints import Any, Optional, TypeVar
from teleport_bootstrap.instance import gather
from teleport_bootstrap.plan import activation, plan_model, teleport_build
from teleport_bootstrap.state import manual_edits

# One call with its retries; a check that makes several has its own limit besides.
CALL_SECONDS = 5.0

_T = TypeVar("_T")

# A place, and the account that must own its bucket.
BackupPlace = tuple[destination.Destination, Optional[str]]


class Subject:
    """This host. The properties raise Skipped where something is missing that another check is about."""

    def __init__(self, doors: gather.Doors, backups: Callable[[], BackupPlace]) -> None:
        """`backups` returns the place of this host's backups; it may raise UsageError."""
        self.root: paths.Root = doors.root
        self.doors = records.replace(doors, wait_seconds=min(doors.wait_seconds, CALL_SECONDS))
        self._backups = backups
        self._answers = shared_answers.SharedAnswers()

    def once(self, what: Hashable, read: Callable[[], _T]) -> _T:
        """Return what `read` returns or raise what it raised; it is called once for all that ask for `what`.

        Two modules may use the same word for `what`.
        """
        return self._answers.get((read.__module__, what), read)

    @property
    def conf(self) -> conf_file.Conf:
        """The conf of this host."""
        try:
            found = self.once("conf", lambda: gather.conf(self.root))
        except errors.BootstrapError as error:
            raise Skipped(f"the conf cannot be used ({error.code}), and this follows from it") from None
        if found is None:
            raise Skipped("there is no conf, and this follows from it")
        return found

    @property
    def build(self) -> teleport_build.TeleportBuild:
        """The installed Teleport, or the newest known one where none is installed."""

        def read() -> teleport_build.TeleportBuild:
            return gather.build(self.root, gather.NamedBuild(), self.conf)

        try:
            return self.once("build", read)
        except errors.BootstrapError:
            raise Skipped("the installed Teleport does not say its version") from None

    @property
    def activated(self) -> plan_model.Activation:
        """What the conf makes of this host."""
        try:
            return self.once("activation", lambda: activation.plan(self.conf, self.build))
        except errors.BootstrapError as error:
            raise Skipped(f"the conf cannot be used ({error.code}), and this follows from it") from None

    @property
    def document(self) -> dict[str, Any]:
        """The teleport.yaml of this host, overrides and manual edits included."""
        found = self.once("document", lambda: manual_edits.document(manual_edits.text(self.root, paths.TELEPORT_YAML)))
        if not found:
            raise Skipped(f"there is no {paths.TELEPORT_YAML} that can be read")
        return found

    @property
    def backups(self) -> BackupPlace:
        """The place of the backups of this host. Raises UsageError."""
        return self.once("backups", self._backups)

    @property
    def host(self) -> host_facts.HostFacts:
        """What `status` knows of this host."""
        return self.once("host", lambda: host_facts.read(self.root))

    @property
    def metadata(self) -> imds.Imds:
        """The metadata service; nothing is sent yet. Raises MetadataDisabled and UsageError."""
        return gather.metadata_service(self.doors)

    @property
    def region(self) -> str:
        """The AWS region."""
        try:
            return self.once("region", lambda: gather.region_of(self.doors, self.conf))
        except errors.BootstrapError:
            raise Skipped("the region is not known, since the metadata service does not answer") from None

    def credentials(self) -> account.Aws:
        """Return AWS as the role of this instance may ask it.

        Raises CredentialsMissing and the errors of the metadata service; for the one check that is about these.
        """
        return self.once("aws", lambda: gather.aws(self.doors, self.conf))

    @property
    def aws(self) -> account.Aws:
        """AWS as the role of this instance may ask it, for one thread: each gets clients of its own."""
        try:
            return self.credentials()
        except errors.BootstrapError:
            raise Skipped("AWS cannot be asked without the credentials of the role") from None
