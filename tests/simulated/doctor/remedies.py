"""Carries out what `doctor` says is to be done, as an operator pastes it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.simulated_ec2 import Aws
from tests.stand_in import install_aws


def commands(remedy: str) -> list[str]:
    """Return the commands in a remedy."""
    return re.findall("`([^`]+)`", remedy)


def carry_out(directory: Path, aws: Aws, command: str) -> None:
    """Run a command of AWS's command line in a shell, against the simulated account."""
    install_aws(directory)
    environ = {"PATH": f"{directory}:/usr/bin:/bin", "AWS_ENDPOINT_URL": aws.url}
    done = subprocess.run(["sh", "-ec", command], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
