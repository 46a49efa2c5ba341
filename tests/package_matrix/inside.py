"""Runs the unit tests in the tree of a release, with its Python and its packages of the agent's libraries.

`./dev test inside RELEASE [PYTEST OPTIONS...]` runs this as root. What the tests themselves need is installed from
the pinned requirement files, into a virtual environment that sees the release's libraries.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import packages
from tests.boot import trees
from tests.package_matrix import workshops

# From the release, since this is about them: the agent's own libraries, and what they need. Other layers' tools and the
# simulated AWS are left out.
_NOT_NEEDED = (
    *("botocore", "certifi", "charset-normalizer", "idna", "Jinja2", "jmespath", "MarkupSafe", "python-dateutil"),
    *("PyYAML", "requests", "six", "urllib3", "atheris", "docker", "Flask", "flask-cors", "moto", "mypy", "ruff"),
)

# pip trusts the authorities of this machine, which may have a mirror of its own.
_RUN = """
set -eu
python3 -m venv --system-site-packages /tmp/tests
export PIP_CERT=/mnt/authorities.pem PIP_DISABLE_PIP_VERSION_CHECK=1
/tmp/tests/bin/python -m pip install -q --no-deps -r /mnt/requirements.txt
cd /mnt/checkout
/tmp/tests/bin/python -c '
import sys, botocore, jinja2, requests, yaml
said = {module.__name__: module.__version__ for module in (botocore, jinja2, requests, yaml)}
print("Python", sys.version.split()[0], *(f"{name} {version}" for name, version in said.items()), flush=True)
assert "/usr/lib/python3" in yaml.__file__, yaml.__file__
'
exec /tmp/tests/bin/python -B -m pytest -p no:cacheprovider --timeout=300 "$@"
"""


def main(release: str, *options: str) -> int:
    """Run pytest in the tree of `release`; return its exit status."""
    if release not in trees.RELEASES:
        print(f"dev: {release} is not a release that can be booted: {', '.join(trees.RELEASES)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as directory:
        shared = Path(directory)
        packages.copy_of_checkout(shared / "checkout")
        (shared / "requirements.txt").write_text(_requirements())
        shutil.copy("/etc/ssl/certs/ca-certificates.crt", shared / "authorities.pem")
        given = options or ("-q", "--numprocesses=logical", "--dist=loadfile", "tests/unit")
        if not any(each.startswith("tests/") for each in given):
            given = (*given, "tests/unit")
        command = workshops.entering(release, shared, "sh", "-c", _RUN, "sh", *given, network=True)
        return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode


def _requirements() -> str:
    unwanted = {_plain(name) for name in _NOT_NEEDED}
    lines = []
    for name in ("requirements-demo.txt", "requirements.txt"):
        for line in (packages.CHECKOUT / "tests" / name).read_text().splitlines():
            found = re.match(r"([A-Za-z0-9_.-]+)==", line)
            if found and _plain(found[1]) not in unwanted:
                lines.append(line)
    return "\n".join(lines) + "\n"


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
