"""status in a scratch root: what is drift, what is an error, and that it calls no remote service."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import answers, certificates
from tests.simulated.agent import GUIDE, TOKEN, Agent, shows_no_secret, tree
from tests.simulated_ec2 import imds as emulator

STATE = "/var/lib/teleport-bootstrap"
AGENT = (
    f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN={TOKEN}\n"
    "TELEPORT_AGENT_SSH_ENABLED=true\n"
)


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    """The guide's instance with a Teleport, applied as generation 1."""
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.install(version="17.5.1")
    agent.conf(GUIDE)
    done = agent.generate()
    assert done.status == 0, done.errors
    return agent


def status(agent: Agent, expected: int) -> dict[str, Any]:
    done = agent.run("status", "--format", "json")
    assert done.status == expected, done.said
    found = done.data
    assert found["state"] == {0: "unknown", 9: "broken", 15: "drifted"}[expected]
    assert bool(done.wrong) == (expected == 9)
    assert done.warnings or expected != 15
    assert isinstance(found, dict)
    return found


def drift(agent: Agent) -> str:
    (line,) = answers.lines(status(agent, 15), "warning")
    return line


def test_an_unchanged_host_is_healthy_and_status_changes_nothing(agent: Agent) -> None:
    before = tree(agent.root)
    found = status(agent, 0)
    assert (found["role"], found["unit"]["name"]) == ("all-in-one", "teleport-acm.service")
    assert found["conf"] == {"state": "valid", "not_followed_because": None}
    assert found["teleport"] == {"version": "17.5.1", "edition": "community", "fips": False}
    assert (found["applied"]["generation"], found["applied"]["confirmed"]) == (1, True)
    assert found["applied"]["made_by"].startswith("generate by ")
    assert answers.found(found, "warning") == []
    text = agent.run("status").output
    assert len(text.splitlines()) <= 24
    assert "generation:     1, " in text and "state:          unknown" in text
    assert tree(agent.root) == before


def test_an_edited_conf_is_drift(agent: Agent) -> None:
    agent.conf(f'{GUIDE}\nTELEPORT_SSH_LABELS="env: prod"\n')
    assert "conf has been edited since" in drift(agent) and "reconfigure" in drift(agent)
    assert "~ " in agent.run("status").output


def test_a_deleted_conf_is_drift(agent: Agent) -> None:
    agent.path("/etc/teleport.d/conf").unlink()
    assert "conf has been deleted" in drift(agent)


def test_an_edited_file_is_drift(agent: Agent) -> None:
    agent.teleport_yaml.write_text(agent.teleport_yaml.read_text() + "# mine\n")
    assert "teleport.yaml has been edited since" in drift(agent) and "adopt" in drift(agent)


def test_an_edited_environment_or_marker_is_drift(agent: Agent) -> None:
    agent.path(f"{STATE}/unit.env").write_text("TELEPORT_START_FLAGS=--debug\n")
    assert "unit.env is not what was applied" in drift(agent)
    agent.path(f"{STATE}/unit.env").unlink()
    assert "unit.env is missing" in drift(agent)


def test_a_second_marker_is_an_error(agent: Agent) -> None:
    agent.write("/etc/teleport.d/role.node", "node\n")
    found = status(agent, 9)
    assert any("one role marker" in line for line in answers.lines(found, "error"))
    assert any("role.node should not exist" in line for line in answers.lines(found, "warning"))


def test_a_conf_that_is_not_followed_is_drift_with_the_reason(agent: Agent) -> None:
    agent.conf(AGENT)
    assert agent.run("reconfigure", "--yes").status == 0
    assert agent.run("rollback", "--yes").status == 0
    assert "not followed (rolled back to generation 1): boots and `generate` keep generation 1" in drift(agent)
    found = status(agent, 15)
    assert (found["unit"]["name"], found["role"]) == ("teleport-acm.service", "all-in-one")
    assert found["conf"] == {"state": "not-followed", "not_followed_because": "rolled back to generation 1"}


def test_an_unconfirmed_generation_is_drift(agent: Agent) -> None:
    agent.write(f"{STATE}/current.json", '{"generation": 1, "confirmed": false}', 0o600)
    assert "generation 1 has not been confirmed healthy" in drift(agent)
    assert "1, " in agent.run("status").output and "not confirmed" in agent.run("status").output


def test_damaged_records_are_reported(agent: Agent) -> None:
    agent.write(f"{STATE}/current.json", "{", 0o600)
    assert "current.json is damaged" in drift(agent)
    agent.write(f"{STATE}/current.json", '{"generation": 7}', 0o600)
    assert "generation 7 does not exist" in drift(agent)


def test_secrets_are_reported_by_age_only(agent: Agent) -> None:
    agent.conf(AGENT)
    assert agent.run("reconfigure", "--yes").status == 0
    found = status(agent, 0)
    (secret,) = found["secrets"]
    assert secret["path"] == "/var/lib/teleport/token" and 0 <= secret["age_seconds"] < 120
    shows_no_secret(agent.run("status"))


def test_pending_and_missing_files_are_errors(agent: Agent) -> None:
    agent.conf("TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n")
    agent.teleport_yaml.unlink()
    found = status(agent, 9)
    assert [each["path"] for each in found["pending"]] == ["/var/lib/teleport/token", "/var/lib/teleport/ca-pin-hash"]
    assert any("generate" in line for line in answers.lines(found, "error"))
    assert [each["age_seconds"] for each in found["secrets"]] == [None, None]
    text = agent.run("status").output
    assert "/teleport/cluster-1/tokens/node" in text and "SSM is not asked here" in text


# ---------------------------------------------------------------- certificates

openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def serve_with(agent: Agent, days: int) -> Path:
    """Let teleport.yaml name a certificate that is good for so many days."""
    certificate = agent.path("/var/lib/teleport/fullchain.pem")
    certificate.parent.mkdir(parents=True, exist_ok=True)
    key = agent.write("/var/lib/teleport/key.pem", "", 0o600)
    request = ["openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=a", "-keyout", str(key)]
    subprocess.run([*request, "-days", str(days), "-out", str(certificate)], check=True, capture_output=True)
    agent.conf("TELEPORT_DOMAIN_NAME=example.com\n")
    override = "proxy_service:\n  https_keypairs:\n    - key_file: /var/lib/teleport/key.pem\n"
    agent.write(
        "/etc/teleport.d/teleport.yaml.d/50-tls.yaml",
        f"{override}      cert_file: /var/lib/teleport/fullchain.pem\n",
    )
    done = agent.run("reconfigure", "--yes")
    assert done.status == 0, done.errors
    return certificate


@openssl
def test_certificates_are_reported_with_their_expiry_and_a_missed_renewal_is_drift(agent: Agent) -> None:
    certificate = serve_with(agent, 60)
    (told,) = status(agent, 0)["certificates"]
    assert told["path"] == "/var/lib/teleport/fullchain.pem" and told["expires_at"].endswith("+00:00")
    late = certificates.Authority().issue("example.com", begins=-83 * certificates.DAY, ends=7 * certificates.DAY)
    by_authority(agent, late)
    assert "has not been renewed" in drift(agent)
    certificate.write_text("no certificate\n")
    (told,) = status(agent, 9)["certificates"]
    assert told["expires_at"] is None and "no certificate" in told["unknown_because"]
    certificate.unlink()
    (told,) = status(agent, 0)["certificates"]
    assert told["unknown_because"] == "the file does not exist"
    agent.environ = {"PATH": "/nonexistent"}
    certificate.write_text("x")
    (told,) = status(agent, 9)["certificates"]
    assert told["unknown_because"] == "openssl is not installed"


def by_authority(agent: Agent, issued: certificates.Issued) -> None:
    """Let teleport.yaml name what an authority issued; the host trusts the test authorities."""
    serve_with(agent, 60)
    agent.write("/etc/ssl/certs/ca-certificates.crt", "".join(certificates.TRUSTED))
    agent.write("/var/lib/teleport/fullchain.pem", issued.fullchain)
    agent.write("/var/lib/teleport/key.pem", issued.privkey, 0o600)


@openssl
@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("untrusted", "its issuer is not among the authorities in"),
        ("expired", "it has expired"),
        ("not yet valid", "it is not valid yet"),
        ("mismatched", "the private key belongs to another certificate"),
        ("swapped", "it contains no certificate"),
        ("empty", "it contains no certificate"),
        ("with its key", "it contains something other than certificates"),
    ],
)
def test_row_e_a_pair_that_keeps_teleport_from_its_next_start_is_an_error(agent: Agent, what: str, said: str) -> None:
    authority, other = certificates.Authority(), certificates.Authority("staging", trusted=False)
    good = authority.issue("example.com", ends=40 * certificates.DAY)
    by_authority(agent, good)
    assert answers.found(status(agent, 0), "error") == []
    pair = {
        "untrusted": other.issue("example.com"),
        "expired": authority.issue("example.com", begins=-9 * certificates.DAY, ends=-1),
        "not yet valid": authority.issue("example.com", begins=3600),
        "mismatched": certificates.Issued(authority.issue("example.com").privkey, good.cert, good.chain),
        "swapped": certificates.Issued(good.cert + good.chain, good.privkey, ""),
        "empty": certificates.Issued(good.privkey, "", ""),
        "with its key": certificates.Issued(good.privkey, good.cert, good.chain + good.privkey),
    }[what]
    by_authority(agent, pair)
    trouble = "\n".join(answers.lines(status(agent, 9), "error"))
    path = agent.path("/var/lib/teleport/fullchain.pem")
    assert f"{path} keeps Teleport from its next start: {said}" in trouble and "Do not restart Teleport" in trouble
    assert ("update-ca-certificates" in trouble and "SSL_CERT_FILE" in trouble) == (what == "untrusted")
    assert "PRIVATE KEY" not in trouble

    agent.environ["SSL_CERT_FILE"] = str(agent.write("/etc/private.pem", other.root))
    assert bool(answers.found(status(agent, 0 if what == "untrusted" else 9), "error")) == (what != "untrusted")


@openssl
def test_row_e_a_change_notes_an_override_whose_pair_teleport_would_refuse(agent: Agent) -> None:
    by_authority(agent, certificates.Authority("private", trusted=False).issue("example.com"))
    done = agent.run("reconfigure", "--yes")
    assert done.status == 0 and "keeps Teleport from its next start: its issuer is not among" in done.said
    assert "proxy_service.https_keypairs[0].cert_file, from override" in done.said


# ---------------------------------------------------------------- far away


@pytest.fixture
def silence() -> Iterator[str]:
    """A service that takes connections, and never answers; it fails the test in which anybody came."""
    came = []
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)
    done = threading.Event()

    def listen() -> None:
        while not done.is_set():
            try:
                came.append(server.accept())
            except OSError:  # no connection
                continue

    thread = threading.Thread(target=listen)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    done.set()
    thread.join()
    server.close()
    assert came == []


def test_status_takes_less_than_a_second_and_calls_neither_metadata_nor_aws(agent: Agent, silence: str) -> None:
    agent.conf(AGENT)
    assert agent.run("reconfigure", "--yes").status == 0
    agent.imds = agent.aws = silence
    taken = []
    for _ in range(3):
        started = time.monotonic()
        status(agent, 0)
        taken.append(time.monotonic() - started)
    # The fastest: the machine that runs the tests may be busy with others.
    assert min(taken) < 1
