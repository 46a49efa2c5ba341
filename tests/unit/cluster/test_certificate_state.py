"""Names, renewal settings, and the order in which a certificate reaches the bucket."""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from teleport_bootstrap import errors
from teleport_bootstrap.aws.s3 import Object
from teleport_bootstrap.cluster.certificate import lineage, lineage_files, pair
from teleport_bootstrap.cluster.certificate.bucket import Shared
from teleport_bootstrap.cluster.certificate.lineage import State
from teleport_bootstrap.host import certbot
from teleport_bootstrap.secret import Secret
from tests.certificates import KINDS, Authority, Issued

DOMAIN = "teleport.example.com"
ACCOUNT = "a" * 32
ACCOUNT_KEY = f"accounts/acme-v02.api.letsencrypt.org/directory/{ACCOUNT}/regr.json"


# ---------------------------------------------------------------- names


def test_numbers_are_numbers_and_the_highest_comes_first() -> None:
    names = [f"{kind}{number}.pem" for kind in KINDS for number in (2, 10, 9)] + ["privkey11.pem"]
    found = lineage_files.numbers(random.Random(7).sample(names, len(names)))
    assert list(found) == [11, 10, 9, 2]
    assert found[11] == {"privkey"} and found[10] == set(KINDS)


@pytest.mark.parametrize(
    "name", ["cert.pem", "cert01.pem", "cert1.pem.old", "../cert1.pem", "cert-1.pem", "CERT1.pem", ""]
)
def test_ignores_other_file_names(name: str) -> None:
    assert lineage_files.numbers([name]) == {}


def test_recognizes_files_of_accounts() -> None:
    assert lineage_files.account(ACCOUNT_KEY) == ACCOUNT
    assert lineage_files.account(f"accounts/localhost:14000/dir/{ACCOUNT}/private_key.json") == ACCOUNT


@pytest.mark.parametrize(
    "key",
    [
        f"accounts/../../root/.ssh/{ACCOUNT}/meta.json",
        f"accounts/./{ACCOUNT}/meta.json",
        f"accounts//x/{ACCOUNT}/meta.json",
        f"accounts/x/{ACCOUNT}/authorized_keys",
        f"accounts/x/{'a' * 31}/meta.json",
        f"accounts/x y/{ACCOUNT}/meta.json",
        f"records/x/{ACCOUNT}/meta.json",
        f"accounts/x/{ACCOUNT}/meta.json\n",
    ],
)
def test_rejects_account_keys_that_lead_out_of_the_directory(key: str) -> None:
    assert lineage_files.account(key) is None


# ---------------------------------------------------------------- renewal/<domain>.conf

OF_AN_OLD_IMAGE = f"""\
# renew_before_expiry = 30 days
version = 0.21.0
archive_dir = /etc/letsencrypt/archive/{DOMAIN}
cert = /etc/letsencrypt/live/{DOMAIN}/cert.pem
privkey = /etc/letsencrypt/live/{DOMAIN}/privkey.pem
chain = /etc/letsencrypt/live/{DOMAIN}/chain.pem
fullchain = /etc/letsencrypt/live/{DOMAIN}/fullchain.pem

# Options used in the renewal process
[renewalparams]
authenticator = dns-route53
installer = None
account = {ACCOUNT}
server = https://acme-v02.api.letsencrypt.org/directory
renew_hook = /usr/local/bin/teleport-upload-cert
pre_hook = touch /tmp/planted
config_dir = /tmp/elsewhere
autorenew = False
key_type = rsa
[[webroot_map]]
account = {"b" * 32}
"""


def test_copies_safe_settings_and_uses_paths_of_this_host() -> None:
    text = lineage_files.compose_renewal(
        DOMAIN, OF_AN_OLD_IMAGE, accounts={ACCOUNT}, directory="/scratch/etc/letsencrypt"
    )
    assert (
        text
        == f"""\
version = 0.21.0
archive_dir = /scratch/etc/letsencrypt/archive/{DOMAIN}
cert = /scratch/etc/letsencrypt/live/{DOMAIN}/cert.pem
privkey = /scratch/etc/letsencrypt/live/{DOMAIN}/privkey.pem
chain = /scratch/etc/letsencrypt/live/{DOMAIN}/chain.pem
fullchain = /scratch/etc/letsencrypt/live/{DOMAIN}/fullchain.pem

# Options used in the renewal process
[renewalparams]
account = {ACCOUNT}
authenticator = dns-route53
key_type = rsa
server = https://acme-v02.api.letsencrypt.org/directory
"""
    )
    assert lineage_files.compose_renewal(DOMAIN, text, accounts={ACCOUNT}, directory="/scratch/etc/letsencrypt") == text


