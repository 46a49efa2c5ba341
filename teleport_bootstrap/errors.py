"""The catalogue of errors: each kind's code, exit status and journal message id, in one place.

Raise the class that fits, with a message that says what failed and where, and a hint that says what to do next. Only
`teleport_bootstrap.cli` turns these into output and an exit status. A class's docstring is its entry in the manual.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence

from teleport_bootstrap import display
from teleport_bootstrap.finding import ERROR, Finding
from teleport_bootstrap.hints import ClassVar

# What each exit status means, for the manual.
MEANINGS: dict[int, str] = {}


def _status(number: int, meaning: str) -> int:
    MEANINGS[number] = meaning
    return number


# Automation relies on them: never renumber.
OK = _status(0, "success, or nothing to do")
INTERNAL = _status(1, "a defect in teleport-bootstrap")
CONF_OR_USAGE = _status(2, "the conf or the command line is wrong, or an archive does not fit this host; do not retry")
METADATA = _status(3, "the instance metadata service does not answer, or not correctly")
AWS = _status(4, "a call to AWS failed: credentials, permissions, throttling, a parameter that is missing or empty")
TELEPORT = _status(5, "the installed Teleport cannot run this configuration, or tctl failed")
FILES = _status(6, "a file is missing, cannot be read or written, or can be changed by a user other than root")
BUSY = _status(7, "another teleport-bootstrap is running, on this host or on another auth server")
UNITS = _status(8, "systemd did not do what it was asked to do")
UNHEALTHY = _status(9, "everything was done, but Teleport is not healthy")
PENDING = _status(10, "a token, CA pin or certificate that Teleport needs to start has not arrived yet")
UNCONFIRMED = _status(11, "there is a change to confirm, and no terminal to ask on: add --yes")
MANUAL_EDIT = _status(12, "teleport.yaml has a manual edit that would be lost")
ROLLED_BACK = _status(13, "Teleport did not become healthy with the new configuration; the previous one was restored")
UNHEALTHY_AFTER_ROLLBACK = _status(14, "as 13, but Teleport is not healthy with the previous configuration either")
DRIFTED = _status(
    15, "status: Teleport is healthy, but this host differs from what was applied; or Teleport is recovering"
)
ARCHIVE = _status(16, "a backup is damaged, cut off, unknown, or not safe to unpack")
CERTIFICATE = _status(17, "certbot failed, or there is no usable certificate")
UNSEALED = _status(18, "seal: the image holds data of one instance")
INCOMPLETE = _status(
    19, "a backup was made and is undamaged, but it is incomplete: what could not be read is missing, and is named"
)
RESOURCES = _status(20, "this machine has too little memory, or too few file descriptors or processes are allowed")
CHECK_FAILED = _status(21, "doctor: a check has failed")
CHECK_WARNED = _status(22, "doctor: no check has failed, but one warns")
INTERRUPTED = _status(130, "interrupted from the keyboard")

MESSAGE_ID_NAMESPACE = "0f1a2e6c-57c1-5d0b-9d26-6a1f6b8c2b11"


class BootstrapError(Exception):
    """An error of this agent; itself raised only for a defect, otherwise one of the kinds below.

    `message` is the given summary and, below it, `lines` and a line for each of `findings`; `summary` is the same
    without the findings. They hold no secret that this process has met, and can be printed as they are: what cannot be
    seen is escaped, so that no text from outside makes a line of its own.
    """

    code: ClassVar[str] = "internal-error"
    exit_status: ClassVar[int] = INTERNAL

    def __init_subclass__(cls, *, code: str = "", exit_status: int = INTERNAL) -> None:
        if code:  # a subclass of a kind is of the same kind
            cls.code, cls.exit_status = code, exit_status

    def __init__(
        self, summary: str, *, hint: str = "", lines: Sequence[str] = (), findings: Sequence[Finding] = ()
    ) -> None:
        self.summary = display.lines([summary, *lines])
        self.message = display.lines([self.summary, *map(str, findings)])
        super().__init__(self.message)
        self.hint = display.line(hint)
        self.findings = tuple(findings)

    def advise(self, more: str) -> None:
        """Add to the hint what to do after it."""
        self.hint = display.line(f"{self.hint} {more}".strip())

    def as_findings(self, severity: str = ERROR) -> tuple[Finding, ...]:
        """Return `findings`, or where there are none, one finding that says what this error says."""
        return self.findings or (Finding(severity, self.code, "", self.message, self.hint),)

    def data(self) -> dict[str, object]:
        """Return the error for JSON, in the form of a finding; its `findings` are beside it."""
        return {**Finding(ERROR, self.code, "", "", self.hint).data(), "message": self.summary}

    @classmethod
    def message_id(cls) -> str:
        """The journal MESSAGE_ID of this kind of error: 32 hexadecimal digits, the same on every machine."""
        return uuid.uuid5(uuid.UUID(MESSAGE_ID_NAMESPACE), cls.code).hex


class UsageError(BootstrapError, code="usage", exit_status=CONF_OR_USAGE):
    """The command line is wrong: an unknown command or option, an invalid value, or options that exclude each other."""


class ConfMissing(BootstrapError, code="conf-missing", exit_status=CONF_OR_USAGE):
    """Neither /etc/teleport.d/conf nor /etc/teleport.yaml exists, so the purpose of this instance is unknown."""


class ConfInvalid(BootstrapError, code="conf-invalid", exit_status=CONF_OR_USAGE):
    """The conf has syntax errors or invalid values. The message lists all of them."""

    def __init__(self, path: str, findings: tuple[Finding, ...]) -> None:
        hint = f"Edit {path}, then run `teleport-bootstrap validate` until it reports no problem."
        super().__init__(f"{path}: {_count(findings)}", hint=hint, findings=findings)


class UserDataUnclear(BootstrapError, code="user-data-unclear", exit_status=CONF_OR_USAGE):
    """What user-data writes to the conf cannot be known without running it, or it writes none."""

    def __init__(self, path: str, findings: tuple[Finding, ...]) -> None:
        hint = "Give the conf itself, for example as printed by the script: `teleport-bootstrap validate ./conf`."
        super().__init__(f"{path}: the conf that it writes is not known", hint=hint, findings=findings)


class AnswersInvalid(BootstrapError, code="answers-invalid", exit_status=CONF_OR_USAGE):
    """A file given with `init --answers` is not YAML, or has an answer that does not fit. The message lists all."""

    def __init__(self, path: str, findings: tuple[Finding, ...]) -> None:
        hint = "Correct these answers, or run `teleport-bootstrap init` on a terminal, which asks. Nothing was written."
        super().__init__(f"{path}: {_count(findings)}", hint=hint, findings=findings)


class OverrideInvalid(BootstrapError, code="override-invalid", exit_status=CONF_OR_USAGE):
    """A file in /etc/teleport.d/teleport.yaml.d is not strict YAML, or sets what cannot be overridden.

    The message lists all problems.
    """

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        hint = "Correct the file, or move it out of the directory; `teleport-bootstrap render` checks it."
        super().__init__(f"overrides: {_count(findings)}", hint=hint, findings=findings)


class DocumentInvalid(BootstrapError, code="document-invalid", exit_status=CONF_OR_USAGE):
    """Teleport would not start, or not work, with the teleport.yaml that the conf and the overrides produce.

    The message lists all problems.
    """

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        hint = "Correct these lines, then check the result with `teleport-bootstrap render --explain`."
        super().__init__(f"teleport.yaml would not work: {_count(findings)}", hint=hint, findings=findings)


class NeededFileMissing(BootstrapError, code="needed-file-missing", exit_status=FILES):
    """The new teleport.yaml names a file that Teleport needs at start, and the file does not exist."""


class MetadataFileInvalid(BootstrapError, code="metadata-file-invalid", exit_status=CONF_OR_USAGE):
    """The file given with --metadata is not a YAML mapping of instance facts."""


class MetadataUnreachable(BootstrapError, code="metadata-unreachable", exit_status=METADATA):
    """The instance metadata service did not answer before the deadline, or this host prohibits connections to it."""


class MetadataDisabled(BootstrapError, code="metadata-disabled", exit_status=METADATA):
    """The instance metadata service answered 403: it is disabled for this instance, or rejects this client."""


class MetadataInvalid(BootstrapError, code="metadata-invalid", exit_status=METADATA):
    """The instance metadata service returned something other than the requested value."""


class MetadataAbsent(BootstrapError, code="metadata-absent", exit_status=METADATA):
    """The instance metadata service does not have a required item."""


class CredentialsMissing(BootstrapError, code="credentials-missing", exit_status=AWS):
    """The instance has no IAM role, or the role's credentials were not available before the deadline."""


