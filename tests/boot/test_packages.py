"""From an empty release tree to a serving instance, and all the way to the end, with nothing but the package installed.

`./dev boot-matrix` goes the whole way on every release; without it, the others are installed and booted.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Optional

import pytest
import yaml

from tests import documents
from tests.boot import applied, control_groups, installed, instance, observe, trees
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine

ACM = "teleport-acm.service"
CONF = "/etc/teleport.d/conf"
COMMAND = "teleport-bootstrap"
ENABLED = f"/etc/systemd/system/multi-user.target.wants/{instance.GENERATE}"
OUR_UNIT = "/etc/systemd/system/teleport.service"

THE_WHOLE_WAY = trees.RELEASES if trees.EVERY_RELEASE else ("bookworm",)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> installed.Built:
    return installed.build(tmp_path_factory.mktemp("packages"))


# ---- the whole way


@pytest.mark.parametrize("release", trees.RELEASES)
def test_from_an_empty_release_tree_to_a_serving_instance(
    new_machine: NewMachine, built: installed.Built, release: str
) -> None:
    machine = new_machine(release)
    empty = installed.files(machine)

    # As docs/packaging.md types it.
    block = documents.block("docs/packaging.md", "run", "install")
    installed.bring(machine, built.deb)
    said = installed.typed_offline(machine, f"cd /opt\n{block.text.replace('apt-get', 'apt-get -q -y')}")
    assert "Setting up teleport-bootstrap" in said
    owned = _dpkg_owns(machine)
    _nothing_is_nobodys(machine, empty, owned)
    _only_the_generator_is_enabled(machine)
    _not_what_others_have_installed(machine)

    instance.install_stand_in(machine, where=applied.BAD)
    machine.path("/var/lib/dbus/machine-id").unlink(missing_ok=True)  # of the release tree, not of ours
    machine.chroot(COMMAND, "seal")
    before = installed.files(machine)
    instance.be_instance(machine, user_data=instance.GUIDE_USER_DATA)
    machine.boot()
    observe.wait_until_ready(machine, ACM)
    observe.assert_generated(machine)
    observe.assert_clean_boot(machine)
    assert observe.markers(machine) == ["role.all-acm"]
    assert observe.fetch(machine, "http://127.0.0.1:3080/webapi/ping")[0] == 200
    assert machine.run("dpkg", "--verify", "teleport-bootstrap") == ""

    if release in THE_WHOLE_WAY:
        _reconfigure(machine)
        _back_up_and_restore(machine)
        _upgrade(machine, built.newer_deb)
        _no_run_has_left_anything(machine, before)
        _remove(machine, empty)
        _come_back(machine, built.deb)
        _purge(machine, empty)


def _dpkg_owns(machine: Machine) -> set[str]:
    return set(machine.chroot("dpkg", "-L", "teleport-bootstrap").split("\n"))


def _nothing_is_nobodys(machine: Machine, empty: set[str], owned: set[str]) -> None:
    new = installed.files(machine) - empty
    assert {path for path in new if path not in owned and not installed.is_bytecode_of(path, owned)} == {ENABLED}
    assert machine.chroot("find", "/etc", "/usr", "/var", "-xdev", "(", "-nouser", "-o", "-nogroup", ")") == ""
    assert [path for path in new if path.endswith(".pyc")], "a command that compiles itself each time starts slowly"


def _only_the_generator_is_enabled(machine: Machine) -> None:
    assert machine.path(ENABLED).is_symlink()
    links = [path.name for path in machine.path("/etc/systemd/system").rglob("teleport*") if path.is_symlink()]
    assert links == [instance.GENERATE]
    assert machine.chroot("stat", "-c", "%a %U:%G", "/etc/teleport.d", "/var/lib/teleport-bootstrap").split("\n")[
        :2
    ] == [
        "755 root:root",
        "700 root:root",
    ]
    account = machine.chroot("getent", "passwd", "teleport").strip().split(":")
    assert int(account[2]) < 1000
    assert account[6].endswith("/nologin")
    assert not machine.path("/var/lib/teleport").exists(), "whose that is depends on the role"


def _not_what_others_have_installed(machine: Machine) -> None:
    """Neither the environment nor the current directory nor what `pip install` left can put code into root's hands."""
    version = machine.chroot("python3", "-c", "import sys; print('python%d.%d' % sys.version_info[:2])").strip()
    planted = "raise SystemExit('planted')\n"
    elsewhere = f"/usr/local/lib/{version}/dist-packages"
    for directory, names in {
        "/opt/planted": ("teleport_bootstrap/__init__.py", "argparse.py", "yaml/__init__.py", "sitecustomize.py"),
        f"/root/.local/lib/{version}/site-packages": ("yaml/__init__.py", "jinja2/__init__.py"),
        elsewhere: ("yaml/__init__.py", "jinja2/__init__.py"),
    }.items():
        for name in names:
            machine.write(f"{directory}/{name}", planted)
    render = ["env", "PYTHONPATH=/opt/planted", "HOME=/root", "sh", "-c"]
    facts = "/opt/facts.yaml"
    machine.write(
        facts,
        "local-ipv4: 10.0.0.5\nlocal-hostname: ip-10-0-0-5.ec2.internal\ninstance-id: i-0123456789abcdef0\n"
        "region: eu-west-1\n",
    )
    options = f"--conf /usr/share/doc/{COMMAND}/examples/conf --metadata {facts} --teleport-version 17.5.1"
    document = machine.chroot(*render, f"cd /opt/planted && {COMMAND} render {options}")
    assert yaml.safe_load(document)["proxy_service"]["public_addr"] == "teleport.acmeinc.com:443"
    # cloud-init is not as careful.
    shutil.rmtree(machine.path("/root/.local"))
    shutil.rmtree(machine.path(elsewhere))


