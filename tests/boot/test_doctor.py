"""`doctor` on booted machines: a healthy one passes, and each mistake turns its own check until its remedy is run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from tests import answers
from tests.boot import applied, instance, observe, ssm
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.boot.test_joining import NODE, NODE_UNIT
from tests.stand_in import install_tctl

# What cannot be looked at on these machines, and why.
SKIPPED = {
    "pending-restore": "the conf asks for no restore",
    "manual-file": "is the one that was generated",
    "own-address": "do not reach this host by an address",
    "web-certificates": "no proxy of this host serves a certificate from a file",
    "timers": "the role of this host needs no timer",
    "license": "is the community edition",
    "firewall": "neither `nft` nor `iptables-save` is installed",
    "time-synchronization": "this is a container",
}
THIEF = "thief.service"
OVERRIDE = f"/etc/systemd/system/{applied.MAIN}.d/override.conf"
FULL = "/var/lib/teleport"
DATA = "/var/lib/tctl-stand-in"


@pytest.fixture(scope="module")
def all_in_one(new_shared_machine: NewMachine) -> Machine:
    """A machine that runs, and whose cluster has no user yet."""
    made = applied.image(new_shared_machine)
    # Not on a disk that a test fills.
    made.path(DATA).mkdir()
    switches = {"data": DATA, "proxy": "teleport.acmeinc.com:443"}
    install_tctl(made.path("/usr/local/bin"), python="/usr/bin/python3", **switches)
    made.boot()
    observe.wait_until_ready(made, applied.MAIN)
    return made


@pytest.fixture(scope="module")
def node(new_shared_machine: NewMachine) -> Machine:
    made = new_shared_machine()
    instance.without_cloud_init(made)
    instance.install_agent(made)
    instance.install_stand_in(made)
    instance.be_instance(made)
    made.write("/etc/teleport.d/conf", NODE, mode=0o600)
    pin = "sha256:" + "1" * 64
    ssm.Ssm(made).publish({"/teleport/cluster-1/tokens/node": "planted-token", "/teleport/cluster-1/ca-pin-hash": pin})
    made.boot()
    observe.wait_until_ready(made, NODE_UNIT)
    return made


def checks(machine: Machine, *options: str) -> dict[str, dict[str, Any]]:
    """Run `doctor`, by default without the network, and return how each check has ended."""
    chosen = options or ("--offline",)
    done = machine.try_run("teleport-bootstrap", "doctor", "--format", "json", *chosen)
    found = answers.check(done.stdout, done.returncode)
    assert "internal error" not in done.stdout, done.stdout
    return {each["name"]: each for each in found["checks"]}


def wrong(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what does not pass and is not skipped."""
    return {name: each["result"] for name, each in found.items() if each["result"] not in ("pass", "skipped")}


def remedies(check: Mapping[str, Any]) -> list[str]:
    """Return the commands in the remedies of a check, in their order."""
    return [command for each in check["found"] for command in re.findall("`([^`]*)`", each["remedy"])]


def with_user(machine: Machine) -> Machine:
    """Return the machine, with a first administrator."""
    if not machine.path(f"{DATA}/tctl-users.json").exists():
        machine.run("teleport-bootstrap", "first-admin", "alice", "--logins", "root")
    return machine


def test_issue_18_a_cluster_without_users_is_told_so_until_there_is_one(all_in_one: Machine) -> None:
    found = checks(all_in_one)
    assert wrong(found) == {"first-admin": "warn"}
    (command,) = remedies(found["first-admin"])
    all_in_one.run(*command.replace("NAME", "alice").replace("LOGIN", "root").split())
    assert wrong(checks(all_in_one)) == {}


def test_issue_18_a_healthy_host_passes_and_says_why_it_skips(all_in_one: Machine) -> None:
    found = checks(with_user(all_in_one))
    assert wrong(found) == {}
    said = {name: each["found"][0]["message"] for name, each in found.items() if each["result"] == "skipped"}
    assert set(said) == set(SKIPPED)
    for name, because in SKIPPED.items():
        assert because in said[name]
    assert "held by Teleport: 443, 3000, 3022, 3023, 3024, 3025, 3026" in found["ports"]["found"][0]["message"]


def test_issue_18_without_a_network_it_ends_and_skips_what_it_could_not_know(all_in_one: Machine) -> None:
    found = checks(with_user(all_in_one), "--only", "host", "--only", "instance")
    assert wrong(found) == {}
    assert found["metadata"]["result"] == found["role"]["result"] == "pass"
    assert found["clock"]["result"] == "skipped"


