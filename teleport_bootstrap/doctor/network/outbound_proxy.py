"""The outbound proxies in the environment of this agent and of Teleport: whether they work, and what they leave out.

Teleport asks the metadata service for its credentials over plain HTTP, and Go's HTTP client sends that through
HTTP_PROXY unless NO_PROXY names 169.254.169.254 (`resolveHTTPClient` in the AWS SDK for Go leaves the proxy as it is).
This agent itself never asks the metadata service through a proxy.
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from teleport_bootstrap import paths, port_table
from teleport_bootstrap.doctor.check import NETWORK, Check, Skipped
from teleport_bootstrap.doctor.network import connections, resolution
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, Finding
from teleport_bootstrap.plan import network_address
from teleport_bootstrap.state import manual_edits

METADATA = "169.254.169.254"
GUIDE = "docs/guide.md#use-an-outbound-proxy"
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY")
_FILES = (paths.DEFAULTS, paths.TELEPORT_DEFAULTS)


def settings(subject: Subject, path: str) -> dict[str, str]:
    """Return the variables for proxies in an environment file of systemd, their names in capitals."""
    found: dict[str, str] = {}
    for line in (manual_edits.text(subject.root, path) or "").splitlines():
        if line.lstrip().startswith(("#", ";")):
            continue
        try:
            words = shlex.split(line)
        except ValueError:  # an open quote
            continue
        for word in words:
            name, separator, value = word.partition("=")
            if separator and name.upper() in (*_PROXIES, "NO_PROXY"):
                found[name.upper()] = value
    return found


def leaves_out(exceptions: str, host: str) -> bool:
    """Whether NO_PROXY names `host`: by name, by the end of a name, by address or network, or with *."""
    for each in filter(None, (part.strip().lower() for part in exceptions.split(","))):
        if each == "*" or each.partition(":")[0] == host or host.endswith("." + each.lstrip(".")):
            return True
        try:
            if "/" in each and ipaddress.ip_address(host) in ipaddress.ip_network(each, strict=False):
                return True
        except ValueError:
            continue
    return False


def stands_between(subject: Subject, host: str) -> bool:
    """Whether Teleport reaches `host` through an outbound proxy, so that no direct way is needed.

    See "HTTP CONNECT proxies" in Teleport's documentation.
    """
    values = settings(subject, paths.TELEPORT_DEFAULTS)
    return bool(values.get("HTTPS_PROXY")) and not leaves_out(values.get("NO_PROXY", ""), host)


def _all(subject: Subject) -> Mapping[str, dict[str, str]]:
    found = {path: settings(subject, path) for path in _FILES}
    if not any(values.get(name) for values in found.values() for name in _PROXIES):
        raise Skipped(f"no outbound proxy is set in {' or '.join(_FILES)}")
    return found


def _proxy(subject: Subject) -> Iterator[Finding]:
    tried = set()
    for path, values in _all(subject).items():
        for name in _PROXIES:
            value = values.get(name, "")
            if not value or value in tried:
                continue
            tried.add(value)
            yield _reached(subject, path, name, value)


def _reached(subject: Subject, path: str, name: str, value: str) -> Finding:
    """Return whether the proxy accepts connections. Its URL may hold a password, and is not shown."""
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname, parts.port or (port_table.HTTPS if parts.scheme == "https" else 80)
    except ValueError:
        host, port = None, 0
    correct = f"correct {name} in {path}: {GUIDE}"
    if not host:
        return Finding(ERROR, "proxy-invalid", name, f"{name} in {path} is not a URL like http://HOST:PORT", correct)
    if not resolution.addresses(subject, host):
        return Finding(ERROR, "proxy-name", name, f"{host}, the proxy in {name} of {path}, does not resolve", correct)
    attempt = connections.attempt(subject, host, port)
    where = network_address.joined(host, port)
    if attempt.trouble:
        message = f"{where}, the proxy in {name} of {path}, does not accept connections ({attempt.trouble})"
        return Finding(ERROR, "proxy-unreachable", name, message, f"start it or let it be reached, or {correct}")
    return Finding(NOTE, "proxy-reached", name, f"{where} accepts connections")


def _exceptions(subject: Subject) -> Iterator[Finding]:
    _all(subject)
    values = settings(subject, paths.TELEPORT_DEFAULTS)
    if not values.get("HTTP_PROXY"):
        raise Skipped(f"{paths.TELEPORT_DEFAULTS} sets no proxy for plain HTTP, over which metadata is asked for")
    exceptions = values.get("NO_PROXY", "")
    if leaves_out(exceptions, METADATA):
        yield Finding(
            NOTE, "proxy-exceptions", "NO_PROXY", f"Teleport asks the metadata service at {METADATA} directly"
        )
        return
    message = (
        f"HTTP_PROXY in {paths.TELEPORT_DEFAULTS} is also for the metadata service, so that Teleport gets no "
        f"credentials: NO_PROXY does not name {METADATA}"
    )
    wanted = f"NO_PROXY={','.join(filter(None, (exceptions, METADATA)))}"
    remedy = (
        f"run `echo {shlex.quote(wanted)} >>{paths.TELEPORT_DEFAULTS}`, then "
        f"`systemctl restart {subject.activated.unit}`"
    )
    yield Finding(ERROR, "proxy-exceptions", "NO_PROXY", message, remedy)


CHECKS = (
    Check(
        "outbound-proxy",
        NETWORK,
        "the outbound proxies of this agent and of Teleport: whether they are reached",
        _proxy,
    ),
    Check(
        "outbound-proxy-exceptions",
        NETWORK,
        "NO_PROXY in Teleport's environment: whether the metadata service is asked directly",
        _exceptions,
    ),
)
