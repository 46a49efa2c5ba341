"""The rules of the checks of network and balancers that need no network: names of certificates, NO_PROXY, matchers."""

from __future__ import annotations

import ssl

import pytest

from teleport_bootstrap import roles
from teleport_bootstrap.doctor.balancers import health_checks
from teleport_bootstrap.doctor.network import outbound_proxy, tls_peer, web_answer
from teleport_bootstrap.host import certificate_names
from tests.certificates import Authority, self_signed


@pytest.mark.parametrize(
    ("exceptions", "is_left_out"),
    [
        ("", False),
        ("localhost", False),
        ("169.254.169.254", True),
        (" localhost , 169.254.169.254 ", True),
        ("169.254.169.254:80", True),
        ("169.254.0.0/16", True),
        ("10.0.0.0/8,nonsense/99", False),
        ("*", True),
        (".amazonaws.com", False),
    ],
)
def test_what_no_proxy_leaves_out(exceptions: str, is_left_out: bool) -> None:
    assert outbound_proxy.leaves_out(exceptions, outbound_proxy.METADATA) is is_left_out


@pytest.mark.parametrize("exception", ["amazonaws.com", ".amazonaws.com", "ssm.us-east-1.amazonaws.com"])
def test_a_name_is_left_out_with_all_below_it(exception: str) -> None:
    assert outbound_proxy.leaves_out(exception, "ssm.us-east-1.amazonaws.com")
    assert not outbound_proxy.leaves_out(exception, "ssm.us-east-1.amazonaws.com.example.com")


@pytest.mark.parametrize(
    ("matcher", "status", "accepts"),
    [
        *(("200", 200, True), ("200", 400, False), ("200-499", 400, True), ("200,400", 400, True)),
        *(("200,301-302", 302, True), ("", 200, False), ("0-99", 0, True), ("x-y", 200, False)),
    ],
)
def test_what_a_matcher_accepts(matcher: str, status: int, accepts: bool) -> None:
    assert health_checks.accepts(matcher, status) is accepts


def _peer(*names: str, address: str = "") -> tls_peer.Peer:
    given = [("DNS", name) for name in names] + ([("IP Address", address)] if address else [])
    return tls_peer.Peer((b"",), {"subjectAltName": tuple(given)})


def test_a_wildcard_is_for_one_label() -> None:
    peer = _peer("teleport.example.com", "*.Teleport.example.com", address="10.0.0.1")
    assert peer.is_for("TELEPORT.example.com.") and peer.is_for("grafana.teleport.example.com")
    assert peer.is_for("10.0.0.1")
    assert not peer.is_for("a.b.teleport.example.com") and not peer.is_for("example.com")


def test_the_names_of_a_chain() -> None:
    issued = Authority("acmeinc").issue("teleport.example.com")
    leaf, intermediate = (ssl.PEM_cert_to_DER_cert(each) for each in (issued.cert, issued.chain))
    assert certificate_names.subject(leaf) == "teleport.example.com"
    assert certificate_names.issuer(leaf) == certificate_names.subject(intermediate) == "acmeinc"
    peer = tls_peer.Peer((leaf, intermediate), {})
    assert peer.is_linked and not peer.is_self_signed and peer.authority == "acmeinc root"
    assert not tls_peer.Peer((intermediate, leaf), {}).is_linked
    alone = ssl.PEM_cert_to_DER_cert(self_signed("teleport.example.com").cert)
    assert tls_peer.Peer((alone,), {}).is_self_signed


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x03\x30\x01\x00", b"\x30\x82\xff\xff", b"not a certificate"])
def test_other_data_has_no_name(data: bytes) -> None:
    assert "cannot be read" in certificate_names.issuer(data)


ROLES = roles.Role


@pytest.mark.parametrize(
    ("role", "ours", "theirs", "is_allowed"),
    [
        *((ROLES.AGENT, 17, 18, True), (ROLES.AGENT, 18, 17, False), (ROLES.NODE, 16, 18, False)),
        *((ROLES.AUTH, 18, 17, True), (ROLES.AUTH, 17, 18, False), (ROLES.AUTH, 18, 16, False)),
        *((ROLES.PROXY, 18, 17, False), (ROLES.ALL, 17, 18, False)),
    ],
)
def test_which_majors_go_together(role: roles.Role, ours: int, theirs: int, is_allowed: bool) -> None:
    assert web_answer.is_allowed(role, ours, theirs) is is_allowed
