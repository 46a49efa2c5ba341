"""What IAM is asked for each request that AWS got: action, resource and condition keys.

By the service authorization reference, and for what SSM and S3 ask of KMS on behalf of the caller, by their guides on
encryption with KMS keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Union
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

from tests.simulated_ec2.aws import ACCOUNT, REGION, Request

Value = Union[str, list[str]]


@dataclass(frozen=True)
class Asked:
    """One question to IAM."""

    action: str
    resource: str
    context: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Keys:
    """The KMS keys, by their ARN and alias: of the parameters, and of the buckets; None for AWS's own."""

    parameters: Union[tuple[str, str], None] = None
    buckets: Union[str, None] = None


def asked(requests: Iterable[Request], keys: Keys, encrypted: frozenset[str] = frozenset()) -> tuple[Asked, ...]:
    """Return the questions, each once. `encrypted` are the names of the parameters that are encrypted."""
    found: dict[Asked, None] = {}
    for request in requests:
        kind = _KINDS[request.service]
        found.update(dict.fromkeys(kind(request, keys, encrypted)))
    return tuple(found)


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _asked(action: str, resource: str, **context: Value) -> Asked:
    return Asked(action, resource, tuple((name, _hashable(value)) for name, value in context.items()))


def _hashable(value: Value) -> Any:
    return value if isinstance(value, str) else tuple(value)


def _with(action: str, resource: str, context: Mapping[str, Value]) -> Asked:
    return Asked(action, resource, tuple((name, _hashable(value)) for name, value in context.items()))


def _ssm(request: Request, keys: Keys, encrypted: frozenset[str]) -> Iterator[Asked]:
    body = json.loads(request.body)
    if request.operation == "DescribeParameters":
        yield _with("ssm:DescribeParameters", "*", {"aws:RequestedRegion": REGION})
        return
    for name in body.get("Names", [body.get("Name")]):
        arn = _arn("ssm", f"parameter/{name.lstrip('/')}")
        yield _asked(f"ssm:{request.operation}", arn)
        reads = request.operation == "GetParameters" and body["WithDecryption"] and name in encrypted
        writes = request.operation == "PutParameter" and body["Type"] == "SecureString"
        if keys.parameters is not None and (reads or writes):
            key, alias = keys.parameters
            context = {
                "kms:ViaService": f"ssm.{REGION}.amazonaws.com",
                "kms:ResourceAliases": [alias],
                "kms:EncryptionContext:PARAMETER_ARN": arn,
            }
            yield _with("kms:Decrypt" if reads else "kms:Encrypt", key, context)


def _dynamodb(request: Request, _: Keys, __: frozenset[str]) -> Iterator[Asked]:
    body = json.loads(request.body)
    action = f"dynamodb:{request.operation}"
    if "BackupArn" in body:
        yield _asked(action, body["BackupArn"])
        return
    item = body.get("Key") or body.get("Item")
    context = {"dynamodb:LeadingKeys": [item["Lock"]["S"]]} if item else {}
    yield _with(action, _arn("dynamodb", f"table/{body['TableName']}"), context)


_S3_OBJECTS = {
    "GET": "GetObject",
    "HEAD": "GetObject",
    "DELETE": "DeleteObject",
    "PUT": "PutObject",
    "POST": "PutObject",
}


_S3_SETTINGS = {
    "versioning": "GetBucketVersioning",
    "encryption": "GetEncryptionConfiguration",
    "publicAccessBlock": "GetBucketPublicAccessBlock",
    "object-lock": "GetBucketObjectLockConfiguration",
    "lifecycle": "GetLifecycleConfiguration",
}


def _s3(request: Request, keys: Keys, _: frozenset[str]) -> Iterator[Asked]:
    method, _, target = request.operation.partition(" ")
    parts = urlsplit(target)
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    query = parse_qs(parts.query, keep_blank_values=True)
    arn = f"arn:aws:s3:::{bucket}"
    if not key:
        settings = [action for name, action in _S3_SETTINGS.items() if name in query]
        if method == "HEAD":
            yield _asked("s3:ListBucket", arn)
        elif settings:
            yield _asked(f"s3:{settings[0]}", arn)
        elif "uploads" in query:
            yield _asked("s3:ListBucketMultipartUploads", arn)
        elif method == "GET":
            yield _with("s3:ListBucket", arn, {"s3:prefix": query["prefix"][0]})
        else:
            raise AssertionError(f"an unknown request to S3: {request.operation}")
        return
    aborts = method == "DELETE" and "uploadId" in query
    action = "s3:AbortMultipartUpload" if aborts else f"s3:{_S3_OBJECTS[method]}"
    yield _asked(action, f"{arn}/{key}")
    if keys.buckets is None or method in ("HEAD", "DELETE"):
        return
    context: dict[str, Value] = {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}
    # The parts of an upload are decrypted to be put together.
    of_parts = "uploadId" in query or "uploads" in query
    if method == "GET" or of_parts:
        yield _with("kms:Decrypt", keys.buckets, context)
    if method != "GET":
        yield _with("kms:GenerateDataKey", keys.buckets, context)


