"""Runs unit and simulated tests in the tree of a release, with its Python and its packages of the agent's libraries.

`./dev test inside RELEASE [unit] [simulated] [PYTEST OPTIONS...]` runs this as root. What the tests themselves need is
installed from the pinned requirement files, into a virtual environment that sees the release's libraries.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import packages
from tests.boot import trees
from tests.package_matrix import workshops

_LAYERS = ("unit", "simulated")

# From the release, since this is about them: the agent's own libraries, and what they need.
_OF_THE_AGENT = (
    *("botocore", "certifi", "charset-normalizer", "idna", "Jinja2", "jmespath", "MarkupSafe", "python-dateutil"),
    *("PyYAML", "requests", "six", "urllib3"),
)
# Other layers' tools and the simulated AWS.
_NOT_NEEDED = (*_OF_THE_AGENT, "atheris", "docker", "Flask", "flask-cors", "moto", "mypy", "ruff")
# With the simulated tests, what goes with the release's botocore, and its certbot.
_NOT_NEEDED_BY_SIMULATED = (*_OF_THE_AGENT, "boto3", "s3transfer", "certbot", "certbot-dns-route53")
# The packages of the distribution that `./dev` installs for the simulated tests.
_PACKAGES = "TELEPORT_BOOTSTRAP_SIMULATED_PACKAGES"

# pip trusts the authorities of this machine, which may have a mirror of its own.
_RUN = """
set -eu
python3 -m venv --system-site-packages /tmp/tests
export PIP_CERT=/mnt/authorities.pem PIP_DISABLE_PIP_VERSION_CHECK=1
/tmp/tests/bin/python -m pip install -q --no-deps -r /mnt/requirements.txt
for each in node bin/promtool; do
    [ ! -e "/mnt/$each" ] || ln -s "/mnt/$each" "/tmp/tests/$each"
done
cd /mnt/checkout
# Tests run `./dev demo`, which then has nothing to install.
[ ! -e /mnt/node ] || ./dev run --version >/dev/null
# What tests run writes no bytecode, and would compile the agent each time.
/tmp/tests/bin/python -m compileall -q teleport_bootstrap
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
    layers = list(itertools.takewhile(lambda each: each in _LAYERS, options))
    given = options[len(layers) :] or ("-q", "--numprocesses=logical", "--dist=loadfile")
    if not any(each.startswith("tests/") for each in given):
        given = (*given, *(f"tests/{layer}" for layer in layers or _LAYERS[:1]))
    is_simulated = any(each.startswith("tests/simulated") for each in given)
    if is_simulated and release != trees.TESTING:
        print(
            f"dev: the simulated tests run inside {trees.TESTING} alone, which has the libraries they need",
            file=sys.stderr,
        )
        return 2
    with tempfile.TemporaryDirectory() as directory:
        shared = Path(directory)
        # Some tests run the agent as another account.
        shared.chmod(0o755)
        packages.copy_of_checkout(shared / "checkout")
        (shared / "requirements.txt").write_text(_requirements(is_simulated=is_simulated))
        shutil.copy("/etc/ssl/certs/ca-certificates.crt", shared / "authorities.pem")
        also: tuple[str, ...] = ()
        if is_simulated:
            also = tuple(os.environ[_PACKAGES].split())
            _lend_programs(shared)
        command = workshops.entering(release, shared, "sh", "-c", _RUN, "sh", *given, network=True, also=also)
        return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode


def _lend_programs(shared: Path) -> None:
    """Copy what `./dev` has put into .venv for the simulated tests, and that is made for no Python."""
    (shared / "bin").mkdir()
    mine = Path(sys.prefix)
    shutil.copytree(mine / "node", shared / "node", symlinks=True)
    promtool = shutil.which("promtool", path=f"{mine / 'bin'}:{os.environ.get('PATH', '')}")
    if promtool:
        shutil.copy(promtool, shared / "bin" / "promtool")


def _requirements(*, is_simulated: bool) -> str:
    unwanted = {_plain(name) for name in (_NOT_NEEDED_BY_SIMULATED if is_simulated else _NOT_NEEDED)}
    lines = []
    for name in ("requirements-newest.txt",) if is_simulated else ("requirements-demo.txt", "requirements.txt"):
        for line in (packages.CHECKOUT / "tests" / name).read_text().splitlines():
            found = re.match(r"([A-Za-z0-9_.-]+)==", line)
            if found and _plain(found[1]) not in unwanted:
                lines.append(line)
    return "\n".join(lines) + "\n"


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
