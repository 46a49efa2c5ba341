"""What the answers to questions about the surroundings of an instance hold, by operation, as in the module shapes.

Sources: the API references of KMS, STS and Elastic Load Balancing.
"""

from __future__ import annotations

from teleport_bootstrap.aws.shapes import Moment
from teleport_bootstrap.hints import Any

_ATTRIBUTES = {"Attributes": [{"Key": str, "Value": str}]}
_MATCHER = {"HttpCode": str, "GrpcCode": str}

OF: dict[str, Any] = {
    "DescribeKey": {
        "KeyMetadata": {
            "Arn": str,
            "KeyId": str,
            "KeyState": str,
            "KeyUsage": str,
            "KeySpec": str,
            "KeyManager": str,
            "Origin": str,
            "MultiRegion": bool,
            "DeletionDate": Moment,
        }
    },
    "GetCallerIdentity": {"Account": str, "Arn": str, "UserId": str},
    "DescribeTargetGroups": {
        "NextMarker": str,
        "TargetGroups": [
            {
                "TargetGroupArn": str,
                "TargetGroupName": str,
                "Protocol": str,
                "ProtocolVersion": str,
                "Port": int,
                "TargetType": str,
                "VpcId": str,
                "IpAddressType": str,
                "LoadBalancerArns": [str],
                "HealthCheckEnabled": bool,
                "HealthCheckProtocol": str,
                "HealthCheckPort": str,
                "HealthCheckPath": str,
                "HealthCheckIntervalSeconds": int,
                "HealthCheckTimeoutSeconds": int,
                "HealthyThresholdCount": int,
                "UnhealthyThresholdCount": int,
                "Matcher": _MATCHER,
            }
        ],
    },
    "DescribeTargetHealth": {
        "TargetHealthDescriptions": [
            {
                "HealthCheckPort": str,
                "Target": {"Id": str, "Port": int, "AvailabilityZone": str},
                "TargetHealth": {"State": str, "Reason": str, "Description": str},
            }
        ]
    },
    "DescribeTargetGroupAttributes": _ATTRIBUTES,
    "DescribeLoadBalancerAttributes": _ATTRIBUTES,
    "DescribeLoadBalancers": {
        "NextMarker": str,
        "LoadBalancers": [
            {
                "LoadBalancerArn": str,
                "LoadBalancerName": str,
                "DNSName": str,
                "CanonicalHostedZoneId": str,
                "Type": str,
                "Scheme": str,
                "State": {"Code": str, "Reason": str},
                "VpcId": str,
                "IpAddressType": str,
                "SecurityGroups": [str],
                "AvailabilityZones": [{"ZoneName": str}],
            }
        ],
    },
    "DescribeListeners": {
        "NextMarker": str,
        "Listeners": [
            {
                "ListenerArn": str,
                "Port": int,
                "Protocol": str,
                "SslPolicy": str,
                "AlpnPolicy": [str],
                "Certificates": [{"CertificateArn": str}],
                "DefaultActions": [
                    {
                        "Type": str,
                        "TargetGroupArn": str,
                        "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": str, "Weight": int}]},
                        "RedirectConfig": {"Protocol": str, "Host": str, "Port": str, "Path": str, "StatusCode": str},
                    }
                ],
            }
        ],
    },
}
