"""What the answers to questions about the surroundings of an instance hold, by operation, as in the module shapes.

Sources: the API references of the services.
"""

from __future__ import annotations

from teleport_bootstrap.aws.shapes import Map, Moment
from teleport_bootstrap.hints import Any

_ATTRIBUTES = {"Attributes": [{"Key": str, "Value": str}]}
_MATCHER = {"HttpCode": str, "GrpcCode": str}
_KEYS = [{"AttributeName": str, "KeyType": str}]
_COLUMNS = [{"Name": str, "Type": str}]
_GROUPS = [{"groupId": str}]
_PERMISSIONS = [
    {
        "ipProtocol": str,
        "fromPort": int,
        "toPort": int,
        "groups": _GROUPS,
        "ipRanges": [{"cidrIp": str}],
        "ipv6Ranges": [{"cidrIpv6": str}],
        "prefixListIds": [{"prefixListId": str}],
    }
]
_ROLE = {"Arn": str, "RoleName": str, "PermissionsBoundary": {"PermissionsBoundaryArn": str}}
_DECIDED = {
    "EvalResourceName": str,
    "MatchedStatements": [{"SourcePolicyId": str}],
    "MissingContextValues": [str],
    "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": bool},
}

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
    "DescribeTable": {
        "Table": {
            "TableName": str,
            "TableArn": str,
            "TableStatus": str,
            "KeySchema": _KEYS,
            "AttributeDefinitions": [{"AttributeName": str, "AttributeType": str}],
            "GlobalSecondaryIndexes": [
                {"IndexName": str, "KeySchema": _KEYS, "IndexStatus": str, "Projection": {"ProjectionType": str}}
            ],
            "StreamSpecification": {"StreamEnabled": bool, "StreamViewType": str},
            "BillingModeSummary": {"BillingMode": str},
            "ProvisionedThroughput": {"ReadCapacityUnits": int, "WriteCapacityUnits": int},
            "SSEDescription": {"KMSMasterKeyArn": str},
            "DeletionProtectionEnabled": bool,
            "ItemCount": int,
            "TableSizeBytes": int,
        }
    },
    "DescribeTimeToLive": {"TimeToLiveDescription": {"TimeToLiveStatus": str, "AttributeName": str}},
    "DescribeContinuousBackups": {
        "ContinuousBackupsDescription": {
            "PointInTimeRecoveryDescription": {
                "PointInTimeRecoveryStatus": str,
                "EarliestRestorableDateTime": Moment,
                "LatestRestorableDateTime": Moment,
            }
        }
    },
    "DescribeScalableTargets": {
        "NextToken": str,
        "ScalableTargets": [{"ResourceId": str, "ScalableDimension": str}],
    },
    "DescribeParameters": {
        "NextToken": str,
        "Parameters": [
            {
                "Name": str,
                "ARN": str,
                "Type": str,
                "Tier": str,
                "KeyId": str,
                "Version": int,
                "LastModifiedDate": Moment,
                "LastModifiedUser": str,
                "Policies": [{"PolicyType": str}],
            }
        ],
    },
    "GetWorkGroup": {
        "WorkGroup": {
            "Name": str,
            "State": str,
            "Configuration": {
                "EnforceWorkGroupConfiguration": bool,
                "EngineVersion": {"EffectiveEngineVersion": str},
                "ResultConfiguration": {
                    "OutputLocation": str,
                    "EncryptionConfiguration": {"EncryptionOption": str, "KmsKey": str},
                },
            },
        }
    },
    "GetTable": {
        "Table": {
            "Name": str,
            "DatabaseName": str,
            "StorageDescriptor": {"Location": str, "Columns": _COLUMNS},
            "PartitionKeys": _COLUMNS,
            "Parameters": Map(str),
        }
    },
    "DescribeInstances": {
        "nextToken": str,
        "reservationSet": [
            {
                "instancesSet": [
                    {
                        "instanceId": str,
                        "instanceState": {"name": str},
                        "imageId": str,
                        "instanceType": str,
                        "launchTime": Moment,
                        "placement": {"availabilityZone": str},
                        "vpcId": str,
                        "subnetId": str,
                        "privateIpAddress": str,
                        "ipAddress": str,
                        "groupSet": _GROUPS,
                        "networkInterfaceSet": [{"groupSet": _GROUPS, "ipv6AddressesSet": [{"ipv6Address": str}]}],
                        "iamInstanceProfile": {"arn": str},
                        "metadataOptions": {
                            "state": str,
                            "httpEndpoint": str,
                            "httpTokens": str,
                            "httpPutResponseHopLimit": int,
                            "httpProtocolIpv6": str,
                            "instanceMetadataTags": str,
                        },
                        "tagSet": [{"key": str, "value": str}],
                    }
                ]
            }
        ],
    },
    "DescribeSecurityGroups": {
        "nextToken": str,
        "securityGroupInfo": [
            {
                "groupId": str,
                "groupName": str,
                "vpcId": str,
                "ipPermissions": _PERMISSIONS,
                "ipPermissionsEgress": _PERMISSIONS,
            }
        ],
    },
    "SimulatePrincipalPolicy": {
        "Marker": str,
        "EvaluationResults": [
            {
                **_DECIDED,
                "EvalActionName": str,
                "EvalDecision": str,
                "OrganizationsDecisionDetail": {"AllowedByOrganizations": bool},
                "ResourceSpecificResults": [{**_DECIDED, "EvalResourceDecision": str}],
            }
        ],
    },
    "SignalResource": {},
    "CompleteLifecycleAction": {},
    "RecordLifecycleActionHeartbeat": {},
    "DescribeAutoScalingGroups": {
        "AutoScalingGroups": [{"TargetGroupARNs": [str], "TrafficSources": [{"Identifier": str}]}]
    },
    "DeregisterTargets": {},
    "DescribeLifecycleHooks": {
        "LifecycleHooks": [{"LifecycleHookName": str, "LifecycleTransition": str, "HeartbeatTimeout": int}]
    },
    "GetRole": {"Role": _ROLE},
    "ListHostedZonesByName": {
        "HostedZones": [
            {"Id": str, "Name": str, "Config": {"PrivateZone": bool}, "ResourceRecordSetCount": int},
        ],
        "IsTruncated": bool,
        "NextDNSName": str,
        "NextHostedZoneId": str,
    },
    "ListResourceRecordSets": {
        "ResourceRecordSets": [
            {
                "Name": str,
                "Type": str,
                "TTL": int,
                "SetIdentifier": str,
                "ResourceRecords": [{"Value": str}],
                "AliasTarget": {"HostedZoneId": str, "DNSName": str},
            }
        ],
        "IsTruncated": bool,
        "NextRecordName": str,
        "NextRecordType": str,
        "NextRecordIdentifier": str,
    },
}
