"""A certificate's way through the bucket when things go wrong; certbot is a stand-in, everything else is real."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import DAY, KINDS, Authority, Issued
from tests.simulated import letsencrypt
from tests.simulated.agent import NOWHERE, Agent, Ended, leftovers, tree
from tests.simulated.letsencrypt import (
    ALL_IN_ONE,
    ALONE,
    AUTH,
    CERTIFICATE,
    DOMAIN,
    PRIVATE_KEY,
    PROXY,
    RECORDING,
    Certbot,
    Cluster,
    certificate,
    install,
    installed,
    links,
    objects,
    pair,
)
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import aws as answers

EVERY_CALL = os.environ.get("TELEPORT_BOOTSTRAP_EVERY_CALL") == "1"
PASSED_ON = answers.Answer()
REFUSED = answers.Answer("AccessDenied", "simulated", status=403)

ACCOUNT = "accounts/acme.example.com/directory/0123456789abcdef0123456789abcdef"
CONF = f"/etc/letsencrypt/renewal/{DOMAIN}.conf"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def cluster(tmp_path: Path, aws: Aws) -> Iterator[Cluster]:
    made = Cluster(tmp_path, aws)
    aws.requests.clear()
    yield made
    made.close()


@pytest.fixture
def certbot(tmp_path: Path, authority: Authority) -> Certbot:
    return Certbot(tmp_path / "certbot", authority)


@pytest.fixture
def auth(cluster: Cluster, certbot: Certbot) -> Agent:
    return certbot.given_to(cluster.host(AUTH))


@pytest.fixture
def proxy(cluster: Cluster) -> Agent:
    return cluster.host(PROXY, name="proxy")


def at(agent: Agent, path: str) -> str:
    return agent.path(path).read_text()


def jobs(agent: Agent) -> dict[str, Any]:
    return {
        path.stem: json.loads(path.read_text()) for path in agent.path("/var/lib/teleport-bootstrap/jobs").iterdir()
    }


# ---------------------------------------------------------------- obtain


def test_the_first_auth_server_obtains_and_shares_and_the_second_finds_it_done(
    cluster: Cluster, auth: Agent, certbot: Certbot
) -> None:
    first = certificate(auth, "obtain", "--format", "json")
    assert first.status == 0 and first.data["result"] == "obtained", first.said
    found = cluster.objects()
    assert found.items() >= objects(certbot.issued[0], 1).items()
    assert {f"{ACCOUNT}/{name}.json" for name in ("meta", "private_key", "regr")} <= set(found)
    assert f"archive_dir = /etc/letsencrypt/archive/{DOMAIN}\n" in found[f"renewal/{DOMAIN}.conf"]
    assert cluster.lock() is None, "released"

    other = certbot.given_to(cluster.host(AUTH, name="two"))
    second = certificate(other, "obtain", "--format", "json")
    assert second.status == 0 and second.data["result"] == "present", second.said
    assert certbot.count == 1 and len(certbot.runs) == 1
    assert installed(auth) is None, "an auth server does not serve with it"


def test_certbot_is_asked_for_domain_and_wildcard_without_any_secret(auth: Agent, certbot: Certbot) -> None:
    auth.environ |= {"AWS_SECRET_ACCESS_KEY": "planted-key", "TELEPORT_JOIN_TOKEN": "planted-token"}
    assert certificate(auth, "obtain", "--server", "https://acme.test/dir").status == 0
    (run,) = certbot.runs
    words = " ".join(run["argv"])
    assert words.startswith("certonly -n --dns-route53 ")
    for expected in (
        f"-d {DOMAIN} -d *.{DOMAIN}",
        "--agree-tos",
        "-m ops@example.com",
        "--server https://acme.test/dir",
    ):
        assert expected in words
    assert "planted" not in words + str(run["environ"])
    assert run["environ"]["AWS_EC2_METADATA_SERVICE_ENDPOINT"] == f"{auth.imds}/"


def test_an_all_in_one_installs_what_it_obtains_at_once(cluster: Cluster, certbot: Certbot) -> None:
    host = certbot.given_to(cluster.host(ALONE))
    assert host.generate().status == 0
    assert host.run("status", "--format", "json").data["pending"], "fault 24: its unit waits"
    done = certificate(host, "obtain", "--format", "json")
    assert done.data["installed"]["changed"] == [PRIVATE_KEY, CERTIFICATE], done.said
    assert installed(host) == pair(certbot.issued[0])
    for path in (PRIVATE_KEY, CERTIFICATE):
        assert stat.S_IMODE(host.path(path).stat().st_mode) == 0o600
    assert not host.run("status", "--format", "json").data["pending"]
    assert cluster.lock() is None and not any(request.service == "dynamodb" for request in cluster.aws.requests)


def test_another_working_host_is_named_and_not_an_error(cluster: Cluster, auth: Agent, certbot: Certbot) -> None:
    cluster.lock_is_of("ip-other.ec2.internal", time.time() + 600)
    for action in ("obtain", "renew"):
        done = certificate(auth, action, "--format", "json", wait=1)
        assert done.status == 0 and done.data["result"] == "elsewhere"
        assert "ip-other.ec2.internal" in done.data["detail"]
    assert not certbot.runs


def test_proxies_and_hosts_without_lets_encrypt_obtain_nothing(cluster: Cluster, certbot: Certbot) -> None:
    acm = "TELEPORT_DOMAIN_NAME=a.example.com\nUSE_ACM=true\n"
    hosts = [
        cluster.host(PROXY, name="proxy"),
        cluster.host(acm, name="acm"),
        cluster.host("USE_LETSENCRYPT=false\n", name="plain"),
    ]
    for host in hosts:
        certbot.given_to(host)
        for action in ("obtain", "renew"):
            done = certificate(host, action, "--format", "json")
            assert (done.status, done.data["result"]) == (0, "nothing"), done.said
    for host in (*hosts[1:], certbot.given_to(cluster.host(AUTH, name="auth"))):
        done = certificate(host, "install", "--format", "json")
        assert (done.status, done.data["result"]) == (0, "nothing"), done.said
    assert not certbot.runs and not cluster.aws.requests


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        ({"status": 1, "say": "Some challenges have failed."}, "Some challenges have failed."),
        ({"seconds": 60}, "did not end in time"),
        ({"leave": "nothing"}, "left no usable certificate"),
        ({"leave": "half"}, "SIGKILL"),
    ],
    ids=["fails", "hangs", "lies", "killed"],
)
def test_when_certbot_fails_the_bucket_is_unchanged_and_the_next_run_succeeds(
    cluster: Cluster, auth: Agent, certbot: Certbot, switches: dict[str, Any], said: str
) -> None:
    before = cluster.objects()
    certbot.switch(**switches)
    done = certificate(auth, "obtain", "--certbot-wait", "2")
    assert done.status == 17 and said in done.errors, done.said
    assert {key: text for key, text in cluster.objects().items() if not key.startswith("accounts/")} == before
    assert cluster.lock() is None
    assert jobs(auth)["certificate-obtain"]["outcome"] == "failed"

    certbot.forget()
    certbot.switch()
    assert certificate(auth, "obtain").status == 0
    assert cluster.live() == certbot.issued[0]
    assert jobs(auth)["certificate-obtain"]["outcome"] == "succeeded"


def test_issue_17_row_5_a_private_authority_that_newer_systems_refuse_gets_its_remedy(
    cluster: Cluster, auth: Agent, certbot: Certbot
) -> None:
    refused = "certificate verify failed: CA cert does not include key usage extension (_ssl.c:1020)"
    after = "\n".join(f"a line that comes after it, number {number}" for number in range(20))
    certbot.switch(status=1, say=f"An unexpected error occurred:\n{refused}\n{after}")
    done = certificate(auth, "obtain")
    assert done.status == 17
    assert "keyUsage=critical,keyCertSign,cRLSign" in done.errors.replace("\n", " "), done.errors
    assert "route53" not in done.errors, "the instance's role is not the cause"


def test_reports_that_certbot_is_not_installed(cluster: Cluster, auth: Agent) -> None:
    auth.environ["PATH"] = "/nonexistent"
    done = certificate(auth, "obtain")
    assert done.status == 17 and "python3-certbot-dns-route53" in done.errors


def test_the_next_run_succeeds_after_a_killed_one(cluster: Cluster, auth: Agent, certbot: Certbot) -> None:
    """The host fails while it holds the lock; another takes over when the lease has ended."""
    certbot.switch(seconds=30)
    running = auth.start("certificate", "obtain")
    try:
        wait_for(lambda: certbot.runs)
    finally:
        running.kill()
        running.communicate()
        for run in certbot.runs:
            os.kill(run["pid"], signal.SIGKILL)
    held = cluster.lock()
    assert held is not None and held["Process"] == "ip-one.ec2.internal"
    certbot.switch()
    other = certbot.given_to(cluster.host(AUTH, name="two"))
    done = certificate(other, "obtain", "--format", "json", wait=1)
    assert done.data["result"] == "elsewhere" and certbot.count == 0
    cluster.lock_is_of(held["Process"], time.time() - 1)
    assert certificate(other, "obtain", "--format", "json").data["result"] == "obtained"
    assert certificate(auth, "obtain", "--format", "json").data["result"] == "present"
    assert certbot.count == 1


def test_a_waiting_host_takes_over_as_soon_as_a_dead_hosts_lock_expires(
    cluster: Cluster, auth: Agent, certbot: Certbot
) -> None:
    """Its timer would be up to an hour later, and proxies wait."""
    cluster.lock_is_of("ip-dead.ec2.internal", time.time() + 4)
    done = certificate(auth, "obtain", "--publish-wait", "60", "--format", "json", wait=1)
    assert done.status == 0 and done.data["result"] == "obtained", done.said
    assert cluster.live() == certbot.issued[0] and cluster.lock() is None


def test_writes_a_certificate_to_the_bucket_later_without_requesting_another(
    cluster: Cluster, auth: Agent, certbot: Certbot
) -> None:
    cluster.aws.fail(REFUSED, operation="^PUT", times=100)
    assert certificate(auth, "obtain").status == 4
    assert certbot.count == 1 and not any(key.startswith("live/") for key in cluster.objects())
    cluster.aws.clear_faults()
    done = certificate(auth, "obtain", "--format", "json")
    assert done.data["result"] == "published" and certbot.count == 1
    assert cluster.live() == certbot.issued[0]


def test_an_all_in_one_serves_with_its_certificate_when_the_bucket_is_gone(cluster: Cluster, certbot: Certbot) -> None:
    host = certbot.given_to(cluster.host(ALONE))
    cluster.aws.fail(REFUSED, operation="^PUT", times=100)
    assert certificate(host, "obtain").status == 4
    assert installed(host) == pair(certbot.issued[0])


def test_a_role_that_may_list_these_prefixes_alone_can_begin_with_an_empty_bucket(
    cluster: Cluster, auth: Agent, proxy: Agent, certbot: Certbot
) -> None:
    """S3 says that something is missing only to those who may list the bucket without a condition."""
    missing = f"^GET /{letsencrypt.BUCKET}/(live|renewal)/"
    cluster.aws.fail(REFUSED, operation=missing, times=2)
    pending = certificate(proxy, "install")
    assert pending.status == 10 and "there is no certificate" in pending.errors, pending.said
    # Four current files and the settings, before the lock and with it.
    cluster.aws.fail(REFUSED, operation=missing, times=10)
    done = certificate(auth, "obtain", "--format", "json")
    assert done.status == 0 and done.data["result"] == "obtained", done.said
    assert cluster.live() == certbot.issued[0]


# ---------------------------------------------------------------- what is found


def test_sets_unusable_files_aside_and_deletes_nothing(
    cluster: Cluster, auth: Agent, certbot: Certbot, authority: Authority
) -> None:
    """What a certbot leaves that was killed at its first certificate: certbot itself would refuse ever after."""
    auth.write(CONF, "")
    auth.write(f"/etc/letsencrypt/archive/{DOMAIN}/privkey1.pem", authority.issue(DOMAIN).privkey)
    auth.write(f"/etc/letsencrypt/live/{DOMAIN}/README", "x")
    done = certificate(auth, "obtain")
    assert done.status == 0, done.said
    assert cluster.live() == certbot.issued[0]
    assert list(auth.path("/etc/letsencrypt/archive").glob(f"{DOMAIN}.set-aside-*/privkey1.pem"))


PARTS = ("live alone", "archive alone", "torn live", "stale live", "no settings")


@pytest.mark.parametrize("what", PARTS if EVERY_CALL else PARTS[:3])
def test_completes_an_incomplete_bucket_without_the_authority(
    cluster: Cluster, auth: Agent, certbot: Certbot, authority: Authority, what: str
) -> None:
    old, new = authority.issue(DOMAIN, begins=-2 * DAY), authority.issue(DOMAIN)
    if what == "live alone":
        cluster.share(new)
    else:
        cluster.share(old, 9, live=what in ("stale live", "torn live"))
        cluster.share(new, 10, live=what == "no settings")
        if what == "torn live":
            cluster.put({f"live/{DOMAIN}/privkey.pem": new.privkey})
    before = cluster.objects()
    done = certificate(auth, "obtain", "--format", "json")
    assert done.data["result"] == "published", done.said
    assert cluster.live() == new and not certbot.runs
    found = cluster.objects()
    assert f"renewal/{DOMAIN}.conf" in found
    assert found.items() >= {key: text for key, text in before.items() if key.startswith("archive/")}.items()
    assert certificate(auth, "renew").status == 0, "certbot can go on with it"
    assert certbot.count == 0


def test_the_links_lead_to_the_highest_number_and_settings_of_an_old_image_do_no_harm(
    cluster: Cluster, auth: Agent, certbot: Certbot, authority: Authority
) -> None:
    certificates = {number: authority.issue(DOMAIN, begins=(number - 11) * DAY) for number in (2, 9, 10)}
    for number, issued in certificates.items():
        cluster.share(issued, number, live=number == 10)
    hostile = f"[renewalparams]\nauthenticator = manual\nrenew_hook = touch {auth.root}/planted\n"
    cluster.put({f"renewal/{DOMAIN}.conf": hostile})
    certbot.switch(due=True)
    done = certificate(auth, "renew", "--format", "json")
    assert done.data["result"] == "renewed", done.said
    assert links(auth) == {kind: f"../../archive/{DOMAIN}/{kind}11.pem" for kind in KINDS}
    assert cluster.objects().items() >= objects(certbot.issued[0], 11).items()
    assert "hook" not in at(auth, CONF) + cluster.objects()[f"renewal/{DOMAIN}.conf"]
    (run,) = certbot.runs
    assert run["argv"][:2] == ["renew", "-n"] and "--no-random-sleep-on-renew" in run["argv"]


def test_a_certificate_for_other_names_is_replaced_and_its_numbers_are_not_used_again(
    cluster: Cluster, auth: Agent, certbot: Certbot, authority: Authority
) -> None:
    narrow = authority.issue(DOMAIN, names=(DOMAIN,))
    cluster.share(narrow, 3)
    assert certificate(auth, "obtain").status == 0
    found = cluster.objects()
    assert found.items() >= objects(narrow, 3, live=False).items()
    assert found.items() >= objects(certbot.issued[0], 4).items()


def test_an_expired_certificate_is_renewed_by_obtain_too(
    cluster: Cluster, auth: Agent, certbot: Certbot, authority: Authority
) -> None:
    expired = authority.issue(DOMAIN, begins=-90 * DAY, ends=-DAY)
    cluster.share(expired, 2)
    certbot.switch(due=True)
    assert certificate(auth, "obtain", "--format", "json").data["result"] == "obtained"
    assert cluster.objects().items() >= {**objects(certbot.issued[0], 3), **objects(expired, 2, live=False)}.items()


def test_a_renewal_without_a_certificate_has_nothing_to_do(auth: Agent, certbot: Certbot) -> None:
    done = certificate(auth, "renew", "--format", "json")
    assert (done.status, done.data["result"]) == (0, "nothing") and not certbot.runs


def test_a_renewal_that_is_not_due_changes_nothing(cluster: Cluster, auth: Agent, certbot: Certbot) -> None:
    assert certificate(auth, "obtain").status == 0
    before, here = cluster.objects(), tree(auth.path("/etc/letsencrypt"))
    cluster.aws.requests.clear()
    assert certificate(auth, "renew", "--format", "json").data["result"] == "present"
    assert cluster.objects() == before and tree(auth.path("/etc/letsencrypt")) == here
    assert not any(operation.startswith("PUT") for operation in cluster.touched())


def test_recordings_are_never_listed_or_read(cluster: Cluster, auth: Agent, proxy: Agent, certbot: Certbot) -> None:
    """Fault 17: renewal filled the disk with them."""
    certificate(auth, "obtain")
    certbot.switch(due=True)
    certificate(auth, "renew")
    certificate(proxy, "install")
    assert installed(proxy) == pair(certbot.issued[1])
    bucket = f"/{letsencrypt.BUCKET}"
    allowed = tuple(
        f"{bucket}{start}"
        for start in (
            f"/live/{DOMAIN}/",
            f"/archive/{DOMAIN}/",
            f"/renewal/{DOMAIN}.conf",
            "/accounts/",
            f"?list-type=2&prefix=archive%2F{DOMAIN}%2F&",
            "?list-type=2&prefix=accounts%2F&",
        )
    )
    asked = {operation.partition(" ")[2] for operation in cluster.touched()}
    assert asked and not {each for each in asked if not each.startswith(allowed)}
    assert not any("DELETE" in operation for operation in cluster.touched())
    assert cluster.objects()[RECORDING] == "planted recording"


# ---------------------------------------------------------------- install


def test_a_proxy_installs_from_the_bucket_and_then_leaves_it_alone(
    cluster: Cluster, proxy: Agent, authority: Authority
) -> None:
    issued = authority.issue(DOMAIN)
    cluster.share(issued, 1)
    done = certificate(proxy, "install", "--format", "json")
    assert done.data["result"] == "installed" and installed(proxy) == pair(issued), done.said
    before = tree(proxy.path("/var/lib/teleport"))
    assert certificate(proxy, "install", "--format", "json").data["result"] == "unchanged"
    assert tree(proxy.path("/var/lib/teleport")) == before and not leftovers(proxy.root)
    newer = authority.issue(DOMAIN, begins=-60)
    cluster.share(newer, 2)
    assert certificate(proxy, "install").status == 0
    assert installed(proxy) == pair(newer)


@pytest.mark.parametrize("place", ["live", "archive"])
def test_either_place_in_the_bucket_is_enough(cluster: Cluster, proxy: Agent, authority: Authority, place: str) -> None:
    """A manually filled bucket has only live/; a killed writer leaves only archive/."""
    issued = authority.issue(DOMAIN)
    cluster.share(issued, 10 if place == "archive" else None, live=place == "live")
    assert certificate(proxy, "install").status == 0
    assert installed(proxy) == pair(issued)


@pytest.mark.parametrize("denied", ["list-type", "/archive/"])
def test_a_role_that_may_read_live_alone_is_enough(
    cluster: Cluster, proxy: Agent, authority: Authority, denied: str
) -> None:
    issued = authority.issue(DOMAIN)
    cluster.share(issued, 1)
    cluster.aws.fail(REFUSED, operation=denied, times=100)
    assert certificate(proxy, "install").status == 0
    assert installed(proxy) == pair(issued)


def unfit(authority: Authority) -> dict[str, dict[str, str]]:
    good = authority.issue(DOMAIN)
    return {
        "nothing": {},
        "another key": {**objects(good), f"live/{DOMAIN}/privkey.pem": authority.issue(DOMAIN).privkey},
        "another domain": objects(authority.issue("other.example.com")),
        "no wildcard": objects(authority.issue(DOMAIN, names=(DOMAIN,))),
        "no issuer": {**objects(good), f"live/{DOMAIN}/fullchain.pem": good.cert},
        "expired": objects(authority.issue(DOMAIN, begins=-9 * DAY, ends=-1)),
        "no key": {key: text for key, text in objects(good).items() if "privkey" not in key},
        "cut off": {**objects(good), f"live/{DOMAIN}/fullchain.pem": good.fullchain[:300]},
        "empty": dict.fromkeys(objects(good), ""),
    }


# What makes a pair unfit is for tests/unit; here are the ways in which that is met.
UNFIT = ("nothing", "another key", "no wildcard", "expired", "empty")


@pytest.mark.parametrize("what", list(unfit(Authority())) if EVERY_CALL else UNFIT)
def test_does_not_install_an_unusable_certificate(
    cluster: Cluster, proxy: Agent, authority: Authority, what: str
) -> None:
    cluster.put(unfit(authority)[what])
    waits = certificate(proxy, "install")
    assert waits.status == 10 and "teleport-proxy.service waits for" in waits.errors, waits.said
    assert installed(proxy) is None

    old = authority.issue(DOMAIN, begins=-5 * DAY)
    install(proxy, old)
    before = tree(proxy.path("/var/lib/teleport"))
    stays = certificate(proxy, "install")
    assert stays.status == 17 and "is kept" in stays.errors, stays.said
    assert tree(proxy.path("/var/lib/teleport")) == before


def test_ignores_and_replaces_an_object_that_is_too_large(
    cluster: Cluster, auth: Agent, proxy: Agent, certbot: Certbot, authority: Authority
) -> None:
    """Not read to its end either: it may be anything that fits into a bucket."""
    issued = authority.issue(DOMAIN)
    cluster.share(issued, 1)
    for key, megabytes in (("live/{}/fullchain.pem", 65), ("archive/{}/fullchain2.pem", 1), ("renewal/{}.conf", 1)):
        body = bytes(megabytes * 1024 * 1024)
        cluster.s3.put_object(Bucket=letsencrypt.BUCKET, Key=key.format(DOMAIN), Body=body)
    assert certificate(proxy, "install").status == 0
    assert installed(proxy) == pair(issued)
    assert certificate(auth, "obtain", "--format", "json").data["result"] == "published"
    assert cluster.live() == issued and not certbot.runs


def test_does_not_install_an_older_certificate_and_reports_it(
    cluster: Cluster, proxy: Agent, authority: Authority
) -> None:
    newer = authority.issue(DOMAIN)
    install(proxy, newer)
    cluster.share(authority.issue(DOMAIN, begins=-5 * DAY), 3)
    done = certificate(proxy, "install", "--format", "json")
    assert done.status == 0 and done.data["result"] == "unchanged" and "newer" in done.data["detail"]
    assert installed(proxy) == pair(newer)


@pytest.mark.parametrize("what", ["another domain", "another key", "expired"])
def test_replaces_an_unusable_installed_certificate(
    cluster: Cluster, proxy: Agent, authority: Authority, what: str
) -> None:
    good = authority.issue(DOMAIN, begins=-5 * DAY)
    cluster.share(good, 1)
    bad = {
        "another domain": authority.issue("other.example.com"),
        "another key": Issued(authority.issue(DOMAIN).privkey, good.cert, good.chain),
        "expired": authority.issue(DOMAIN, begins=-2 * DAY, ends=-60),
    }[what]
    install(proxy, bad)
    assert certificate(proxy, "install").status == 0
    assert installed(proxy) == pair(good)


def test_a_link_in_the_place_of_a_key_is_not_followed(cluster: Cluster, proxy: Agent, authority: Authority) -> None:
    cluster.share(authority.issue(DOMAIN), 1)
    victim = proxy.write("/etc/shadow", "root:x\n")
    proxy.path(PRIVATE_KEY).parent.mkdir(parents=True)
    proxy.path(PRIVATE_KEY).symlink_to(victim)
    assert certificate(proxy, "install").status == 0
    assert victim.read_text() == "root:x\n" and not proxy.path(PRIVATE_KEY).is_symlink()


def test_a_waiting_proxy_retries_until_the_certificate_exists(
    cluster: Cluster, proxy: Agent, authority: Authority
) -> None:
    issued = authority.issue(DOMAIN)
    running = proxy.start("certificate", "install", "--wait", "5", "--publish-wait", "60")
    wait_for(cluster.touched)
    cluster.share(issued, 1)
    done = letsencrypt.ended(running)
    assert done.status == 0, done.said
    assert installed(proxy) == pair(issued)


@pytest.mark.parametrize("trouble", ["down", "denied", "page"])
def test_a_bucket_that_cannot_be_read_changes_nothing(
    cluster: Cluster, proxy: Agent, authority: Authority, trouble: str
) -> None:
    """Fault 16: a failed sync looked like a changed certificate."""
    install(proxy, authority.issue(DOMAIN, begins=-5 * DAY))
    cluster.share(authority.issue(DOMAIN), 1)
    if trouble == "down":
        proxy.aws = NOWHERE
    else:
        cluster.aws.fail_always(REFUSED if trouble == "denied" else answers.PAGE)
    before = tree(proxy.path("/var/lib/teleport"))
    done = certificate(proxy, "install", "--format", "json")
    assert done.status == 4, done.said
    assert tree(proxy.path("/var/lib/teleport")) == before


# ---------------------------------------------------------------- between any two writes, and at each call


def test_a_reader_between_any_two_writes_installs_the_old_or_the_new_pair(
    cluster: Cluster, auth: Agent, proxy: Agent, certbot: Certbot
) -> None:
    assert certificate(auth, "obtain").status == 0
    before = cluster.objects()
    certbot.switch(due=True)
    cluster.aws.requests.clear()
    assert certificate(auth, "renew").status == 0
    after = cluster.objects()
    prefix = f"PUT /{letsencrypt.BUCKET}/"
    puts = [
        request.operation[len(prefix) :] for request in cluster.aws.requests if request.operation.startswith(prefix)
    ]
    # One chain came first, and does not change between two certificates of one authority.
    assert puts == [
        *(f"archive/{DOMAIN}/{kind}2.pem" for kind in KINDS),
        *(f"live/{DOMAIN}/{kind}.pem" for kind in KINDS if kind != "chain"),
    ]
    old, new = map(pair, certbot.issued[:2])
    seen = {}
    # In a sample: nothing, archive/ all but one, all of it, and then with the key of live/, and with everything.
    for count in range(len(puts) + 1) if EVERY_CALL else (0, 3, 4, 5, 7):
        cluster.empty({**before, **{key: after[key] for key in puts[:count]}})
        proxy.path(PRIVATE_KEY).unlink(missing_ok=True)
        proxy.path(CERTIFICATE).unlink(missing_ok=True)
        done = certificate(proxy, "install")
        assert done.status == 0, (puts[:count], done.said)
        seen[count] = installed(proxy)
    assert seen == {count: old if count < 4 else new for count in seen}


FAULTS = {
    "refused": REFUSED,
    "done, and no answer": answers.Answer(action="lose"),
    "broken off": answers.RESETTING,
}


def sweep(cluster: Cluster, prepare: Callable[[], Agent], action: str, check: Callable[[Agent, Ended], None]) -> None:
    """Run `action` on a host as `prepare` makes it, with one fault at each call in turn; `check` judges each run."""
    cluster.aws.requests.clear()
    agent = prepare()
    cluster.aws.requests.clear()
    assert certificate(agent, action).status == 0
    calls = len(cluster.aws.requests)
    assert calls > 2
    for index, (name, fault) in enumerate(FAULTS.items(), start=1):
        # In a sample, each fault once: early, in the middle, and late.
        for number in range(calls) if EVERY_CALL else [calls * index // (len(FAULTS) + 1)]:
            agent = prepare()
            cluster.aws.fail(*[PASSED_ON] * number, fault)
            done = certificate(agent, action)
            cluster.aws.clear_faults()
            assert done.status in (0, 4, 17), (name, number, done.said)
            check(agent, done)


def test_a_failure_of_aws_at_any_call_of_a_renewal_loses_nothing_valid_and_the_next_run_recovers(
    cluster: Cluster, certbot: Certbot, authority: Authority
) -> None:
    first = authority.issue(DOMAIN, begins=-60 * DAY)
    numbers = iter(range(1000))

    def prepare() -> Agent:
        cluster.lock_is_of("unknown-host", time.time() - 1)
        certbot.forget()
        certbot.switch(due=True)
        cluster.empty({**objects(first, 1), RECORDING: "planted recording"})
        return certbot.given_to(cluster.host(ALL_IN_ONE, name=f"host-{next(numbers)}"))

    def check(agent: Agent, done: Ended) -> None:
        found = cluster.objects()
        assert found.items() >= objects(first, 1, live=False).items()
        assert found[RECORDING] == "planted recording"
        # A lock whose release was not confirmed expires.
        cluster.lock_is_of("unknown-host", time.time() - 1)
        certbot.switch(due=False)
        again = certificate(agent, "renew")
        assert again.status == 0, again.said
        expected = certbot.issued[0] if certbot.count else first
        assert certbot.count <= 1
        assert cluster.live() == expected
        assert installed(agent) == pair(expected)

    sweep(cluster, prepare, "renew", check)


def test_with_aws_failing_at_each_call_a_first_certificate_is_asked_for_once(
    cluster: Cluster, certbot: Certbot
) -> None:
    numbers = iter(range(1000))

    def prepare() -> Agent:
        cluster.lock_is_of("unknown-host", time.time() - 1)
        certbot.forget()
        cluster.empty({RECORDING: "planted recording"})
        return certbot.given_to(cluster.host(AUTH, name=f"host-{next(numbers)}"))

    def check(agent: Agent, done: Ended) -> None:
        cluster.lock_is_of("unknown-host", time.time() - 1)
        again = certificate(agent, "obtain")
        assert again.status == 0, again.said
        assert certbot.count == 1
        assert cluster.live() == certbot.issued[0]

    sweep(cluster, prepare, "obtain", check)


def test_with_aws_failing_at_each_call_a_proxy_serves_with_what_it_has(cluster: Cluster, authority: Authority) -> None:
    old, new = authority.issue(DOMAIN, begins=-5 * DAY), authority.issue(DOMAIN)
    cluster.share(new, 2)
    numbers = iter(range(1000))

    def prepare() -> Agent:
        agent = cluster.host(PROXY, name=f"proxy-{next(numbers)}")
        install(agent, old)
        return agent

    def check(agent: Agent, done: Ended) -> None:
        assert installed(agent) == pair(new if done.status == 0 else old)
        assert certificate(agent, "install").status == 0
        assert installed(agent) == pair(new)

    sweep(cluster, prepare, "install", check)


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


# ---------------------------------------------------------------- what Teleport would not start with


@pytest.fixture(scope="module")
def staging() -> Authority:
    """An authority that hosts do not trust, such as Let's Encrypt's staging environment."""
    return Authority("staging", trusted=False)


@pytest.mark.parametrize("what", ["untrusted", "expired", "not yet valid", "mismatched", "swapped", "empty"])
def test_row_e_a_newer_pair_that_teleport_would_refuse_does_not_replace_the_good_one(
    cluster: Cluster, proxy: Agent, authority: Authority, staging: Authority, what: str
) -> None:
    newer = authority.issue(DOMAIN, begins=-60)
    bad = {
        "untrusted": staging.issue(DOMAIN, begins=-60),
        "expired": authority.issue(DOMAIN, begins=-60, ends=-1),
        "not yet valid": authority.issue(DOMAIN, begins=3600),
        "mismatched": Issued(authority.issue(DOMAIN).privkey, newer.cert, newer.chain),
        "swapped": Issued(newer.cert, newer.privkey, newer.chain),
        "empty": Issued("", "", ""),
    }[what]
    cluster.share(bad, 7)
    first = certificate(proxy, "install")
    assert first.status == 10 and installed(proxy) is None, "a Teleport that waits is not started with it either"

    good = authority.issue(DOMAIN, begins=-5 * DAY)
    install(proxy, good)
    done = certificate(proxy, "install")
    assert done.status == 17 and "is kept" in done.errors, done.said
    assert installed(proxy) == pair(good)
    assert "restart" not in done.said
    if what == "untrusted":
        assert "its issuer is not among the authorities in" in done.errors
        assert "update-ca-certificates" in done.errors and "update-ca-trust" in done.errors
        letsencrypt.trust(proxy, authority.root, staging.root)
        assert certificate(proxy, "install").status == 0
        assert installed(proxy) == pair(bad)


def test_row_e_an_older_trusted_pair_in_the_bucket_is_used_instead(
    cluster: Cluster, proxy: Agent, authority: Authority, staging: Authority
) -> None:
    good = authority.issue(DOMAIN, begins=-5 * DAY)
    cluster.share(good, 1)
    cluster.share(staging.issue(DOMAIN), 2)
    install(proxy, staging.issue(DOMAIN, begins=-60))
    done = certificate(proxy, "install", "--format", "json")
    assert done.status == 0 and done.data["result"] == "installed", done.said
    assert installed(proxy) == pair(good)


def test_row_e_variables_name_other_authorities(
    cluster: Cluster, proxy: Agent, authority: Authority, staging: Authority
) -> None:
    cluster.share(staging.issue(DOMAIN), 1)
    letsencrypt.trust(proxy, authority.root)
    assert certificate(proxy, "install").status == 10
    proxy.environ["SSL_CERT_DIR"] = str(proxy.write("/opt/authorities/staging.crt", staging.root).parent)
    assert certificate(proxy, "install").status == 0


def test_row_e_obtain_says_when_teleport_would_not_start_with_the_result(
    cluster: Cluster, authority: Authority, staging: Authority, tmp_path: Path
) -> None:
    bot = Certbot(tmp_path / "staging", staging)
    host = bot.given_to(cluster.host(ALONE, name="alone"))
    done = certificate(host, "obtain")
    assert done.status == 0 and "does not start with this certificate: its issuer is not among" in done.said
    assert installed(host) is None, "it is not installed"


def test_row_e_a_renewal_by_another_authority_does_not_take_the_place_of_a_trusted_certificate(
    cluster: Cluster, authority: Authority, staging: Authority, tmp_path: Path
) -> None:
    bot = Certbot(tmp_path / "staging", staging)
    host = bot.given_to(cluster.host(ALONE, name="alone"))
    good = authority.issue(DOMAIN, begins=-80 * DAY, ends=10 * DAY)
    cluster.share(good, 1)
    assert certificate(host, "obtain").status == 0
    bot.switch(due=True)
    done = certificate(host, "renew")
    assert done.status == 17 and "its issuer is not among" in done.errors, done.said
    assert cluster.live() == good and installed(host) == pair(good)
