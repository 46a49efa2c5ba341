"""What cfn-lint, with the schemas of CloudFormation's own resources, finds in a template."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

# One region for each set of schemas: commercial ones, GovCloud, China.
PARTITIONS = ("us-east-1", "us-gov-west-1", "cn-north-1")
# More of them take minutes. The oldest and the newest of commercial regions differ in what they have.
REGIONS = (
    *PARTITIONS,
    *("us-east-2", "us-west-2", "ca-central-1", "sa-east-1", "eu-west-1", "eu-central-1", "eu-north-1", "eu-south-2"),
    *("ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "ap-south-1", "me-central-1", "af-south-1"),
    *("us-gov-east-1", "cn-northwest-1"),
)
_COMMAND = (sys.executable, "-c", "import sys; from cfnlint import runner; sys.exit(runner.main())")


def findings(path: Path, regions: Iterable[str]) -> str:
    """Return what it finds, also what it only notes; nothing for a template in order."""
    options = ("--non-zero-exit-code", "informational", "--format", "parseable", "--regions", *regions)
    done = subprocess.run([*_COMMAND, str(path), *options], capture_output=True, text=True, timeout=1200, check=False)
    if done.returncode and not done.stdout:
        raise RuntimeError(done.stderr)
    return done.stdout
