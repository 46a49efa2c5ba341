"""Let's Encrypt's certificate with the real certbot and a real authority, pebble; AWS is moto's."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulated import acme, letsencrypt
from tests.simulated.acme import Acme
from tests.simulated.agent import Agent
from tests.simulated.letsencrypt import (
    ALONE,
    AUTH,
    DOMAIN,
    PROXY,
    RECORDING,
    Cluster,
    certificate,
    ended,
    installed,
    links,
)
from tests.simulated_ec2 import Aws

pytestmark = acme.needs_certbot

# Due at once: certbot renews what has less than 30 days left; newer ones only where the settings say so.
SHORT = 20 * 24 * 3600
HOSTS = 10


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("authority")


@pytest.fixture
def cluster(tmp_path: Path, aws: Aws) -> Iterator[Cluster]:
    made = Cluster(tmp_path, aws)
    aws.client("route53").create_hosted_zone(Name="example.com", CallerReference="test")
    aws.requests.clear()
    yield made
    made.close()


@pytest.fixture(scope="module")
def authority(directory: Path, running_aws: Aws) -> Iterator[Acme]:
    with acme.running(directory / "long", running_aws) as made:
        yield made


@pytest.fixture(scope="module")
def hasty(directory: Path, running_aws: Aws) -> Iterator[Acme]:
    """An authority whose certificates are due for renewal as soon as they are there."""
    with acme.running(directory / "short", running_aws, valid_seconds=SHORT) as made:
        yield made


def using(agent: Agent, authority: Acme) -> Agent:
    # The newest certbot is in a virtual environment, see `./dev test newest`.
    place = Path(shutil.which("certbot") or "").parent
    agent.environ |= {**authority.environ, "PATH": f"{place}:/usr/sbin:/usr/bin:/sbin:/bin"}
    letsencrypt.trust(agent, authority.pebble.root)
    return agent


def obtain(authority: Acme) -> tuple[str, ...]:
    return "obtain", "--server", authority.pebble.url


def chain(cluster: Cluster) -> str:
    return cluster.objects()[f"live/{DOMAIN}/fullchain.pem"]


def served(agent: Agent, cluster: Cluster) -> bool:
    live = cluster.objects()
    return installed(agent) == (live[f"live/{DOMAIN}/privkey.pem"], live[f"live/{DOMAIN}/fullchain.pem"])


def names(text: str) -> str:
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-ext", "subjectAltName"], input=text.encode(), capture_output=True, check=True
    )
    return shown.stdout.decode()


def test_a_first_certificate_is_obtained_shared_and_installed(cluster: Cluster, authority: Acme) -> None:
    before = authority.pebble.orders
    host = using(cluster.host(ALONE), authority)
    done = certificate(host, *obtain(authority), "--format", "json")
    assert done.status == 0 and done.data["result"] == "obtained", done.said
    assert authority.pebble.orders == before + 1
    assert served(host, cluster)
    assert f"DNS:*.{DOMAIN}" in names(chain(cluster)) and f"DNS:{DOMAIN}" in names(chain(cluster))
    asked = {operation.partition(" ")[2] for operation in cluster.touched()}
    assert not any("records" in each or "prefix=&" in each for each in asked)
    # The version of HTTP depends on Python's.
    assert {each.rpartition(" ")[0] for each in authority.route53.asked_for} == {f"CONNECT {acme.ROUTE53}:443"}

    proxy = using(cluster.host(PROXY, name="proxy"), authority)
    assert certificate(proxy, "install").status == 0
    assert served(proxy, cluster)
    assert certificate(host, "renew", "--format", "json").data["result"] == "present", "it is not due"


def test_another_host_renews_from_the_bucket(cluster: Cluster, hasty: Acme) -> None:
    first, second = (using(cluster.host(AUTH, name=name), hasty) for name in ("first", "second"))
    assert certificate(first, *obtain(hasty)).status == 0
    settings = f"renewal/{DOMAIN}.conf"
    cluster.put({settings: f"renew_before_expiry = 30 days\n{cluster.objects()[settings]}"})
    old = chain(cluster)
    orders = hasty.pebble.orders
    done = certificate(second, "renew", "--format", "json")
    assert done.status == 0 and done.data["result"] == "renewed", done.said
    assert hasty.pebble.orders == orders + 1
    assert chain(cluster) != old
    assert links(second) == {kind: f"../../archive/{DOMAIN}/{kind}2.pem" for kind in letsencrypt.KINDS}
    assert cluster.objects()[f"archive/{DOMAIN}/fullchain1.pem"] == old
    accounts = {key.split("/")[-2] for key in cluster.objects() if key.startswith("accounts/")}
    assert len(accounts) == 1, "the account is shared too"

    # And back again: the first host takes over what the second has done.
    assert certificate(first, "renew", "--format", "json").data["result"] == "renewed"
    assert links(first)["cert"] == f"../../archive/{DOMAIN}/cert3.pem"
    assert cluster.objects()[RECORDING] == "planted recording"


def test_of_ten_concurrent_hosts_exactly_one_asks_the_authority(cluster: Cluster, authority: Acme) -> None:
    before = authority.pebble.orders
    hosts = [using(cluster.host(AUTH, name=f"auth-{number}"), authority) for number in range(HOSTS)]
    running = [host.start("certificate", *obtain(authority), "--wait", "40", "--format", "json") for host in hosts]
    done = [ended(each) for each in running]
    assert [each.status for each in done] == [0] * HOSTS, [each.said for each in done if each.status]
    results = [each.data["result"] for each in done]
    assert results.count("obtained") == 1 and set(results) <= {"obtained", "present", "elsewhere"}, results
    assert authority.pebble.orders == before + 1
    assert cluster.lock() is None
    for host in hosts:
        assert certificate(host, "obtain", "--format", "json").data["result"] == "present"
    assert authority.pebble.orders == before + 1


def test_another_host_takes_over_when_the_lock_of_a_dead_one_expires(cluster: Cluster, authority: Acme) -> None:
    dying = using(cluster.host(AUTH, name="dying"), authority)
    orders = authority.pebble.orders
    running = dying.start("certificate", *obtain(authority))
    try:
        wait_for(lambda: authority.pebble.orders > orders, running)
    finally:
        os.kill(running.pid, signal.SIGKILL)
        running.communicate()
    assert not any(key.startswith("live/") for key in cluster.objects())
    held = cluster.lock()
    assert held is not None and held["Process"] == "ip-dying.ec2.internal"

    other = using(cluster.host(AUTH, name="other"), authority)
    waits = certificate(other, *obtain(authority), "--format", "json")
    assert waits.status == 0 and waits.data["result"] == "elsewhere" and held["Process"] in waits.data["detail"]
    # Not later than this, whatever becomes of the host; a test has no quarter of an hour.
    assert float(held["Expires"]) < time.time() + 1000
    cluster.lock_is_of(held["Process"], time.time() - 1)
    assert certificate(other, *obtain(authority), "--format", "json").data["result"] == "obtained"
    found = chain(cluster)

    # The host that failed returns, with whatever it has left behind.
    assert certificate(dying, "obtain", "--format", "json").status == 0
    assert certificate(dying, "renew").status == 0
    assert chain(cluster) == found


def test_an_authority_that_refuses_is_quoted_and_changes_nothing(cluster: Cluster, authority: Acme) -> None:
    """No hosted zone holds the name, so that certbot cannot prove that it controls it."""
    host = using(cluster.host(ALONE.replace(DOMAIN, "teleport.elsewhere.net")), authority)
    before = {key for key in cluster.objects() if not key.startswith("accounts/")}
    done = certificate(host, *obtain(authority))
    assert done.status == 17 and "Route53" in done.errors.replace(" ", ""), done.said
    assert {key for key in cluster.objects() if not key.startswith("accounts/")} == before
    accounts = {key.split("/")[-2] for key in cluster.objects() if key.startswith("accounts/")}
    again = certificate(host, *obtain(authority))
    assert again.status == 17
    assert {key.split("/")[-2] for key in cluster.objects() if key.startswith("accounts/")} == accounts != set()


def test_issue_17_row_5_an_acme_server_of_an_authority_without_key_usage(
    cluster: Cluster, directory: Path, running_aws: Aws
) -> None:
    """certbot on Python 3.13 and newer refuses it, and ours says what to do; older ones obtain the certificate."""
    with acme.running(directory / "without-key-usage", running_aws, key_usage=False) as authority:
        done = certificate(using(cluster.host(ALONE), authority), *obtain(authority))
    if acme.certbot_is_strict():
        assert done.status == 17, done.said
        assert "CA cert does not include key usage extension" in done.errors
        assert "keyUsage=critical,keyCertSign,cRLSign" in done.errors
    else:
        assert done.status == 0, done.said


def wait_for(condition, running: subprocess.Popen[bytes], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert running.poll() is None and time.monotonic() < end, "it did not come"
        time.sleep(0.02)
