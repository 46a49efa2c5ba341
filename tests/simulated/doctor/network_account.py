"""A cluster with names, load balancers and certificates as they have to be, for the checks of network and balancers.

The command runs in a mount namespace of its own, in which names are those of the test.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.certificates import Authority
from tests.simulated import letsencrypt
from tests.simulated.agent import PIN
from tests.simulated.doctor import surroundings, web_server
from tests.simulated.doctor.names import Names
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

DOMAIN = "teleport.example.com"
NLB = "teleport-nlb.example.com"
ZONE = "example.com"
VERSION = "17.5.1"

ALL = (
    f"USE_ACM=true\nTELEPORT_DOMAIN_NAME={DOMAIN}\nTELEPORT_EXTERNAL_HOSTNAME={DOMAIN}\nTELEPORT_EXTERNAL_PORT=443\n"
    f"TELEPORT_AUTH_SERVER_LB={NLB}\nTELEPORT_PROXY_SERVER_LB={NLB}\nTELEPORT_PROXY_PROTOCOL=on\n"
)
NODE = f"TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME={DOMAIN}\nTELEPORT_AUTH_SERVER_LB={NLB}\n"
AGENT = (
    f"TELEPORT_ROLE=agent\nTELEPORT_DOMAIN_NAME={DOMAIN}\nTELEPORT_PROXY_SERVER_LB={DOMAIN}\n"
    "TELEPORT_JOIN_TOKEN=" + "e" * 32 + "\nTELEPORT_AGENT_APP_ENABLED=true\nTELEPORT_AGENT_APP_NAME=grafana\n"
    "TELEPORT_AGENT_APP_URI=http://127.0.0.1:3001\n"
)
PORTS = (3023, 3024, 3025, 3026)


@dataclass
class Site:
    """A host of the cluster with everything around it. `groups` are ARNs, by port; `instance` is the host's id."""

    agent: Names
    imds: emulator.Server
    aws: Aws
    authority: Authority
    web: web_server.WebServer
    ports: web_server.OpenPorts
    instance: str = ""
    zone: str = ""
    groups: dict[int, str] = field(default_factory=dict)
    balancers: dict[str, Any] = field(default_factory=dict)
    listeners: dict[int, str] = field(default_factory=dict)

    @property
    def elb(self) -> Any:
        return self.aws.client("elbv2")

    def checks(self, *options: str) -> Mapping[str, dict[str, Any]]:
        """Run the checks of both groups, and return how each has ended, by its name."""
        chosen = options or ("--only", "network", "--only", "balancers")
        done = self.agent.run("doctor", "--format", "json", *chosen)
        assert "internal error" not in done.said, done.said
        return {each["name"]: each for each in done.data["checks"]}

    def results(self, *options: str) -> dict[str, str]:
        return {name: each["result"] for name, each in self.checks(*options).items()}

    def record(self, name: str, action: str = "UPSERT", **record: Any) -> None:
        """Change the record of `name` in Route 53."""
        change = {"Action": action, "ResourceRecordSet": {"Name": name, **record}}
        self.aws.client("route53").change_resource_record_sets(
            HostedZoneId=self.zone, ChangeBatch={"Changes": [change]}
        )

    def alias(self, name: str, balancer: str) -> dict[str, Any]:
        """Return the record that leads `name` to the balancer."""
        to = self.balancers[balancer]
        target = {
            "HostedZoneId": to["CanonicalHostedZoneId"],
            "DNSName": to["DNSName"],
            "EvaluateTargetHealth": False,
        }
        return {"Name": name, "Type": "A", "AliasTarget": target}

    def close(self) -> None:
        self.web.stop()
        self.ports.close()


