"""The set-ups that the templates can make: what parameters each takes, and which conf each of its instances has."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from teleport_bootstrap import paths
from teleport_bootstrap.user_data import conf_of
from tests.templates import template

CLUSTER, DOMAIN, BUCKET = "example-cluster", "teleport.example.com", "example-bucket"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-4000-8000-00000000000a"
ZONE = "Z0123456789EXAMPLE01"

# What an instance without target groups does not ask for.
_LEAVING = ("elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:DescribeTargetHealth")
_ANY_GROUP, _ANY_TARGETS = "autoScalingGroupName/*", "targetgroup/*/*"
_NETWORK = {
    "HostedZoneId": ZONE,
    "VpcId": "vpc-0123456789abcdef0",
    "BalancerSubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "ImageId": "ami-0123456789abcdef0",
}
_NAMES = {"ClusterName": CLUSTER, "DomainName": DOMAIN}


def target_arn(name: str) -> str:
    """Return an ARN that stands for the target group with this logical id."""
    return f"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{name}/1"


@dataclass(frozen=True)
class Switch:
    """A condition of a template that changes what an instance may do: `on` has it true, `off` has all else equal.

    `name` is in the names of its policies.
    """

    name: str
    condition: str
    off: Mapping[str, str]
    on: Mapping[str, str]


@dataclass(frozen=True)
class Setup:
    """One template, the parameters that it needs at least, and its switches.

    `groups` has, by launch template, the name of the auto scaling group of its instances and the logical ids of their
    target groups. `backed_up` are the launch templates whose instances write backups into the bucket; `key` is the
    logical id of the template's KMS key.
    """

    path: Path
    required: Mapping[str, str]
    switches: tuple[Switch, ...] = ()
    groups: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    backed_up: tuple[str, ...] = ()
    key: str | None = None
    things: Mapping[str, str] = field(default_factory=dict)

    def filled(self, **parameters: str) -> template.Filled:
        """Return the template with these parameters beside the required ones."""
        return self.filled_in(template.PSEUDO, **parameters)

    def filled_in(self, place: Mapping[str, str], **parameters: str) -> template.Filled:
        """Return the same in a place, whose pseudo parameters these are."""
        return template.Filled(template.load(self.path), {**self.required, **parameters}, self.things, place)

    def narrowed(self, launch_template: str, action: str, resource: str) -> tuple[str, ...]:
        """Return what the template allows `action` on: `iam-policy`, with its `resource`, cannot know all groups."""
        group, targets = self.groups.get(launch_template, ("", ()))
        if group and not targets and action in _LEAVING:
            return ()
        if group and resource.endswith(_ANY_GROUP):
            return (f"{resource.removesuffix('*')}{group}",)
        if group and resource.endswith(_ANY_TARGETS):
            return tuple(map(target_arn, targets))
        return (resource,)

    def every(self) -> Iterator[dict[str, str]]:
        """Yield the parameters of every combination of switches that the template's rules allow."""
        for chosen in itertools.product((False, True), repeat=len(self.switches)):
            found: dict[str, str] = {}
            for each, is_on in zip(self.switches, chosen):
                if is_on:
                    found.update(each.on)
            yield found


_PROXY_TARGETS = ("WebTargets", "SshTargets", "TunnelTargets", "KubernetesTargets")

STARTER = Setup(
    template.STARTER,
    {**_NAMES, **_NETWORK, "InstanceSubnetId": "subnet-0123456789abcdef2"},
    (
        Switch("license", "HasLicense", {}, {"License": "true"}),
        Switch("bucket", "HasBucket", {}, {"BucketName": BUCKET}),
        Switch("dynamodb", "UsesDynamoDB", {"BucketName": BUCKET}, {"BucketName": BUCKET, "StateStore": "dynamodb"}),
    ),
    backed_up=("LaunchTemplate",),
)
HA = Setup(
    template.HA,
    {
        **_NAMES,
        **_NETWORK,
        "InstanceSubnetIds": "subnet-0123456789abcdef2,subnet-0123456789abcdef3",
        "BucketName": BUCKET,
    },
    (Switch("license", "HasLicense", {}, {"License": "true"}),),
    backed_up=("AuthLaunchTemplate",),
    groups={
        "AuthLaunchTemplate": (f"{CLUSTER}-auth", ("AuthTargets",)),
        "ProxyLaunchTemplate": (f"{CLUSTER}-proxy", _PROXY_TARGETS),
        "NodeLaunchTemplate": (f"{CLUSTER}-node", ()),
    },
    key="Key",
    things={"Key.Arn": KEY, **{each: target_arn(each) for each in ("AuthTargets", *_PROXY_TARGETS)}},
)
SETUPS = tuple(each for each in (STARTER, HA) if each.path.exists())


def conf_text(filled: template.Filled, launch_template: str) -> str:
    """Return the conf that the user-data of the launch template writes, and that it does nothing else."""
    script = filled.user_data(launch_template)
    lines = script.split("\n")
    first, start, *conf, end, last = lines
    if (first, start, end, last) != ("#!/bin/bash", f"cat >{paths.CONF} <<'EOF'", "EOF", ""):
        raise ValueError(f"user-data does more than to write the conf: {script}")
    found = "".join(f"{each}\n" for each in conf)
    read = conf_of.read(script.encode(), "user-data")
    if read.data.lstrip(b"\n") != found.encode():
        raise ValueError(f"the conf is read otherwise: {read.data!r}")
    return found
