"""What `doctor` asks of EC2 about this instance, and of IAM about its role."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.permissions.need import ANY, DOCTOR, Condition, Need
from teleport_bootstrap.permissions.scope import UNKNOWN_REGION, Scope

_INSTANCE = "doctor looks at the metadata options and the security groups of this instance"
_SIMULATION = "doctor asks IAM what the role may do"


def needs(scope: Scope) -> Iterator[Need]:
    """Yield what the checks of the instance and of its permissions call, on each role."""
    region = UNKNOWN_REGION if scope.region is None else scope.region
    here = Condition("StringEquals", "aws:RequestedRegion", (region,))
    # Service authorization reference, Amazon EC2: no describing action takes a resource.
    for action in ("ec2:DescribeInstances", "ec2:DescribeSecurityGroups"):
        yield Need(DOCTOR, action, ANY, _INSTANCE, (here,))
    # The name of the role is not in the conf.
    for action in ("iam:GetRole", "iam:SimulatePrincipalPolicy"):
        yield Need(DOCTOR, action, (scope.account_arn("iam", "role/*"),), _SIMULATION)
