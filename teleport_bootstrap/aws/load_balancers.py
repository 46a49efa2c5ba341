"""Elastic Load Balancing, version 2: balancers, their listeners, target groups, and the health of targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from teleport_bootstrap.aws import paging
from teleport_bootstrap.aws.service import Service
from teleport_bootstrap.hints import Any, TypeVar
from teleport_bootstrap.records import dataclass

_TOKENS = {"NextMarker": "Marker"}
_PAGE = 100
_EVERYTHING = ["*"]  # IAM supports no narrower resource for these actions
_MISSING = ("TargetGroupNotFound", "LoadBalancerNotFound", "InvalidTarget")
# The state of a target that is not registered, or whose group has no listener.
_UNUSED = "unused"
_NAMED = {"Names", "TargetGroupArns", "LoadBalancerArns"}

Item = TypeVar("Item")


@dataclass(frozen=True)
class HealthCheck:
    """How a target group checks its targets. `port` is a number or `traffic-port`; `path` is "" but for HTTP(S).

    `matcher` has the status codes that pass, such as `200-399`, or those of gRPC.
    """

    enabled: bool
    protocol: str
    port: str
    path: str
    matcher: str
    interval_seconds: int
    timeout_seconds: int
    healthy_threshold: int
    unhealthy_threshold: int


@dataclass(frozen=True)
class TargetGroup:
    """A target group: `kind` is instance, ip, lambda or alb; `load_balancers` are ARNs."""

    arn: str
    name: str
    protocol: str
    protocol_version: str
    port: int | None
    kind: str
    vpc_id: str
    ip_address_type: str
    load_balancers: tuple[str, ...]
    health_check: HealthCheck


@dataclass(frozen=True)
class TargetHealth:
    """A registered target, by instance id or address: `state`, such as healthy, and for others the reason's code."""

    target: str
    port: int | None
    zone: str
    state: str
    reason: str
    description: str
    health_check_port: str


@dataclass(frozen=True)
class LoadBalancer:
    """A load balancer: `kind` is application, network or gateway, `scheme` internal or internet-facing."""

    arn: str
    name: str
    kind: str
    scheme: str
    dns_name: str
    hosted_zone_id: str
    state: str
    state_reason: str
    vpc_id: str
    ip_address_type: str
    security_groups: tuple[str, ...]
    zones: tuple[str, ...]


@dataclass(frozen=True)
class Redirect:
    """Where a listener redirects to; `#{host}` and such stand for what was asked for."""

    protocol: str
    host: str
    port: str
    path: str
    status: str


@dataclass(frozen=True)
class Action:
    """What a listener does by default: `kind` is forward, redirect, fixed-response or an authentication."""

    kind: str
    target_groups: tuple[str, ...]
    redirect: Redirect | None


@dataclass(frozen=True)
class Listener:
    """A listener: the port and protocol of a balancer, the ARNs of its certificates, and its default actions."""

    arn: str
    port: int | None
    protocol: str
    ssl_policy: str
    alpn: tuple[str, ...]
    certificates: tuple[str, ...]
    actions: tuple[Action, ...]


class LoadBalancers(Service):
    """Elastic Load Balancing in one region; get it from `account.Aws.load_balancers`, which says what methods raise."""

    def target_groups(
        self, *, arns: Sequence[str] = (), names: Sequence[str] = (), load_balancer: str = ""
    ) -> tuple[TargetGroup, ...]:
        """Return those target groups that exist, of the ARNs, names or balancer's ARN, or without these all.

        Give one of the three. Where one of several ARNs or names does not exist, the result is empty: ask for each.
        """
        chosen = {"LoadBalancerArn": load_balancer} if load_balancer else _chosen("TargetGroupArns", arns, names)
        return self._describe(
            "DescribeTargetGroups", chosen, lambda answer: map(_target_group, answer["TargetGroups"]), page=_PAGE
        )

    def target_health(self, target_group: str) -> tuple[TargetHealth, ...]:
        """Return all registered targets of the group with this ARN; none where there is no such group."""
        return self._describe(
            "DescribeTargetHealth",
            {"TargetGroupArn": target_group},
            lambda answer: map(_target_health, answer["TargetHealthDescriptions"]),
        )

    def deregister(self, target_group: str, instance_id: str) -> None:
        """Let no new connections go to the instance; does nothing where it is not registered."""
        self.call(
            "elasticloadbalancing:DeregisterTargets",
            [target_group],
            missing=("TargetGroupNotFound", "InvalidTarget"),
            TargetGroupArn=target_group,
            Targets=[{"Id": instance_id}],
        )

    def is_registered(self, target_group: str, instance_id: str) -> bool:
        """Whether the group has the instance among its targets, if only while its connections end."""
        found = self._describe(
            "DescribeTargetHealth",
            {"TargetGroupArn": target_group, "Targets": [{"Id": instance_id}]},
            lambda answer: map(_target_health, answer["TargetHealthDescriptions"]),
        )
        return any(each.state != _UNUSED for each in found)

    def target_group_attributes(self, target_group: str) -> dict[str, str]:
        """Return the attributes of a target group, such as proxy_protocol_v2.enabled and stickiness.enabled."""
        return dict(self._describe("DescribeTargetGroupAttributes", {"TargetGroupArn": target_group}, _attributes))

    def load_balancers(self, *, arns: Sequence[str] = (), names: Sequence[str] = ()) -> tuple[LoadBalancer, ...]:
        """Return those balancers that exist, of the ARNs or names, or without these all; see `target_groups`."""
        return self._describe(
            "DescribeLoadBalancers",
            _chosen("LoadBalancerArns", arns, names),
            lambda answer: map(_load_balancer, answer["LoadBalancers"]),
            page=_PAGE,
        )

    def load_balancer_attributes(self, load_balancer: str) -> dict[str, str]:
        """Return the attributes of a balancer, such as idle_timeout.timeout_seconds."""
        return dict(self._describe("DescribeLoadBalancerAttributes", {"LoadBalancerArn": load_balancer}, _attributes))

    def listeners(self, load_balancer: str) -> tuple[Listener, ...]:
        """Return the listeners of the balancer with this ARN; none where there is no such balancer."""
        return self._describe(
            "DescribeListeners",
            {"LoadBalancerArn": load_balancer},
            lambda answer: map(_listener, answer["Listeners"]),
            page=_PAGE,
        )

    def _describe(
        self,
        operation: str,
        chosen: Mapping[str, Any],
        read: Callable[[Any], Iterable[Item]],
        *,
        page: int | None = None,
    ) -> tuple[Item, ...]:
        """Return all that `read` finds in the answer; nothing where what was chosen does not exist.

        `page` is the number of entries of a page; an answer about names or ARNs has only one.
        """
        size: dict[str, Any] = {} if page is None or _NAMED & set(chosen) else {"PageSize": page}
        action = f"elasticloadbalancing:{operation}"
        return paging.every(self, action, _EVERYTHING, read=read, tokens=_TOKENS, missing=_MISSING, **chosen, **size)