class AwsDenied(BootstrapError, code="aws-denied", exit_status=AWS):
    """AWS denied a call: the instance role lacks a permission."""


class AwsThrottled(BootstrapError, code="aws-throttled", exit_status=AWS):
    """AWS throttled a call until the deadline passed."""


class AwsUnreachable(BootstrapError, code="aws-unreachable", exit_status=AWS):
    """An AWS endpoint did not answer before the deadline."""


class ClockWrong(BootstrapError, code="clock-wrong", exit_status=AWS):
    """The clock of this machine is so far off that AWS rejects every call that it signs."""


class AwsFailed(BootstrapError, code="aws-failed", exit_status=AWS):
    """AWS returned an error for which this list has no code."""


class BucketUnusable(BootstrapError, code="bucket-unusable", exit_status=AWS):
    """The S3 bucket does not exist, is in a region that cannot be reached, or does not support the operation."""


class ObjectMissing(BootstrapError, code="object-missing", exit_status=AWS):
    """The S3 bucket does not have a required object."""


class ObjectChanged(BootstrapError, code="object-changed", exit_status=AWS):
    """An object in the S3 bucket was replaced during its download, so the data mixes two versions."""


class TableUnusable(BootstrapError, code="table-unusable", exit_status=AWS):
    """A DynamoDB table that the storage section names does not exist, or cannot be backed up now."""


