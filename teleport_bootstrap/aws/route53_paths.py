"""Route 53's requests, which have everything in their address. Source: Route 53 API reference."""

from __future__ import annotations

from collections.abc import Mapping
from urllib import parse

from teleport_bootstrap.hints import Any

_VERSION = "2013-04-01"
_PATHS = {"ListHostedZonesByName": "hostedzonesbyname", "ListResourceRecordSets": "hostedzone/{HostedZoneId}/rrset"}
# The names of parameters in the query.
_NAMES = {
    "ListHostedZonesByName": {"DNSName": "dnsname", "HostedZoneId": "hostedzoneid", "MaxItems": "maxitems"},
    "ListResourceRecordSets": {
        "StartRecordName": "name",
        "StartRecordType": "type",
        "StartRecordIdentifier": "identifier",
        "MaxItems": "maxitems",
    },
}


def path(operation: str, parameters: Mapping[str, Any]) -> str:
    """Return the path, with the query, that asks for `operation`."""
    names = _NAMES[operation]
    fields = {name: parse.quote(str(value), safe="") for name, value in parameters.items()}
    query = "&".join(f"{names[name]}={value}" for name, value in fields.items() if name in names)
    return f"/{_VERSION}/{_PATHS[operation].format_map(fields)}" + (f"?{query}" if query else "")
