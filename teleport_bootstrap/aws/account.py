"""The one way to AWS: each service, called from this instance with the credentials of its role."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from teleport_bootstrap.aws import botocore_client, endpoints, service
from teleport_bootstrap.aws.dynamodb import DynamoDb
from teleport_bootstrap.aws.ec2 import Ec2
from teleport_bootstrap.aws.s3 import READ_SECONDS, Bucket
from teleport_bootstrap.aws.ssm import ParameterStore
from teleport_bootstrap.ec2 import credentials as instance_credentials
from teleport_bootstrap.ec2.imds import Imds
from teleport_bootstrap.host import clock as clocks


@dataclass(frozen=True)
class Aws:
    """AWS in one region. Make one for a whole command, so that credentials are fetched once.

    `credentials` are the instance's or, in tests, any of botocore's. `environ` may name endpoints, see
    `botocore_client.create`. `wait_seconds` bounds one call with its retries, not a command that makes many.

    The properties and `s3` send nothing; the methods of what they return raise AwsDenied, AwsThrottled, AwsUnreachable,
    AwsFailed, ClockWrong, CredentialsMissing, and UsageError for invalid variables in `environ`.
    """

    region: str
    credentials: Any
    environ: Mapping[str, str]
    fips: bool = False
    wait_seconds: float = 60.0
    clock: clocks.Clock = clocks.SYSTEM

    @classmethod
    def of_instance(
        cls, imds: Imds, region: str, environ: Mapping[str, str], *, fips: bool = False, wait_seconds: float = 60.0
    ) -> Aws:
        """Return AWS as the role of this instance may call it; its credentials are fetched from `imds` now.

        Raises what teleport_bootstrap.ec2.credentials.refreshable raises.
        """
        credentials = instance_credentials.refreshable(imds, deadline_seconds=wait_seconds)
        return cls(region, credentials, environ, fips, wait_seconds)

    def in_region(self, region: str) -> Aws:
        """Return AWS in another region, with the same credentials."""
        return dataclasses.replace(self, region=region)

    @property
    def partition(self) -> str:
        """The partition of the region, as in ARNs."""
        return endpoints.partition_of(self.region).name

    @property
    def ssm(self) -> ParameterStore:
        """SSM Parameter Store."""
        return ParameterStore(self._service("ssm"))

    @property
    def dynamodb(self) -> DynamoDb:
        """DynamoDB: items of a table, and on-demand backups of tables."""
        return DynamoDb(self._service("dynamodb"))

    @property
    def ec2(self) -> Ec2:
        """The EC2 API, which is not the instance metadata service."""
        return Ec2(self._service("ec2"))

    def s3(self, bucket: str, *, expected_owner: str | None = None, kms_key_id: str | None = None) -> Bucket:
        """Return the S3 bucket named `bucket`, in whatever region it is.

        `expected_owner` is an account number: S3 refuses each call when the bucket belongs to another account.
        `kms_key_id` (id, ARN or alias) is the key to encrypt with; without it the bucket's own setting decides.
        Raises UsageError for an invalid name or account number.
        """
        return Bucket(
            self._service("s3", read_seconds=READ_SECONDS),
            bucket,
            expected_owner=expected_owner,
            kms_key_id=kms_key_id,
            in_region=lambda region: self.in_region(region)._service("s3", read_seconds=READ_SECONDS),
        )

    def _service(self, name: str, *, read_seconds: float | None = None) -> service.Service:
        client = botocore_client.create(
            name,
            region=self.region,
            credentials=self.credentials,
            environ=self.environ,
            fips=self.fips,
            deadline_seconds=self.wait_seconds,
            read_seconds=read_seconds,
        )
        renew = getattr(self.credentials, "renew", None)
        return service.Service(client, wait_seconds=self.wait_seconds, renew=renew, clock=self.clock)
