"""On-demand backups of DynamoDB tables, which DynamoDB makes by itself beside the table.

Such a backup holds the table as it was when it was asked for, to the minute: what was written in the minute before or
after may be in it or not (API reference, CreateBackup). It takes nothing of the table's throughput, and is kept until
it is deleted, also when the table itself is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from botocore import exceptions

from teleport_bootstrap import errors
from teleport_bootstrap.aws import calls, failures, session
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import retry

if TYPE_CHECKING:
    from collections.abc import Callable

    from teleport_bootstrap.aws.access import Access

Result = TypeVar("Result")

# DynamoDB API reference, CreateBackup. A table's name is as long at most, so that it may have to be cut.
_LONGEST_NAME = 255
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")

# Usually seconds; the backup is as of the request in any case, so that there is no use in waiting for long.
AVAILABLE_SECONDS = 10.0


@dataclass(frozen=True)
class TableBackup:
    """A backup of `table`: its `arn`, and whether it was available when last asked, or still in the making."""

    table: str
    arn: str
    available: bool


def request(
    access: Access, tables: Sequence[str], suffix: str, *, clock: Optional[clocks.Clock] = None
) -> tuple[TableBackup, ...]:
    """Ask for a backup of each of `tables`, called TABLE-SUFFIX, and return them.

    All are asked for before one is waited for, so that they are of nearly the same moment; then AVAILABLE_SECONDS at
    most: after that, one that is still in the making is taken for made, which DynamoDB does reliably.
    They are in the region of `access`. Raises TableUnusable where a table is not there, or cannot be backed up now, and
    AwsDenied, AwsThrottled,
    AwsUnreachable, AwsFailed, ClockWrong; then backups of other tables may have been made, and stay.
    """
    door = _Door(access, clock)
    made = [(table, door.create(table, _name(table, suffix))) for table in tables]
    deadline = retry.Deadline(min(AVAILABLE_SECONDS, access.wait_seconds), clock)
    return tuple(TableBackup(table, arn, door.is_available(table, arn, deadline)) for table, arn in made)


class _Door:
    """A client for DynamoDB, and what messages say of its calls."""

    def __init__(self, access: Access, clock: Optional[clocks.Clock]) -> None:
        self._access = access
        self._client = access.client("dynamodb")
        self._clock = clock

    def create(self, table: str, name: str) -> str:
        """Ask for a backup and return its ARN.

        An attempt whose answer was lost may have made one already: that one is looked for before it is tried again.
        """
        attempts: list[int] = []

        def ask() -> str:
            if attempts:
                known = self._find(table, name)
                if known:
                    return known
            attempts.append(1)
            try:
                answer = self._client.create_backup(TableName=table, BackupName=name)
            except exceptions.ClientError as error:
                self._refuse(error, table)
                raise
            return _arn(answer.get("BackupDetails"))

        return self._perform("dynamodb:CreateBackup", self._table(table), ask)

    def is_available(self, table: str, arn: str, deadline: retry.Deadline) -> bool:
        """Whether the backup is available within the deadline; raises TableUnusable where it was deleted meanwhile.

        A role that may not look leaves it open.
        """

        def ask() -> bool:
            try:
                answer = self._client.describe_backup(BackupArn=arn)
            except exceptions.ClientError as error:
                if failures.code(error) == "BackupNotFoundException":
                    raise _Deleted from None
                raise
            status = answer.get("BackupDescription", {}).get("BackupDetails", {}).get("BackupStatus")
            if status == "DELETED":
                raise _Deleted
            return bool(status == "AVAILABLE")

        def attempt() -> bool:
            if self._perform("dynamodb:DescribeBackup", arn, ask):
                return True
            raise retry.Again("it is still in the making")

        try:
            return retry.until(deadline, attempt)
        except retry.DeadlinePassed:
            return False
        except errors.AwsDenied:
            return False
        except _Deleted:
            raise errors.TableUnusable(
                f"backup {arn} of DynamoDB table {table} was deleted as soon as it was made",
                hint="Look who deletes backups: AWS Backup, or a job of your own.",
            ) from None

    def _find(self, table: str, name: str) -> Optional[str]:
        """Return the ARN of the backup called `name`, None where there is none, or where we may not look."""
        try:
            answer = self._client.list_backups(TableName=table, BackupType="USER", Limit=100)
        except exceptions.ClientError as error:
            if failures.kind(error, now=0.0) is failures.Kind.DENIED:
                return None
            raise
        found = [each for each in answer.get("BackupSummaries", ()) if each.get("BackupName") == name]
        return str(found[0]["BackupArn"]) if found else None

    def _refuse(self, error: exceptions.ClientError, table: str) -> None:
        """Raise what says more than AWS's code does."""
        which = failures.code(error)
        if which in ("TableNotFoundException", "ResourceNotFoundException"):
            raise errors.TableUnusable(
                f"there is no DynamoDB table {table} in {self._access.region}",
                hint="Look at the storage section of teleport.yaml: the table's name, and its region.",
            ) from None
        if which in ("TableInUseException", "BackupInUseException", "ContinuousBackupsUnavailableException"):
            raise errors.TableUnusable(
                f"DynamoDB table {table} cannot be backed up now ({which})",
                hint=f"Wait until it is ACTIVE (aws dynamodb describe-table --table-name {table}), then try again.",
            ) from None
        if which == "LimitExceededException":  # too many at once, which passes
            throttled = {"Code": "ThrottlingException", "Message": which}
            raise exceptions.ClientError({**error.response, "Error": throttled}, error.operation_name) from None

    def _perform(self, action: str, resource: str, operation: Callable[[], Result]) -> Result:
        call = self._access.call(action, resource, client=self._client)
        deadline = retry.Deadline(self._access.wait_seconds, self._clock)
        return calls.perform(
            operation,
            call,
            deadline=deadline,
            attempt_seconds=session.attempt_seconds(self._client),
            renew=self._access.renew,
        )

    def _table(self, table: str) -> str:
        return f"arn:{self._access.partition}:dynamodb:{self._access.region}:*:table/{table}"


class _Deleted(Exception):
    """The backup was there and is no more."""


def _name(table: str, suffix: str) -> str:
    """Return what a backup is called: three characters at least, of those that AWS allows."""
    safe = _UNSAFE.sub("-", suffix)[: _LONGEST_NAME - 2]
    return f"{_UNSAFE.sub('-', table)[: _LONGEST_NAME - 1 - len(safe)]}-{safe}"


def _arn(details: Optional[Mapping[str, Any]]) -> str:
    if not details or not details.get("BackupArn"):
        raise failures.NotAnAnswer
    return str(details["BackupArn"])
