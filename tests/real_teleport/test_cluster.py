"""A cluster of several hosts: an auth server publishes, and a proxy, nodes and an agent join with that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import certificates
from tests.boot import network
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.real_teleport import real
from tests.real_teleport.test_first_boot import AUTH

DOMAIN = "teleport.example.com"
JOINING = "TELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
PROXY = (
    f"TELEPORT_ROLE=proxy\nTELEPORT_DOMAIN_NAME={DOMAIN}\nTELEPORT_S3_BUCKET=bucket-1\n{JOINING}"
    f"TELEPORT_PROXY_SERVER_LB={DOMAIN}\n"
)
HOSTS = {
    "auth": (AUTH, "teleport-auth.service"),
    "proxy": (PROXY, "teleport-proxy.service"),
    "node": (f"TELEPORT_ROLE=node\n{JOINING}TELEPORT_SSH_LABELS='env: prod'\n", "teleport-node.service"),
    "proxy-acm": (f"{PROXY}USE_ACM=true\n", "teleport-proxy-acm.service"),
}
# There is no load balancer, which would listen on 443.
AGENT = (
    f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB={DOMAIN}:3080\nTELEPORT_AGENT_SSH_ENABLED=true\n"
    "TELEPORT_SSH_LABELS='env: agent'\nTELEPORT_JOIN_TOKEN="
)


class Cluster:
    """The machines by the names of HOSTS, on one network, with simulated SSM, S3 and DynamoDB."""

    def __init__(self, switch: network.Network, new_machine: NewMachine) -> None:
        self.switch = switch
        self.authority = certificates.Authority()
        self.names = {"auth.example.com": switch.address(1), DOMAIN: switch.address(2)}
        self._new_machine = new_machine
        self.machines = {name: self.host(number, conf) for number, (name, (conf, _)) in enumerate(HOSTS.items(), 1)}
        switch.make_locks_table("locks-1")
        switch.ask("s3", "create_bucket", Bucket="bucket-1")

    def host(self, number: int, conf: str) -> Machine:
        """A machine in socket `number`, not booted yet."""
        overrides = {"storage": real.LOCAL_STORAGE} if "TELEPORT_ROLE=auth" in conf else {}
        made = real.machine(
            self._new_machine, conf, switch=self.switch, number=number, overrides=overrides, authority=self.authority
        )
        lines = "".join(f"{address} {name}\n" for name, address in self.names.items())
        made.write("/etc/hosts", f"127.0.0.1 localhost\n{lines}")
        return made

    def join(self, *names: str) -> certificates.Issued:
        """Boot these, of which the first is the auth server, and let the others join with what it publishes.

        Return the certificate of the proxy.
        """
        issued = self.authority.issue(DOMAIN)
        self.publish_certificate(issued, 1)
        for name in names:
            self.machines[name].boot()
            if name == "auth":
                real.wait_until_ready(self.machines[name], HOSTS[name][1])
                self.machines[name].run("systemctl", "start", "teleport-ssm-publish-tokens.service", seconds=120)
        for name in names[1:]:
            self.machines[name].run("systemctl", "restart", "teleport-fetch-secrets.service")
            if name == "proxy":
                self.machines[name].run("systemctl", "restart", "teleport-check-cert.service")
            real.wait_until_ready(self.machines[name], HOSTS[name][1])
        return issued

    def publish_certificate(self, issued: certificates.Issued, number: int) -> None:
        """Put a certificate into the bucket, as an auth server does."""
        for kind, text in issued.files().items():
            for key in (f"archive/{DOMAIN}/{kind}{number}.pem", f"live/{DOMAIN}/{kind}.pem"):
                self.switch.ask("s3", "put_object", Bucket="bucket-1", Key=key, Body=text)


@pytest.fixture
def cluster(new_machine: NewMachine) -> Iterator[Cluster]:
    with network.new() as switch:
        yield Cluster(switch, new_machine)


def served(machine: Machine) -> str:
    code = "import ssl; print(ssl.get_server_certificate(('127.0.0.1', 3080)))"
    return machine.run("python3", "-c", code).strip()


def test_hosts_join_with_what_the_auth_server_has_published(cluster: Cluster) -> None:
    machines = cluster.machines
    first = cluster.join(*HOSTS)
    auth, proxy, node = (machines[name] for name in ("auth", "proxy", "node"))
    real.wait_for_label(auth, "env", "prod")
    assert served(proxy) == first.cert.strip()
    for name, (_, unit) in HOSTS.items():
        real.assert_is_healthy(machines[name], unit)

    # The token of an agent is created manually, and it joins through the proxy.
    said = auth.run("tctl", "tokens", "add", "--type=node", "--format=text")
    agent = cluster.host(5, f"{AGENT}{said.strip().split()[-1]}\n")
    agent.boot()
    real.wait_until_ready(agent, "teleport.service")
    real.wait_for_label(auth, "env", "agent")

    # A newer certificate is installed, and served after a reload.
    second = cluster.authority.issue(DOMAIN, begins=-3600)
    cluster.publish_certificate(second, 2)
    before = real.pid(proxy)
    done = proxy.run("systemd-run", "-q", "--pipe", "--wait", "--collect", "-E",
        f"AWS_ENDPOINT_URL={cluster.switch.aws_url}", "teleport-bootstrap", "certificate", "install", seconds=300,
    )  # fmt: skip
    assert "installed the certificate" in done
    assert real.pid(proxy) != before
    proxy.wait_for(lambda: served(proxy) == second.cert.strip(), 60, "the second certificate")

    # Row E: an issuer that the host does not trust would end the proxy at its next start.
    cluster.publish_certificate(certificates.Authority().issue(DOMAIN, begins=-60), 3)
    done = proxy.try_run("systemd-run", "-q", "--pipe", "--wait", "--collect", "-E",
        f"AWS_ENDPOINT_URL={cluster.switch.aws_url}", "teleport-bootstrap", "certificate", "install", seconds=300,
    )  # fmt: skip
    proxy.run("systemctl", "restart", HOSTS["proxy"][1], seconds=120)
    real.wait_until_ready(proxy, HOSTS["proxy"][1])
    assert served(proxy) == second.cert.strip(), done

    # After a reboot everything is as it was.
    node.reboot()
    real.wait_until_ready(node, HOSTS["node"][1])
    real.assert_is_healthy(node, HOSTS["node"][1])
    real.wait_for_label(auth, "env", "prod")