def _chosen(key: str, arns: Sequence[str], names: Sequence[str]) -> dict[str, list[str]]:
    """Return the parameter for what is named; `key` is the one for ARNs."""
    if arns:
        return {key: list(arns)}
    return {"Names": list(names)} if names else {}


def _target_group(found: Mapping[str, Any]) -> TargetGroup:
    matcher = found.get("Matcher", {})
    return TargetGroup(
        arn=found["TargetGroupArn"],
        name=found["TargetGroupName"],
        protocol=found.get("Protocol", ""),
        protocol_version=found.get("ProtocolVersion", ""),
        port=found.get("Port"),
        kind=found["TargetType"],
        vpc_id=found.get("VpcId", ""),
        ip_address_type=found.get("IpAddressType", ""),
        load_balancers=tuple(found.get("LoadBalancerArns", ())),
        health_check=HealthCheck(
            enabled=found.get("HealthCheckEnabled", True),
            protocol=found.get("HealthCheckProtocol", ""),
            port=found.get("HealthCheckPort", ""),
            path=found.get("HealthCheckPath", ""),
            matcher=matcher.get("HttpCode") or matcher.get("GrpcCode", ""),
            interval_seconds=found.get("HealthCheckIntervalSeconds", 0),
            timeout_seconds=found.get("HealthCheckTimeoutSeconds", 0),
            healthy_threshold=found.get("HealthyThresholdCount", 0),
            unhealthy_threshold=found.get("UnhealthyThresholdCount", 0),
        ),
    )


def _target_health(found: Mapping[str, Any]) -> TargetHealth:
    target, health = found["Target"], found["TargetHealth"]
    return TargetHealth(
        target=target["Id"],
        port=target.get("Port"),
        zone=target.get("AvailabilityZone", ""),
        state=health["State"],
        reason=health.get("Reason", ""),
        description=health.get("Description", ""),
        health_check_port=found.get("HealthCheckPort", ""),
    )


def _attributes(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return ((each["Key"], each["Value"]) for each in answer["Attributes"])


def _load_balancer(found: Mapping[str, Any]) -> LoadBalancer:
    state = found.get("State", {})
    return LoadBalancer(
        arn=found["LoadBalancerArn"],
        name=found["LoadBalancerName"],
        kind=found["Type"],
        scheme=found.get("Scheme", ""),
        dns_name=found.get("DNSName", ""),
        hosted_zone_id=found.get("CanonicalHostedZoneId", ""),
        state=state.get("Code", ""),
        state_reason=state.get("Reason", ""),
        vpc_id=found.get("VpcId", ""),
        ip_address_type=found.get("IpAddressType", ""),
        security_groups=tuple(found.get("SecurityGroups", ())),
        zones=tuple(each["ZoneName"] for each in found.get("AvailabilityZones", ())),
    )


def _listener(found: Mapping[str, Any]) -> Listener:
    return Listener(
        arn=found["ListenerArn"],
        port=found.get("Port"),
        protocol=found.get("Protocol", ""),
        ssl_policy=found.get("SslPolicy", ""),
        alpn=tuple(found.get("AlpnPolicy", ())),
        certificates=tuple(each["CertificateArn"] for each in found.get("Certificates", ())),
        actions=tuple(map(_action, found.get("DefaultActions", ()))),
    )


def _action(found: Mapping[str, Any]) -> Action:
    several = found.get("ForwardConfig", {}).get("TargetGroups", ())
    groups = [each["TargetGroupArn"] for each in several] or [found.get("TargetGroupArn", "")]
    redirect = found.get("RedirectConfig")
    return Action(
        kind=found["Type"],
        target_groups=tuple(filter(None, groups)),
        redirect=None if redirect is None else _redirect(redirect),
    )


def _redirect(found: Mapping[str, Any]) -> Redirect:
    return Redirect(
        protocol=found.get("Protocol", "#{protocol}"),
        host=found.get("Host", "#{host}"),
        port=found.get("Port", "#{port}"),
        path=found.get("Path", "/#{path}"),
        status=found["StatusCode"],
    )
