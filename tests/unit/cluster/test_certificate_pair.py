"""What can be served with: a chain and a key, tried out without leaving this process."""

from __future__ import annotations

import os
from typing import Optional

import pytest

from teleport_bootstrap.cluster.certificate import lineage, pair
from teleport_bootstrap.secret import Secret
from tests import certificates
from tests.certificates import DAY, Authority, Issued

DOMAIN = "teleport.example.com"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def good(authority: Authority) -> Issued:
    return authority.issue(DOMAIN)


def refused(fullchain: str, key: str) -> pair.Unusable:
    with pytest.raises(pair.Unusable) as raised:
        pair.check(DOMAIN, fullchain, Secret(key))
    return raised.value


def test_an_issued_certificate_is_valid_as_long_as_it_says(authority: Authority) -> None:
    issued = authority.issue(DOMAIN, begins=-3600, ends=7200)
    found = pair.check(DOMAIN, issued.fullchain, Secret(issued.privkey))
    assert found.not_after - found.not_before == pytest.approx(10800, abs=1)


def test_letter_case_does_not_matter_in_names(authority: Authority) -> None:
    issued = authority.issue(DOMAIN, names=("Teleport.Example.COM", "*.teleport.EXAMPLE.com"))
    assert pair.check(DOMAIN, issued.fullchain, Secret(issued.privkey))


def test_accepts_a_self_signed_certificate() -> None:
    issued = certificates.self_signed(DOMAIN)
    assert pair.check(DOMAIN, issued.fullchain, Secret(issued.privkey))


def test_accepts_a_chain_that_includes_its_root(authority: Authority, good: Issued) -> None:
    assert pair.check(DOMAIN, good.fullchain + authority.root, Secret(good.privkey))


def test_another_key_is_refused(authority: Authority, good: Issued) -> None:
    assert "another certificate" in refused(good.fullchain, authority.issue(DOMAIN).privkey).why


@pytest.mark.parametrize(
    "names",
    [(DOMAIN,), (f"*.{DOMAIN}",), ("other.example.com", "*.other.example.com"), (f"x.{DOMAIN}", f"*.x.{DOMAIN}")],
    ids=["no wildcard", "wildcard alone", "another domain", "a domain below"],
)
def test_other_names_are_refused_and_named(authority: Authority, names: tuple[str, ...]) -> None:
    issued = authority.issue(DOMAIN, names=names)
    unusable = refused(issued.fullchain, issued.privkey)
    assert names[0] in unusable.why and "not for" in unusable.why and not unusable.is_dated


def test_a_chain_without_the_issuer_is_refused(authority: Authority, good: Issued) -> None:
    assert "chain" in refused(good.cert, good.privkey).why
    assert "chain" in refused(good.cert + authority.root, good.privkey).why
    assert "chain" in refused(good.cert + Authority("another").intermediate, good.privkey).why


@pytest.mark.parametrize(
    ("begins", "ends", "word"), [(-2 * DAY, -DAY, "expired"), (DAY, 2 * DAY, "clock")], ids=["expired", "not yet"]
)
def test_distinguishes_an_expired_certificate_from_an_invalid_one(
    authority: Authority, begins: float, ends: float, word: str
) -> None:
    issued = authority.issue(DOMAIN, begins=begins, ends=ends)
    unusable = refused(issued.fullchain, issued.privkey)
    assert unusable.is_dated and word in unusable.why


def test_refuses_other_text_without_showing_it(good: Issued) -> None:
    broken = good.cert[:200] + "\n-----END CERTIFICATE-----\n"
    for chain, key in (
        ("", good.privkey),
        ("<html>", good.privkey),
        (broken + good.chain, good.privkey),
        (good.cert + broken, good.privkey),
        (good.fullchain, ""),
        (good.fullchain, "-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n"),
        (good.fullchain, good.cert),
        (good.fullchain, "\0\udcff".encode("utf-8", "replace").decode()),
    ):
        unusable = refused(chain, key)
        assert "planted" not in unusable.why and "BEGIN" not in unusable.why and unusable.__cause__ is None


