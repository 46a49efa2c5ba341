"""How the instance finds and joins its cluster, and that it runs any service at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from teleport_bootstrap import port_table, regex
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import network_address, services, words
from teleport_bootstrap.plan.checks.context import Context, texts

_PIN = regex.compile(r"sha256:[0-9a-fA-F]{64}", re.ASCII)
# They watch a cluster or this process; Teleport does not start for them alone.
_NOT_SERVING = frozenset(("metrics_service", "tracing_service", "debug_service", "plugin_service"))

_AUTH, _PROXY = ("teleport", "auth_server"), ("teleport", "proxy_server")


def check(context: Context) -> Iterator[Finding]:
    """Find what prevents the instance from joining its cluster."""
    if _NOT_SERVING.issuperset(services.running(context.document)):
        message = "no service is enabled, and Teleport does not start without one"
        yield context.error(("ssh_service", "enabled"), message, "enable one")
    yield from _servers(context)
    yield from _ports_of_servers(context)
    yield from _join_settings(context)
    for pin in texts(context.get("teleport", "ca_pin")):
        # Teleport takes anything but an absolute path for a pin, and then trusts no auth server.
        if pin.strip() and not pin.startswith("/") and _PIN.fullmatch(pin) is None:
            message = f"{pin!s} is neither a pin nor the absolute path of a file with pins"
            remedy = "write sha256: and 64 hexadecimal digits, as `tctl status` prints it"
            yield context.error(("teleport", "ca_pin"), message, remedy)


def _servers(context: Context) -> Iterator[Finding]:
    auth, proxy = context.has(*_AUTH), context.has(*_PROXY)
    runs_auth, runs_proxy = context.enabled("auth_service"), context.enabled("proxy_service")
    if context.has("teleport", "auth_servers"):
        message = "version v3 does not have auth_servers, and Teleport would not start"
        remedy = "write one address as auth_server or proxy_server"
        yield context.error(("teleport", "auth_servers"), message, remedy)
    if auth and proxy:
        yield context.excluded(_PROXY, "auth_server")
    elif proxy and (runs_proxy or runs_auth):
        service = "proxy_service" if runs_proxy else "auth_service"
        message = f"Teleport does not accept proxy_server where {service} runs"
        yield context.error(_PROXY, message, f"use auth_server, or disable {service}")
    elif not (auth or proxy or runs_auth):
        message = "neither auth_server nor proxy_server is set, and auth_service does not run here"
        yield context.error(_AUTH, message, "set one of them")
    elif auth and runs_auth:
        message = "auth_service runs here, but the other services would use another auth server"
        yield context.warning(_AUTH, message, "delete the key with null")
    elif auth:
        for service in filter(context.enabled, ("app_service", "db_service")):
            remedy = "set proxy_server to the proxy's address, and auth_server: null"
            yield context.error(_AUTH, f"{service} can join only through a proxy", remedy)


def _ports_of_servers(context: Context) -> Iterator[Finding]:
    for path, ports, other, key in (
        (_AUTH, (port_table.HTTPS, port_table.WEB), "proxy", "proxy_server"),
        (_PROXY, (port_table.AUTH,), "auth server", "auth_server"),
    ):
        parsed = network_address.parse(context.get(*path))
        if parsed is not None and parsed.port in ports:
            message = f"port {parsed.port} is usually the {other}'s"
            yield context.warning(path, message, f"check whether it should be {key}")


def _join_settings(context: Context) -> Iterator[Finding]:
    section = ("teleport", "join_params")
    params = context.mapping(*section)
    if not params:
        return
    if context.has("teleport", "auth_token"):
        yield context.excluded(("teleport", "auth_token"), "join_params")
    if "join_method" in params:
        yield context.unknown((*section, "join_method"), "method")
    method = params.get("method")
    if method is None:
        yield context.missing((*section, "method"), "write token, iam or ec2")
    elif str(method) not in words.JOIN_METHODS.table and context.build.major > words.JOIN_METHODS.closed_through:
        message = f"{method!s} is not a known join method"
        yield context.warning((*section, "method"), message, "use token, iam or ec2 unless your Teleport knows it")
    else:
        yield from context.word((*section, "method"), words.JOIN_METHODS)
    known = str(method) in words.JOIN_METHODS.table
    if known and params.get("token_name") is None and not context.enabled("auth_service"):
        what = "the token or its file" if method == "token" else "the token resource"
        yield context.missing((*section, "token_name"), f"name {what}")
