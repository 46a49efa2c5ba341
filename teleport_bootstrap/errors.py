"""The catalogue of everything that can go wrong: code, exit status, journal message id, in one place.

Raise the class that fits, with a message that names what and where and a hint that says what to do next. Only
`teleport_bootstrap.cli` turns these into output and an exit status. The docstring of a class is its entry in the
manual.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from teleport_bootstrap.finding import Finding

# Exit statuses; the manual lists them, and automation relies on them: never renumber.
OK = 0
INTERNAL = 1
CONF_OR_USAGE = 2
METADATA = 3
AWS = 4
TELEPORT = 5
FILES = 6
BUSY = 7
UNITS = 8
UNHEALTHY = 9
PENDING = 10
UNCONFIRMED = 11
MANUAL_EDIT = 12
ROLLED_BACK = 13
UNHEALTHY_AFTER_ROLLBACK = 14
# Only of `status`: Teleport serves, but something is not as it was applied.
DRIFTED = 15
ARCHIVE = 16
CERTIFICATE = 17
UNSEALED = 18

# What each says, for the manual.
MEANINGS = {
    OK: "done, or nothing to do",
    INTERNAL: "a defect in teleport-bootstrap itself",
    CONF_OR_USAGE: "the conf or the command line is wrong; trying again will not help",
    METADATA: "the instance metadata service did not answer, or not sensibly",
    AWS: "AWS: credentials, permissions, throttling, a parameter that is missing or empty",
    TELEPORT: "the installed Teleport cannot run this configuration",
    FILES: "files: no space, read-only, not permitted, or changeable by someone who is not root",
    BUSY: "another teleport-bootstrap is at work",
    UNITS: "systemd did not do what was asked of it",
    UNHEALTHY: "everything was done, but Teleport is not healthy",
    PENDING: "a token, a pin or a certificate that Teleport cannot start without is not there yet",
    UNCONFIRMED: "something would change, and nobody was there to agree: add --yes",
    MANUAL_EDIT: "teleport.yaml was edited by hand, and the edit would be lost",
    ROLLED_BACK: "Teleport was not well with the new configuration; the old one is back, and it is well",
    UNHEALTHY_AFTER_ROLLBACK: "as 13, but Teleport is not well with the old configuration either",
    DRIFTED: "status: Teleport is healthy, but something is not as it was applied",
    ARCHIVE: "a backup is damaged or cut off, is no backup, or is not safe to unpack",
    CERTIFICATE: "certbot failed, or there is no certificate that can be used",
    UNSEALED: "seal: an image holds what belongs to one instance",
}

_MESSAGE_ID_NAMESPACE = uuid.UUID("0f1a2e6c-57c1-5d0b-9d26-6a1f6b8c2b11")


class BootstrapError(Exception):
    """An error of this agent; never raised itself, always one of the kinds below.

    `message` is the given summary and, below it, a line for each of `findings`.
    """

    code: ClassVar[str] = "internal-error"
    exit_status: ClassVar[int] = INTERNAL

    def __init__(self, summary: str, *, hint: str = "", findings: Sequence[Finding] = ()) -> None:
        self.message = "\n".join([summary, *map(str, findings)])
        super().__init__(self.message)
        self.hint = hint
        self.findings = tuple(findings)

    def problems(self) -> list[dict[str, Any]]:
        """Return the findings for JSON."""
        return [each.data() for each in self.findings]

    @classmethod
    def message_id(cls) -> str:
        """The journal MESSAGE_ID of this kind of error: 32 hexadecimal digits, the same on every machine."""
        return uuid.uuid5(_MESSAGE_ID_NAMESPACE, cls.code).hex


class UsageError(BootstrapError):
    """The command line asks for something that does not exist or does not fit together."""

    code = "usage"
    exit_status = CONF_OR_USAGE


class ConfMissing(BootstrapError):
    """There is no /etc/teleport.d/conf, and no /etc/teleport.yaml either: nothing says what this instance should be."""

    code = "conf-missing"
    exit_status = CONF_OR_USAGE


class ConfInvalid(BootstrapError):
    """The conf holds text that is not a plain assignment, or values that do not fit; all problems are listed."""

    code = "conf-invalid"
    exit_status = CONF_OR_USAGE

    def __init__(self, path: str, findings: tuple[Finding, ...]) -> None:
        count = f"{len(findings)} problem" + ("" if len(findings) == 1 else "s")
        super().__init__(
            f"{path}: {count}",
            hint=f"Edit {path}, then run `teleport-bootstrap validate` until it reports no problem.",
            findings=findings,
        )
        self.path = path


class OverrideInvalid(BootstrapError):
    """A file in /etc/teleport.d/teleport.yaml.d is not strict YAML, or changes what cannot change; all is listed."""

    code = "override-invalid"
    exit_status = CONF_OR_USAGE

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        count = f"{len(findings)} problem" + ("" if len(findings) == 1 else "s")
        super().__init__(
            f"overrides: {count}",
            hint="Correct the file, or move it out of the directory; `teleport-bootstrap render` checks it.",
            findings=findings,
        )


class DocumentInvalid(BootstrapError):
    """Teleport would not start, or not work, with the teleport.yaml that conf and overrides make; all is listed."""

    code = "document-invalid"
    exit_status = CONF_OR_USAGE

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        count = f"{len(findings)} problem" + ("" if len(findings) == 1 else "s")
        super().__init__(
            f"teleport.yaml would not work: {count}",
            hint="Correct these lines, then check the result with `teleport-bootstrap render --explain`.",
            findings=findings,
        )


class NeededFileMissing(BootstrapError):
    """The teleport.yaml that would be written names a file that Teleport needs at start and that is not there."""

    code = "needed-file-missing"
    exit_status = FILES


class MetadataFileInvalid(BootstrapError):
    """The file given with --metadata is not the YAML mapping of instance facts that it should be."""

    code = "metadata-file-invalid"
    exit_status = CONF_OR_USAGE


class MetadataUnreachable(BootstrapError):
    """The instance metadata service did not answer within the deadline."""

    code = "metadata-unreachable"
    exit_status = METADATA


class MetadataDisabled(BootstrapError):
    """The instance metadata service answered 403: it is turned off for this instance, or refuses this caller."""

    code = "metadata-disabled"
    exit_status = METADATA


class MetadataInvalid(BootstrapError):
    """The instance metadata service answered with something that is not the value asked for."""

    code = "metadata-invalid"
    exit_status = METADATA


class MetadataAbsent(BootstrapError):
    """The instance metadata service does not have an item that is needed."""

    code = "metadata-absent"
    exit_status = METADATA


class CredentialsMissing(BootstrapError):
    """The instance has no role, or its credentials did not arrive within the deadline."""

    code = "credentials-missing"
    exit_status = AWS


class AwsDenied(BootstrapError):
    """AWS refused a call: the instance role lacks a permission."""

    code = "aws-denied"
    exit_status = AWS


class AwsThrottled(BootstrapError):
    """AWS kept answering that there are too many calls, until the deadline passed."""

    code = "aws-throttled"
    exit_status = AWS


class AwsUnreachable(BootstrapError):
    """An AWS endpoint did not answer within the deadline."""

    code = "aws-unreachable"
    exit_status = AWS


class ClockWrong(BootstrapError):
    """This machine's clock is so far off that AWS refuses every call that it signs."""

    code = "clock-wrong"
    exit_status = AWS