def test_an_encrypted_key_is_refused_without_asking_anyone(good: Issued) -> None:
    assert refused(good.fullchain, certificates.encrypted_key())


def test_no_file_stays_open(good: Issued) -> None:
    before = set(os.listdir("/proc/self/fd"))
    pair.check(DOMAIN, good.fullchain, Secret(good.privkey))
    refused(good.fullchain, "")
    assert set(os.listdir("/proc/self/fd")) == before


# ---------------------------------------------------------------- which of several


def secrets(issued: Issued, **changed: str) -> dict[str, Secret]:
    return {kind: Secret(text) for kind, text in {**issued.files(), **changed}.items()}


class InMemory(lineage.Place):
    """A place with numbered files, by number and kind."""

    def __init__(self, name: str, sets: dict[int, dict[str, Secret]]) -> None:
        super().__init__(DOMAIN, name)
        self.content = {f"{kind}{number}.pem": each for number, files in sets.items() for kind, each in files.items()}

    def _text(self, key: str) -> Optional[str]:
        content = self.content.get(key.rpartition("/")[2])
        return None if content is None else content.reveal()

    def _names(self, prefix: str) -> list[str]:
        return list(self.content)

    def _accounts(self, renewal: Optional[str]) -> dict[str, Secret]:
        return {}


def test_ten_comes_after_nine(authority: Authority) -> None:
    state = InMemory("here", {number: secrets(authority.issue(DOMAIN)) for number in (9, 10, 8)}).read()
    assert [each.number for each in state.found] == [10] and not state.refused


def test_ignores_and_reports_a_number_that_is_incomplete_or_does_not_fit_together(authority: Authority) -> None:
    sets = {
        1: secrets(authority.issue(DOMAIN)),
        2: secrets(authority.issue(DOMAIN)),
        3: secrets(authority.issue(DOMAIN), privkey=authority.issue(DOMAIN).privkey),
        4: {"privkey": Secret(authority.issue(DOMAIN).privkey)},
        5: secrets(authority.issue(DOMAIN), chain=Authority("another").intermediate),
        6: secrets(authority.issue(DOMAIN), cert=authority.issue(DOMAIN).cert),
    }
    state = InMemory("s3://b", sets).read()
    assert [each.number for each in state.found] == [2]
    assert [line.split(" is ignored")[0] for line in state.refused] == [
        f"number {number} in s3://b" for number in (6, 5, 4, 3)
    ]


def test_prefers_a_valid_certificate_to_an_expired_one(authority: Authority) -> None:
    old = lineage.assemble(DOMAIN, secrets(authority.issue(DOMAIN, begins=-9 * DAY, ends=-DAY)), 9)
    assert not old.is_valid
    valid = lineage.assemble(DOMAIN, secrets(authority.issue(DOMAIN, begins=-8 * DAY)), 2)
    newer = lineage.assemble(DOMAIN, secrets(authority.issue(DOMAIN)), 1)
    assert lineage.best([old]) is old
    assert lineage.best([old, valid]) is valid
    assert lineage.best([old, valid, newer]) is newer
    assert lineage.best([]) is None


def test_of_two_equally_new_the_higher_number_wins(authority: Authority) -> None:
    nine, ten = (lineage.assemble(DOMAIN, secrets(authority.issue(DOMAIN)), number) for number in (9, 10))
    if nine.validity == ten.validity:  # made within one second, nearly always
        assert lineage.best([nine, ten]) is ten


def test_a_certificate_does_not_show_its_key(authority: Authority) -> None:
    issued = authority.issue(DOMAIN)
    assert issued.privkey.splitlines()[1] not in repr(lineage.assemble(DOMAIN, secrets(issued), 1))


@pytest.mark.parametrize("chain", ["", "itself"])
def test_files_of_a_self_signed_certificate_fit_together(chain: str) -> None:
    issued = certificates.self_signed(DOMAIN)
    found = lineage.assemble(DOMAIN, secrets(issued, chain=issued.cert if chain else ""), 1)
    assert found.is_valid
