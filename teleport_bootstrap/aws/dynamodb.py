"""DynamoDB: requests about one table, and on-demand backups, which DynamoDB keeps beside the table.

Such a backup holds the table as of the request, to the minute: writes of the minute before or after may be in it or not
(API reference, CreateBackup). It uses none of the table's throughput, and stays until it is deleted, even when the
table itself is deleted.
"""

from __future__ import annotations

from collections.abc import Sequence

from teleport_bootstrap import errors, regex
from teleport_bootstrap.aws import failures
from teleport_bootstrap.aws.service import Service
from teleport_bootstrap.host import retry
from teleport_bootstrap.records import dataclass

# DynamoDB API reference, CreateBackup. A table's name may be as long, so that it may have to be cut.
_LONGEST_NAME = 255
_UNSAFE = regex.compile(r"[^A-Za-z0-9_.-]")

# A backup usually takes seconds. It is as of the request in any case, so that waiting longer gains nothing.
AVAILABLE_SECONDS = 10.0

_BUSY = ("TableInUseException", "BackupInUseException", "ContinuousBackupsUnavailableException")


@dataclass(frozen=True)
class TableBackup:
    """A backup of `table`: its `arn`, and whether DynamoDB said that it was available, or was still creating it."""

    table: str
    arn: str
    available: bool


class DynamoDb(Service):
    """DynamoDB in one region; get it from `account.Aws.dynamodb`, which says what methods raise."""

    def table_arn(self, table: str) -> str:
        """Return the ARN of `table`, with `*` for the account."""
        return self.arn(f"table/{table}", service="dynamodb")

    def back_up(self, tables: Sequence[str], suffix: str) -> tuple[TableBackup, ...]:
        """Request a backup of each of `tables`, named TABLE-SUFFIX, and return them.

        All are requested before one is waited for, so that they are of nearly the same moment. The wait ends after
        AVAILABLE_SECONDS: DynamoDB reliably completes a backup that it has accepted.
        Raises TableUnusable where a table does not exist or cannot be backed up now. After an error, backups of other
        tables may have been made; they stay.
        """
        arns = [(table, self._create_backup(table, _backup_name(table, suffix))) for table in tables]
        deadline = retry.Deadline(min(AVAILABLE_SECONDS, self.wait_seconds), self.clock)
        return tuple(TableBackup(table, arn, self._is_available(table, arn, deadline)) for table, arn in arns)

    def _create_backup(self, table: str, name: str) -> str:
        """Request a backup and return its ARN.

        An attempt whose answer was lost may have created the backup: a retry looks for that one first.
        """
        attempts: list[int] = []

        def attempt() -> str:
            existing = self._find_backup(table, name) if attempts else None
            if existing:
                return existing
            attempts.append(1)
            try:
                answer = self.request("CreateBackup", expect="BackupDetails", TableName=table, BackupName=name)
            except failures.Refusal as error:
                self._refuse(error, table)
                raise
            arn = answer["BackupDetails"].get("BackupArn")
            if not arn:
                raise failures.NotAnAnswer
            return str(arn)

        return self.perform("dynamodb:CreateBackup", [self.table_arn(table)], attempt)

    def _is_available(self, table: str, arn: str, deadline: retry.Deadline) -> bool:
        """Return whether the backup became available within the deadline; False where the role may not ask.

        Raises TableUnusable where the backup was deleted meanwhile.
        """
        deleted = errors.TableUnusable(
            f"backup {arn} of DynamoDB table {table} was deleted as soon as it was made",
            hint="Find out what deletes backups: AWS Backup, or a job of your own.",
        )

        def request() -> bool:
            try:
                answer = self.request("DescribeBackup", BackupArn=arn)
            except failures.Refusal as error:
                if failures.code(error) == "BackupNotFoundException":
                    raise deleted from None
                raise
            status = answer.get("BackupDescription", {}).get("BackupDetails", {}).get("BackupStatus")
            if status == "DELETED":
                raise deleted
            return bool(status == "AVAILABLE")

        def attempt() -> bool:
            if self.perform("dynamodb:DescribeBackup", [arn], request, deadline):
                return True
            raise retry.Again("DynamoDB is still creating it")

        try:
            return retry.until(deadline, attempt, what=f"DynamoDB's backup of {table}")
        except (retry.DeadlinePassed, errors.AwsDenied):
            return False

    def _find_backup(self, table: str, name: str) -> str | None:
        """Return the ARN of the backup called `name`, None where there is none or the role may not list backups."""
        try:
            answer = self.request("ListBackups", TableName=table, BackupType="USER", Limit=100)
        except failures.Refusal as error:
            if failures.kind(error, now=0.0) is failures.Kind.DENIED:
                return None
            raise
        arns = [each["BackupArn"] for each in answer.get("BackupSummaries", ()) if each.get("BackupName") == name]
        return str(arns[0]) if arns else None

    def _refuse(self, error: failures.Refusal, table: str) -> None:
        """Raise an error that says more than AWS's code, where there is one."""
        code = failures.code(error)
        if code in ("TableNotFoundException", "ResourceNotFoundException"):
            raise errors.TableUnusable(
                f"there is no DynamoDB table {table} in {self.region}",
                hint="Check the storage section of teleport.yaml: the table's name, and its region.",
            ) from None
        if code in _BUSY:
            raise errors.TableUnusable(
                f"DynamoDB table {table} cannot be backed up now ({code})",
                hint=f"Wait until it is ACTIVE (aws dynamodb describe-table --table-name {table}), then try again.",
            ) from None
        if code == "LimitExceededException":  # too many backups at once, which passes
            raise failures.with_code(error, "ThrottlingException") from None


def _backup_name(table: str, suffix: str) -> str:
    """Return a valid name for a backup: three to 255 of the characters that AWS allows."""
    safe = _UNSAFE.sub("-", suffix)[: _LONGEST_NAME - 2]
    return f"{_UNSAFE.sub('-', table)[: _LONGEST_NAME - 1 - len(safe)]}-{safe}"