def _reconfigure(machine: Machine) -> None:
    first = applied.pid(machine)
    machine.run("sed", "-i", "s/EXTERNAL_PORT=.*/EXTERNAL_PORT=8443/", CONF)
    done = applied.reconfigure(machine)
    assert done.returncode == 0, done.stdout + done.stderr
    observe.wait_until_ready(machine, ACM)
    assert applied.pid(machine) != first
    document = yaml.safe_load(machine.read("/etc/teleport.yaml"))
    assert document["proxy_service"]["public_addr"] == "teleport.acmeinc.com:8443"


def _back_up_and_restore(machine: Machine) -> None:
    machine.write("/var/lib/teleport/kept", "what an operator would miss")
    made = json.loads(machine.run(COMMAND, "backup", "--format", "json", seconds=120))
    place = made["archive"]
    machine.run(COMMAND, "backup", "verify", place)
    machine.path("/var/lib/teleport/kept").unlink()
    add = "TELEPORT_SSH_LABELS='after: backup'\n"
    machine.write(CONF, machine.read(CONF) + add)

    done = machine.try_run(COMMAND, "restore", place, "--yes", "--force", "--health-wait", "20", seconds=200)

    assert done.returncode == 0, done.stdout + done.stderr
    observe.wait_until_ready(machine, ACM)
    assert machine.read("/var/lib/teleport/kept") == "what an operator would miss"
    assert add not in machine.read(CONF)
    assert observe.markers(machine) == ["role.all-acm"]


def _upgrade(machine: Machine, package: Path) -> None:
    """State stays, Teleport runs on, and what a person has disabled stays disabled."""
    machine.run("systemctl", "disable", instance.GENERATE)
    teleport, before = applied.pid(machine), _state(machine)
    generated = machine.show(instance.GENERATE, "ExecMainStartTimestampMonotonic")

    machine.run("apt-get", "-q", "-y", "install", installed.bring(machine, package), seconds=120)

    assert installed.NEWER in machine.run(COMMAND, "--version")
    assert applied.pid(machine) == teleport
    applied.assert_well(machine, ACM)
    assert machine.show(ACM, "NRestarts", "NeedDaemonReload") == {"NRestarts": "0", "NeedDaemonReload": "no"}
    assert machine.show(instance.GENERATE, "ExecMainStartTimestampMonotonic") == generated
    assert _state(machine) == before
    assert "RestartSec=6" in machine.read(OUR_UNIT)
    machine.run(COMMAND, "status")
    machine.run("systemctl", "enable", instance.GENERATE)


