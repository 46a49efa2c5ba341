"""What tests of this layer share: a metadata service and AWS's APIs on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator


@pytest.fixture
def imds() -> Iterator[emulator.Server]:
    """A metadata service of its own for each test, already listening; arrange it through `imds.service`."""
    server = emulator.Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def running_aws() -> Iterator[Aws]:
    aws = Aws()
    aws.start()
    yield aws
    aws.stop()


@pytest.fixture
def aws(running_aws: Aws) -> Aws:
    """AWS's APIs, empty and faultless at the start of each test; one process serves all of them."""
    running_aws.reset()
    return running_aws
