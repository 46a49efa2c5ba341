"""What `doctor` says of names, of the ways through the network, and of what answers at the cluster's address.

Each mistake turns exactly its own check; taken back, or mended by the remedy, everything passes as before.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import DAY, Authority, self_signed
from tests.simulated.doctor import network_account as account
from tests.simulated.doctor import surroundings, web_server
from tests.simulated.doctor.names import needs_names
from tests.simulated.doctor.network_account import DOMAIN, NLB, Site
from tests.simulated.doctor.remedies import carry_out, commands
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator
from tests.simulated_ec2.aws import S3_DENIED

pytestmark = needs_names

ALB_NAME = "teleport-alb-1.us-east-1.elb.amazonaws.com"


# How each check ends where all is right, by the conf.
_HEALTHY: dict[str, dict[str, str]] = {}


def healthy(site: Site) -> dict[str, str]:
    """Return how the checks end before a mistake, which is the same in every test with this conf."""
    conf = site.agent.path("/etc/teleport.d/conf").read_text()
    if conf not in _HEALTHY:
        found = site.results()
        assert set(found.values()) <= {"pass", "skipped"}, _wrong(site.checks())
        _HEALTHY[conf] = found
    return _HEALTHY[conf]


@pytest.fixture
def site(tmp_path: Path, imds: emulator.Server, aws: Aws) -> Iterator[Site]:
    with account.site(tmp_path, imds, aws) as made:
        yield made


def test_a_cluster_in_which_all_is_right_passes(site: Site) -> None:
    checks = site.checks()
    assert {name for name, each in checks.items() if each["result"] == "skipped"} == {
        *("application-names", "auth-server", "outbound-proxy", "outbound-proxy-exceptions"),
    }
    assert {each["result"] for each in checks.values()} == {"pass", "skipped"}


def test_all_checks_together_have_no_defect(site: Site) -> None:
    """Checks of different groups ask for things that they call by the same word."""
    done = site.agent.run("doctor", "--format", "json")
    assert "internal error" not in done.output
    targets = {each["name"]: each["result"] for each in done.data["checks"] if each["group"] == "balancers"}
    assert set(targets.values()) <= {"pass", "skipped"} and targets["target-registration"] == "pass"


# ---- mistakes in what the test itself holds: made by a function, and taken back

Mistake = Callable[[Site], None]


def _says(**said: Any) -> Mistake:
    return lambda site: setattr(site.web, "says", replace(site.web.says, **said))


def _shows(make: Callable[[Site], Any]) -> Mistake:
    return lambda site: setattr(site.web, "issued", make(site))


def _without_intermediate(site: Site) -> Any:
    return replace(site.authority.issue(DOMAIN), chain="")


def _lose_name(*names: str) -> Mistake:
    def lose(site: Site) -> None:
        for name in names:
            del site.agent.hosts[name]

    return lose


def _no_record(site: Site) -> None:
    _lose_name(DOMAIN)(site)
    record = site.alias(DOMAIN, "alb")
    site.record(record.pop("Name"), "DELETE", **record)


def _no_auth_record(site: Site) -> None:
    _lose_name(NLB)(site)
    record = site.alias(NLB, "nlb")
    site.record(record.pop("Name"), "DELETE", **record)


def _closed_port(site: Site) -> None:
    site.ports.close(3024)


def _stopped(site: Site) -> None:
    site.web.stop()


def _plain(site: Site) -> None:
    site.web.issued = None


def _silent(site: Site) -> None:
    site.web.is_silent = True


BALANCER = {"server": "awselb/2.0", "text": "<html>", "body": None}

# Name, mistake, the check, how it ends, and what the remedy holds.
MISTAKES: tuple[tuple[str, Mistake, str, str, str], ...] = (
    ("domain-without-record", _no_record, "domain-name", "fail", "aws route53 change-resource-record-sets"),
    ("web-stopped", _stopped, "web-connection", "fail", "TCP 443"),
    ("web-in-plain-http", _plain, "web-tls", "fail", "--protocol HTTPS"),
    ("web-handshake-unanswered", _silent, "web-tls", "fail", "openssl s_client"),
    ("port-closed", _closed_port, "announced-addresses", "fail", "TCP 3024"),
    ("chain-incomplete", _shows(_without_intermediate), "web-certificate-chain", "fail", "fullchain.pem"),
    (
        "authority-unknown",
        _shows(lambda _: Authority("acmeinc", trusted=False).issue(DOMAIN)),
        "web-certificate-chain",
        "fail",
        "update-ca-trust",
    ),
    ("self-signed", _shows(lambda _: self_signed(DOMAIN)), "web-certificate-chain", "fail", "update-ca-trust"),
    (
        "another-name",
        _shows(lambda site: site.authority.issue("other.example.com")),
        "web-certificate-name",
        "fail",
        f"--domain-name {DOMAIN}",
    ),
    (
        "expired",
        _shows(lambda site: site.authority.issue(DOMAIN, begins=-9 * DAY, ends=-DAY)),
        "web-certificate-days",
        "fail",
        "aws acm list-certificates",
    ),
    (
        "not-valid-yet",
        _shows(lambda site: site.authority.issue(DOMAIN, begins=DAY)),
        "web-certificate-days",
        "fail",
        "timedatectl",
    ),
    (
        "few-days-left",
        _shows(lambda site: site.authority.issue(DOMAIN, begins=-76.5 * DAY, ends=13.5 * DAY)),
        "web-certificate-days",
        "warn",
        "aws acm list-certificates",
    ),
    ("balancer-502", _says(status=502, **BALANCER), "web-balancer", "fail", "TELEPORT_ACM_TARGET_PROTOCOL"),
    ("balancer-503", _says(status=503, **BALANCER), "web-balancer", "fail", "register-targets"),
    ("balancer-504", _says(status=504, **BALANCER), "web-balancer", "fail", "authorize-security-group-ingress"),
    ("redirects", _says(status=301, location=f"https://{DOMAIN}/webapi/ping"), "web-redirects", "fail", "forward"),
    ("redirect-away", _says(status=302, location="https://example.com/"), "web-redirects", "fail", "forward"),
    ("another-program", _says(server="nginx", body=None, text="<h1>"), "web-answer", "fail", "curl -isS"),
    ("another-cluster", _says(body=web_server.ping("other.example.com")), "web-cluster", "fail", "dig"),
    ("another-major", _says(body=web_server.ping(DOMAIN, "18.1.0")), "web-version", "warn", "docs/guide.md#back"),
)


@pytest.mark.parametrize(
    ("mistake", "check", "result", "remedy"), [each[1:] for each in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_issue_18_a_mistake_turns_its_own_check(
    site: Site, mistake: Mistake, check: str, result: str, remedy: str
) -> None:
    before, hosts, web = healthy(site), dict(site.agent.hosts), replace(site.web)
    mistake(site)
    after = site.checks()
    assert surroundings.turned(before, _results(after)) == {check: result}, _wrong(after)
    assert remedy in surroundings.remedy_of(after[check])
    _restore(site, web, hosts)
    assert site.results() == before


def _restore(site: Site, web: web_server.WebServer, hosts: dict[str, str]) -> None:
    """Let the cluster be as before."""
    site.web.says, site.web.issued, site.web.is_silent = web.says, web.issued, web.is_silent
    site.agent.hosts = hosts
    with contextlib.suppress(OSError):
        site.web.start()
    with contextlib.suppress(OSError):
        site.ports.open(3024)
    for name, balancer in ((DOMAIN, "alb"), (NLB, "nlb")):
        record = site.alias(name, balancer)
        site.record(record.pop("Name"), **record)


def mended(site: Site, directory: Path, check: str, result: str, *, change: str = "") -> None:
    """Check that exactly `check` has turned, and that its remedy, pasted, mends it; `change` makes it whole."""
    before, after = healthy(site), site.checks()
    assert surroundings.turned(before, _results(after)) == {check: result}, _wrong(after)
    command, *_ = [each for each in commands(surroundings.remedy_of(after[check])) if "aws " in each]
    carry_out(directory / "bin", site.aws, command)
    for name, address in site.agent.hosts.items() if change else ():
        if name == ALB_NAME:
            site.agent.hosts = {**site.agent.hosts, change: address}
    assert site.results() == before


def test_issue_18_a_domain_without_a_record_is_mended_by_the_remedy(site: Site, tmp_path: Path) -> None:
    healthy(site)
    _no_record(site)
    mended(site, tmp_path, "domain-name", "fail", change=DOMAIN)


def test_issue_18_a_balancer_without_a_record(site: Site) -> None:
    before = healthy(site)
    _no_auth_record(site)
    after = site.checks()
    # The conf gives this name to both.
    assert surroundings.turned(before, _results(after)) == {"auth-balancer-name": "fail", "proxy-balancer-name": "fail"}
    assert after["announced-addresses"]["result"] == "skipped"
    assert site.balancers["nlb"]["DNSName"] in surroundings.remedy_of(after["auth-balancer-name"])


def test_issue_18_a_record_that_leads_nowhere(site: Site, tmp_path: Path) -> None:
    healthy(site)
    site.record(DOMAIN, Type="CNAME", TTL=60, ResourceRecords=[{"Value": "old-alb.us-east-1.elb.amazonaws.com."}])
    record = site.alias(DOMAIN, "alb")
    site.record(record.pop("Name"), "DELETE", **record)
    _lose_name(DOMAIN)(site)
    mended(site, tmp_path, "route53-target", "fail", change=DOMAIN)


def test_issue_18_a_zone_that_this_host_does_not_see(site: Site) -> None:
    before = healthy(site)
    _lose_name(DOMAIN)(site)
    after = site.checks()
    assert surroundings.turned(before, _results(after)) == {"route53-zone": "fail"}, _wrong(after)
    assert f"aws route53 get-hosted-zone --id {site.zone}" in surroundings.remedy_of(after["route53-zone"])


def test_issue_18_a_name_that_is_not_in_the_zone(site: Site, tmp_path: Path) -> None:
    healthy(site)
    record = site.alias(DOMAIN, "alb")
    site.record(record.pop("Name"), "DELETE", **record)
    mended(site, tmp_path, "route53-record", "warn")


@pytest.fixture
def node(tmp_path: Path, imds: emulator.Server, aws: Aws) -> Iterator[Site]:
    with account.site(tmp_path, imds, aws, account.NODE) as made:
        yield made


def test_issue_18_an_auth_server_that_refuses(node: Site) -> None:
    before = healthy(node)
    assert before["auth-server"] == "pass"
    node.ports.close(3025)
    after = node.checks()
    assert surroundings.turned(before, _results(after)) == {"auth-server": "fail"}
    assert "TCP 3025" in surroundings.remedy_of(after["auth-server"])
    node.ports.open(3025)
    assert node.results() == before


def test_issue_18_the_resolver_answers_nothing(node: Site) -> None:
    before = healthy(node)
    node.agent.hosts.clear()
    node.agent.server = "127.0.0.9"
    after = node.checks()
    assert surroundings.turned(before, _results(after)) == {"resolver": "fail"}, _wrong(after)
    assert "/etc/resolv.conf" in surroundings.remedy_of(after["resolver"])


@pytest.mark.parametrize("result", ["refused", "name"])
def test_issue_18_an_endpoint_of_aws_that_is_not_reached(node: Site, result: str) -> None:
    before = healthy(node)
    node.agent.environ["AWS_ENDPOINT_URL_SSM"] = {
        "refused": "http://127.0.0.1:9",
        "name": "https://ssm.us-east-1.amazonaws.com",
    }[result]
    after = node.checks()
    assert surroundings.turned(before, _results(after)) == {"aws-endpoints": "fail"}, _wrong(after)
    assert "com.amazonaws.us-east-1.ssm" in surroundings.remedy_of(after["aws-endpoints"])


def test_issue_18_an_endpoint_with_an_authority_that_nothing_knows(node: Site) -> None:
    before = healthy(node)
    host = "ssm.us-east-1.amazonaws.com"
    node.agent.environ["AWS_ENDPOINT_URL_SSM"] = f"https://{host}"
    node.agent.hosts[host] = node.web.address
    node.web.issued = Authority("acmeinc proxy", trusted=False).issue(host)
    after = node.checks()
    assert surroundings.turned(before, _results(after)) == {"aws-endpoints": "fail"}, _wrong(after)
    assert "AWS_CA_BUNDLE" in surroundings.remedy_of(after["aws-endpoints"])
    bundle = node.agent.write("/etc/bundle.pem", node.web.issued.chain)
    bundle.write_text(f"{node.authority.root}")
    node.web.issued = node.authority.issue(host)
    node.agent.environ["AWS_CA_BUNDLE"] = str(bundle)
    assert node.results() == before


PROXY_FILES = {"ours": "/etc/default/teleport-bootstrap", "teleport": "/etc/default/teleport"}


@pytest.mark.parametrize("of", PROXY_FILES)
def test_issue_18_an_outbound_proxy_that_refuses(node: Site, of: str) -> None:
    before = healthy(node)
    node.agent.hosts["proxy.example.com"] = node.ports.address
    text = "HTTPS_PROXY=http://user:planted-password@proxy.example.com:3128\n"
    node.agent.write(PROXY_FILES[of], text)
    node.ports.open(3128)
    assert node.results()["outbound-proxy"] == "pass"
    node.ports.close(3128)
    after = node.checks()
    assert surroundings.turned(before, _results(after)) == {"outbound-proxy": "fail"}
    assert "docs/guide.md#use-an-outbound-proxy" in surroundings.remedy_of(after["outbound-proxy"])
    assert "planted-password" not in str(after)


def test_issue_18_a_proxy_that_teleport_asks_for_metadata(node: Site) -> None:
    """Go's client sends it through HTTP_PROXY; only NO_PROXY keeps it from that."""
    before = healthy(node)
    node.ports.open(3128)
    node.agent.hosts["proxy.example.com"] = node.ports.address
    text = "HTTP_PROXY=http://proxy.example.com:3128\nNO_PROXY=localhost\n"
    file = node.agent.write(PROXY_FILES["teleport"], text)
    after = node.checks()
    assert surroundings.turned(before, _results(after)) == {"outbound-proxy-exceptions": "fail"}
    (command, *_) = commands(surroundings.remedy_of(after["outbound-proxy-exceptions"]))
    subprocess.run(["sh", "-ec", command.replace("/etc/default/teleport", str(file))], check=True)
    assert node.results()["outbound-proxy-exceptions"] == "pass"