def _state(machine: Machine) -> dict[str, object]:
    """What is configured, file for file, and how units stand."""
    found = applied.state(machine)
    del found[OUR_UNIT]
    for path in machine.path("/var/lib/teleport-bootstrap").rglob("*"):
        if path.is_file() and path.name != "metadata.json":
            found[str(path)] = path.read_bytes()
    timers = machine.run("systemctl", "list-timers", "--all", "--no-legend", "teleport-*")
    found["timers"] = sorted(word for word in timers.split() if word.startswith("teleport-"))
    return found


def _no_run_has_left_anything(machine: Machine, before: set[str]) -> None:
    """Root has run the command a dozen times by now: no bytecode, no cache, no log of its own."""
    new = {path for path in installed.not_data(installed.files(machine) - before) if "teleport" in path}
    links = {path for path in new if path.startswith("/etc/systemd/system/") and machine.path(path).is_symlink()}
    assert new - links == set()
    machine.run(
        "find", "/usr/share/teleport-bootstrap", "-depth", "-name", "__pycache__", "-exec", "rm", "-r", "{}", "+"
    )
    machine.run(COMMAND, "status")
    assert not [path for path in installed.files(machine) if f"/{COMMAND}/" in path and "__pycache__" in path]


def _remove(machine: Machine, empty: set[str]) -> None:
    """Units go, data and the Teleport that runs stay."""
    teleport = applied.pid(machine)
    data = {path for path in installed.files(machine) if f"{path}/".startswith(installed.DATA)}
    assert {"/etc/teleport.yaml", CONF, "/var/lib/teleport/host_uuid"} <= data

    said = machine.run("sh", "-c", "apt-get -q -y remove teleport-bootstrap 2>&1", seconds=120)

    assert f"{ACM} keeps running" in said
    assert applied.pid(machine) == teleport
    assert observe.fetch(machine, "http://127.0.0.1:3000/readyz")[0] == 200
    assert machine.run("systemctl", "list-timers", "--all", "--no-legend", "teleport-*").strip() in (
        "",
        "0 timers listed.",
    )
    left = installed.files(machine) - empty
    assert data <= left
    ours = {path for path in installed.not_data(left) if "teleport" in path and not path.startswith("/usr/local/bin/")}
    assert ours == set(), "only data stays; a drop-in of sudo's is left out as all of its directory is"
    assert machine.path("/etc/sudoers.d/10-teleport-bootstrap").exists(), "a configuration file, until it is purged"


def _come_back(machine: Machine, package: Path) -> None:
    machine.run("apt-get", "-q", "-y", "install", installed.bring(machine, package), seconds=120)
    assert machine.is_enabled(instance.GENERATE)
    machine.run("systemctl", "restart", instance.GENERATE)
    assert machine.is_enabled(ACM), "and the conf says what else is enabled"


def _purge(machine: Machine, empty: set[str]) -> None:
    said = machine.run("sh", "-c", "apt-get -q -y purge teleport-bootstrap 2>&1", seconds=120)
    assert "left in place: /etc/teleport.yaml" in said
    assert not machine.path("/etc/sudoers.d/10-teleport-bootstrap").exists()
    assert machine.path("/etc/teleport.yaml").exists()
    assert machine.path("/var/lib/teleport/host_uuid").exists()
    assert machine.run("getent", "passwd", "teleport"), "what is left may belong to it"
    ours = {path for path in installed.not_data(installed.files(machine) - empty) if "teleport" in path}
    assert {path for path in ours if not path.startswith("/usr/local/bin/")} <= {"/var/lib/teleport-stand-in.log"}


