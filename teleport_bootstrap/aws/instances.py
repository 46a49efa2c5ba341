"""EC2: this instance as EC2 describes it, and its security groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from teleport_bootstrap.aws import paging
from teleport_bootstrap.aws.service import Service
from teleport_bootstrap.hints import Any
from teleport_bootstrap.records import dataclass

_EVERYTHING = ["*"]  # IAM supports no narrower resource for these actions
# As security groups write it.
ALL_PROTOCOLS = "-1"


@dataclass(frozen=True)
class MetadataOptions:
    """How the instance's metadata service is set up.

    `endpoint`, `ipv6` and `tags` are enabled or disabled, `tokens` required or optional, `state` applied or pending.
    """

    state: str
    endpoint: str
    tokens: str
    hop_limit: int
    ipv6: str
    tags: str


@dataclass(frozen=True)
class Instance:
    """An instance: `state` is running and others, `launched` in seconds since 1970; what it does not have is ""."""

    instance_id: str
    state: str
    image: str
    kind: str
    zone: str
    vpc_id: str
    subnet_id: str
    private_address: str
    public_address: str
    ipv6_addresses: tuple[str, ...]
    security_groups: tuple[str, ...]
    profile_arn: str
    launched: float | None
    metadata: MetadataOptions
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Permission:
    """What a rule of a security group allows: a protocol (tcp, udp, icmp, icmpv6, a number or -1 for all), and ports.

    `first` and `last` are None for all ports. The other side is in `ipv4`, `ipv6`, `groups` or `prefix_lists`.
    """

    protocol: str
    first: int | None
    last: int | None
    ipv4: tuple[str, ...]
    ipv6: tuple[str, ...]
    groups: tuple[str, ...]
    prefix_lists: tuple[str, ...]

    def covers(self, protocol: str, port: int) -> bool:
        """Whether it is about this `port` of `protocol`, tcp or udp; whom it allows is not looked at."""
        if self.protocol == ALL_PROTOCOLS:
            return True
        if self.protocol not in (protocol, {"tcp": "6", "udp": "17"}[protocol]):
            return False
        if self.first is None or self.last is None:
            return True
        return self.first <= port <= self.last


@dataclass(frozen=True)
class SecurityGroup:
    """A security group with its rules for both directions."""

    group_id: str
    name: str
    vpc_id: str
    ingress: tuple[Permission, ...]
    egress: tuple[Permission, ...]


class Instances(Service):
    """EC2 in one region; get it from `account.Aws.instances`, which says what methods raise."""

    def describe(self, instance_id: str) -> Instance | None:
        """Return the instance with this id, None where there is none."""
        found = paging.every(
            self,
            "ec2:DescribeInstances",
            _EVERYTHING,
            read=lambda answer: [
                _instance(each) for reservation in answer["reservationSet"] for each in reservation["instancesSet"]
            ],
            tokens={"nextToken": "NextToken"},
            missing=("InvalidInstanceID.NotFound",),
            InstanceIds=[instance_id],
        )
        return next((each for each in found if each.instance_id == instance_id), None)

    def security_groups(self, group_ids: Sequence[str]) -> tuple[SecurityGroup, ...]:
        """Return the security groups with these ids; none where one of them does not exist."""
        if not group_ids:
            return ()  # without ids, EC2 would describe all
        return paging.every(
            self,
            "ec2:DescribeSecurityGroups",
            _EVERYTHING,
            read=lambda answer: map(_security_group, answer["securityGroupInfo"]),
            tokens={"nextToken": "NextToken"},
            missing=("InvalidGroup.NotFound",),
            GroupIds=list(group_ids),
        )


def _instance(found: Mapping[str, Any]) -> Instance:
    interfaces = found.get("networkInterfaceSet", ())
    options = found.get("metadataOptions", {})
    return Instance(
        instance_id=found["instanceId"],
        state=found["instanceState"]["name"],
        image=found.get("imageId", ""),
        kind=found.get("instanceType", ""),
        zone=found.get("placement", {}).get("availabilityZone", ""),
        vpc_id=found.get("vpcId", ""),
        subnet_id=found.get("subnetId", ""),
        private_address=found.get("privateIpAddress", ""),
        public_address=found.get("ipAddress", ""),
        ipv6_addresses=tuple(
            address["ipv6Address"] for each in interfaces for address in each.get("ipv6AddressesSet", ())
        ),
        security_groups=_groups(found, *interfaces),
        profile_arn=found.get("iamInstanceProfile", {}).get("arn", ""),
        launched=found.get("launchTime"),
        metadata=MetadataOptions(
            state=options.get("state", ""),
            endpoint=options.get("httpEndpoint", ""),
            tokens=options.get("httpTokens", ""),
            hop_limit=options.get("httpPutResponseHopLimit", 1),
            ipv6=options.get("httpProtocolIpv6", ""),
            tags=options.get("instanceMetadataTags", ""),
        ),
        tags={each["key"]: each.get("value", "") for each in found.get("tagSet", ())},
    )


def _groups(*holders: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of the groups of an instance and its interfaces, each once."""
    return tuple(dict.fromkeys(group["groupId"] for each in holders for group in each.get("groupSet", ())))


def _security_group(found: Mapping[str, Any]) -> SecurityGroup:
    return SecurityGroup(
        group_id=found["groupId"],
        name=found.get("groupName", ""),
        vpc_id=found.get("vpcId", ""),
        ingress=tuple(map(_permission, found.get("ipPermissions", ()))),
        egress=tuple(map(_permission, found.get("ipPermissionsEgress", ()))),
    )


def _permission(found: Mapping[str, Any]) -> Permission:
    return Permission(
        protocol=found["ipProtocol"],
        first=found.get("fromPort"),
        last=found.get("toPort"),
        ipv4=tuple(each["cidrIp"] for each in found.get("ipRanges", ())),
        ipv6=tuple(each["cidrIpv6"] for each in found.get("ipv6Ranges", ())),
        groups=tuple(each["groupId"] for each in found.get("groups", ())),
        prefix_lists=tuple(each["prefixListId"] for each in found.get("prefixListIds", ())),
    )
