"""How the instance finds its cluster: addresses of others, join settings, pins; and that it runs anything at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from teleport_bootstrap import port_table
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import network_address
from teleport_bootstrap.plan.checks.context import Context, texts

# Those of Teleport 12 to 18; a later one may know more.
_METHODS = frozenset(
    (
        "azure",
        "azure_devops",
        "bitbucket",
        "bound_keypair",
        "circleci",
        "ec2",
        "env0",
        "gcp",
        "github",
        "gitlab",
        "iam",
        "kubernetes",
        "oracle",
        "spacelift",
        "terraform_cloud",
        "token",
        "tpm",
    )
)
_PIN = re.compile(r"sha256:[0-9a-fA-F]{64}", re.ASCII)
# They watch a cluster or this process, and are no reason to start one.
_NOT_SERVING = frozenset(("metrics_service", "tracing_service", "debug_service", "plugin_service"))


def check(context: Context) -> Iterator[Finding]:
    """Find what keeps the instance out of its cluster."""
    serving = [name for name in context.services() if name not in _NOT_SERVING]
    if not serving:
        yield context.error(
            ("ssh_service", "enabled"), "no service is enabled, and Teleport refuses to run none", "enable one"
        )
    yield from _servers(context)
    yield from _ports_of_servers(context)
    yield from _join_settings(context)
    yield from _pins(context)


def _servers(context: Context) -> Iterator[Finding]:
    auth, proxy = context.has("teleport", "auth_server"), context.has("teleport", "proxy_server")
    runs_auth, runs_proxy = context.enabled("auth_service"), context.enabled("proxy_service")
    if context.has("teleport", "auth_servers"):
        yield context.error(
            ("teleport", "auth_servers"),
            "under version v3 there is no auth_servers, and Teleport would not start",
            "write one address as auth_server or proxy_server",
        )
    if auth and proxy:
        yield context.error(
            ("teleport", "proxy_server"),
            "auth_server and proxy_server are both given, and Teleport takes one of them",
            "delete one with null",
        )
    elif proxy and (runs_proxy or runs_auth):
        service = "proxy_service" if runs_proxy else "auth_service"
        yield context.error(
            ("teleport", "proxy_server"),
            f"Teleport takes no proxy_server where {service} runs",
            f"write auth_server, or disable {service}",
        )
    elif not (auth or proxy or runs_auth):
        yield context.error(
            ("teleport", "auth_server"),
            "neither auth_server nor proxy_server is given, and auth_service does not run here",
            "write one of them",
        )
    elif auth and runs_auth:
        yield context.warning(
            ("teleport", "auth_server"),
            "auth_service runs here, and yet the other services would use another auth server",
            "delete it with null",
        )
    elif auth:
        for service in ("app_service", "db_service"):
            if context.enabled(service):
                yield context.error(
                    ("teleport", "auth_server"),
                    f"{service} can only join through a proxy",
                    "write proxy_server with the proxy's address, and auth_server: null",
                )


def _ports_of_servers(context: Context) -> Iterator[Finding]:
    for key, wrong, other in (
        ("auth_server", (port_table.HTTPS, port_table.WEB), "proxy"),
        ("proxy_server", (port_table.AUTH,), "auth server"),
    ):
        parsed = network_address.parse(context.get("teleport", key))
        if parsed is not None and parsed.port in wrong:
            yield context.warning(
                ("teleport", key),
                f"port {parsed.port} is usually the {other}'s",
                f"look whether {other.replace(' ', '_')}{'' if 'server' in other else '_server'} is meant",
            )


def _join_settings(context: Context) -> Iterator[Finding]:
    params = context.mapping("teleport", "join_params")
    place = ("teleport", "join_params")
    if params and context.has("teleport", "auth_token"):
        yield context.error(
            ("teleport", "auth_token"),
            "auth_token and join_params are both given, and Teleport takes one of them",
            "delete one with null",
        )
    if "join_method" in params:
        message = "Teleport does not know this key and would not start"
        yield context.error((*place, "join_method"), message, "write method")
    if not params:
        return
    method = params.get("method")
    if method is None:
        yield context.error((*place, "method"), "it is missing", "write token, iam or ec2")
    elif str(method) not in _METHODS:
        message = f"{method!s} is none of the join methods that we know"
        yield context.warning((*place, "method"), message, "write token, iam or ec2 unless your Teleport knows it")
    elif params.get("token_name") is None and not context.enabled("auth_service"):
        what = "the token or its file" if method == "token" else "the token resource"
        yield context.error((*place, "token_name"), "it is missing, and nothing says what to join with", f"name {what}")


def _pins(context: Context) -> Iterator[Finding]:
    for pin in texts(context.get("teleport", "ca_pin")):
        # Teleport takes anything that is no absolute path for a pin, and then trusts no auth server.
        if pin.strip() and not pin.startswith("/") and _PIN.fullmatch(pin) is None:
            yield context.error(
                ("teleport", "ca_pin"),
                f"{pin!s} is neither a pin nor an absolute path of a file with pins",
                "write sha256: and 64 hexadecimal digits, as `tctl status` prints it",
            )
