"""The conf that `--user-data` finds in parts of user-data is what each release's own cloud-init makes of them."""

from __future__ import annotations

import base64
import gzip

import pytest

from teleport_bootstrap.user_data import conf_of
from tests.boot import instance, trees
from tests.boot.conftest import NewMachine

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
