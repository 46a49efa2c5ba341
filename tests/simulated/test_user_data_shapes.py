"""Issue 19: of 40 shapes of user-data, what is read is what bash, Terraform and CloudFormation write.

tests/boot/test_user_data_shapes.py has those for cloud-init.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.user_data import conf_of
from tests.user_data_shapes import shape
from tests.user_data_shapes.shape import Shape

# Programs that are not installed here, or must not be run. Each prints what its surroundings say.
PROGRAMS = ("aws", "curl", "yum", "systemctl", "hostnamectl", "cfn-signal", "logger", "sudo", "chmod", "install")
PRINTS = '#!/bin/sh\necho "value-$SURROUNDINGS-of-${0##*/}"\n'
RUNS = '#!/bin/sh\nexec "$@"\n'
# Without the owner, which takes root.
INSTALLS = '#!/bin/sh\nwhile [ $# -gt 2 ]; do shift; done\nexec cp "$1" "$2"\n'
ENVSUBST = '#!/bin/sh\nexec sed "s/[$]ROLE/$ROLE/"\n'
OWN = {"sudo": RUNS, "install": INSTALLS, "chmod": "#!/bin/sh\n", "logger": "#!/bin/sh\nexec cat\n"}

EVERY = shape.every()
HERE = [each for each in EVERY if not each.is_for_cloud_init]
KNOWN = [each for each in HERE if not each.unclear]
UNCLEAR = [each for each in HERE if each.unclear]


def run(script: str, directory: Path, surroundings: str) -> list[str]:
    """Return the lines of the conf that a script writes in a directory of its own."""
    target, programs, temporary = (directory / each for each in ("teleport.d", "bin", "tmp"))
    for each in (target, programs, temporary):
        each.mkdir(parents=True)
    for name in (*PROGRAMS, "envsubst"):
        (programs / name).write_text(ENVSUBST if name == "envsubst" else OWN.get(name, PRINTS))
        (programs / name).chmod(0o755)
    real = script.replace("/tmp/", f"{temporary}/").replace("/etc/teleport.d", str(target))
    path = directory / "script"
    path.write_text(real)
    path.chmod(0o755)
    interpreter = real.split("\n", 1)[0].removeprefix("#!").split()
    done = subprocess.run(
        [*interpreter, str(path)],
        cwd=directory,
        env={"PATH": f"{programs}:/usr/bin:/bin", "SURROUNDINGS": surroundings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    conf = target / "conf"
    assert conf.exists(), done.stderr
    return [line.replace(str(target), "/etc/teleport.d") for line in conf.read_text().split("\n") if line.strip()]


def without_values(lines: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the lines, without the values of some variables."""
    found = []
    for line in lines:
        name = line.partition("=")[0].strip()
        found.append(f"{name}=?" if name in names else line)
    return found


def read(each: Shape, directory: Path) -> list[str]:
    path = each.write(directory)
    found = conf_of.read(path.read_bytes(), str(path), each.files.get)
    return [line for line in found.data.decode().split("\n") if line.strip()]


def test_issue_19_point_5_there_are_forty_shapes_and_more() -> None:
    assert len(EVERY) >= 40
    assert len({each.name for each in EVERY}) == len(EVERY)


@pytest.mark.parametrize("each", KNOWN, ids=lambda each: each.name)
def test_issue_19_point_5_what_is_read_is_what_the_real_thing_writes(each: Shape, tmp_path: Path) -> None:
    written = run(each.rendered(each.values), tmp_path / "run", "a")
    (tmp_path / "files").mkdir()
    found = read(each, tmp_path / "files")
    assert without_values(found, each.open) == without_values(written, each.open)
    assert written and set(each.open) <= {line.partition("=")[0] for line in written}


@pytest.mark.parametrize("each", UNCLEAR, ids=lambda each: each.name)
def test_issue_19_point_5_what_cannot_be_known_is_said_and_running_it_shows_why(each: Shape, tmp_path: Path) -> None:
    with pytest.raises(errors.UserDataUnclear) as raised:
        read(each, tmp_path)
    assert each.unclear in str(raised.value)
    assert each.differs
    first = run(each.rendered(each.values), tmp_path / "first", "a")
    second = run(each.rendered(each.other_values or each.values), tmp_path / "second", "b")
    assert first and second and first != second
