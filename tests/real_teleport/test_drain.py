"""Hosts that their group terminates, while people have sessions there: on a node, through a proxy, after a reload."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.boot import network, observe, signal_reader
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.real_teleport import real
from tests.real_teleport.test_cluster import DOMAIN, HOSTS, Cluster

READY = "http://127.0.0.1:3000/readyz"
UPLOADS = "/var/lib/teleport/log/upload/streaming/default"
RECORDS = "/var/lib/teleport/log/records"
TSH = f"tsh --proxy={DOMAIN}:3080 --identity=/srv/alice ssh"
# A person's command: it ends when the test lets it.
COMMAND = "echo begun; until test -e {}; do sleep 0.2; done; echo done"
END, END_DIRECT = "/srv/end", "/srv/end-direct"


@pytest.fixture
def cluster(new_machine: NewMachine) -> Iterator[Cluster]:
    """An auth server, a proxy and a node that have joined; proxy and node are in groups with a hook."""
    with network.new() as switch:
        made = Cluster(switch, new_machine)
        for name in ("proxy", "node"):
            real.add(made.machines[name], "TELEPORT_DRAIN_HOOK=end\n")
            signal_reader.install(made.machines[name])
            signal_reader.be_in_group(made.machines[name], "InService")
        made.join("auth", "proxy", "node")
        auth, proxy = made.machines["auth"], made.machines["proxy"]
        auth.run("tctl", "users", "add", "alice", "--roles=access", "--logins=root")
        auth.run("tctl", "auth", "sign", "--user=alice", "--out=/srv/alice", "--ttl=4h")
        auth.run("tctl", "auth", "sign", "--user=alice", "--format=openssh", "--out=/srv/key", "--ttl=4h")
        proxy.write("/srv/alice", auth.read("/srv/alice"), mode=0o600)
        yield made


def hostname(cluster: Cluster) -> str:
    """The name of the node in the cluster."""
    auth = cluster.machines["auth"]
    found: list[str] = []

    def is_listed() -> bool:
        found[:] = [each["spec"]["hostname"] for each in json.loads(auth.run("tctl", "nodes", "ls", "--format=json"))]
        return bool(found)

    auth.wait_for(is_listed, 120, "the node")
    return found[0]


def begin_session(proxy: Machine, node: Machine, name: str) -> None:
    """Start a session of a person on the node, through the proxy; what it prints is in /srv/session."""
    command = f"""script -qec "{TSH} -t root@{name} '{COMMAND.format(END)}'" /dev/null </dev/null >/srv/session 2>&1"""
    proxy.write("/srv/session", "")
    proxy.run("systemd-run", "-q", "--unit=session", "--remain-after-exit", "/bin/sh", "-c", command)
    proxy.wait_for(lambda: "begun" in proxy.read("/srv/session"), 60, "the session")
    assert not node.path(END).exists()


def records(cluster: Cluster) -> list[str]:
    """The recordings that the auth server has."""
    return cluster.machines["auth"].try_run("sh", "-c", f"ls {RECORDS}/*.tar").stdout.split()


def wait_for_end(machine: Machine) -> str:
    """Wait until the group may go on, and return what the agent said."""
    machine.wait_for(
        lambda: signal_reader.signals(machine)[-1]["Action"] == "CompleteLifecycleAction", 200, "the completed action"
    )
    assert signal_reader.signals(machine)[-1]["LifecycleActionResult"] == "CONTINUE"
    machine.wait_for(lambda: "drained this instance for" in machine.journal("-u", signal_reader.UNIT), 30, "the result")
    return machine.journal("-u", signal_reader.UNIT)


def assert_session_went_on(proxy: Machine) -> None:
    """It has ended with the status of its command; one that is cut has another."""
    proxy.wait_for(lambda: proxy.show("session.service", "SubState")["SubState"] != "running", 60, "the end of tsh")
    # Not its last words: `script` may end before it has printed them.
    assert proxy.show("session.service", "ExecMainStatus") == {"ExecMainStatus": "0"}, proxy.read("/srv/session")


def directly(cluster: Cluster, tmp_path: Path, command: str) -> subprocess.Popen[bytes]:
    """Connect to the node by OpenSSH, without the proxy."""
    for name in ("key", "key-cert.pub"):
        (tmp_path / name).write_text(cluster.machines["auth"].read(f"/srv/{name}"), "utf-8")
        (tmp_path / name).chmod(0o600)
    # Teleport 12 does not tell OpenSSH that it takes newer signatures of an RSA certificate.
    settings = {
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": "/dev/null",
        "BatchMode": "yes",
        "PubkeyAcceptedAlgorithms": "+ssh-rsa-cert-v01@openssh.com",
    }
    options = [f"-o{key}={value}" for key, value in settings.items()]
    address = cluster.switch.address(list(HOSTS).index("node") + 1)
    return subprocess.Popen(
        ["ip", "netns", "exec", cluster.switch.name, "ssh", *options, "-i", str(tmp_path / "key"), "-p", "3022",
         f"root@{address}", command],
        stdin=subprocess.DEVNULL, stdout=(tmp_path / "out").open("wb"), stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_a_node_waits_for_its_sessions_and_leaves_no_recording(cluster: Cluster, tmp_path: Path) -> None:
    proxy, node = cluster.machines["proxy"], cluster.machines["node"]
    unit, name = HOSTS["node"][1], hostname(cluster)
    begin_session(proxy, node, name)
    direct = directly(cluster, tmp_path, COMMAND.format(END_DIRECT))
    node.wait_for(lambda: "begun" in (tmp_path / "out").read_text("utf-8"), 30, "the direct session")
    signal_reader.change(node, "Terminated")
    node.wait_for(lambda: observe.fetch(node, READY)[0] == 0, 60, "the graceful stop")
    # It serves what goes on, and nothing new.
    assert node.state(unit) == "active" and direct.poll() is None
    assert proxy.try_run("sh", "-c", f"{TSH} root@{name} true").returncode != 0
    second = tmp_path / "second"
    second.mkdir()
    assert directly(cluster, second, "true").wait(30) != 0
    assert "refused" in (second / "out").read_text("utf-8")

    # Teleport ends with the last connection, maybe before the recording of that one is complete: not of this one.
    node.write(END, "")
    assert_session_went_on(proxy)
    node.wait_for(lambda: bool(list(node.path(UPLOADS).glob("*.tar"))), 30, "its recording, which is not uploaded")
    node.write(END_DIRECT, "")
    assert direct.wait(30) == 0 and "done" in (tmp_path / "out").read_text("utf-8")
    said = wait_for_end(node)
    assert f"drained this instance for lifecycle:end: {unit} stopped within" in said
    assert node.state(unit) == "inactive"
    assert node.show(unit, "NRestarts", "Result") == {"NRestarts": "0", "Result": "success"}
    assert "session recordings that it has uploaded after that" in said
    assert records(cluster)


def test_a_proxy_waits_for_the_sessions_through_it(cluster: Cluster) -> None:
    proxy, node = cluster.machines["proxy"], cluster.machines["node"]
    unit, name = HOSTS["proxy"][1], hostname(cluster)
    begin_session(proxy, node, name)
    signal_reader.change(proxy, "Terminated")
    proxy.wait_for(lambda: observe.fetch(proxy, READY)[0] == 0, 60, "the graceful stop")
    assert proxy.state(unit) == "active"
    assert proxy.try_run("sh", "-c", f"{TSH} root@{name} true").returncode != 0
    node.write(END, "")
    said = wait_for_end(proxy)
    assert_session_went_on(proxy)
    assert f"drained this instance for lifecycle:end: {unit} stopped within" in said
    assert proxy.state(unit) == "inactive"


def test_a_session_of_before_a_reload_ends_by_itself_too(cluster: Cluster) -> None:
    proxy, node = cluster.machines["proxy"], cluster.machines["node"]
    unit, name = HOSTS["node"][1], hostname(cluster)
    begin_session(proxy, node, name)
    old = real.pid(node)
    real.add(node, "TELEPORT_SSH_LABELS='env: reloaded'\n")
    done = real.reconfigure(node)
    assert done.returncode == 0, done.stdout + done.stderr
    assert real.pid(node) != old
    assert node.show(unit, "MainPID") == {"MainPID": str(old)}
    signal_reader.change(node, "Terminated")
    node.wait_for(lambda: observe.fetch(node, READY)[0] == 0, 60, "the graceful stop of the process in charge")
    assert node.state(unit) == "active"
    node.write(END, "")
    said = wait_for_end(node)
    assert_session_went_on(proxy)
    assert f"{unit} stopped within" in said and node.state(unit) == "inactive"
