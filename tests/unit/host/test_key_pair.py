"""Which key pairs Teleport starts with, row E: what its own check accepts is accepted, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import pytest

from teleport_bootstrap import paths
from teleport_bootstrap.host import key_pair, trust_store
from teleport_bootstrap.secret import Secret
from tests import certificates
from tests.certificates import DAY, Authority, Issued

DOMAIN = "teleport.example.com"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def blocking(issued: Issued, *trusted: str, chain: Optional[str] = None) -> Optional[key_pair.Unusable]:
    store = trust_store.TrustStore(trusted, "the store")
    return key_pair.blocks_startup(issued.fullchain if chain is None else chain, Secret(issued.privkey), store)


def test_row_e_a_chain_to_a_trusted_root_or_issuer_is_accepted(authority: Authority) -> None:
    issued = authority.issue(DOMAIN)
    assert blocking(issued, authority.root) is None
    assert blocking(issued, authority.intermediate) is None, "to Go everything in the store is an anchor"
    assert blocking(issued, authority.intermediate, chain=issued.cert) is None
    assert blocking(issued, issued.cert, chain=issued.cert) is None
    assert blocking(issued, authority.root, chain=issued.fullchain + authority.root) is None
    assert blocking(issued, "no certificate", authority.root) is None, "what cannot be read is left out"


def test_row_e_names_do_not_matter(authority: Authority) -> None:
    assert blocking(authority.issue("other.example.net"), authority.root) is None


def test_row_e_an_issuer_that_is_not_trusted_is_told_from_other_faults(authority: Authority) -> None:
    found = blocking(Authority("other", trusted=False).issue(DOMAIN), authority.root)
    assert found is not None and found.is_untrusted and "SSL_CERT_FILE" in found.remedy()
    issued = authority.issue(DOMAIN)
    incomplete = blocking(issued, authority.root, chain=issued.cert)
    assert incomplete is not None and incomplete.is_untrusted
    nothing = blocking(issued)
    assert nothing is not None and nothing.is_untrusted, "a host without any authority"


@pytest.mark.parametrize(("begins", "ends"), [(-9 * DAY, -1), (3600, 9 * DAY)])
def test_row_e_times_matter_unless_it_is_self_signed(authority: Authority, begins: float, ends: float) -> None:
    found = blocking(authority.issue(DOMAIN, begins=begins, ends=ends), authority.root)
    assert found is not None and found.is_dated and "clock" in found.remedy()


def test_row_e_one_single_self_signed_certificate_is_exempt(authority: Authority) -> None:
    alone = certificates.self_signed(DOMAIN)
    assert blocking(alone, authority.root) is None
    assert blocking(alone) is None
    assert blocking(alone, authority.root, chain=alone.cert * 2) is not None, "two are a chain"
    other = certificates.self_signed(DOMAIN)
    assert blocking(Issued(other.privkey, alone.cert, "")) is not None, "the key has to fit all the same"


def test_row_e_what_is_not_only_certificates_is_refused(authority: Authority) -> None:
    issued = authority.issue(DOMAIN)
    assert blocking(issued, authority.root, chain=f"# made by hand\n{issued.fullchain}\n\n") is None
    for chain in ("", "text", issued.fullchain + "end\n", issued.fullchain + issued.privkey, issued.privkey):
        found = blocking(issued, authority.root, chain=chain)
        assert found is not None and "PRIVATE" not in found.why, chain


def test_row_e_half_a_certificate_is_neither_self_signed_nor_a_failure(authority: Authority) -> None:
    text = certificates.self_signed(DOMAIN).cert
    body = "".join(text.splitlines()[1:-1])
    for length in range(0, len(body), 4):
        cut = f"-----BEGIN CERTIFICATE-----\n{body[:length]}\n-----END CERTIFICATE-----\n"
        assert not key_pair.is_self_signed(cut)


@pytest.mark.parametrize("damage", ["\ufffd", "\u00e9", "\0"])
def test_a_certificate_with_text_in_it_that_is_not_ascii_is_unusable_and_not_a_failure(
    authority: Authority, damage: str
) -> None:
    """Found by the fuzzer, issue 14: a byte that is not ASCII in the issuer, or in one of a host's authorities."""
    issued = authority.issue("example.com")
    half = len(issued.chain) // 2
    damaged = issued.chain[:half] + damage + issued.chain[half:]
    with pytest.raises(key_pair.Unusable):
        key_pair.issued_by(trust_store.certificates(issued.cert + damaged))
    assert blocking(issued, damaged, authority.root) is None
    assert blocking(issued, damaged) is not None
    assert blocking(issued, authority.root, chain=issued.cert + damaged) is not None


def test_row_e_the_store_is_read_as_teleport_reads_it(tmp_path: Path, authority: Authority) -> None:
    one, two, three = (Authority(trusted=False).root for _ in range(3))
    root = paths.Root(str(tmp_path))
    for name, text in (
        ("etc/ssl/certs/ca-certificates.crt", one),
        ("etc/pki/tls/certs/ca-bundle.crt", two),
        ("etc/ssl/certs/own.pem", f"a comment\n{three}"),
        ("etc/ssl/certs/folder/deeper.pem", "not read"),
        ("opt/bundle.pem", authority.root),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    every = [trust_store.certificates(each)[0] for each in (one, two, three, authority.root)]

    def found(**environ: str) -> set[int]:
        read = trust_store.read(root, "teleport.service", environ).authorities
        return {every.index(each) for each in read}

    assert found() == {0, 1, 2}, "the first bundle, and every file of the directories"
    assert found(SSL_CERT_FILE=str(tmp_path / "opt/bundle.pem")) == {0, 1, 2, 3}
    assert found(SSL_CERT_DIR=f"{tmp_path}/opt:{tmp_path}/nowhere") == {0, 3}
    assert found(SSL_CERT_FILE=f"{tmp_path}/nowhere", SSL_CERT_DIR=f"{tmp_path}/nowhere") == set()


@pytest.mark.parametrize("before", ["\ufeff", " ", "\t", "-"])
def test_row_e_what_stands_before_a_block_on_its_line_hides_it_to_teleport(authority: Authority, before: str) -> None:
    issued = authority.issue(DOMAIN)
    chain = blocking(issued, authority.root, chain=before + issued.fullchain)
    store = trust_store.TrustStore((authority.root,), "x")
    key = key_pair.blocks_startup(issued.fullchain, Secret(before + issued.privkey), store)
    assert chain is not None
    assert key is not None
    assert "private key" in key.why
    assert blocking(issued, authority.root, chain="a comment\n" + issued.fullchain) is None
