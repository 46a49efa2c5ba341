"""The wheel beside the oldest libraries that setup.cfg allows, and the oldest Python: those of Debian 11."""

from __future__ import annotations

import shutil
from pathlib import Path

import pip

from tests import documents, wheel
from tests.boot.conftest import NewMachine
from tests.simulated.test_documents import conf_of


def test_issue_15_point_7_installs_beside_the_oldest_libraries_and_checks_a_conf(
    new_machine: NewMachine, tmp_path: Path
) -> None:
    machine = new_machine("bullseye")
    # As this system has none; pip itself decides whether the libraries are new enough.
    shutil.copytree(Path(pip.__file__).parent, machine.path("/opt/pip/pip"))
    built = wheel.build(tmp_path)
    shutil.copy(built, machine.path(f"/opt/{built.name}"))
    install = f"python3 -m pip install --no-index --no-cache-dir --prefix /opt/environment /opt/{built.name}"
    said = machine.chroot("sh", "-c", f"PYTHONPATH=/opt/pip {install} 2>&1")
    assert "Successfully installed teleport-bootstrap" in said

    for name in ("auth", "agent"):
        machine.write(
            f"/root/confs/{name}.conf", conf_of(documents.block("docs/guide.md", "user-data", name), tmp_path)
        )
    machine.write("/root/facts.yaml", documents.block("docs/ci.md", "checked", "facts").text)
    environ = "cd /root; export PATH=/opt/environment/bin:$PATH PYTHONPATH=/opt/environment/lib/python3.9/site-packages"
    for name in ("check", "render"):
        text = documents.block("docs/ci.md", "simulated", name).text
        said = machine.chroot("bash", "-ec", f"{environ}\n{text}")
        assert ("confs/auth.conf: valid" if name == "check" else "cluster_name: teleport.acmeinc.com") in said
    assert "3.9" in machine.chroot("python3", "--version")