class Mistake(NamedTuple):
    """What is wrong, the check that it turns, and how that ends; `mend` is there where the remedy is not a command."""

    make: Callable[[Machine], object]
    check: str
    result: str
    mend: Callable[[Machine], object] | None = None


def _steal(machine: Machine) -> None:
    machine.run("systemctl", "stop", applied.MAIN)
    machine.write(
        f"/etc/systemd/system/{THIEF}",
        "[Service]\nType=exec\nExecStart=/usr/bin/python3 -m http.server 3022\n[Install]\nWantedBy=multi-user.target\n",
    )
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "enable", "--now", THIEF)
    machine.wait_for(lambda: ":0BCE " in machine.run("cat", "/proc/net/tcp"), 20, "a program that listens on 3022")
    machine.run("systemctl", "start", "--no-block", applied.MAIN)


def _fill(machine: Machine) -> None:
    machine.run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", FULL)
    machine.try_run("dd", "if=/dev/zero", f"of={FULL}/core", "bs=64k")


def _exhaust(machine: Machine) -> None:
    machine.run("mount", "-t", "tmpfs", "-o", "size=1g,nr_inodes=50", "tmpfs", FULL)


def _unmount(machine: Machine) -> None:
    machine.run("umount", FULL)


def _limit(machine: Machine) -> None:
    machine.run("prlimit", "--pid", str(applied.pid(machine)), "--nofile=1024")


def _replace(machine: Machine) -> None:
    machine.write(OVERRIDE, "[Service]\nExecStart=\nExecStart=/usr/local/bin/teleport start --debug\n")
    machine.run("systemctl", "daemon-reload")


def _slow_start(machine: Machine) -> None:
    # Of no weight; but systemd has not read it.
    machine.write(OVERRIDE, "[Service]\nTimeoutStartSec=300\n")


def _forget(machine: Machine) -> None:
    machine.run("systemctl", "daemon-reload")
    machine.path(OVERRIDE).unlink()
    machine.run("systemctl", "daemon-reload")


MISTAKES = {
    "port": Mistake(_steal, "ports", "fail"),
    "disk": Mistake(_fill, "disk-space", "fail", _unmount),
    "inodes": Mistake(_exhaust, "disk-inodes", "fail", _unmount),
    "open files": Mistake(
        _limit, "open-files", "warn", lambda machine: machine.run("systemctl", "restart", applied.MAIN)
    ),
    "drop-in": Mistake(_replace, "unit-files", "warn"),
    "not reloaded": Mistake(_slow_start, "unit-files", "warn", _forget),
    "masked": Mistake(lambda machine: machine.run("systemctl", "mask", instance.GENERATE), "unit-files", "fail"),
    "disabled": Mistake(lambda machine: machine.run("systemctl", "disable", applied.MAIN), "teleport-unit", "warn"),
    "stopped": Mistake(
        lambda machine: machine.run("systemctl", "stop", applied.MAIN),
        *("teleport-unit", "fail"),
        lambda machine: machine.run("systemctl", "restart", applied.MAIN),
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_issue_18_a_mistake_turns_its_own_check_until_its_remedy_is_run(all_in_one: Machine, name: str) -> None:
    machine, mistake = with_user(all_in_one), MISTAKES[name]
    assert wrong(checks(machine)) == {}
    mistake.make(machine)
    try:
        found = checks(machine)
        assert wrong(found) == {mistake.check: mistake.result}
        commands = remedies(found[mistake.check])
        assert commands
    finally:
        if mistake.mend is not None:
            mistake.mend(machine)
    if mistake.mend is None:
        for command in commands:
            machine.run("sh", "-c", command)
    observe.wait_until_ready(machine, applied.MAIN)
    assert wrong(checks(machine)) == {}


@pytest.mark.parametrize("words", [("disable", "--now"), ("mask", "--now")])
def test_issue_18_a_timer_that_does_not_run_is_its_own_check(node: Machine, words: tuple[str, ...]) -> None:
    assert wrong(checks(node)) == {}
    node.run("systemctl", *words, ssm.TIMER)
    found = checks(node)
    assert wrong(found) == {"timers": "warn"}
    (command,) = remedies(found["timers"])
    node.run("sh", "-c", command)
    assert wrong(checks(node)) == {}
