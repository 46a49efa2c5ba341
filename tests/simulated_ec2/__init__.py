"""An EC2 instance's surroundings on loopback: its metadata service, and AWS's APIs."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Optional

from . import imds
from .aws import Aws

__all__ = ["Aws", "SimulatedEc2"]


class SimulatedEc2:
    """A metadata service and AWS's APIs, running within a `with`; `environ` leads a process to them.

    `data` is what the metadata service tells, by the keys of imds.DEFAULTS. `imds.service` and `aws` arrange
    parameters and faults, and tell what was asked.
    """

    def __init__(self, data: Optional[dict[str, Any]] = None, *, late_seconds: float = 0.0) -> None:
        self.imds = imds.Server(data, late_seconds=late_seconds)
        self.aws = Aws()

    @property
    def environ(self) -> dict[str, str]:
        return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": self.imds.url, "AWS_ENDPOINT_URL": self.aws.url}

    def __enter__(self) -> SimulatedEc2:
        try:
            self.aws.start()
            self.imds.start()
        except BaseException:
            self.aws.stop()
            raise
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.imds.stop()
        self.aws.stop()
