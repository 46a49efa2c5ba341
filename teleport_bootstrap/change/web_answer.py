"""What the web port of this host's proxy answers, and what an operator should know about it."""

from __future__ import annotations

from collections.abc import Mapping

from teleport_bootstrap import paths
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import web_port
from teleport_bootstrap.plan import provenance, services
from teleport_bootstrap.state import manual_edits

# How users log in, for people; each needs a resource of this kind, which `tctl` creates.
_CONNECTORS = {"github": "GitHub", "saml": "SAML", "oidc": "OpenID Connect"}

# Teleport's own words for them: none exists, or not the one that teleport.yaml names.
_NO_CONNECTOR = (400, 404)


def ask(document: Mapping[str, Any], *, plain_http: bool) -> web_port.Answer:
    """Return what the proxy in `document` answers; no trouble where it runs none, or its address cannot be read."""
    found = dict(document)
    web = services.web_address(found)
    if web is None:
        return web_port.Answer()
    where = web_port.WebPort(
        web.reachable_host,
        web.port,
        tls=not plain_http,
        server_name=services.public_name(found),
        has_own_acme=services.has_own_acme(found),
    )
    return web_port.ask(where)


def of_host(root: paths.Root) -> tuple[web_port.Answer, str]:
    """Return what the proxy of this host answers, and a note on it, empty where it is as expected."""
    document = manual_edits.document(manual_edits.text(root, paths.TELEPORT_YAML))
    if document is None:
        return web_port.Answer(), ""
    plain_http = "--insecure-no-tls" in (manual_edits.text(root, paths.UNIT_ENVIRONMENT) or "")
    answer = ask(document, plain_http=plain_http)
    return answer, note(document, answer.status)


def note(document: Mapping[str, Any], status: int | None) -> str:
    """Return what an operator should do about a ping with this HTTP `status`, empty for nothing."""
    if status is None or status < 300:
        return ""
    start = f"the proxy listens, and answers {web_port.PING} with {status}"
    balancer = "a load balancer whose health check expects 200 takes this host out of service"
    if status not in _NO_CONNECTOR:
        return f"{start}: see Teleport's log; {balancer}"
    matcher = f"let its matcher accept 200-499, or {status} too"
    return f"{start}: {_missing_connector(document)}; until then {balancer}: {matcher}"


def _missing_connector(document: Mapping[str, Any]) -> str:
    """Return which connector is missing, and how to create it; the cluster's type is not known on every host."""
    found = provenance.value_at(dict(document), ("auth_service", "authentication", "type"))
    kind = _CONNECTORS.get(found) if isinstance(found, str) else None
    if kind is None:
        what = "the connector that the cluster's authentication.type asks for does not exist yet"
    else:
        name = provenance.value_at(dict(document), ("auth_service", "authentication", "connector_name"))
        what = f"authentication.type is {found}, and the {kind} connector does not exist yet"
        what += " under the name in connector_name" if name else ""
    return f"{what}, so that users cannot log in; create it on an auth server: `sudo tctl create CONNECTOR.yaml`"
