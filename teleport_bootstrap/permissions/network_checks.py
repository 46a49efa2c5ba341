"""What `doctor` asks of Route 53 and of Elastic Load Balancing."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.permissions.need import ANY, DOCTOR, Condition, Need
from teleport_bootstrap.permissions.scope import UNKNOWN_REGION, Scope
from teleport_bootstrap.plan import plan_model

_NAMES = "doctor compares the names in the conf with the records in Route 53"
_BALANCERS = "doctor looks at the load balancers in front of this instance, and at their target groups"

# By the service authorization reference, none of them can be limited to a resource.
_DESCRIPTIONS = (
    "DescribeListeners",
    "DescribeLoadBalancerAttributes",
    "DescribeLoadBalancers",
    "DescribeTargetGroupAttributes",
    "DescribeTargetGroups",
    "DescribeTargetHealth",
)


def needs(conf: conf_file.Conf, activated: plan_model.Activation, scope: Scope) -> Iterator[Need]:
    """Yield what the checks of names call, and on an auth server or a proxy those of balancers."""
    if (
        conf.value(variables.TELEPORT_DOMAIN_NAME)
        or conf.value(variables.TELEPORT_AUTH_SERVER_LB)
        or conf.value(variables.TELEPORT_PROXY_SERVER_LB)
    ):
        yield Need(DOCTOR, "route53:ListHostedZonesByName", ANY, _NAMES)
        zones = (scope.global_arn("route53", "hostedzone/*"),)
        yield Need(DOCTOR, "route53:ListResourceRecordSets", zones, _NAMES)
    role = activated.deployment.role
    if role.runs_auth or role.runs_proxy:
        region = UNKNOWN_REGION if scope.region is None else scope.region
        here = Condition("StringEquals", "aws:RequestedRegion", (region,))
        for each in _DESCRIPTIONS:
            yield Need(DOCTOR, f"elasticloadbalancing:{each}", ANY, _BALANCERS, (here,))
