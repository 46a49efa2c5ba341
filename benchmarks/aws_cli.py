"""The AWS command line, which the scripts of the public images call once for each parameter.

Version 1 comes from PyPI in a pinned version, so that the same program is measured on every machine. The images have
version 2, which no package index has; Debian packages it, as Amazon Linux 2023 does, and it is measured beside
version 1 where it is installed. Version 1 starts faster, so the targets are held against that one.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import Optional

from benchmarks import libraries
from benchmarks.builds import CHECKOUT
from benchmarks.measuring import SYSTEM_PATH

# The newest for each Python.
VERSION = "1.46.3" if sys.version_info >= (3, 10) else "1.44.87"

_CONSTRAINTS = """\
colorama==0.4.6
docutils==0.19
pyasn1==0.6.5
rsa==4.7.2
"""


def version_1() -> str:
    """Return the words that run version 1, which is installed if that is necessary. Raises Failed."""
    pinned = (CHECKOUT / "tests/requirements-demo.txt").read_text(encoding="utf-8")
    kept = [line for line in pinned.splitlines() if not line.startswith(("botocore==", "boto3==", "s3transfer=="))]
    return f"{libraries.interpreter([f'awscli=={VERSION}'], _CONSTRAINTS + chr(10).join(kept))} -m awscli"


def version_2() -> Optional[str]:
    """Return the program of version 2, or None where it is not installed."""
    program = shutil.which("aws", path=SYSTEM_PATH)
    if program is None:
        return None
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return program if done.stdout.startswith("aws-cli/2.") else None
