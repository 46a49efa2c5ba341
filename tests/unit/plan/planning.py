"""A plan from a few lines of conf, for one instance that all tests of this folder share."""

from __future__ import annotations

from typing import Any

from teleport_bootstrap import errors, records
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.plan import (
    activation,
    document,
    plan_inputs,
    plan_model,
    planner,
    provenance,
    teleport_build,
    yaml_text,
)

# The shortest conf: an all-in-one, as without TELEPORT_ROLE.
ALL_IN_ONE = "TELEPORT_ROLE=\n"

INSTANCE = facts.Facts(
    local_ipv4="10.0.0.12",
    local_hostname="ip-10-0-0-12.ec2.internal",
    instance_id="i-0123456789abcdef0",
    region="us-east-1",
    public_ipv4="203.0.113.12",
)


def plan(
    text: str,
    *,
    version: str = "17.5.1",
    fips: bool = False,
    edition: str | None = None,
    **instance: Any,
) -> plan_model.Plan:
    """Return the plan for the conf `text`; `instance` replaces facts of INSTANCE."""
    settings = conf_file.load(text.encode(), "/etc/teleport.d/conf")
    build = teleport_build.of_version(version, fips=fips, edition=edition)
    return planner.plan(settings, records.replace(INSTANCE, **instance), build)


def unjudged(text: str) -> tuple[dict[str, Any], str]:
    """Return the document for the conf `text` and the text of the file, even where a check refuses the document."""
    settings = conf_file.load(text.encode(), "/etc/teleport.d/conf")
    build = teleport_build.of_version("17.5.1", fips=False)
    activated = activation.plan(settings, build)
    built = provenance.document(document.build(plan_inputs.Inputs(settings, activated.deployment, INSTANCE, build)))
    return built, yaml_text.teleport_yaml(built, planner.header(settings, INSTANCE, build), ())


def problems(text: str, *, fips: bool = False) -> list[str]:
    """Return what is wrong with the conf `text`, each problem as an operator reads it; empty when it can be planned."""
    try:
        plan(text, fips=fips)
    except errors.ConfInvalid as error:
        return [str(each).removeprefix("/etc/teleport.d/") for each in error.findings]
    return []
