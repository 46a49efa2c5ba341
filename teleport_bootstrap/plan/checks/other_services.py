"""Kubernetes, Windows desktops, metrics, tracing, SSH and reverse tunnels: what else the services refuse."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import port_table
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import go_url, network_address, services, words
from teleport_bootstrap.plan.checks.context import Context, texts

_DIALED = (("kubernetes_service", "a Kubernetes service"), ("windows_desktop_service", "a Windows desktop service"))

_EXPORTER = "write grpc://HOST:PORT, http://HOST:PORT, https://HOST:PORT or file:///DIRECTORY"


def check(context: Context) -> Iterator[Finding]:
    """Find settings with which one of these services ends the whole process."""
    for service, name in _DIALED:
        if context.enabled(service):
            yield from _dialed(context, service, name)
    if context.enabled("kubernetes_service"):
        yield from _kubernetes(context)
    if context.enabled("windows_desktop_service"):
        yield from _windows(context)
    if context.enabled("metrics_service"):
        yield from _metrics(context)
    if context.enabled("tracing_service"):
        yield from _tracing(context)
    if context.enabled("ssh_service"):
        yield from _ssh(context)
    if context.enabled("auth_service"):
        yield from _tunnels(context)


def _dialed(context: Context, service: str, name: str) -> Iterator[Finding]:
    """A service either dials out to the proxy, or listens for it: never both, never neither."""
    path = (service, "listen_addr")
    through_proxy = context.has("teleport", "proxy_server")
    if through_proxy and context.has(*path):
        message = f"{name} that joins through a proxy does not listen, and Teleport would not start"
        yield context.error(path, message, "delete the key with null, or use auth_server in place of proxy_server")
    elif not through_proxy and not context.has(*path):
        why = f"{name} that does not join through a proxy has to listen for it"
        yield context.missing(path, "write an address and a port, or use proxy_server in place of auth_server", why)


def _kubernetes(context: Context) -> Iterator[Finding]:
    service = "kubernetes_service"
    if context.has(service, "kubeconfig_file"):
        return
    named = context.has(service, "kube_cluster_name")
    if context.has(service, "resources") and not named:
        return
    message = (
        "no kubeconfig_file is set: outside a Kubernetes pod Teleport finds no credentials then, and the whole process "
        "ends, with all its services"
    )
    remedy = "set kubernetes_service.kubeconfig_file in an override to a file on this host that names the cluster"
    if named:
        remedy += ", and delete kube_cluster_name with null, because the file gives the name"
    yield context.warning((service, "kubeconfig_file"), message, remedy)


def _windows(context: Context) -> Iterator[Finding]:
    service = "windows_desktop_service"
    if context.has(service, "ldap", "addr"):
        return
    hosts, discovery = context.has(service, "hosts"), context.has(service, "discovery", "base_dn")
    if context.build.major < 13:
        why = "Teleport 12 serves desktops of an Active Directory alone"
        yield context.missing((service, "ldap", "addr"), "write the address of a domain controller", why)
    elif hosts or discovery:
        why = f"{'hosts' if hosts else 'discovery'} of windows_desktop_service are those of an Active Directory"
        remedy = "write the address of a domain controller, or name the hosts in static_hosts or non_ad_hosts"
        yield context.missing((service, "ldap", "addr"), remedy, why)


def _metrics(context: Context) -> Iterator[Finding]:
    service = "metrics_service"
    if context.get(service, "listen_addr") in (None, ""):
        why = "Teleport has no default for the address of this service, and would not start"
        yield context.missing(
            (service, "listen_addr"), f"write an address and a port, such as 127.0.0.1:{port_table.METRICS}", why
        )
    if services.truth(context.get(service, "mtls")):
        for key, what in (("keypairs", "a key pair"), ("ca_certs", "a file of CA certificates")):
            if not context.get(service, key):
                yield context.missing((service, key), f"write {what}", "mtls needs it")


def _tracing(context: Context) -> Iterator[Finding]:
    path = ("tracing_service", "exporter_url")
    url = context.get(*path)
    if url in (None, ""):
        why = "Teleport does not start a tracing service without an exporter"
        yield context.missing(path, _EXPORTER, why)
        return
    scheme = _scheme_of_exporter(str(url))
    if scheme is None:
        yield context.error(
            path, f"{go_url.without_user(str(url))} is not a URL, and Teleport would not start", _EXPORTER
        )
    elif scheme not in ("grpc", "http", "https", "file"):
        message = f"Teleport has no exporter for {scheme or 'a URL without scheme'}, and would not start"
        yield context.certain_through(words.NEWEST_CHECKED)(path, message, _EXPORTER)
    elif scheme == "grpc":
        message = "Teleport 12 connects to the exporter when it starts, and ends where nothing answers there"
        remedy = "make sure that the collector runs before Teleport starts"
        if "://" in str(url) and not str(url).startswith("grpc://"):
            address = go_url.without_user(str(url))
            message = f"{address} has no port: Teleport takes it for an address of gRPC, and does not reach it"
            remedy = _EXPORTER
        yield context.warning(path, message, remedy)


def _scheme_of_exporter(text: str) -> str | None:
    """Return the scheme of an exporter's address, which is gRPC's for host:port; None where it is not an address."""
    try:
        if go_url.split_host_port(text)[0] != "file":
            return "grpc"
    except go_url.Malformed:
        pass
    try:
        return go_url.parse(text).scheme
    except go_url.Malformed:
        return None


def _ssh(context: Context) -> Iterator[Finding]:
    namespace = context.get("ssh_service", "namespace")
    if namespace not in (None, "", "default"):
        message = f"Teleport does not start with the namespace {namespace!s}: it has no namespaces but default"
        yield context.error(("ssh_service", "namespace"), message, "delete the key with null")
    restricted, recording = ("ssh_service", "restricted_session"), ("ssh_service", "enhanced_recording", "enabled")
    is_restricted = context.build.major < 15 and services.truth(context.get(*restricted, "enabled"))
    if is_restricted and not services.truth(context.get(*recording)):
        yield context.missing(recording, 'write "yes"', "restricted_session works only with enhanced recording")
    x11 = ("ssh_service", "x11")
    flag = context.get(*x11, "enabled")
    if flag is not None and services.truth(flag) is None:
        yield context.error((*x11, "enabled"), f"{flag!s} is not a boolean", 'write "yes" or "no"')
    first, last = context.get(*x11, "display_offset"), context.get(*x11, "max_display")
    if services.truth(flag) and isinstance(last, int) and last < (first if isinstance(first, int) else 10):
        message = f"{last} is smaller than display_offset, which is {first if isinstance(first, int) else 10}"
        yield context.error((*x11, "max_display"), message, "write the larger number as max_display")


def _tunnels(context: Context) -> Iterator[Finding]:
    place = ("auth_service", "reverse_tunnels")
    for index, tunnel in context.items(*place):
        name = tunnel.get("domain_name")
        if not name:
            yield context.missing((*place, index, "domain_name"), "write the name of the other cluster")
        elif words.STORED_NAME.fullmatch(str(name)) is None:
            message = f"{name!s} is not a name that Teleport can store, and it would not start"
            yield context.error((*place, index, "domain_name"), message, "write the name of the other cluster")
        addresses = texts(tunnel.get("addresses"))
        if not addresses:
            yield context.missing((*place, index, "addresses"), "write the addresses of its proxies")
        for address in addresses:
            if network_address.parse(address) is None:
                yield context.error(
                    (*place, index, "addresses"), f"{address} is not a valid address", "write host:port"
                )
