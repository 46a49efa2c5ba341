"""`./dev demo` shows what `generate` does with the guide's conf and with any other."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests import documents

CHECKOUT = Path(__file__).resolve().parents[2]
AUTH = """\
TELEPORT_ROLE=auth
TELEPORT_DOMAIN_NAME=teleport.acmeinc.com
TELEPORT_AUTH_SERVER_LB=auth.acmeinc.com
TELEPORT_DYNAMO_TABLE_NAME=teleport
TELEPORT_DYNAMO_EVENTS_TABLE_NAME=teleport-events
TELEPORT_S3_BUCKET=teleport-recordings
TELEPORT_LOCKS_TABLE_NAME=teleport-locks
TELEPORT_LICENSE_PATH=yes
USE_ACM=true
EC2_REGION=eu-west-1
"""
AGENT = """\
TELEPORT_ROLE=agent
TELEPORT_PROXY_SERVER_LB=teleport.acmeinc.com
TELEPORT_JOIN_TOKEN=a-token-to-be-masked
TELEPORT_AGENT_SSH_ENABLED=true
"""


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the demo as `./dev demo` does, with this Python."""
    return subprocess.run(
        [sys.executable, "-m", "tests.demo", *arguments],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "AWS_PROFILE": "somebodys-own", "http_proxy": "http://[::1]:9"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_conf_of_the_guide_results_in_its_values_marker_and_unit() -> None:
    done = demo()
    assert (done.returncode, done.stderr) == (0, "")
    for expected in (
        "public_addr: teleport.acmeinc.com:443",
        "public_addr: teleport-nlb.acmeinc.com:3025",
        "role.all-acm",
        "0600  ",
        "systemctl start teleport-acm.service",
        "TELEPORT_START_FLAGS=--insecure-no-tls",
    ):
        assert expected in done.stdout, expected
    assert "teleport-bootstrap-demo-" not in done.stdout, "the scratch directory is not what an instance has"


def test_issue_15_point_8_the_readme_shows_what_the_demo_prints() -> None:
    block = documents.block("README.md", "shown", "demo")
    ((command, shown),) = documents.session(block)
    assert command == "./dev demo"
    documents.assert_shown(shown, demo().stdout, block.place)


def test_a_conf_that_needs_parameters_finds_them_in_its_region(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text(AUTH)
    done = demo(str(tmp_path / "conf"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "/teleport/teleport.acmeinc.com/license" in done.stdout
    assert "/var/lib/teleport/license.pem" in done.stdout
    assert "systemctl start teleport-auth.service" in done.stdout


def test_does_not_print_a_secret_of_the_conf(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text(AGENT)
    done = demo(str(tmp_path / "conf"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "TELEPORT_JOIN_TOKEN=" in done.stdout
    assert "a-token-to-be-masked" not in done.stdout


def test_reports_the_errors_of_an_invalid_conf_and_exits_with_2(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text(f"TELEPORT_ROLE=oops\nX=$(touch {tmp_path}/run)\n")
    done = demo(str(tmp_path / "conf"))
    assert done.returncode == 2
    assert f"{tmp_path}/conf:1:" in done.stdout
    assert f"{tmp_path}/conf:2:" in done.stdout
    assert not (tmp_path / "run").exists()


def test_names_a_missing_conf(tmp_path: Path) -> None:
    done = demo(str(tmp_path / "conf"))
    assert (done.returncode, done.stdout) == (2, "")
    assert str(tmp_path / "conf") in done.stderr


def dev(scratch: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start `./dev` in a process group of its own; temporary files go to `scratch`."""
    environ = {**os.environ, "TMPDIR": str(scratch)}
    return subprocess.Popen(
        [str(CHECKOUT / "dev"), *arguments],
        env=environ,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
        **options,
    )


def test_issue_15_terminal_9_four_hosts_find_each_other_through_ssm_and_one_lock() -> None:
    done = demo("ha")
    assert (done.returncode, done.stderr) == (0, "")
    text = done.stdout
    assert "\033" not in text, "no colors where this is not a terminal"
    # In the order of the story: they wait, one auth server publishes, they fetch what is registered there.
    order = (
        "teleport-proxy-acm.service waits for /var/lib/teleport/token",
        "teleport-node.service waits for /var/lib/teleport/ca-pin-hash",
        "the item of the lock: held by ip-10-0-0-12.ec2.internal",
        "published /teleport/teleport.acmeinc.com/tokens/proxy",
        "another auth server published tokens 0 minutes ago",
        "removed, so that it is free",
        "proxy-1 $ teleport-bootstrap fetch-secrets",
        "wrote /var/lib/teleport/token",
        "lets a host join as Proxy",
        "lets a host join as Node",
        "table_name: teleport-state",
        "auth_server: auth.acmeinc.com:3025",
    )
    places = [text.find(each) for each in order]
    assert -1 not in places, [each for each, place in zip(order, places) if place == -1]
    assert places == sorted(places)
    assert text.count("published /teleport") == 6, "one auth server publishes"
    assert text.count("(the same)") == 2 and "NOT the same" not in text
    assert re.search("That took [0-9.]+ seconds", text)


def test_issue_15_terminal_9_the_demo_is_in_color_on_a_terminal_and_tells_its_time() -> None:
    for more, is_colorful in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        ours, theirs = pty.openpty()
        environ = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.demo"],
            env={**environ, "PYTHONPATH": str(CHECKOUT), "TERM": "xterm", **more},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            shown += part
            if not part:
                break
        os.close(ours)
        assert process.wait(60) == 0
        assert (b"\033[" in shown) is is_colorful
        assert b"That took " in shown


@pytest.mark.parametrize("arguments", [("demo",), ("demo", "ha"), ("help",), ("run", "variables")])
def test_issue_15_row_13_a_reader_that_closes_the_pipe_is_not_an_error(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    process = dev(tmp_path, *arguments, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) in ((0, ""), (-signal.SIGPIPE, "")), errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2])
@pytest.mark.parametrize("arguments", [("demo",), ("run", "variables")])
def test_issue_15_row_13_ctrl_c_leaves_no_traceback_and_nothing_else(
    tmp_path: Path, arguments: tuple[str, ...], seconds: float
) -> None:
    process = dev(tmp_path, *arguments, stdout=subprocess.PIPE)
    time.sleep(seconds)
    while process.poll() is None:
        # Once more where it came too early, as a person would press the keys again.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2)
    output, errors = process.communicate(timeout=60)
    assert process.returncode in (0, 130, -signal.SIGINT), (output, errors)
    said = set(errors.splitlines()) - {"dev: interrupted", "teleport-bootstrap: interrupted"}
    assert not said, errors
    assert list(tmp_path.iterdir()) == []


def test_issue_15_row_13_ctrl_c_ends_the_tests_without_a_traceback(tmp_path: Path) -> None:
    process = dev(tmp_path, "test", "tests/unit/test_display.py", "-p", "no:cacheprovider", stdout=subprocess.PIPE)
    time.sleep(1.0)
    while process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2)
    output, errors = process.communicate(timeout=60)
    assert process.returncode in (0, 130), (output, errors)
    # What interrupts hypothesis's own callback of the garbage collector cannot be raised there, and pytest prints it.
    assert "Traceback" not in output + errors or "in gc_callback" in output + errors


def test_issue_15_row_13_a_checkout_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "tests").mkdir(parents=True)
    shutil.copy(CHECKOUT / "dev", checkout)
    for name in ("requirements-demo.txt", "requirements.txt"):
        shutil.copy(CHECKOUT / "tests" / name, checkout / "tests")
    checkout.chmod(0o555)
    tmp_path.chmod(0o755)
    # For root, only a mount makes it so.
    command = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount --bind -o ro "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$1/dev" demo',
        "sh",
    ]
    if os.geteuid() != 0:
        command = ["sh", "-c", 'exec "$1/dev" demo', "sh"]
    done = subprocess.run([*command, str(checkout)], capture_output=True, text=True, check=False)
    checkout.chmod(0o755)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("this machine does not let a test mount anything")
    assert done.returncode == 1
    assert f".venv cannot be written: the checkout {checkout} is read-only here" in done.stderr
    assert "is the venv module" not in done.stderr and not (checkout / ".venv").exists()