class AwsFailed(BootstrapError):
    """AWS answered with an error that is none of the usual kinds."""

    code = "aws-failed"
    exit_status = AWS


class BucketUnusable(BootstrapError):
    """The S3 bucket does not exist, is in a region that is out of reach, or does not do what was asked of it."""

    code = "bucket-unusable"
    exit_status = AWS


class ObjectMissing(BootstrapError):
    """An object that is needed is not in the S3 bucket."""

    code = "object-missing"
    exit_status = AWS


class ObjectChanged(BootstrapError):
    """An object in the S3 bucket was replaced while it was read, so that what came belongs to two versions."""

    code = "object-changed"
    exit_status = AWS


class TableUnusable(BootstrapError):
    """A DynamoDB table that the storage section names does not exist, or cannot be backed up at the moment."""

    code = "table-unusable"
    exit_status = AWS


class ParameterMissing(BootstrapError):
    """A parameter that the conf asks for does not exist in SSM Parameter Store."""

    code = "parameter-missing"
    exit_status = AWS


class ParameterEmpty(BootstrapError):
    """A parameter exists in SSM Parameter Store but holds nothing usable."""

    code = "parameter-empty"
    exit_status = AWS


class ParameterInvalid(BootstrapError):
    """A parameter exists in SSM Parameter Store but is not what its name promises, such as a CA pin."""

    code = "parameter-invalid"
    exit_status = AWS