class ParameterMissing(BootstrapError, code="parameter-missing", exit_status=AWS):
    """SSM Parameter Store does not have a parameter that the conf requires."""


class ParameterEmpty(BootstrapError, code="parameter-empty", exit_status=AWS):
    """A parameter in SSM Parameter Store has no usable value."""


class ParameterInvalid(BootstrapError, code="parameter-invalid", exit_status=AWS):
    """A parameter in SSM Parameter Store does not have the expected form, such as that of a CA pin."""


class SignalImpossible(BootstrapError, code="signal-impossible", exit_status=AWS):
    """A stack or an auto scaling group cannot be signaled: what the conf names does not exist, or tags are missing."""


class LaunchFailed(BootstrapError, code="launch-failed", exit_status=UNHEALTHY):
    """Teleport did not become healthy after the start of this instance, and its stack or group was told so."""


class SecretsPending(BootstrapError, code="secrets-pending", exit_status=PENDING):
    """A secret that Teleport needs to join its cluster is missing: not published yet, or out of reach."""


class CertificatePending(BootstrapError, code="certificate-pending", exit_status=PENDING):
    """The certificate for Teleport's web port is missing: not obtained yet, or out of reach."""


class CertificateUnusable(BootstrapError, code="certificate-unusable", exit_status=CERTIFICATE):
    """A certificate has the wrong key, the wrong names or an incomplete chain, or has expired."""


class CertificateNotServed(BootstrapError, code="certificate-not-served", exit_status=UNHEALTHY):
    """A new certificate is installed, but after a reload the running Teleport does not serve it."""


class CertbotTrouble(BootstrapError, code="certbot-trouble", exit_status=CERTIFICATE):
    """certbot is not installed, failed, or did not end in time. A certificate that was valid before is unchanged."""


class TeleportUnsupported(BootstrapError, code="teleport-unsupported", exit_status=TELEPORT):
    """The installed Teleport cannot run what the conf asks for: it is too old, another edition, or not a FIPS build."""


class TeleportRefused(BootstrapError, code="teleport-refused", exit_status=TELEPORT):
    """The installed Teleport rejects the configuration that was about to be written."""


class TeleportVersionUnknown(BootstrapError, code="teleport-unknown", exit_status=TELEPORT):
    """The installed Teleport did not report its version."""


class TctlFailed(BootstrapError, code="tctl-failed", exit_status=TELEPORT):
    """`tctl` failed: it is not installed, the auth service does not answer, or it rejects the request."""


class UserExists(BootstrapError, code="user-exists", exit_status=CONF_OR_USAGE):
    """The cluster has a user of that name already, who was not changed."""


class RenderMismatch(BootstrapError, code="render-mismatch", exit_status=INTERNAL):
    """The rendered teleport.yaml differs from the plan. This is a defect of this agent, found before writing."""


class UntrustedPath(BootstrapError, code="untrusted-path", exit_status=FILES):
    """A file or directory that controls what root does can be changed by a user other than root."""


class FileTrouble(BootstrapError, code="file-trouble", exit_status=FILES):
    """A file could not be read or written: no space, read-only, no permission, or not a regular file."""


class BackupMissing(BootstrapError, code="backup-missing", exit_status=FILES):
    """The archive does not exist."""


class BackupExists(BootstrapError, code="backup-exists", exit_status=FILES):
    """An archive of that name exists already, and archives are never overwritten."""


class ResourcesMissing(BootstrapError, code="resources-missing", exit_status=RESOURCES):
    """There is not enough memory, or the limit of file descriptors or processes is too low. Nothing else is wrong."""


class LibraryMissing(BootstrapError, code="library-missing", exit_status=FILES):
    """A Python library that only some commands need is not installed: botocore, for S3."""


class AccountMissing(BootstrapError, code="account-missing", exit_status=FILES):
    """The user or group that should own a file does not exist on this system."""