@contextmanager
def site(directory: Path, imds: emulator.Server, aws: Aws, conf: str = ALL, **switches: Any) -> Iterator[Site]:
    """A host with `conf`, whose generate has run, in a cluster in which all of it is right."""
    agent = _host(directory, imds, aws, conf, **switches)
    authority = Authority()
    letsencrypt.trust(agent, authority.root)
    address = web_server.new_address()
    says = web_server.Says(body=web_server.ping(DOMAIN, VERSION))
    web = web_server.WebServer(address, says, issued=authority.issue(DOMAIN))
    web.start()
    made = Site(agent, imds, aws, authority, web, web_server.OpenPorts(web_server.new_address(), *PORTS))
    try:
        _balancers(made)
        _zone(made)
        agent.hosts = {
            DOMAIN: address,
            f"grafana.{DOMAIN}": address,
            NLB: made.ports.address,
            made.balancers["alb"]["DNSName"]: address,
            made.balancers["nlb"]["DNSName"]: made.ports.address,
        }
        done = agent.run("generate", "--wait", "20")
        assert done.status == 0, done.said
        yield made
    finally:
        made.close()


def _host(directory: Path, imds: emulator.Server, aws: Aws, conf: str, **switches: Any) -> Names:
    agent = surroundings.host(directory, imds, aws, conf, **{"version": VERSION, **switches})
    assert isinstance(agent, Names)
    aws.put_parameters({f"/teleport/{DOMAIN}/tokens/node": surroundings.TOKEN})
    aws.put_parameters({f"/teleport/{DOMAIN}/ca-pin-hash": PIN}, kind="String")
    return agent


def _balancers(made: Site) -> None:
    """An ALB for the web, a network balancer for the rest, and this instance behind both."""
    ec2, elb = made.aws.client("ec2"), made.elb
    subnets = ec2.describe_subnets()["Subnets"][:2]
    image = ec2.describe_images()["Images"][0]["ImageId"]
    made.instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    made.imds.service.update({"meta-data": {"instance-id": made.instance}})
    ids = [each["SubnetId"] for each in subnets]
    for name, kind in (("alb", "application"), ("nlb", "network")):
        found = elb.create_load_balancer(Name=f"teleport-{name}", Subnets=ids, Type=kind, Scheme="internal")
        made.balancers[name] = found["LoadBalancers"][0]
    for port in (3080, *PORTS):
        made.groups[port] = _group(made, port, subnets[0]["VpcId"])
        alb = port == 3080
        listener = elb.create_listener(
            LoadBalancerArn=made.balancers["alb" if alb else "nlb"]["LoadBalancerArn"],
            Protocol="HTTPS" if alb else "TCP",
            Port=443 if alb else port,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": made.groups[port]}],
            **({"Certificates": [{"CertificateArn": _certificate(made)}]} if alb else {}),
        )
        made.listeners[443 if alb else port] = listener["Listeners"][0]["ListenerArn"]
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=made.balancers["alb"]["LoadBalancerArn"],
        Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "350"}],
    )


def _group(made: Site, port: int, vpc: str) -> str:
    checks = {"HealthCheckProtocol": "TCP"}
    if port == 3080:
        checks = {"HealthCheckProtocol": "HTTP", "HealthCheckPath": "/webapi/ping"}
    found = made.elb.create_target_group(
        Name=f"teleport-{port}",
        Protocol="HTTP" if port == 3080 else "TCP",
        Port=port,
        VpcId=vpc,
        TargetType="instance",
        HealthCheckPort="traffic-port",
        **checks,
        **({"Matcher": {"HttpCode": "200-499"}} if port == 3080 else {}),
    )
    arn: str = found["TargetGroups"][0]["TargetGroupArn"]
    made.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": made.instance}])
    if port != 3080:
        header = {"Key": "proxy_protocol_v2.enabled", "Value": "true" if port == 3025 else "false"}
        made.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[header])
    return arn


def _certificate(made: Site) -> str:
    found = made.aws.client("acm").request_certificate(DomainName=DOMAIN)
    arn: str = found["CertificateArn"]
    return arn


def _zone(made: Site) -> None:
    zone = made.aws.client("route53").create_hosted_zone(Name=ZONE, CallerReference=tempfile.mktemp())
    made.zone = zone["HostedZone"]["Id"].rpartition("/")[2]
    for name, balancer in ((DOMAIN, "alb"), (NLB, "nlb")):
        record = made.alias(name, balancer)
        made.record(record.pop("Name"), **record)