class SecretsPending(BootstrapError):
    """What Teleport needs to join its cluster is not here yet: not published by the auth server, or out of reach."""

    code = "secrets-awaited"
    exit_status = PENDING


class CertificatePending(BootstrapError):
    """The certificate that Teleport's web port serves with is not here yet: not obtained yet, or out of reach."""

    code = "certificate-awaited"
    exit_status = PENDING


class CertificateUnusable(BootstrapError):
    """A certificate was found that cannot be used: another key, other names, an incomplete chain, or expired."""

    code = "certificate-unfit"
    exit_status = CERTIFICATE


class CertificateNotServed(BootstrapError):
    """A new certificate is installed, and the Teleport that runs was not seen to serve with it after a reload."""

    code = "not-taken-up"
    exit_status = UNHEALTHY


class CertbotTrouble(BootstrapError):
    """certbot is not installed, failed, or did not end in time; nothing that was valid before was changed."""

    code = "certbot-trouble"
    exit_status = CERTIFICATE


class TeleportUnsupported(BootstrapError):
    """The installed Teleport cannot run what the conf asks for: too old, another edition, or not a FIPS build."""

    code = "teleport-unsupported"
    exit_status = TELEPORT


class TeleportRefused(BootstrapError):
    """The installed Teleport does not accept the configuration that was about to be written."""

    code = "teleport-refused"
    exit_status = TELEPORT


class TeleportVersionUnknown(BootstrapError):
    """The installed Teleport did not say which version it is."""

    code = "teleport-unknown"
    exit_status = TELEPORT


class TctlFailed(BootstrapError):
    """`tctl` did not do what it was asked: it is not there, the auth service does not answer, or it refuses."""

    code = "tctl-failed"
    exit_status = TELEPORT


class RenderMismatch(BootstrapError):
    """The rendered teleport.yaml does not say what was planned; a defect of this agent, caught before writing."""

    code = "render-mismatch"
    exit_status = INTERNAL


class UntrustedPath(BootstrapError):
    """A file or directory that decides what root does can be changed by someone who is not root."""

    code = "untrusted-path"
    exit_status = FILES


class FileTrouble(BootstrapError):
    """A file could not be read or written: no space, read-only, not permitted, or not a regular file."""

    code = "file-trouble"
    exit_status = FILES


class BackupMissing(BootstrapError):
    """There is no such archive where it was looked for."""

    code = "backup-missing"
    exit_status = FILES


class BackupExists(BootstrapError):
    """There is an archive of that name already, and none is ever overwritten."""

    code = "backup-exists"
    exit_status = FILES


class AccountMissing(BootstrapError):
    """A file should belong to a user or group that this system does not have."""

    code = "account-missing"
    exit_status = FILES


class GenerationMissing(BootstrapError):
    """The generation asked for is not kept any more, or cannot be read."""

    code = "generation-missing"
    exit_status = FILES


class LockBusy(BootstrapError):
    """Another teleport-bootstrap is at work, and did not finish within the deadline."""

    code = "lock-busy"
    exit_status = BUSY


class ClusterLockHeld(BootstrapError):
    """Another auth server of the cluster holds the lock that they share; what is to be done, it does."""

    code = "lock-held"
    exit_status = BUSY


