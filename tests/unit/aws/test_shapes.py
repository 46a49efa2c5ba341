"""What we declare of answers, and how we write requests, against botocore's models of the services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib import parse

import botocore
import botocore.serialize
import botocore.session
import pytest

from teleport_bootstrap.aws import description_shapes, query_form, route53_paths, shapes, signed_client

pytestmark = pytest.mark.skipif(
    tuple(map(int, botocore.__version__.split(".")[:2])) < (1, 34), reason="this botocore does not know all of it"
)

# The service of each operation, by botocore's name.
SERVICES = {
    "kms": ("DescribeKey",),
    "sts": ("GetCallerIdentity",),
    "elbv2": (
        "DescribeTargetGroups",
        "DeregisterTargets",
        "DescribeTargetHealth",
        "DescribeTargetGroupAttributes",
        "DescribeLoadBalancers",
        "DescribeLoadBalancerAttributes",
        "DescribeListeners",
    ),
    "dynamodb": (
        *("GetItem", "PutItem", "DeleteItem", "CreateBackup", "DescribeBackup", "ListBackups"),
        *("DescribeTable", "DescribeTimeToLive", "DescribeContinuousBackups"),
    ),
    "ssm": ("GetParameters", "PutParameter", "DescribeParameters"),
    "athena": ("GetWorkGroup",),
    "glue": ("GetTable",),
    "ec2": ("DescribeTags", "DescribeInstances", "DescribeSecurityGroups"),
    "cloudformation": ("SignalResource",),
    "autoscaling": (
        *("CompleteLifecycleAction", "RecordLifecycleActionHeartbeat"),
        *("DescribeLifecycleHooks", "DescribeAutoScalingGroups"),
    ),
    "iam": ("SimulatePrincipalPolicy", "GetRole"),
    "route53": ("ListHostedZonesByName", "ListResourceRecordSets"),
    "application-autoscaling": ("DescribeScalableTargets",),
}
OPERATIONS = {name: service for service, names in SERVICES.items() for name in names}
SHAPES = {**shapes.OF, **description_shapes.OF}
TYPES = {str: ("string",), int: ("integer", "long"), bool: ("boolean",), shapes.Moment: ("timestamp",)}


def model(service: str) -> Any:
    return botocore.session.Session().get_service_model(service)


def on_wire(name: str, member: Any) -> str:
    return str(member.serialization.get("name", name))


def differences(path: str, shape: Any, theirs: Any) -> Iterator[str]:
    """Yield what is declared in `shape`, and is not so in botocore's."""
    if isinstance(shape, dict):
        if theirs is None and not shape:
            return  # an answer without content
        if theirs.type_name != "structure":
            yield f"{path} is {theirs.type_name}"
            return
        members = {on_wire(name, member): member for name, member in theirs.members.items()}
        for name, each in shape.items():
            if name in members:
                yield from differences(f"{path}.{name}", each, members[name])
            else:
                yield f"{path} has no {name}"
    elif isinstance(shape, list):
        if theirs.type_name != "list" or theirs.serialization.get("flattened"):
            yield f"{path} is {theirs.type_name}"
        else:
            yield from differences(f"{path}[]", shape[0], theirs.member)
    elif isinstance(shape, shapes.Map):
        if theirs.type_name != "map":
            yield f"{path} is {theirs.type_name}"
        else:
            yield from differences(f"{path}{{}}", shape.member, theirs.value)
    elif theirs.type_name not in TYPES[shape]:
        yield f"{path} is {theirs.type_name}"


def test_every_declared_operation_is_compared() -> None:
    assert set(OPERATIONS) == set(SHAPES)
    assert not set(shapes.OF) & set(description_shapes.OF)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_issue_18_what_is_declared_of_an_answer_is_in_the_services_model(operation: str) -> None:
    theirs = model(OPERATIONS[operation]).operation_model(operation).output_shape
    found = list(differences(operation, SHAPES[operation], theirs))
    assert found == []


def test_the_comparison_finds_wrong_names_and_types() -> None:
    theirs = model("kms").operation_model("DescribeKey").output_shape
    wrong = {"KeyMetadata": {"Arn": int, "Name": str, "KeyState": [str], "MultiRegion": {"a": str}}}
    assert len(list(differences("", wrong, theirs))) == 4


REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("GetCallerIdentity", {}),
    ("DescribeTargetGroups", {"TargetGroupArns": ["arn:1", "arn:2"]}),
    ("DescribeTargetGroups", {"Names": ["a b&c=d/ü"], "PageSize": 100, "Marker": "+/="}),
    ("DescribeListeners", {"LoadBalancerArn": "arn", "PageSize": 100}),
    ("GetRole", {"RoleName": "a"}),
    (
        "SimulatePrincipalPolicy",
        {
            "PolicySourceArn": "arn",
            "ActionNames": ["a:B", "c:D"],
            "ResourceArns": ["*"],
            "ContextEntries": [
                {"ContextKeyName": "k", "ContextKeyValues": ["1", "2"], "ContextKeyType": "stringList"},
                {"ContextKeyName": "l", "ContextKeyValues": ["3"], "ContextKeyType": "string"},
            ],
        },
    ),
    ("DescribeInstances", {"InstanceIds": ["i-1", "i-2"]}),
    ("DescribeInstances", {"InstanceIds": ["i-1"], "NextToken": "t"}),
    ("DescribeSecurityGroups", {"GroupIds": ["sg-1"]}),
    ("DescribeTags", {"Filters": [{"Name": "resource-id", "Values": ["i-1", "i-2"]}]}),
    ("ListHostedZonesByName", {"DNSName": "a.b", "HostedZoneId": "Z1", "MaxItems": 100}),
    ("ListHostedZonesByName", {}),
    ("ListResourceRecordSets", {"HostedZoneId": "Z1", "StartRecordName": "*.a.b", "MaxItems": 100}),
    (
        "ListResourceRecordSets",
        {"HostedZoneId": "Z/1", "StartRecordName": "\\052.a", "StartRecordType": "A", "StartRecordIdentifier": "x y"},
    ),
]


@pytest.mark.parametrize(("operation", "parameters"), REQUESTS)
def test_issue_18_writes_a_request_as_botocore_does(operation: str, parameters: dict[str, Any]) -> None:
    service = model(OPERATIONS[operation])
    # MaxItems of Route 53 is a text.
    theirs_given = {name: str(value) if name == "MaxItems" else value for name, value in parameters.items()}
    serializer = botocore.serialize.create_serializer(service.metadata["protocol"], include_validation=False)
    theirs = serializer.serialize_to_request(theirs_given, service.operation_model(operation))
    if OPERATIONS[operation] == "route53":
        path, _, query = route53_paths.path(operation, parameters).partition("?")
        assert path == theirs["url_path"]
        assert dict(parse.parse_qsl(query)) == {name: str(value) for name, value in theirs["query_string"].items()}
        return
    if OPERATIONS[operation] == "ec2":
        body = query_form.encoded_for_ec2(operation, parameters)
    else:
        body = query_form.encoded(operation, parameters, version=service.api_version)
    assert dict(parse.parse_qsl(body.decode())) == {name: str(value) for name, value in theirs["body"].items()}


def test_issue_18_the_names_of_services_and_versions_are_those_of_their_models() -> None:
    for name in SERVICES:
        service = model(name)
        form = signed_client._FORMS[service.signing_name]
        if form.target:
            assert form.target == service.metadata["targetPrefix"]
            assert form.content_type == f"application/x-amz-json-{service.metadata['jsonVersion']}"
        elif form.version:
            assert form.version == service.api_version
