"""Whether the names of the applications that this host serves resolve.

An application without a public address of its own is at NAME.PROXY, where PROXY is the proxy's public name; so a
wildcard record below it has to lead to the proxies. See "Web Application Access" in Teleport's documentation.
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.doctor.check import NETWORK, Check, Skipped
from teleport_bootstrap.doctor.network import resolution, web_place
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, Finding
from teleport_bootstrap.plan import provenance, services


def of_host(subject: Subject) -> tuple[str, ...]:
    """Return the names under which applications of this host are reached; raises Skipped where it serves none."""
    if not services.runs(subject.document, "app_service"):
        raise Skipped("this host serves no applications")
    apps = provenance.value_at(subject.document, ("app_service", "apps"))
    found = []
    for app in apps if isinstance(apps, list) else ():
        name, own = (app.get("name"), app.get("public_addr")) if isinstance(app, dict) else (None, None)
        if isinstance(own, str) and own:
            found.append(own.lower())
        elif isinstance(name, str) and name:
            found.append(f"{name}.{web_place.find(subject).host}".lower())
    if not found:
        raise Skipped("this host's applications are not in teleport.yaml")
    return tuple(found)


def _run(subject: Subject) -> Iterator[Finding]:
    for name in of_host(subject):
        if resolution.addresses(subject, name):
            yield Finding(NOTE, "name-resolves", name, f"{name} resolves")
            continue
        parent = name.partition(".")[2]
        message = f"the application at {name} cannot be reached: the name does not resolve"
        remedy = f"create a DNS record for *.{parent} that leads where {parent} does: docs/guide.md#add-agents"
        yield Finding(ERROR, "application-name-missing", name, message, remedy)


CHECK = Check("application-names", NETWORK, "the names of this host's applications, which a wildcard answers", _run)
