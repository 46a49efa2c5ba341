"""The databases of db_service, as Teleport judges each of them before it starts any service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib import parse

from teleport_bootstrap import port_table, regex
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import aws_endpoint, go_url, provenance, words
from teleport_bootstrap.plan.checks import mongodb
from teleport_bootstrap.plan.checks.context import Context

_NAME = regex.compile(r"[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?", re.ASCII)
_OLD_NAME = regex.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
# The first releases of 12 and 13 that take capitals and long names (Teleport's pull request 28841, of July 2023).
_NEW_NAMES = {12: (4, 13), 13: (2, 1)}

_SNOWFLAKE = "snowflakecomputing.com"
_SQL_SERVER_ON_AZURE = ".database.windows.net"
_REDIS_ON_AZURE = (".redis.cache.windows.net", ".redisenterprise.cache.azure.net")
_DATABASE_ON_AZURE = ".database.azure.com"
_PORT = regex.compile("0{0,99}[0-9]{1,5}")
_HOST_AND_PORT = f"write host:port, such as db.example.com:{port_table.POSTGRES}; an IPv6 address stands in brackets"
_REDIS = "write host:port, redis://host:port or rediss://host:port"
_ACCOUNT = regex.compile("[0-9]{12}", re.ASCII)


def check(context: Context, place: provenance.Path, database: dict[str, Any]) -> Iterator[Finding]:
    """Find what Teleport refuses in the database at `place`."""
    yield from _name(context, (*place, "name"), database.get("name"))
    protocol = database.get("protocol")
    if protocol is None:
        yield context.missing((*place, "protocol"), "write the protocol of the database")
    yield from context.word((*place, "protocol"), words.DATABASE_PROTOCOLS)
    yield from _address(context, place, str(protocol))
    yield from context.word((*place, "tls", "mode"), words.TLS_MODES)
    if protocol != "mysql" and context.has(*place, "mysql", "server_version"):
        path = (*place, "mysql", "server_version")
        yield context.error(path, "Teleport accepts this for the protocol mysql alone", "delete the key")
    yield from _google(context, (*place, "gcp"))
    if protocol == "sqlserver":
        yield from _sql_server(context, place, str(database.get("uri")))
    yield from _amazon(context, place, str(protocol), str(database.get("uri") or ""))


def _name(context: Context, path: provenance.Path, name: Any) -> Iterator[Finding]:
    if name is None:
        yield context.missing(path, "write the name of the database")
        return
    text = str(name)
    if _NAME.fullmatch(text) is None:
        remedy = "use letters, digits and hyphens; start with a letter, end with a letter or digit"
        yield context.error(path, f"{text} is not a valid database name", remedy)
        return
    build = context.build
    if build.major in _NEW_NAMES and _OLD_NAME.fullmatch(text) is None:
        message = f"{text} has capitals or more than 63 characters, which Teleport {build.version}"
        remedy = "use at most 63 lower-case letters, digits and hyphens; start with a letter"
        minor = _NEW_NAMES[build.major][0]
        if build.minor < minor:
            yield context.error(path, f"{message} refuses", remedy)
        elif (build.minor, build.patch) < _NEW_NAMES[build.major]:
            yield context.warning(path, f"{message} may refuse", remedy)


def _address(context: Context, place: provenance.Path, protocol: str) -> Iterator[Finding]:
    path = (*place, "uri")
    aws = context.mapping(*place, "aws")
    uri = context.get(*path)
    if uri is None or uri == "":
        by_region = protocol in ("cassandra", "dynamodb") and aws.get("account_id") and aws.get("region")
        if not by_region:
            yield context.missing(path, "write the uri of the database", "Teleport does not start without its address")
        return
    text = str(uri)
    if protocol == "mongodb" and text.startswith(mongodb.SCHEMES):
        yield from mongodb.check(context, path, text)
    elif protocol == "redis":
        yield from _redis(context, path, text)
    elif protocol == "snowflake":
        if _SNOWFLAKE not in text:
            message = f"{go_url.without_user(text)} does not contain {_SNOWFLAKE}, and Teleport would not start"
            yield context.error(
                path, message, f"write the address of the account, such as https://ACCOUNT.{_SNOWFLAKE}"
            )
    elif protocol in ("clickhouse", "clickhouse-http"):
        yield from _clickhouse(context, path, text, protocol)
    elif protocol == "spanner" or (
        protocol in ("cassandra", "dynamodb") and aws.get("account_id") and aws.get("region")
    ):
        return  # a service of a cloud, whose address Teleport knows itself
    else:
        yield from _host_and_port(context, path, text)


def _host_and_port(context: Context, path: provenance.Path, text: str) -> Iterator[Finding]:
    try:
        host, port = go_url.split_host_port(text)
    except go_url.Malformed as error:
        scheme = text.partition("://")[0] if "://" in text else ""
        why = f"a scheme, {scheme}://, does not belong there" if scheme.isalnum() else str(error)
        message = f"{go_url.without_user(text)} is not an address with a port ({why}), and Teleport would not start"
        yield context.error(path, message, _HOST_AND_PORT)
        return
    if not host:
        yield context.warning(
            path, f"{go_url.without_user(text)} names no host: Teleport would connect to this machine", _HOST_AND_PORT
        )
    elif _PORT.fullmatch(port) is None or not 1 <= int(port) <= 65535:
        why = f"because {port or 'nothing'} is not a port"
        message = f"Teleport starts with {go_url.without_user(text)}, but cannot connect, {why}"
        yield context.warning(path, message, _HOST_AND_PORT)


def _redis(context: Context, path: provenance.Path, text: str) -> Iterator[Finding]:
    address, query = text, ""
    if "://" in text:
        try:
            url = go_url.parse(text)
        except go_url.Malformed as error:
            yield context.error(path, f"{go_url.without_user(text)} is not a URL: {error}", _REDIS)
            return
        if url.scheme not in ("redis", "rediss"):
            yield context.error(
                path, f"{go_url.without_user(text)} has the scheme {url.scheme}, which is not Redis's", _REDIS
            )
            return
        address, query = url.host, url.query
    mode = parse.parse_qs(query, keep_blank_values=True).get("mode", ["standalone"])[0]
    if mode.lower() not in ("standalone", "cluster"):
        yield context.error(
            path, f"{mode} is not a mode of Redis that Teleport knows", "use mode=standalone or mode=cluster"
        )
    if ":" in address:
        try:
            port = go_url.split_host_port(address)[1]
        except go_url.Malformed as error:
            yield context.error(path, f"{go_url.without_user(text)} is not an address ({error})", _REDIS)
            return
        if re.fullmatch("[+-]?[0-9]+", port, re.ASCII) is None:
            yield context.error(path, f"{port or 'nothing'} is not a port", _REDIS)


def _clickhouse(context: Context, path: provenance.Path, text: str, protocol: str) -> Iterator[Finding]:
    scheme = "https" if protocol.endswith("http") else "clickhouse"
    if text.count(":") not in (1, 2):
        message = (
            f"{go_url.without_user(text)} is not an address of ClickHouse with a port, and Teleport would not start"
        )
        yield context.error(path, message, f"write {scheme}://host:port")


def _google(context: Context, place: provenance.Path) -> Iterator[Finding]:
    section = context.mapping(*place)
    for key, other in (("project_id", "instance_id"), ("instance_id", "project_id")):
        if section.get(key) and not section.get(other):
            yield context.missing(
                (*place, other), f"write {other}, or delete {key}", f"Cloud SQL needs it beside {key}"
            )


def _sql_server(context: Context, place: provenance.Path, uri: str) -> Iterator[Finding]:
    """Judge Kerberos of SQL Server; on Azure it is needed only where a domain is set."""
    directory = context.mapping(*place, "ad")
    if not directory.get("domain") and _SQL_SERVER_ON_AZURE in uri:
        return
    path = (*place, "ad")
    if not directory.get("keytab_file") and not directory.get("kdc_host_name"):
        why = "SQL Server signs in with Kerberos"
        yield context.missing((*path, "keytab_file"), "write the path of the keytab, or kdc_host_name", why)
    for key, what in (("domain", "the Active Directory domain"), ("spn", "the service principal name")):
        if not directory.get(key):
            yield context.missing((*path, key), f"write {what}", "SQL Server signs in with Kerberos")
    if directory.get("kdc_host_name") and not directory.get("ldap_cert"):
        why = "kdc_host_name signs in with a certificate"
        yield context.missing((*path, "ldap_cert"), "write the certificate of the directory in PEM", why)


def _amazon(context: Context, place: provenance.Path, protocol: str, uri: str) -> Iterator[Finding]:
    aws = context.mapping(*place, "aws")
    service, path = aws_endpoint.service(uri), (*place, "uri")
    name = aws_endpoint.host(uri)
    parts = name.split(".")
    if service == "rds" and ".cluster-custom-" in name and not _at(aws, "rds", "cluster_id"):
        why = f"the endpoint {name} does not tell it"
        yield context.missing((*place, "aws", "rds", "cluster_id"), "write the identifier of the Aurora cluster", why)
    if service == "redshift" and len(parts) != (7 if name.endswith(".cn") else 6):
        message = f"{name} is not an endpoint of Redshift, and Teleport would not start"
        yield context.error(path, message, "write CLUSTER.ID.REGION.redshift.amazonaws.com:5439")
    if (service == "cassandra" or protocol in aws_endpoint.PROTOCOLS) and not aws.get("account_id"):
        why = "Teleport does not start without the account of Keyspaces, DynamoDB and OpenSearch"
        yield context.missing((*place, "aws", "account_id"), "write the 12 digits of the account in an override", why)
    account = aws.get("account_id")
    if account is not None and _ACCOUNT.fullmatch(str(account)) is None:
        message = f"{account!s} is not an AWS account, and newer Teleports would not start"
        yield context.warning((*place, "aws", "account_id"), message, "write its 12 digits in quotes")
    if any(each in uri for each in _REDIS_ON_AZURE) and not context.has(*place, "azure", "resource_id"):
        why = "Azure Cache for Redis needs it"
        yield context.missing((*place, "azure", "resource_id"), "write the resource ID of the cache", why)
    if protocol not in ("redis", "mongodb") and _DATABASE_ON_AZURE in uri and len(parts) != 5:
        message = f"{name} is not a server of Azure Database, and Teleport would not start"
        yield context.error(path, message, f"write NAME.mysql{_DATABASE_ON_AZURE} or NAME.postgres{_DATABASE_ON_AZURE}")
    yield from _region(context, place, protocol, uri, service)
    yield from _certificates(context, place, uri, service)


def _region(context: Context, place: provenance.Path, protocol: str, uri: str, service: str) -> Iterator[Finding]:
    aws = context.mapping(*place, "aws")
    region = aws.get("region")
    if region is None:
        return
    path = (*place, "aws", "region")
    others = set(aws) - {"region", "account_id", "assume_role_arn", "external_id", "session_tags"}
    hosted = service or protocol in aws_endpoint.PROTOCOLS
    if not hosted and not others and not aws.get("account_id"):
        message = (
            "Teleport takes a database with a region for one on RDS: it downloads the CA bundle of RDS when it starts, "
            f"ends if it cannot, and signs in with IAM; {go_url.without_user(uri)} is not an address of AWS"
        )
        yield context.warning(path, message, "delete the region unless this is an alias of an RDS database")


def _certificates(context: Context, place: provenance.Path, uri: str, service: str) -> Iterator[Finding]:
    """Warn of the download without which Teleport does not start where a cloud hosts the database."""
    if context.has(*place, "tls", "ca_cert_file") or context.has(*place, "ca_cert_file"):
        return
    cloud = "AWS" if service else "Google" if context.has(*place, "gcp", "project_id") else ""
    if any(each in uri for each in (_DATABASE_ON_AZURE, _SQL_SERVER_ON_AZURE)):
        cloud = "Azure"
    if cloud:
        message = (
            f"Teleport downloads the CA certificates of {cloud} for this database when it starts, and the whole "
            "process ends if it cannot"
        )
        remedy = "give this host a way to the internet, or set tls.ca_cert_file in an override"
        yield context.warning((*place, "uri"), message, remedy)


def _at(section: dict[str, Any], *path: str) -> Any:
    return provenance.value_at(section, path)
