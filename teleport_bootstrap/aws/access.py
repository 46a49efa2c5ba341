"""How this instance calls AWS: its region, its role's credentials, and the endpoints that the environment names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from teleport_bootstrap.aws import failures, partition, session

if TYPE_CHECKING:
    from teleport_bootstrap.ec2.credentials import InstanceCredentials


@dataclass(frozen=True)
class Access:
    """What every client needs; one for a whole command, so that the credentials are fetched once.

    `wait_seconds` bounds one call with its repetitions, not a command that makes many.
    """

    region: str
    credentials: InstanceCredentials
    environ: Mapping[str, str]
    fips: bool = False
    wait_seconds: float = 60.0

    def client(self, service: str, *, read_seconds: Optional[float] = None) -> Any:
        """Return a botocore client for `service` in this region, as teleport_bootstrap.aws.session.client makes it."""
        return session.client(
            service,
            region=self.region,
            credentials=self.credentials,
            environ=self.environ,
            fips=self.fips,
            deadline_seconds=self.wait_seconds,
            read_seconds=read_seconds,
        )

    def in_region(self, region: str) -> Access:
        """Return the same for another region, with the same credentials."""
        return dataclasses.replace(self, region=region)

    @property
    def partition(self) -> str:
        """The partition of the region, as ARNs name it."""
        return partition.of(self.region).name

    def renew(self) -> None:
        """Fetch fresh credentials, where AWS calls those in use expired; for teleport_bootstrap.aws.calls.perform."""
        self.credentials.renew()

    def call(self, action: str, *resources: str, client: Any) -> failures.Call:
        """Return what messages about a call of `client` say: the IAM action, and the ARNs that it is for."""
        return failures.Call(
            action=action,
            resources=resources,
            endpoint=client.meta.endpoint_url,
            region=self.region,
            partition=self.partition,
        )