class LeaseLost(BootstrapError):
    """The lock that the cluster's auth servers share may no longer be held here: the work was stopped before its end.

    Its renewal was not confirmed in time, or another host has taken it.
    """

    code = "lease-lost"
    exit_status = BUSY


class DatabaseDamaged(BootstrapError):
    """SQLite finds a database of Teleport's damaged, so that a backup would not bring it back."""

    code = "database-damaged"
    exit_status = FILES


class ConfirmationNeeded(BootstrapError):
    """The command would change this machine, and nobody was there to say yes."""

    code = "confirmation-needed"
    exit_status = UNCONFIRMED


class ManualEdit(BootstrapError):
    """teleport.yaml is not what was applied: somebody has edited it, and it is not overwritten silently."""

    code = "hand-edited"
    exit_status = MANUAL_EDIT


class ChangeRolledBack(BootstrapError):
    """Teleport was not well with the new configuration; the old one is back, and Teleport is well with it."""

    code = "rolled-back"
    exit_status = ROLLED_BACK


class UnhealthyAfterRollback(BootstrapError):
    """Teleport was not well with the new configuration, and is not with the old one either, which is back."""

    code = "still-sick"
    exit_status = UNHEALTHY_AFTER_ROLLBACK


class RestoreRefused(BootstrapError):
    """An archive should not be restored here: another role, cluster or Teleport, data in the way; all is listed."""

    code = "restore-refused"
    exit_status = CONF_OR_USAGE


class UndoMissing(BootstrapError):
    """There is no restore to undo on this host: none was made, or what it had put aside was removed."""

    code = "undo-missing"
    exit_status = FILES


class RestorePending(BootstrapError):
    """The conf asks for a backup to be restored, which has not been done; a Teleport would start without its data."""

    code = "restore-pending"
    exit_status = CONF_OR_USAGE


class ImageNotSealed(BootstrapError):
    """An image holds files that belong to one instance: identities, keys, tokens, state, histories; all are listed."""

    code = "image-not-sealed"
    exit_status = UNSEALED

    def __init__(self, summary: str, findings: Sequence[Finding]) -> None:
        # Each remedy is a command to copy, and so has a line of its own.
        lines = [f"{each.place}: {each.message}\n    {each.remedy}" for each in findings]
        hint = "Run the command below each line, then run `teleport-bootstrap seal` again."
        super().__init__("\n".join([summary, *lines]), hint=hint)
        self.findings = tuple(findings)


class UnitTrouble(BootstrapError):
    """systemd did not do what was asked of it."""

    code = "unit-trouble"
    exit_status = UNITS


class ArchiveDamaged(BootstrapError):
    """A backup is not as it was written: bytes are changed, missing or added. The damaged files are named.

    `damaged` holds the first of them, as (path, what is wrong with it); `damaged_in_all` counts all of them.
    """

    code = "archive-damaged"
    exit_status = ARCHIVE

    def __init__(
        self, message: str, *, hint: str = "", damaged: tuple[tuple[str, str], ...] = (), damaged_in_all: int = 0
    ) -> None:
        super().__init__(message, hint=hint)
        self.damaged = damaged
        self.damaged_in_all = max(damaged_in_all, len(damaged))


class ArchiveUnsafe(BootstrapError):
    """A backup is undamaged, but holds what must not be unpacked: paths that lead out, devices, more than fits."""

    code = "archive-unsafe"
    exit_status = ARCHIVE


class ArchiveUnknown(BootstrapError):
    """A file is not a backup of this agent, is one of a later version, or takes a program that is not installed."""

    code = "archive-unknown"
    exit_status = ARCHIVE


class CompressorTrouble(BootstrapError):
    """The program that compresses or expands a backup could not be run, failed, or did nothing for too long."""

    code = "compressor-trouble"
    exit_status = FILES


def catalogue() -> Iterator[type[BootstrapError]]:
    """Every kind of error, in the order of this file; what the manual and the journal catalogue are made from."""
    yield from BootstrapError.__subclasses__()
