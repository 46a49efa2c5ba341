"""Addresses of databases that AWS hosts, recognized as Teleport recognizes them.

Teleport tells by the service in the name; see api/utils/aws/endpoint.go in its source. Names in China end in
`.amazonaws.com.cn`, which the same test finds. A host on EC2 or a load balancer of AWS is none of them: what runs
there is the operator's own.
"""

from __future__ import annotations

import re

from teleport_bootstrap import regex

# RDS, Aurora and RDS Proxy; Redshift; ElastiCache; MemoryDB; DocumentDB; OpenSearch.
_SERVICES = ("rds", "redshift", "redshift-serverless", "cache", "memorydb", "docdb", "es")
# Keyspaces and DynamoDB have one name for each region, which begins with the service.
_FIRST = ("cassandra", "cassandra-fips", "dynamodb", "dynamodb-fips", "streams.dynamodb", "dax")
_AWS = ".amazonaws.com"
# Protocols that only services of AWS have, to Teleport, whatever the address.
PROTOCOLS = ("dynamodb", "opensearch")
_SCHEME = regex.compile(r"\A[a-z][a-z0-9+.-]*://", re.ASCII)


def host(uri: str) -> str:
    """Return the name in `uri`, in lower case, without scheme, user, port and path."""
    authority = re.split("[/?#]", _SCHEME.sub("", uri.lower()))[0]
    return authority.rpartition("@")[2].partition(":")[0]


def service(uri: str) -> str:
    """Return the AWS service that hosts the database at `uri`, such as `rds`; empty where AWS hosts none there."""
    name = host(uri)
    if _AWS not in name:
        return ""
    for first in _FIRST:
        if name.startswith(f"{first}."):
            return first.removesuffix("-fips")
    return next((each for each in _SERVICES if f".{each}." in name), "")
