"""Which databases AWS hosts, and what the document says of them."""

from __future__ import annotations

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.plan import aws_endpoint
from tests.unit.plan.planning import plan

AGENT = (
    "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN=t\n"
    "TELEPORT_AGENT_DB_ENABLED=1\nTELEPORT_AGENT_DB_NAME=orders\n"
    "TELEPORT_AGENT_DB_PROTOCOL=postgres\n"
)
HOSTED = {
    "orders.c1.eu-west-1.rds.amazonaws.com:5432": "rds",
    "ORDERS.C1.EU-WEST-1.RDS.AMAZONAWS.COM:5432": "rds",
    "orders.cluster-ro-c1.us-gov-west-1.rds.amazonaws.com:3306": "rds",
    "p.endpoint.proxy-c1.eu-west-1.rds.amazonaws.com:5432": "rds",
    "orders.c1.rds.cn-north-1.amazonaws.com.cn:3306": "rds",
    "wh.c1.us-east-1.redshift.amazonaws.com:5439": "redshift",
    "wh.c1.redshift.cn-northwest-1.amazonaws.com.cn:5439": "redshift",
    "wg.123456789012.us-east-1.redshift-serverless.amazonaws.com:5439": "redshift-serverless",
    "clustercfg.r.c1.use1.cache.amazonaws.com:6379": "cache",
    "rediss://master.r.c1.euw1.cache.amazonaws.com:6379": "cache",
    "r-1.serverless.use1.cache.amazonaws.com:6379": "cache",
    "clustercfg.m.c1.memorydb.us-east-1.amazonaws.com:6379": "memorydb",
    "cassandra.us-east-1.amazonaws.com:9142": "cassandra",
    "cassandra-fips.us-west-2.amazonaws.com:9142": "cassandra",
    "cassandra.cn-north-1.amazonaws.com.cn:9142": "cassandra",
    "dynamodb.us-east-1.amazonaws.com:443": "dynamodb",
    "https://search-d-1.us-east-1.es.amazonaws.com": "es",
    "mongodb://u:p@docs.cluster-c1.us-east-1.docdb.amazonaws.com:27017/?tls=true": "docdb",
}
OWN = (
    "db.example.com:5432",
    "10.0.0.5:5432",
    "[fd00::5]:5432",
    "localhost:3306",
    # On EC2, or behind a load balancer of AWS: what runs there is the operator's own.
    "ec2-203-0-113-5.eu-west-1.compute.amazonaws.com:5432",
    "nlb-1.elb.eu-west-1.amazonaws.com:5432",
    "ip-10-0-0-5.eu-west-1.compute.internal:5432",
    "rds.example.com:5432",
    "orders.rds.example.com:5432",
    "my-rds.amazonaws.example.com:5432",
    "mongodb://rds.amazonaws.com@db.example.com:27017",
    "db.example.com:5432/x.rds.amazonaws.com",
)


@pytest.mark.parametrize(("uri", "service"), HOSTED.items())
def test_an_address_of_aws_is_recognized(uri: str, service: str) -> None:
    assert aws_endpoint.service(uri) == service


@pytest.mark.parametrize("uri", OWN)
def test_another_address_is_not_taken_for_one_of_aws(uri: str) -> None:
    assert aws_endpoint.service(uri) == ""


def aws_section(uri: str, *lines: str) -> object:
    text = AGENT + f"TELEPORT_AGENT_DB_URI='{uri}'\n" + "".join(f"{line}\n" for line in lines)
    (database,) = plan(text).document["db_service"]["databases"]
    return database.get("aws")


@pytest.mark.parametrize("uri", ["db.example.com:5432", "10.0.0.5:5432", "[fd00::5]:6432", "nlb-1.elb.amazonaws.com:1"])
@pytest.mark.parametrize("region", ["", "EC2_REGION=eu-west-1"])
def test_row_f_a_self_hosted_database_has_no_region(uri: str, region: str) -> None:
    """With one, Teleport takes it for RDS, downloads the CA bundle of RDS, and ends without the internet."""
    assert aws_section(uri, region) is None


@pytest.mark.parametrize("uri", [uri for uri, service in HOSTED.items() if service in ("rds", "redshift")])
def test_row_f_a_database_of_aws_keeps_its_region(uri: str) -> None:
    assert aws_section(uri) == {"region": "us-east-1"}
    assert aws_section(uri, "EC2_REGION=eu-west-1") == {"region": "eu-west-1"}


@pytest.mark.parametrize("protocol", ["dynamodb", "opensearch"])
def test_row_f_what_only_aws_hosts_keeps_its_region(protocol: str) -> None:
    """Teleport needs the account, too, which has no variable."""
    with pytest.raises(errors.DocumentInvalid) as caught:
        aws_section("custom.example.com:443", f"TELEPORT_AGENT_DB_PROTOCOL={protocol}")
    assert [each.subject for each in caught.value.findings] == ["db_service.databases[0].aws.account_id"]


def test_row_f_region_or_cluster_in_the_conf_say_that_aws_hosts_it() -> None:
    alias = "orders.db.example.com:5439"
    assert aws_section(alias, "TELEPORT_AGENT_DB_REGION=eu-central-1") == {"region": "eu-central-1"}
    redshift = {"region": "us-east-1", "redshift": {"cluster_id": "wh"}}
    assert aws_section(alias, "TELEPORT_AGENT_DB_REDSHIFT_CLUSTER_ID=wh") == redshift