def _route53(request: Request, _: Keys, __: frozenset[str]) -> Iterator[Asked]:
    method, _, path = request.operation.partition(" ")
    path = urlsplit(path).path
    zone = re.fullmatch(r"/2013-04-01/hostedzone/(?P<id>[A-Z0-9]+)/rrset/?", path)
    change = re.fullmatch(r"/2013-04-01/change/(?P<id>[A-Za-z0-9]+)", path)
    if zone is not None and method == "POST":
        names, types, actions = ([*_texts(request.body, each)] for each in ("Name", "Type", "Action"))
        context: dict[str, Value] = {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": [name.lower().rstrip(".") for name in names],
            "route53:ChangeResourceRecordSetsRecordTypes": types,
            "route53:ChangeResourceRecordSetsActions": actions,
        }
        yield _with("route53:ChangeResourceRecordSets", f"arn:aws:route53:::hostedzone/{zone['id']}", context)
    elif change is not None:
        yield _asked("route53:GetChange", f"arn:aws:route53:::change/{change['id']}")
    elif zone is not None:
        yield _asked("route53:ListResourceRecordSets", f"arn:aws:route53:::hostedzone/{zone['id']}")
    elif path == "/2013-04-01/hostedzonesbyname":
        yield _asked("route53:ListHostedZonesByName", "*")
    elif path == "/2013-04-01/hostedzone":
        yield _asked("route53:ListHostedZones", "*")
    else:
        raise AssertionError(f"an unknown request to Route 53: {request.operation}")


def _texts(document: bytes, tag: str) -> Iterator[str]:
    for element in ElementTree.fromstring(document).iter():
        if element.tag.rpartition("}")[2] == tag:
            yield element.text or ""


def _ec2(request: Request, _: Keys, __: frozenset[str]) -> Iterator[Asked]:
    yield _with(f"ec2:{request.operation}", "*", {"aws:RequestedRegion": REGION})


def _iam(request: Request, _: Keys, __: frozenset[str]) -> Iterator[Asked]:
    given = parse_qs(request.body.decode())
    role = (
        given["PolicySourceArn"][0]
        if "PolicySourceArn" in given
        else f"arn:aws:iam::{ACCOUNT}:role/{given['RoleName'][0]}"
    )
    yield _asked(f"iam:{request.operation}", role)


def _sts(request: Request, _: Keys, __: frozenset[str]) -> Iterator[Asked]:
    # API reference, GetCallerIdentity: no permission is needed, and none can be denied.
    assert request.operation == "GetCallerIdentity"
    yield from ()


def _kms(request: Request, keys: Keys, _: frozenset[str]) -> Iterator[Asked]:
    named = json.loads(request.body)["KeyId"]
    if keys.parameters is not None and named in keys.parameters:
        key, alias = keys.parameters
        by_alias: dict[str, Value] = {"kms:RequestAlias": alias} if named == alias else {}
        yield _with(f"kms:{request.operation}", key, {"kms:ResourceAliases": [alias], **by_alias})
    else:
        yield _asked(f"kms:{request.operation}", named)


def _athena(request: Request, _: Keys, __: frozenset[str]) -> Iterator[Asked]:
    yield _asked(f"athena:{request.operation}", _arn("athena", f"workgroup/{json.loads(request.body)['WorkGroup']}"))


def _glue(request: Request, _: Keys, __: frozenset[str]) -> Iterator[Asked]:
    body = json.loads(request.body)
    database, table = body["DatabaseName"], body["Name"]
    # Glue asks for the table and for everything above it.
    for resource in ("catalog", f"database/{database}", f"table/{database}/{table}"):
        yield _asked(f"glue:{request.operation}", _arn("glue", resource))


def _scaling(request: Request, _: Keys, __: frozenset[str]) -> Iterator[Asked]:
    yield _with(f"application-autoscaling:{request.operation}", "*", {"aws:RequestedRegion": REGION})


def _elb(request: Request, _: Keys, __: frozenset[str]) -> Iterator[Asked]:
    if request.operation == "DeregisterTargets":
        yield _asked("elasticloadbalancing:DeregisterTargets", parse_qs(request.body.decode())["TargetGroupArn"][0])
        return
    yield _with(f"elasticloadbalancing:{request.operation}", "*", {"aws:RequestedRegion": REGION})


def _cloudformation(request: Request, _: Keys, __: frozenset[str]) -> Iterator[Asked]:
    stack = parse_qs(request.body.decode())["StackName"][0]
    # The ARN of the stack that has the name; its last part is CloudFormation's own.
    arn = stack if stack.startswith("arn:") else _arn("cloudformation", f"stack/{stack}/0f4ae510-c386-11e7")
    yield _asked(f"cloudformation:{request.operation}", arn)


def _auto_scaling(request: Request, _: Keys, __: frozenset[str]) -> Iterator[Asked]:
    action = f"autoscaling:{request.operation}"
    if request.operation.startswith("Describe"):
        yield _with(action, "*", {"aws:RequestedRegion": REGION})
        return
    group = parse_qs(request.body.decode())["AutoScalingGroupName"][0]
    yield _asked(action, _arn("autoscaling", f"autoScalingGroup:930d940e:autoScalingGroupName/{group}"))


_KINDS = {
    "cloudformation": _cloudformation,
    "autoscaling": _auto_scaling,
    "ssm": _ssm,
    "dynamodb": _dynamodb,
    "s3": _s3,
    "route53": _route53,
    "ec2": _ec2,
    "iam": _iam,
    "sts": _sts,
    "kms": _kms,
    "athena": _athena,
    "glue": _glue,
    "application-autoscaling": _scaling,
    "elasticloadbalancing": _elb,
}
