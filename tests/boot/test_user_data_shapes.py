"""The conf that `--user-data` finds in parts of user-data is what each release's own cloud-init makes of them."""

from __future__ import annotations

import base64
import gzip

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.user_data import conf_of
from tests.boot import instance, trees
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.user_data_shapes import shape
from tests.user_data_shapes.shape import Shape

CONF = "/etc/teleport.d/conf"
PACKED = base64.b64encode(gzip.compress(b"D=packed\n")).decode()
# Each step adds a line, so that the conf tells in which order they have run.
CONFIG = f"""\
#cloud-config
bootcmd:
- mkdir -p /etc/teleport.d
- [sh, -c, "echo A=bootcmd > {CONF}"]
write_files:
- path: {CONF}
  content: "E=deferred\\n"
  append: true
  defer: true
- path: {CONF}
  append: true
  content: |
    B=written
    C="two words"
- path: {CONF}
  append: true
  encoding: gz+b64
  content: {PACKED}
runcmd:
- [sh, -c, "echo G=$((6 + 1)) > /dev/null"]
- echo "H=runcmd" >> {CONF}
"""
SCRIPT = f"""\
#!/bin/bash
NAME=script
cat >> {CONF} <<EOF
F=$NAME\\$x
EOF
"""
BOUNDARY = "===============parts=="
USER_DATA = f"""\
Content-Type: multipart/mixed; boundary="{BOUNDARY}"
MIME-Version: 1.0

--{BOUNDARY}
MIME-Version: 1.0
Content-Type: text/x-shellscript; charset="us-ascii"
Content-Transfer-Encoding: base64

{base64.b64encode(SCRIPT.encode()).decode()}
--{BOUNDARY}
Content-Type: text/cloud-config; charset="us-ascii"

{CONFIG}
--{BOUNDARY}--
"""


@pytest.mark.parametrize("release", trees.RELEASES)
def test_issue_19_user_data_of_several_parts_is_read_as_cloud_init_runs_it(
    new_machine: NewMachine, release: str
) -> None:
    machine = new_machine(release)
    instance.be_instance(machine, user_data=USER_DATA)
    machine.boot()
    machine.try_run("cloud-init", "status", "--wait")
    written = machine.read(CONF).split("\n")

    found = conf_of.read(USER_DATA.encode(), "user-data")

    expected = [line for line in found.data.decode().split("\n") if line]
    if release == "bullseye":
        # cloud-init 20.4 does not know `defer`.
        expected.insert(1, expected.pop(expected.index("E=deferred")))
    assert [line for line in written if line] == expected
    assert len(expected) == 7


# No more than what reads and runs user-data, from a file.
MODULES = """\
datasource_list: [NoCloud]
datasource: {NoCloud: {seedfrom: /opt/seed/}}
users: []
disable_root: false
cloud_init_modules: [bootcmd, write_files]
cloud_config_modules: [runcmd]
cloud_final_modules:
  [write_files_deferred, scripts_per_once, scripts_per_boot, scripts_per_instance, scripts_user]
"""


@pytest.fixture(scope="module")
def cloud_init(new_shared_machine: NewMachine) -> Machine:
    """A machine whose cloud-init is run by hand."""
    machine = new_shared_machine()
    for place in ("/usr/lib/systemd/system", "/etc/init.d"):
        for file in machine.path(place).glob("cloud-*"):
            file.unlink()
    machine.write("/etc/cloud/cloud.cfg", MODULES)
    machine.write("/opt/seed/meta-data", "instance-id: one\n")
    machine.boot()
    return machine


def written(machine: Machine, user_data: str) -> list[str]:
    """Return the lines of the conf after a first boot with this user-data."""
    machine.run("sh", "-c", "rm -rf /etc/teleport.d && mkdir /etc/teleport.d && cloud-init clean")
    machine.write("/opt/seed/user-data", user_data)
    for step in ("init --local", "init", "modules --mode config", "modules --mode final"):
        machine.run("cloud-init", *step.split())
    return [line for line in machine.read(CONF).split("\n") if line]


@pytest.mark.parametrize("each", [each for each in shape.every() if each.is_for_cloud_init], ids=lambda each: each.name)
def test_issue_19_point_5_a_shape_for_cloud_init_is_read_as_it_is_written(cloud_init: Machine, each: Shape) -> None:
    real = written(cloud_init, each.text)
    try:
        found = conf_of.read(each.text.encode(), each.file)
    except errors.UserDataUnclear as error:
        assert each.unclear and each.unclear in str(error)
        assert real, "something writes it nevertheless"
        return
    assert not each.unclear
    assert [line for line in found.data.decode().split("\n") if line] == real