@pytest.mark.parametrize(("exceptions", "result"), [("localhost", "skipped"), (f"localhost,{NLB}", "fail")])
def test_issue_18_teleport_behind_an_outbound_proxy_needs_no_direct_way(
    node: Site, exceptions: str, result: str
) -> None:
    node.ports.close(3025)
    node.agent.write(PROXY_FILES["teleport"], f"HTTPS_PROXY=http://{NLB}:3024\nNO_PROXY={exceptions}\n")
    assert node.results("--only", "auth-server") == {"auth-server": result}


def test_issue_18_a_network_balancer_that_does_not_answer_its_own_targets(site: Site) -> None:
    """It keeps the client's address unless told otherwise, and then a target cannot reach itself through it."""
    site.ports.close(3024)
    site.ports.open_silently(3024)
    found = site.checks("--only", "announced-addresses")["announced-addresses"]
    assert found["result"] == "pass", found
    attribute = {"Key": "preserve_client_ip.enabled", "Value": "false"}
    site.elb.modify_target_group_attributes(TargetGroupArn=site.groups[3024], Attributes=[attribute])
    found = site.checks("--only", "announced-addresses")["announced-addresses"]
    assert found["result"] == "fail" and "security group" in found["found"][0]["message"], found
    assert "authorize-security-group-ingress" in surroundings.remedy_of(found)


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server, aws: Aws) -> Iterator[Site]:
    with account.site(tmp_path, imds, aws, account.AGENT) as made:
        yield made