class GenerationMissing(BootstrapError, code="generation-missing", exit_status=FILES):
    """The requested generation is not kept any more, or cannot be read."""


class LockBusy(BootstrapError, code="lock-busy", exit_status=BUSY):
    """Another teleport-bootstrap process runs on this host, and did not end before the deadline."""


class ClusterLockHeld(BootstrapError, code="lock-held", exit_status=BUSY):
    """Another auth server of the cluster holds the lock that they share, and does the work."""


class LeaseLost(BootstrapError, code="lease-lost", exit_status=BUSY):
    """This host lost the lock that the cluster's auth servers share, so the work was stopped before its end.

    Its renewal was not confirmed in time, or another host took it.
    """


class DatabaseDamaged(BootstrapError, code="database-damaged", exit_status=FILES):
    """SQLite reports that a database of Teleport is damaged. `backup` leaves it out, and is then incomplete."""


class BackupIncomplete(BootstrapError, code="backup-incomplete", exit_status=INCOMPLETE):
    """A backup lacks files that could not be read. The message lists them; all others are in it, and are undamaged."""


class ConfirmationNeeded(BootstrapError, code="confirmation-needed", exit_status=UNCONFIRMED):
    """The command would change this machine, and there was no terminal to ask for confirmation."""


class ManualEdit(BootstrapError, code="manual-edit", exit_status=MANUAL_EDIT):
    """teleport.yaml has a manual edit, which is not overwritten silently."""


class ChangeRolledBack(BootstrapError, code="rolled-back", exit_status=ROLLED_BACK):
    """Teleport did not become healthy with the new configuration, but is with the previous one, which was restored."""


class UnhealthyAfterRollback(BootstrapError, code="unhealthy-after-rollback", exit_status=UNHEALTHY_AFTER_ROLLBACK):
    """Teleport did not become healthy with the new configuration, nor with the previous one, which was restored."""


class RestoreRefused(BootstrapError, code="restore-refused", exit_status=CONF_OR_USAGE):
    """The archive does not fit this host (another role, cluster or Teleport, existing data). All reasons are listed."""


class UndoMissing(BootstrapError, code="undo-missing", exit_status=FILES):
    """There is no restore to undo on this host: none was made, or the data from before it was removed."""


class RestorePending(BootstrapError, code="restore-pending", exit_status=CONF_OR_USAGE):
    """The conf asks for a restore that has not been made yet, so Teleport would start without its data."""


class ImageNotSealed(BootstrapError, code="image-not-sealed", exit_status=UNSEALED):
    """The image holds files of one instance: identities, keys, tokens, state, histories. The message lists them."""

    def __init__(self, summary: str, findings: Sequence[Finding]) -> None:
        # Each remedy is a command to copy, and so has a line of its own.
        lines = [line for each in findings for line in (f"{each.place}: {each.message}", f"    {each.remedy}")]
        hint = "Run the command below each line, then run `teleport-bootstrap seal` again."
        super().__init__(summary, lines=lines, hint=hint)
        self.summary = display.lines([summary])
        self.findings = tuple(findings)


class UnitTrouble(BootstrapError, code="unit-trouble", exit_status=UNITS):
    """systemd did not do what it was asked to do."""


class ArchiveDamaged(BootstrapError, code="archive-damaged", exit_status=ARCHIVE):
    """A backup differs from what was written: bytes are changed, missing or added. The message names the first file."""


class ArchiveUnsafe(BootstrapError, code="archive-unsafe", exit_status=ARCHIVE):
    """A backup is complete, but must not be unpacked: it holds paths that lead outside, devices, or more than fits."""


class ArchiveUnknown(BootstrapError, code="archive-unknown", exit_status=ARCHIVE):
    """The file is not a backup of this agent, is one of a later version, or needs a program that is not installed."""


class CompressorTrouble(BootstrapError, code="compressor-trouble", exit_status=FILES):
    """The program that compresses or decompresses backups could not be started, failed, or made no progress."""


def catalogue() -> list[type[BootstrapError]]:
    """Return every kind of error in the order of this file, for the manual and the catalogue of the journal."""
    return BootstrapError.__subclasses__()


def _count(problems: Sequence[Finding]) -> str:
    return f"{len(problems)} problem" + ("" if len(problems) == 1 else "s")


@contextlib.contextmanager
def file_trouble_at(path: str) -> Iterator[None]:
    """Raise FileTrouble, naming `path`, for an OSError of the body, which must not have changed anything."""
    try:
        yield
    except OSError as error:
        raise FileTrouble(
            f"{path} cannot be written: {error.strerror}",
            hint="Nothing was changed. Check the free space, the mount options and the type of the existing file.",
        ) from None