# ---- the RPM


def test_issue_17_point_3_the_rpm_on_python_39_and_systemd_252_from_an_image_to_its_removal(
    new_machine: NewMachine, built: installed.Built, tmp_path: Path
) -> None:
    """On the nearest to Amazon Linux that boots; with the oldest libraries, and without systemd's binding."""
    machine = new_machine(trees.AMAZON_LINUX, *installed.WITH_RPM)
    assert control_groups.systemd_of(machine.root) == 252
    if trees.CLOUD_INIT:
        assert machine.chroot("cloud-init", "--version").split()[-1].startswith("22.2")
    machine.chroot("dpkg", "--purge", "--force-depends", "python3-systemd")
    theirs = installed.teleport_rpm(tmp_path, "15.0.0")
    empty = installed.files(machine)

    installed.rpm(machine, "-i", "--nodeps", str(built.rpm))
    owned = set(installed.rpm(machine, "-ql", COMMAND).split("\n"))
    assert installed.files(machine) - empty - owned == {ENABLED}
    assert installed.rpm(machine, "-V", "--nodeps", COMMAND) == ""
    assert [path for path in owned if path.endswith(".pyc") and not machine.path(path).exists()] == []
    _only_the_generator_is_enabled(machine)
    _not_what_others_have_installed(machine)
    assert machine.chroot("python3", "-IB", "-c", _EVERY_MODULE).split() == ["3.9", "1.20", "no"]
    installed.rpm(machine, "-i", "--nodeps", str(theirs))
    before = installed.files(machine)

    instance.be_instance(machine, user_data=instance.GUIDE_USER_DATA)
    machine.boot()
    observe.wait_until_ready(machine, ACM)
    observe.assert_generated(machine)
    observe.assert_clean_boot(machine)
    assert _effective(machine) == "ours"

    teleport, state = applied.pid(machine), _state(machine)
    installed.rpm_inside(machine, "-U", "--nodeps", installed.bring(machine, built.newer_rpm))
    assert installed.NEWER in machine.run(COMMAND, "--version")
    assert applied.pid(machine) == teleport
    assert machine.show(ACM, "NRestarts", "NeedDaemonReload") == {"NRestarts": "0", "NeedDaemonReload": "no"}
    assert _state(machine) == state
    assert machine.is_enabled(instance.GENERATE)
    installed.rpm_inside(machine, "-U", "--nodeps", "--replacepkgs", installed.bring(machine, theirs))
    assert _effective(machine) == "ours"
    _no_run_has_left_anything(machine, before)

    installed.rpm_inside(machine, "-e", "--nodeps", COMMAND)
    assert applied.pid(machine) == teleport
    assert _effective(machine) == "theirs"
    assert not machine.is_enabled(ACM)
    left = installed.files(machine) - empty
    assert {"/etc/teleport.yaml", CONF, "/var/lib/teleport/host_uuid"} <= left
    rest = {path for path in installed.not_data(left) if "teleport" in path and not path.startswith("/usr/local/bin/")}
    assert rest == {"/usr/lib/systemd/system/teleport.service"}, "that of their package"
    assert not machine.path("/etc/sudoers.d/10-teleport-bootstrap").exists()


_EVERY_MODULE = """
import importlib, pkgutil, sys
sys.path.insert(0, "/usr/share/teleport-bootstrap")
import botocore, teleport_bootstrap
for module in pkgutil.walk_packages(teleport_bootstrap.__path__, "teleport_bootstrap."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
try:
    import systemd
except ImportError:
    systemd = None
print("%d.%d" % sys.version_info[:2], ".".join(botocore.__version__.split(".")[:2]), "yes" if systemd else "no")
"""


# ---- beside Teleport's own packages


def _effective(machine: Machine) -> Optional[str]:
    """Whose teleport.service systemd would start: ours, theirs or none."""
    machine.run("systemctl", "daemon-reload")
    facts = machine.show("teleport.service", "FragmentPath", "Description")
    if not facts["FragmentPath"]:
        return None
    return "theirs" if "own package" in facts["Description"] else "ours"


