"""The databases and applications that an agent serves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import network_address
from teleport_bootstrap.plan.checks.context import Context

_DATABASE = re.compile(r"[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?", re.ASCII)
# A DNS label (RFC 1035): the name becomes part of the application's address.
_APPLICATION = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)


def check(context: Context) -> Iterator[Finding]:
    """Find databases and applications that Teleport refuses."""
    if context.enabled("db_service"):
        yield from _databases(context)
        yield from _duplicates(context, "db_service", "databases")
    if context.enabled("app_service"):
        yield from _applications(context)
        yield from _duplicates(context, "app_service", "apps")


def _databases(context: Context) -> Iterator[Finding]:
    for index, database in context.items("db_service", "databases"):
        place = ("db_service", "databases", index)
        for key in ("name", "protocol", "uri"):
            if database.get(key) is None:
                yield context.missing((*place, key), f"write the {key} of the database")
        name = database.get("name")
        if name is not None and _DATABASE.fullmatch(str(name)) is None:
            remedy = "use letters, digits and hyphens; start with a letter"
            yield context.error((*place, "name"), f"{name!s} is not a valid database name", remedy)


def _applications(context: Context) -> Iterator[Finding]:
    for index, application in context.items("app_service", "apps"):
        place = ("app_service", "apps", index)
        name = application.get("name")
        if name is None:
            yield context.missing((*place, "name"), "write the name of the application")
        elif _APPLICATION.fullmatch(str(name)) is None:
            message = f"{name!s} is not a valid application name, which becomes part of its address"
            remedy = "use at most 63 lower-case letters, digits and hyphens; start with a letter"
            yield context.error((*place, "name"), message, remedy)
        if application.get("uri") is None and application.get("cloud") is None:
            yield context.missing((*place, "uri"), "write for example http://127.0.0.1:8080")
        public = network_address.parse(application.get("public_addr"))
        if public is not None and (public.port is not None or re.fullmatch(r"[0-9.]+|.*:.*", public.host)):
            message = f"{application['public_addr']!s} is not a DNS name without a port"
            yield context.error((*place, "public_addr"), message, "write the name alone")


def _duplicates(context: Context, service: str, key: str) -> Iterator[Finding]:
    names = Counter(str(item.get("name")) for _, item in context.items(service, key))
    for name in (name for name, count in names.items() if count > 1):
        yield context.warning((service, key), f"the name {name} is used twice", "give each its own name")
