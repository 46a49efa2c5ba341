"""The nearest to Amazon Linux 2023 that boots without its image: its Python and its systemd, and its cloud-init.

Python 3.9 and the oldest libraries are those of Debian 11, systemd 252 is Debian 12's, and the system calls itself
Amazon Linux. Its cloud-init, 22.2, is in no release of Debian and on no package index: `./dev amazon-linux DIRECTORY`
names its source, which is installed as its own setup.py does for that distribution. Otherwise it is Debian 11's.
"""

from __future__ import annotations

import hashlib
import inspect
import shutil
import subprocess
from pathlib import Path

from tests.boot import trees

BASE, NEWER = "bullseye", "bookworm"

# Only what is named comes from the newer release, and what that depends on.
_PREFERENCES = f"Package: *\nPin: release n={NEWER}\nPin-Priority: 50\n"

_OS_RELEASE = """\
NAME="Amazon Linux"
VERSION="2023"
ID="amzn"
ID_LIKE="fedora"
VERSION_ID="2023"
PLATFORM_ID="platform:al2023"
PRETTY_NAME="Amazon Linux 2023"
"""

_INSTALL = """
set -eu
dpkg --purge cloud-init
cd /opt/source
python3 setup.py install --root=/ --prefix=/usr --install-layout=deb --init-system=systemd --distro amazon
systemctl preset cloud-init-local.service cloud-init.service cloud-config.service cloud-final.service
cloud-init --version
"""


def prepare() -> None:
    """Build this tree and, where tests may run on them too, those of the releases."""
    if not trees.CLOUD_INIT:
        trees.prepare()
    print(tree())


def tree() -> Path:
    """Return the root directory of the tree, built now if no earlier run has built it; raises RuntimeError."""
    recipe = inspect.getsource(inspect.getmodule(tree) or tree) + _fingerprint(trees.CLOUD_INIT)
    return trees.derived(trees.tree(BASE), trees.AMAZON_LINUX, recipe, _change)


def _change(root: Path) -> None:
    apt, lists = trees.apt_get(root), root / "etc/apt"
    source = lists.joinpath("sources.list").read_text(encoding="utf-8")
    lists.joinpath(f"sources.list.d/{NEWER}.list").write_text(source.replace(BASE, NEWER), encoding="utf-8")
    lists.joinpath("preferences.d/newer").write_text(_PREFERENCES, encoding="utf-8")
    trees.run([*apt, "update"])
    trees.run([*apt, "--no-install-recommends", "install", f"systemd/{NEWER}", f"systemd-sysv/{NEWER}", "-t", NEWER])
    if trees.CLOUD_INIT:
        trees.run([*apt, "--no-install-recommends", "install", "pkg-config", "python3-setuptools"])
    trees.run([*apt, "clean"])
    (root / "usr/lib/os-release").write_text(_OS_RELEASE, encoding="utf-8")
    if trees.CLOUD_INIT:
        shutil.copytree(trees.CLOUD_INIT, root / "opt/source", ignore=shutil.ignore_patterns(".git"))
        trees.run(["chroot", str(root), "sh", "-c", _INSTALL])
        shutil.rmtree(root / "opt/source")
    (root / "etc/machine-id").write_text("")


def _fingerprint(source: str) -> str:
    """A name that depends on a source of cloud-init; raises RuntimeError if the directory has none."""
    if not source:
        return ""
    version = Path(source, "cloudinit/version.py")
    if not version.is_file():
        raise RuntimeError(f"{source} is not the source of cloud-init: it has no cloudinit/version.py")
    listed = subprocess.run(
        ["find", ".", "-name", ".git", "-prune", "-o", "-type", "f", "-printf", "%p %s\n"],
        cwd=source,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return hashlib.sha256(version.read_bytes() + "".join(sorted(listed.splitlines())).encode()).hexdigest()
