"""`./dev demo` shows what `generate` does with the guide's conf and with any other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
        [sys.executable, "-m", "tests.simulated_ec2.demo", *arguments],
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