def _apt(machine: Machine, *arguments: str) -> str:
    return machine.run("sh", "-c", f"apt-get -q -y --allow-downgrades {' '.join(arguments)} 2>&1", seconds=120)


def test_our_unit_takes_precedence_and_theirs_does_after_a_removal(
    new_machine: NewMachine, built: installed.Built, tmp_path: Path
) -> None:
    """Teleport's packages have a teleport.service too, and newer ones copy it over whatever is in /lib."""
    machine = new_machine()
    instance.without_cloud_init(machine)
    ours, newer = installed.bring(machine, built.deb), installed.bring(machine, built.newer_deb)
    old = installed.bring(machine, installed.teleport_deb(tmp_path, "15.0.0", links=False))
    linking = installed.bring(machine, installed.teleport_deb(tmp_path, "18.0.0", links=True))
    machine.boot()

    _apt(machine, "install", old)
    assert _effective(machine) == "theirs"
    _apt(machine, "install", ours)
    assert _effective(machine) == "ours"
    _apt(machine, "install", linking)
    assert _effective(machine) == "ours"
    assert machine.run("sudo", "tctl", "users", "ls") == "tctl as root: users ls\n"
    _apt(machine, "install", newer)
    assert _effective(machine) == "ours"
    _apt(machine, "remove", "teleport-bootstrap")
    assert _effective(machine) == "theirs"
    _apt(machine, "purge", "teleport-bootstrap", "teleport")
    assert _effective(machine) is None

    _apt(machine, "install", ours)
    _apt(machine, "install", linking)
    assert _effective(machine) == "ours"
    machine.run("rm", "/usr/local/bin/tctl")
    assert "tctl as root" in machine.run("sudo", "tctl", "status"), "where the package has it, linked or not"
    _apt(machine, "remove", "teleport")
    assert _effective(machine) == "ours"


def test_keeps_an_edited_unit_and_reports_units_that_hide_ours(new_machine: NewMachine, built: installed.Built) -> None:
    machine = new_machine()
    instance.without_cloud_init(machine)
    machine.write(OUR_UNIT, "[Service]\nExecStart=/bin/true\n# of an old image\n")
    machine.write(f"/etc/systemd/system/{ACM}", "[Service]\nExecStart=/bin/true\n")
    machine.path("/etc/teleport.d").mkdir()
    machine.chroot("useradd", "--system", "teleport")
    machine.chroot("chown", "teleport:adm", "/etc/teleport.d")
    machine.write(CONF, "TELEPORT_ROLE=node\n")
    machine.chroot("chown", "teleport", CONF)

    said = installed.install_offline(machine, built.deb)

    assert f"kept as {OUR_UNIT}.dpkg-old" in said
    assert "of an old image" in machine.read(f"{OUR_UNIT}.dpkg-old")
    assert f"/etc/systemd/system/{ACM} hides the unit of this package" in said
    assert machine.chroot("stat", "-c", "%a %U:%G", "/etc/teleport.d").strip() == "755 root:root"
    assert machine.chroot("stat", "-c", "%U", CONF).strip() == "teleport", (
        "files of another account are left to the operator"
    )

    again = installed.install_offline(machine, built.newer_deb)
    assert "dpkg-old" not in again
    machine.write(OUR_UNIT, machine.read(OUR_UNIT) + "# a person's line\n")
    edited = _downgrade(machine, built.deb)
    assert f"kept as {OUR_UNIT}.dpkg-old" in edited
    assert "a person's line" in machine.read(f"{OUR_UNIT}.dpkg-old")
    assert "a person's line" not in machine.read(OUR_UNIT)


def _downgrade(machine: Machine, package: Path) -> str:
    return machine.chroot("sh", "-c", f"dpkg -i --force-downgrade {installed.bring(machine, package)} 2>&1")