def test_omits_a_missing_account() -> None:
    assert "account =" not in lineage_files.compose_renewal(DOMAIN, OF_AN_OLD_IMAGE, accounts=())
    assert "authenticator = dns-route53" in lineage_files.compose_renewal(DOMAIN, None, accounts=())


@given(st.text(st.sampled_from("abhk_=[] \n\r\t/;$`'\"\x0b\x85\u2028prewnoi.:%123"), max_size=200), st.booleans())
def test_copies_only_known_settings(noise: str, in_params: bool) -> None:
    hostile = ("[renewalparams]\n" if in_params else "") + noise + "\npost_hook = x\nauthenticator = manual\n" + noise
    known = {
        "version",
        "renew_before_expiry",
        "archive_dir",
        *KINDS,
        *lineage_files._COPIED["[renewalparams]"],
        "authenticator",
    }
    lines = lineage_files.compose_renewal(DOMAIN, hostile, accounts=()).split("\n")
    assert {line.partition(" = ")[0] for line in lines if " = " in line} <= known
    assert [line for line in lines if line.startswith("[")] == ["[renewalparams]"]
    assert "authenticator = dns-route53" in lines
    assert all(line.isprintable() for line in lines)


# ---------------------------------------------------------------- what certbot sees


def test_certbot_gets_endpoints_but_no_keys() -> None:
    given_to_us = {
        "AWS_ACCESS_KEY_ID": "AKIAPLANTED",
        "AWS_SECRET_ACCESS_KEY": "planted",
        "AWS_SESSION_TOKEN": "planted",
        "AWS_CA_BUNDLE": "/ca.pem",
        "AWS_ENDPOINT_URL_ROUTE_53": "https://route53.internal",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1234",
        "HTTPS_PROXY": "http://proxy:3128",
        "TELEPORT_JOIN_TOKEN": "planted",
        "PATH": "/bin",
        "PYTHONPATH": "/planted",
    }
    found = certbot.environment(given_to_us, "eu-west-1")
    assert "planted" not in "".join(found.values()).lower()
    assert found == {
        "AWS_CA_BUNDLE": "/ca.pem",
        "AWS_ENDPOINT_URL_ROUTE_53": "https://route53.internal",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1234/",
        "HTTPS_PROXY": "http://proxy:3128",
        "PATH": "/bin",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("direct", ["", ".internal,10.0.0.0/8"])
def test_certbot_never_asks_the_metadata_service_through_a_proxy(name: str, direct: str) -> None:
    found = certbot.environment({name: "http://proxy:3128", "NO_PROXY": direct}, "eu-west-1")
    assert found[name] == "http://proxy:3128"
    assert found["NO_PROXY"] == found["no_proxy"]
    assert found["NO_PROXY"].split(",")[-2:] == ["169.254.169.254", "fd00:ec2::254"]
    assert found["NO_PROXY"].startswith(direct)


# ---------------------------------------------------------------- the order of the writes


class Objects:
    """A bucket as S3 keeps one: whole objects by their keys, and every call in the order in which it came."""

    name = "certs"

    def __init__(self, content: dict[str, str]) -> None:
        self.content = dict(content)
        self.calls: list[tuple[str, str]] = []

    def get(self, key: str, *, largest: int) -> bytes:
        self.calls.append(("get", key))
        assert largest <= 64 * 1024, "the object may be of any size"
        if key not in self.content:
            raise errors.ObjectMissing(key)
        return self.content[key].encode()

    def put(self, key: str, data: bytes, **_: Any) -> None:
        self.calls.append(("put", key))
        self.content[key] = data.decode()

    def list(self, prefix: str) -> Iterator[Object]:
        self.calls.append(("list", prefix))
        moment = datetime.datetime.now(datetime.timezone.utc)
        return iter(
            [Object(key, len(text), "", moment) for key, text in self.content.items() if key.startswith(prefix)]
        )

    @property
    def puts(self) -> list[str]:
        return [key for what, key in self.calls if what == "put"]


RECORDING = {"records/2026-11-22/session.tar": "planted recording"}


def in_bucket(issued: Issued, number: int, *, live: bool = True) -> dict[str, str]:
    found = {lineage_files.numbered(DOMAIN, kind, number): text for kind, text in issued.files().items()}
    if live:
        found |= {lineage_files.current(DOMAIN, kind): text for kind, text in issued.files().items()}
    return found


def shared(content: dict[str, str]) -> tuple[Shared, Objects]:
    objects = Objects({**RECORDING, **content})
    return Shared(objects, DOMAIN), objects  # type: ignore[arg-type]


def as_certificate(issued: Issued, number: int) -> lineage.Certificate:
    return lineage.assemble(DOMAIN, {kind: Secret(text) for kind, text in issued.files().items()}, number)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


OWN = State(renewal=OF_AN_OLD_IMAGE, accounts={ACCOUNT_KEY: Secret("{}")})


def publish(bucket: Shared, issued: Issued, number: int) -> tuple[str, ...]:
    there = bucket.read()
    certificate = as_certificate(issued, number)
    certificate = certificate.numbered(bucket.number_for(certificate, there))
    return bucket.publish(certificate, OWN, there, lambda: None)


def test_a_number_is_written_before_it_is_current_and_a_key_before_its_chain(authority: Authority) -> None:
    bucket, objects = shared(in_bucket(Authority("another").issue(DOMAIN), 1))
    publish(bucket, authority.issue(DOMAIN), 2)
    assert objects.puts == [
        ACCOUNT_KEY,
        f"renewal/{DOMAIN}.conf",
        *(f"archive/{DOMAIN}/{kind}2.pem" for kind in KINDS),
        *(f"live/{DOMAIN}/{kind}.pem" for kind in KINDS),
    ]
    assert KINDS[0] == "privkey" and KINDS[-1] == "fullchain"


def test_between_any_two_writes_a_reader_finds_a_complete_certificate_and_never_a_new_chain_with_an_old_key(
    authority: Authority,
) -> None:
    old, new = authority.issue(DOMAIN), authority.issue(DOMAIN)
    bucket, objects = shared(in_bucket(old, 9))
    publish(bucket, new, 10)
    written = {key: objects.content[key] for key in objects.puts}
    for count in range(len(written) + 1):
        content = {**in_bucket(old, 9), **dict(list(written.items())[:count])}
        reader, _ = shared(content)
        found = lineage.best(reader.read().found)
        assert found is not None and found.files["fullchain"].reveal() in (old.fullchain, new.fullchain)
        live, *numbered = reader.pairs()
        assert live[2:] != (Secret(new.fullchain), Secret(old.privkey))
        whole = []
        for _, _, chain, key in numbered:
            assert chain is not None and key is not None
            pair.check(DOMAIN, chain.reveal(), key)
            whole.append(chain.reveal())
        assert whole[-1] == old.fullchain, "what was there is never touched"


def test_does_not_write_correct_objects_again(authority: Authority) -> None:
    issued = authority.issue(DOMAIN)
    bucket, objects = shared({})
    assert len(publish(bucket, issued, 1)) == 10
    objects.calls.clear()
    assert publish(bucket, issued, 1) == ()


def test_a_killed_write_is_completed_by_the_same_host_and_avoided_by_another(
    authority: Authority,
) -> None:
    old, mine, theirs = (authority.issue(DOMAIN) for _ in range(3))
    begun = {
        lineage_files.numbered(DOMAIN, "privkey", 2): mine.privkey,
        lineage_files.numbered(DOMAIN, "cert", 2): mine.cert,
    }
    bucket, objects = shared({**in_bucket(old, 1), **begun})
    publish(bucket, mine, 2)
    assert objects.content[lineage_files.numbered(DOMAIN, "fullchain", 2)] == mine.fullchain
    assert lineage_files.numbered(DOMAIN, "privkey", 2) not in objects.puts
    bucket, objects = shared({**in_bucket(old, 1), **begun})
    publish(bucket, theirs, 2)
    assert objects.content[lineage_files.numbered(DOMAIN, "privkey", 2)] == mine.privkey
    assert objects.content[lineage_files.numbered(DOMAIN, "privkey", 3)] == theirs.privkey


def test_no_write_is_made_without_the_lock(authority: Authority) -> None:
    bucket, objects = shared({})
    left = [3]

    def check() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise errors.LeaseLost("lost")

    with pytest.raises(errors.LeaseLost):
        bucket.publish(as_certificate(authority.issue(DOMAIN), 1), OWN, bucket.read(), check)
    assert len(objects.puts) == 3


def test_recordings_and_other_domains_are_neither_listed_nor_read(authority: Authority) -> None:
    others = {f"archive/{DOMAIN}.evil/privkey9.pem": "x", f"live/{DOMAIN}.evil/privkey.pem": "x"}
    bucket, objects = shared({**in_bucket(authority.issue(DOMAIN), 1), **others, ACCOUNT_KEY: "{}"})
    bucket.read()
    list(bucket.pairs())
    publish(bucket, authority.issue(DOMAIN), 2)
    allowed = (f"live/{DOMAIN}/", f"archive/{DOMAIN}/", f"renewal/{DOMAIN}.conf", "accounts/")
    assert all(key.startswith(allowed) for _, key in objects.calls)
    assert {key for what, key in objects.calls if what == "list"} == {f"archive/{DOMAIN}/", "accounts/"}
    assert objects.content.items() >= RECORDING.items()