def test_issue_18_an_application_without_a_name(agent: Site) -> None:
    before = healthy(agent)
    assert before["application-names"] == "pass"
    _lose_name(f"grafana.{DOMAIN}")(agent)
    after = agent.checks()
    assert surroundings.turned(before, _results(after)) == {"application-names": "fail"}
    assert f"*.{DOMAIN}" in surroundings.remedy_of(after["application-names"])
    agent.agent.hosts[f"grafana.{DOMAIN}"] = agent.web.address
    assert agent.results() == before


def test_issue_18_a_certificate_without_the_wildcard_of_applications(agent: Site) -> None:
    before = healthy(agent)
    agent.web.issued = agent.authority.issue(DOMAIN, names=(DOMAIN,))
    after = agent.checks()
    assert surroundings.turned(before, _results(after)) == {"web-certificate-name": "fail"}
    assert f"*.{DOMAIN}" in surroundings.remedy_of(after["web-certificate-name"])


@pytest.mark.parametrize(("version", "result"), [("18.0.0", "pass"), ("19.0.0", "warn"), ("16.5.0", "warn")])
def test_issue_18_an_agent_and_the_version_of_its_cluster(agent: Site, version: str, result: str) -> None:
    agent.web.says.body = web_server.ping(DOMAIN, version)
    assert agent.results("--only", "web-version") == {"web-version": result}


def test_issue_18_a_cluster_without_a_connector_answers_400_and_is_reached(site: Site) -> None:
    before = healthy(site)
    site.web.says = web_server.Says(status=400, body={"error": {"message": "GitHub connector not found"}})
    after = site.checks()
    assert surroundings.turned(before, _results(after)) == {}
    assert "no connector" in after["web-answer"]["found"][0]["message"]
    assert after["web-cluster"]["result"] == "skipped"


def test_issue_18_route_53_that_may_not_be_asked_skips_its_checks(site: Site) -> None:
    before = healthy(site)
    site.aws.fail(S3_DENIED, times=100, operation="hostedzone")
    after = site.checks()
    assert surroundings.turned(before, _results(after)) == {}
    skipped = [after[name] for name in ("route53-target", "route53-zone", "route53-record")]
    assert all("not allowed" in each["found"][0]["message"] for each in skipped), skipped
    assert "iam-policy --part doctor" in skipped[0]["found"][0]["remedy"]


def _results(checks: Any) -> dict[str, str]:
    return {name: each["result"] for name, each in checks.items()}


def _wrong(checks: Any) -> Any:
    return {name: each["found"] for name, each in checks.items() if each["result"] in ("fail", "warn")}
