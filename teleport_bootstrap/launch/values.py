"""The types of answers that no variable of the conf has: names of things in AWS, and names that fit several of them."""

from __future__ import annotations

import re

from teleport_bootstrap.conf import kinds, variables
from teleport_bootstrap.conf.kinds import Unfit
from teleport_bootstrap.conf.variable import Kind

_LONGEST_CLUSTER_NAME = 63
_LONGEST_BUCKET_NAME = 63
_DATA = "-data"
# S3 keeps these beginnings for itself.
_OF_S3 = ("xn--", "sthree-")
# Of a certificate: RFC 5280, ub-common-name, which ACM holds to.
LONGEST_COMMON_NAME = 64


def _domain(value: str) -> str:
    """Return a DNS name of at least two parts, in lower case, as it stands in certificates and records."""
    name = variables.TELEPORT_DOMAIN_NAME.parse(value)
    if name != name.lower():
        raise Unfit(f"has capital letters: {kinds.quoted(value)}", f"write {name.lower()}")
    if "." not in name:
        raise Unfit(f"has only one part: {kinds.quoted(value)}", f"write it like {name}.example.com")
    if re.search(r"\.[a-z][a-z0-9-]+\Z", name) is None:
        raise Unfit(f"has an end that no domain has: {kinds.quoted(value)}", "write it like teleport.example.com")
    return name


def _email(value: str) -> str:
    """Return an e-mail address that means the same in a shell's double quotes, in which the modules write it."""
    address = variables.TELEPORT_DOMAIN_ADMIN_EMAIL.parse(value)
    if re.search("[$`]", address):
        raise Unfit(f"has a character that shells replace: {kinds.quoted(value)}", "write an address without $ and `")
    return address


def _cluster(value: str) -> str:
    """Return a name that a cluster, DynamoDB tables and SSM parameters can have."""
    name = variables.TELEPORT_CLUSTER_NAME.parse(value)
    if re.fullmatch(rf"[a-z0-9][a-z0-9.-]{{1,{_LONGEST_CLUSTER_NAME - 2}}}[a-z0-9]", name, re.ASCII) is None:
        raise Unfit(
            f"does not fit the tables and parameters that are named after it: {kinds.quoted(value)}",
            f"write 3 to {_LONGEST_CLUSTER_NAME} lower-case letters, digits, dots and hyphens, such as the domain",
        )
    return name


def _subnets(value: str) -> tuple[str, ...]:
    found = tuple(SUBNET.parse(each.strip(" ")) for each in value.split(","))
    if len(set(found)) < 2:
        raise Unfit(
            f"names fewer than two subnets: {kinds.quoted(value)}",
            "write subnets of at least two availability zones, with a comma between them",
        )
    return found


def bucket_name(cluster: str) -> str:
    """Return a name for the bucket of a cluster."""
    name = cluster.replace(".", "-")
    name = f"teleport-{name}" if name.startswith(_OF_S3) else name
    return f"{name[: _LONGEST_BUCKET_NAME - len(_DATA)].rstrip('-')}{_DATA}"


def _of_ec2(prefix: str, name: str, what: str) -> Kind[str]:
    """Return the type of an id that EC2 gives out: eight hexadecimal digits, or since 2016 seventeen."""
    pattern = f"{prefix}-([0-9a-f]{{8}}|[0-9a-f]{{17}})"
    return kinds.matching(name, pattern, what, f"write it like {prefix}-0123456789abcdef0")


DOMAIN = Kind("DNS name", _domain)
CLUSTER = Kind("cluster name", _cluster)
EMAIL = Kind("e-mail address", _email)
SUBNET = _of_ec2("subnet", "subnet", "the id of a subnet")
SUBNETS = Kind("subnets with commas", _subnets)
VPC = _of_ec2("vpc", "VPC", "the id of a VPC")
IMAGE = _of_ec2("ami", "AMI", "the id of an AMI")
IMAGE_NAME = kinds.matching(
    "name of an AMI",
    r"[A-Za-z0-9()\[\] ./'@_*?-]{3,128}",
    "the name of an AMI",
    "write it like teleport-community-*, with 3 to 128 characters",
)
HOSTED_ZONE = kinds.matching(
    "hosted zone", "Z[A-Z0-9]{5,31}", "the id of a hosted zone", "write it like Z0123456789ABCDEFGHIJ"
)
ACCOUNT = kinds.matching("AWS account", "[0-9]{12}", "an AWS account number", "write its twelve digits")
